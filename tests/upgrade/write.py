"""`python -m tests.upgrade.write`: writes a journal in which rotations stand everywhere, for later versions.

The engine of today works for a company until each of its rotations is caught where `places` wants it. The result is
journals/N.json, with the version and the revision of the tables that it was written by; those that are there stay.
Run it on a clean checkout when a phase was added, and before what is written into the journal changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

import rotator
from rotator.contracts.journal import Told
from rotator.engine.worker import Worker
from rotator.journal import MemoryJournal, open_memory_journal, tables
from rotator.journal.revision import NEWEST
from rotator.model.errors import GaveUp, LostClaim, Transient
from rotator.model.observations import Pause
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import Phase, RolloutRow, RolloutState, Rotation, State
from rotator.testing.virtual_clock import VirtualClock
from tests.upgrade.by_hand import submission
from tests.upgrade.company import Company
from tests.upgrade.keeping import JOURNALS, Kept, Names, rows_of, world_of
from tests.upgrade.noted import Noted
from tests.upgrade.places import PLACES, Place

_FAR = timedelta(days=1000)
_LONGEST = 2000  # turns
_ABOUT_A_ROTATION = {RequestKind.APPROVE, RequestKind.RETRY, RequestKind.ROLL_BACK}
_ABOUT_AN_ALERT = {RequestKind.ACKNOWLEDGE, RequestKind.SNOOZE}
_WITH_AN_END = {RequestKind.PAUSE, RequestKind.SNOOZE}


class Killed(BaseException):
    """SIGKILL, in the middle of a phase."""


@dataclass
class Caught:
    """A row that nobody goes on with until everything is written."""

    table: str
    run_at: datetime
    owner: str | None = None  # of a claim that was not given back
    claim_until: datetime | None = None


class Catching:
    """The journal as workers see it: whoever gets to a place where a row is wanted loses it."""

    def __init__(self, journal: MemoryJournal, places: Mapping[str, Place]) -> None:
        self._journal, self._places = journal, places
        self.caught: dict[str, Caught] = {}
        self.lost_mints: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def claim_rotations(
        self, owner: str, limit: int, phases: Iterable[Phase], lease: timedelta
    ) -> Sequence[Rotation]:
        """Those that are wanted as they are claimed are not given out."""
        rows = self._journal.claim_rotations(owner, limit, phases, lease)
        for row in rows:
            if self._wanted(row):
                self._catch(row, self._journal.now())
        return [row for row in rows if row.id not in self.caught]

    def checkpoint(self, rotation: Rotation, changed: Rotation, *told: Told, release: bool) -> Rotation:
        """Those that are wanted as they are written are not given back."""
        place = self._places[rotation.secret]
        made = changed.ledger.successor_id is not None and rotation.ledger.successor_id is None
        if made and place.lost_mint and rotation.id not in self.lost_mints:
            self.lost_mints.add(rotation.id)
            if place.killed:
                self._catch(rotation, rotation.run_at)
            raise Killed
        wanted = self._wanted(changed) and rotation.id not in self.caught
        row = self._journal.checkpoint(rotation, changed, *told, release=release and not wanted)
        if wanted:
            self._catch(row, changed.run_at)
            raise LostClaim("it is wanted as it is")
        return row

    def claim_rollouts(self, owner: str, limit: int, lease: timedelta) -> Sequence[RolloutRow]:
        """As claim_rotations."""
        rows = self._journal.claim_rollouts(owner, limit, lease)
        for row in rows:
            if self._wants_rollout(row):
                self._hold(row.id, Caught("rollout", self._journal.now()))
        return [row for row in rows if row.id not in self.caught]

    def _wanted(self, row: Rotation) -> bool:
        place = self._places[row.secret]
        if row.state is not State.ACTIVE or row.phase is not place.caught or row.id in self.caught:
            return False
        if place.lost_mint and row.id not in self.lost_mints:
            return False
        if place.noted and not getattr(row.ledger, place.noted):
            return False
        return place.because is None or row.reason is place.because

    def _wants_rollout(self, row: RolloutRow) -> bool:
        members = [self._journal.rotation(member) for member in row.members]
        wanted = {self._places[member.secret].rollout for member in members if member}
        state = "started" if row.started_at else row.state.value
        return state in wanted and row.state in {RolloutState.OPEN, RolloutState.CLOSED}

    def _catch(self, row: Rotation, run_at: datetime) -> None:
        killed = self._places[row.secret].killed
        self._hold(
            row.id,
            Caught("rotation", run_at, row.owner, row.claim_until) if killed else Caught("rotation", run_at),
        )

    def _hold(self, row_id: str, caught: Caught) -> None:
        self.caught[row_id] = caught
        far = self._journal.now() + _FAR
        self._write(row_id, Caught(caught.table, far, "nobody", far))

    def let_go(self) -> None:
        """Every row as it was when it was caught; a claim that was not given back runs out in its time."""
        for row_id, caught in self.caught.items():
            self._write(row_id, caught)

    def _write(self, row_id: str, caught: Caught) -> None:
        table = {"rotation": tables.rotation, "rollout": tables.rollout}[caught.table]
        claim = {
            "run_at": caught.claim_until or caught.run_at,
            "owner": caught.owner,
            "claim_until": caught.claim_until,
            "wake_at": None,
        }
        with self._journal._db.writing() as connection:
            connection.execute(update(table).where(table.c.id == row_id).values(claim))


def written() -> Kept:
    """Works until every row is where it is wanted."""
    clock, sealer = VirtualClock(datetime(2031, 3, 3, tzinfo=UTC)), Noted()
    with closing(open_memory_journal(now=clock.now)) as journal:
        company = Company(clock, sealer, journal)
        company.journal = catching = Catching(journal, company.places)
        _work(company, catching)
        catching.let_go()
        asked = [(place, kind) for place in PLACES for kind in place.asked]
        for number, (place, kind) in enumerate(asked):
            journal.add_request(_request(company, f"request-{number}", place, kind))
        names = Names()
        with journal._db.reading() as connection:
            rows = rows_of(connection)
        return {
            "written_by": rotator.__version__,
            "revision": NEWEST,
            "world": world_of(company, names),
            "keys": sealer.keys,
            "sealed": {
                name: {"key": key, "bound_to": bound, "fields": {f: names.name(v) for f, v in fields.items()}}
                for name, (key, fields, bound) in sealer.texts.items()
            },
            "rows": rows,
        }


def _work(company: Company, catching: Catching) -> None:
    company.begin(timedelta(days=90, minutes=1))
    catching.note_policy(company.today, "# as it was when this was written\n")
    for name in ("YOUNG", "CONFIRM_IN_LINE", "UNWANTED"):
        company.write_again(company.place(name))
    for name in ("PLAN_SUBMITTED", "PROVE_SUBMITTED"):
        place = company.place(name)
        catching.add_request(_request(company, f"submission-{name}", place, RequestKind.SUBMIT))
    company.silence(company.place("VERIFY_RETRYING"))
    company.loses(company.place("PLAN_RETRYING"), "create:after", Transient("the source gives no answer"))
    company.loses(company.place("DISABLE_SETTLING"), "disable:after", GaveUp("the source gives no answer"))
    company.stragglers.add(company.place("GRACE_IN_USE").secret)
    company.sources[company.place("PARKED_FULL").secret].somebody_makes("somebody else's")
    for number in range(_LONGEST):
        with suppress(Killed):
            company.turn([Worker(company, f"replica-{number}", company.bounds)])
        _pause_what_has_begun(company)
        if _is_there(company, catching, company.place("CONFIRM_HANGING")):
            _ask_for_the_one_in_line(company)
        if all(_is_there(company, catching, place) for place in PLACES):
            return
    missing = [place.name for place in PLACES if not _is_there(company, catching, place)]
    raise AssertionError(f"these were not caught: {missing}")


def _pause_what_has_begun(company: Company) -> None:
    place = company.place("STORE_PAUSED")
    rotation = company.rotation_of(place)
    if rotation and rotation.phase is Phase.VERIFY and not company.journal.pauses():
        until = company.clock.now() + timedelta(days=2)
        pause = Pause(secret=place.secret, until=until, by="ana", because="a release")
        company.journal.note_pause(place.secret, pause)


def _ask_for_the_one_in_line(company: Company) -> None:
    place = company.place("CONFIRM_IN_LINE")
    request = Request(
        id="in-line", kind=RequestKind.ROTATE, about=place.secret, by="ana", at=company.clock.now()
    )
    company.journal.add_request(request)


def _is_there(company: Company, catching: Catching, place: Place) -> bool:
    rotation = company.rotation_of(place)
    if rotation is None:
        return not place.begun
    if place.rollout:
        ids = [one for joined in rotation.ledger.rollouts.values() for one in joined]
        return any(one in catching.caught for one in ids)
    if place.caught:
        return rotation.id in catching.caught
    return rotation.state is (State.PARKED if place.name.startswith("PARKED") else place.ends)


def _request(company: Company, request_id: str, place: Place, kind: RequestKind) -> Request:
    now = company.clock.now()
    if kind is RequestKind.SUBMIT:
        return submission(company.sources[place.secret], request_id, place.secret, company.sealer, now)
    return Request(
        id=request_id,
        kind=kind,
        about=_about(company, place, kind),
        by="ben",
        because="before the upgrade",
        until=now + timedelta(minutes=30) if kind in _WITH_AN_END else None,
        at=now,
    )


def _about(company: Company, place: Place, kind: RequestKind) -> str:
    rotation = company.rotation_of(place)
    if kind is RequestKind.TAKE_OVER:
        return "production"
    if kind in _ABOUT_AN_ALERT:
        told = company.journal.alerts(unclosed=True)
        return next(row.alert.identity for row in told if row.alert.secret == place.secret)
    return rotation.id if kind in _ABOUT_A_ROTATION and rotation else place.secret


def main() -> None:
    """Writes the next one."""
    number = 1 + max((int(path.stem) for path in JOURNALS.glob("*.json")), default=0)
    path = JOURNALS / f"{number}.json"
    path.write_text(_text(written()), encoding="utf-8")
    print(path)


def _text(kept: Kept) -> str:
    """JSON with a line for each row."""
    lines = []
    for key, part in kept.items():
        if not isinstance(part, dict):
            lines.append(f"{json.dumps(key)}: {json.dumps(part)}")
            continue
        inner = [f" {json.dumps(name)}: {_lines(one)}" for name, one in part.items()]
        lines.append(f"{json.dumps(key)}: {{\n" + ",\n".join(inner) + "\n}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _lines(part: object) -> str:
    if isinstance(part, list) and part:
        return "[\n" + ",\n".join(f"  {json.dumps(one)}" for one in part) + "\n ]"
    if isinstance(part, dict) and part and all(isinstance(one, dict | list) for one in part.values()):
        inner = (f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in part.items())
        return "{\n" + ",\n".join(inner) + "\n }"
    return json.dumps(part)


if __name__ == "__main__":
    main()
