"""What the looking and asking verbs open: settings, the journal beside the daemon, and the policy. No call leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rotator.cli.codes import Code
from rotator.cli.known_names import remember_names
from rotator.config.settings import Settings, read_settings
from rotator.contracts.journal import Journal
from rotator.contracts.record import Record
from rotator.engine.decisions import Decided, decisions
from rotator.journal.view import View
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
    journal: Record

    @cached_property
    def policies(self) -> Policies:
        """The policy in force: the last that the daemon applied, else the file. Raises Unusable."""
        found = self.journal.policies_in_force() or read_policies(self.settings, self.journal.last_policy())
        remember_names(self.settings.journal, found)
        return found

    @cached_property
    def decided(self) -> Mapping[str, Decided]:
        """Every secret's standing."""
        return decisions(self.journal, self.policies)


@dataclass(frozen=True)
class Desk(Place):
    """An installation where requests are left."""

    journal: Journal


def looking() -> Place:
    """To look only: a journal that is not there yet is not made."""
    known = settings()
    file = journal_file(known)
    if file is not None:
        view = View(file if file.exists() else None)
        if view.readable():
            return Place(known, view)
        view.close()
    return Place(known, _open(known))


def asking() -> Desk:
    """To leave a request."""
    known = settings()
    return Desk(known, _open(known))


def journal_file(known: Settings) -> Path | None:
    """The embedded journal's file; None when the journal is PostgreSQL."""
    if not known.journal.startswith(_SQLITE):
        return None
    return Path(known.journal.removeprefix(_SQLITE))


def read_policies(known: Settings, text: str | None) -> Policies:
    """The policies in `text`, or in the file that settings name. Raises Unusable with every complaint."""
    from rotator.config.reading import load_with

    loaded = load_with(known, read_file(known.policies) if text is None else text)
    if loaded.policies is None:
        raise Unusable("\n".join(str(complaint) for complaint in loaded.errors))
    return loaded.policies


def read_file(path: Path) -> str:
    """The text of a policy file. Raises Unusable."""
    from rotator.config.reading import read_policy

    try:
        return read_policy(path)
    except OSError as missing:
        raise Unusable(
            f"{path} cannot be read: {missing.strerror}; name the file, or set ROTATOR_POLICIES"
        ) from None


def _open(known: Settings) -> Journal:
    from rotator.journal import open_journal

    return open_journal(known.journal, daemon=False)
