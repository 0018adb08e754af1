"""Imported by the fork server before it forks: what every daemon of these tests loads by itself, sooner or later."""

from __future__ import annotations

import gc

import alembic.command
import boto3
import slack_sdk

import rotator.channels.slack
import rotator.channels.smtp
import rotator.cli.main
import rotator.cli.run
import rotator.journal.migrations
import rotator.providers.token
import rotator.sandbox.redeployer
import rotator.sealers.keyfile
import rotator.stores.ssm

LOADED = (alembic.command, boto3, slack_sdk, rotator)
gc.freeze()  # no fork goes through it
