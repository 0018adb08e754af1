"""The person of the rig: makes what only people can make and hands it over, ends the old ones, and says yes.

Values go by the real `rotator submit`, over a file descriptor. It has points of its own, in the trace of the rotation
that it begins: killed there, nothing may be kept by halves, and whoever sees that nothing was kept submits once more.
Where it is to freeze, right before the request is kept, the daemon is frozen, too: it goes on beside that one.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from rotator.journal import SqlJournal
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import Reason, Rotation, State
from rotator.sandbox.processes import Child, NotReady, tail
from tests.crash.made import Made, Minted
from tests.crash.orders import Mailbox, Order
from tests.crash.sources.source import Source
from tests.crash.submitter import PHASE
from tests.crash.witness import SECRET, Witness

NAME = "person of the rig"
_SUBMITTED_WITHIN = 60.0
#: A journal that a frozen daemon holds is asked again.
_TRIES = 5


def submits_at(point: str) -> bool:
    """Whether a point or an effect is one of `rotator submit`, not of the daemon."""
    return point.startswith(f"{PHASE}/")


class Person:
    """`asked` counts how often an alert made them look; `met`: how the order was met by the last `rotator submit`.

    `submitting`: arguments and environments of all of those.
    """

    def __init__(self, source: Source, witness: Witness, made: Made, mailbox: Mailbox, folder: Path) -> None:
        self._source, self._witness, self._made = source, witness, made
        self._mailbox, self._folder = mailbox, folder
        self._said_yes = set[str]()
        self.asked, self.met = 0, False
        self.submitting = set[bytes]()

    # handing over

    def submits(self, journal: SqlJournal, environment: Mapping[str, str], daemon: Child) -> Request:
        """Makes a credential and hands it over, again until it is kept. The request that it is kept in."""
        fields, self.met = self._source.person_makes(), False
        before = {one.id for one in _submissions(journal)}
        for _ in range(_TRIES):
            code = self._runs_submit(fields, environment, daemon)
            kept = [one for one in _submissions(journal) if one.id not in before]
            if code == -signal.SIGKILL:
                self.met = True
                self._mailbox.give(Order())
            if kept:
                self._note(kept[-1].id, fields)
                return kept[-1]
        raise NotReady(f"`rotator submit` kept nothing: {tail(self._log)}")

    def _runs_submit(self, fields: Mapping[str, str], environment: Mapping[str, str], daemon: Child) -> int:
        """Its exit code."""
        (value,) = fields.values()
        ours, theirs = os.pipe()
        command = [sys.executable, "-m", "tests.crash.submitter", "submit", SECRET]
        options = ["--no-wait", "--fd", str(ours)]
        try:
            child = Child(
                "rotator submit",
                [*command, *options],
                log=self._log,
                environment={**environment, "CRASH_ORDERS": str(self._mailbox.folder)},
                keep_open=(ours,),
            )
            os.write(theirs, value.encode())
        finally:
            os.close(ours)
            os.close(theirs)
        return self._waits(child, daemon)

    def _waits(self, child: Child, daemon: Child) -> int:
        """Until it ends. Where it freezes it is thawed, beside a daemon that is frozen until it has ended."""
        deadline = time.monotonic() + _SUBMITTED_WITHIN
        while child.running and time.monotonic() < deadline:
            self.submitting |= process_shown(child)
            if frozen(child):
                self.met = True
                daemon.send(signal.SIGSTOP)
                child.send(signal.SIGCONT)
            time.sleep(0.02)
        daemon.send(signal.SIGCONT)
        return child.wait(1.0)

    def _note(self, request_id: str, fields: Mapping[str, str]) -> None:
        """The rotation that the request becomes has its id."""
        for value in fields.values():
            self._made.note(Minted(request_id, f"submitted@{request_id}", value))

    @property
    def _log(self) -> Path:
        return self._folder / "submit.log"

    # what rotator asks for

    def sees(self, journal: SqlJournal, opened: Iterable[Rotation], before: str) -> bool:
        """Does what rotations wait for; whether one of them may go on after that."""
        return any(self._helps(journal, rotation, before) for rotation in opened)

    def _helps(self, journal: SqlJournal, rotation: Rotation, before: str) -> bool:
        waits = rotation.state is State.ACTIVE
        if self._source.traits.submitted:
            if rotation.state is State.UNDONE or (waits and rotation.reason is Reason.AWAITING_END):
                self._source.person_ends_all_but(self._witness.in_store())
            elif waits and rotation.reason is Reason.AWAITING_YES and rotation.id not in self._said_yes:
                self._source.person_ends_all_but(self._witness.in_store())
                self._said_yes.add(rotation.id)
                journal.add_request(_yes(journal, rotation, "ended the old one"))
        elif rotation.state is State.PARKED and self._source.asks_people:
            return self._removes(journal, rotation, before)
        return False

    def _removes(self, journal: SqlJournal, rotation: Rotation, before: str) -> bool:
        """Whether they removed at the source what an alert has shown.

        Where a source bears no labels, rotator never removes what a lost answer may have made: a person has to look.
        """
        unknown = self._witness.strangers(journal, before)
        for one in unknown:
            self._source.person_removes(one)
        if unknown:
            self.asked += 1
            journal.add_request(_yes(journal, rotation, "removed what nobody uses"))
        return bool(unknown)


def frozen(child: Child) -> bool:
    """Whether it has stopped itself."""
    try:
        stat = Path(f"/proc/{child.pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] == "T"


def process_shown(child: Child) -> set[bytes]:
    """What others on its machine can read of it: its arguments, and its environment, where they are root."""
    shown = set[bytes]()
    for what in ("cmdline", "environ"):
        with suppress(
            FileNotFoundError, ProcessLookupError, PermissionError
        ):  # it is gone, or keeps it to itself
            shown.add(Path(f"/proc/{child.pid}/{what}").read_bytes())
    return shown


def asking(journal: SqlJournal, kind: RequestKind, about: str, by: str, because: str = "") -> Request:
    """A request as it is left in the journal."""
    now = journal.now()
    return Request(id=secrets.token_hex(8), kind=kind, about=about, by=by, because=because, at=now)


def _yes(journal: SqlJournal, rotation: Rotation, because: str) -> Request:
    return asking(journal, RequestKind.APPROVE, rotation.id, NAME, because)


def _submissions(journal: SqlJournal) -> list[Request]:
    """Every one that was ever kept."""
    return [one for one in journal.requests(waiting=False) if one.kind is RequestKind.SUBMIT]
