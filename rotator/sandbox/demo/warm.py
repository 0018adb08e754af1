"""Imported by the fork server before it forks verbs: what they need is loaded once."""

from __future__ import annotations

from rotator.cli import approve, history, plan, status
from rotator.daemon import installation
from rotator.journal import SqlJournal
from rotator.sealers import kms

WARM = (approve, history, plan, status, installation, SqlJournal, kms)
