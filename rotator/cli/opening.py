"""What the looking and asking verbs open: settings, the journal beside the daemon, and the policy. No call leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rotator.cli.codes import Code
from rotator.config.settings import Settings, read_settings
from rotator.contracts.journal import Journal
from rotator.daemon.policy import load_with, read_policy
from rotator.engine.scan import Decided, decisions
from rotator.journal import open_journal
from rotator.model.errors import RotatorError
from rotator.model.policy import Policies

_SQLITE = "sqlite:///"


class Unusable(RotatorError):
    """What was asked for cannot be used; the sentence says what to do."""

    exit_code = Code.USAGE


class NotNow(RotatorError):
    """What was asked for is refused as things stand."""

    exit_code = Code.REFUSED


def settings() -> Settings:
    """Settings from the environment. Raises a sentence with every mistake."""
    return read_settings()


@dataclass(frozen=True)
class Place:
    """An installation as the command line sees it: beside the daemon, never instead of it."""

    settings: Settings
    journal: Journal

    @cached_property
    def policies(self) -> Policies:
        """The policy in force: the last that the daemon applied, else the file. Raises Unusable."""
        text = self.journal.last_policy()
        try:
            loaded = load_with(self.settings, read_policy(self.settings.policies) if text is None else text)
        except OSError as missing:
            raise Unusable(
                f"{self.settings.policies} cannot be read: {missing.strerror}; set ROTATOR_POLICIES"
            ) from None
        if loaded.policies is None:
            raise Unusable("\n".join(str(complaint) for complaint in loaded.errors))
        return loaded.policies

    @cached_property
    def decided(self) -> Mapping[str, Decided]:
        """Every secret's standing."""
        return decisions(self.journal, self.policies)


def looking() -> Place:
    """To look only: a journal that is not there yet is not made."""
    known = settings()
    file = journal_file(known)
    there = file is None or file.exists()
    return Place(known, open_journal(known.journal if there else "sqlite://", daemon=False))


def asking() -> Place:
    """To leave a request."""
    known = settings()
    return Place(known, open_journal(known.journal, daemon=False))


def journal_file(known: Settings) -> Path | None:
    """The embedded journal's file; None when the journal is PostgreSQL."""
    if not known.journal.startswith(_SQLITE):
        return None
    return Path(known.journal.removeprefix(_SQLITE))
