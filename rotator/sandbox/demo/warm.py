"""Imported by the fork server before it forks verbs: what they need is loaded once."""

from __future__ import annotations

from rotator.cli import approve, history, plan, status, submit
from rotator.daemon import installation
from rotator.journal import SqlJournal
from rotator.providers import assisted
from rotator.sealers import kms

WARM = (approve, history, plan, status, submit, installation, SqlJournal, assisted, kms)
