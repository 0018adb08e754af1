"""Two versions on one journal: each leaves alone what only the other understands, and everything comes to its end.

There is one version of the code here, so the other one is played: an earlier one by a worker that knows fewer phases,
a later one by rows that say what today's code does not know.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Text, literal, select, type_coerce, update
from sqlalchemy.sql.elements import ColumnElement

from rotator.contracts.journal import Journal, Told
from rotator.engine.worker import Worker
from rotator.journal import SqlJournal
from rotator.journal.tables import metadata
from rotator.model.errors import LostClaim
from rotator.model.requests import Basis, Request, RequestKind, RequestState
from rotator.model.rotation import Phase, Rotation
from tests.upgrade.company import Company
from tests.upgrade.keeping import Kept, newest
from tests.upgrade.moved import moved, until
from tests.upgrade.test_upgrade import ended, judged, people_have_looked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # a company's hour, with every rotation it has

#: An earlier version does not know them. None is between plan and create: those run under one claim.
_ADDED = {Phase.READY, Phase.ANNOUNCE, Phase.QUARANTINE, Phase.DISPROVE}
#: And its ledgers lack these.
_FIELDS = {"unused", "tried_at", "strangers", "origin", "predecessor_born_at"}


class Earlier:
    """The journal, as a version with fewer phases claims from it. Where it would get to another one, it stops."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.moved: set[Phase] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def claim_rotations(
        self, owner: str, limit: int, phases: Iterable[Phase], lease: timedelta
    ) -> Sequence[Rotation]:
        """Those in phases that it knows."""
        return self._journal.claim_rotations(owner, limit, set(phases) - _ADDED, lease)

    def checkpoint(self, row: Rotation, changed: Rotation, *told: Told, release: bool) -> Rotation:
        """Given back at once in a phase that it does not know."""
        self.moved.add(row.phase)
        if changed.phase not in _ADDED:
            return self._journal.checkpoint(row, changed, *told, release=release)
        self._journal.checkpoint(row, changed, *told, release=True)
        raise LostClaim("the later version goes on with it")


def begun(kept: Kept) -> list[str]:
    return [row["id"] for row in kept["rows"]["rotation"]]


def test_an_earlier_worker_leaves_alone_the_phases_that_it_does_not_know(
    new_place: Callable[[], str], tmp_path: Path
) -> None:
    kept = newest()
    with moved(kept, new_place(), tmp_path) as company:
        people_have_looked(company)
        earlier, older = Earlier(company.journal), copy.copy(company)
        older.journal = cast("Journal", earlier)
        waiting = {row.id for row in company.journal.rotations(unfinished=True) if row.phase in _ADDED}
        alone = [Worker(older, "earlier", older.bounds)]
        for _ in range(3):
            company.turn(alone)
        there = {row.id: row.phase for row in company.journal.rotations()}
        assert {there[one] for one in waiting} <= _ADDED
        both = [*alone, Worker(company, "later", company.bounds)]
        until(company, lambda: company.turn(both), lambda: ended(company, begun(kept)))
        assert earlier.moved
        assert earlier.moved.isdisjoint(_ADDED)
        for place in company.places.values():
            judged(company, place)


def test_an_earlier_ledger_lacks_fields_and_is_worked_on(
    new_place: Callable[[], str], tmp_path: Path
) -> None:
    kept = newest()
    for row in kept["rows"]["rotation"]:
        ledger = json.loads(row["ledger"])
        row["ledger"] = json.dumps({name: ledger[name] for name in ledger if name not in _FIELDS})
    with moved(kept, new_place(), tmp_path) as company:
        people_have_looked(company)
        workers = [Worker(company, "later", company.bounds)]
        until(company, lambda: company.turn(workers), lambda: ended(company, begun(kept)))
        for place in company.places.values():
            judged(company, place)


def test_what_a_later_version_wrote_is_in_nobodys_way_and_ends_when_that_version_is_back(
    new_place: Callable[[], str], tmp_path: Path
) -> None:
    kept = newest()
    with moved(kept, new_place(), tmp_path) as company:
        people_have_looked(company)
        later = Later(company)
        workers = [Worker(company, "earlier", company.bounds)]
        others = set(begun(kept)) - later.left
        until(company, lambda: company.turn(workers), lambda: all_ended(company, others))
        assert later.said() == later.wrote
        assert len(company.journal.rotations(secret="production/DONE")) == 1, "nobody took the request up"
        shown = {row.id for row in company.journal.rotations()}
        assert shown & later.left == {later.of("CONFIRM_STARTED")}
        assert "a newer version of rotator" in company.journal.observed()["production/GRACE"].trouble
        later.is_back()
        until(company, lambda: company.turn(workers), lambda: ended(company, begun(kept)))
        settled = {one.id: one.state for one in company.journal.requests(waiting=False)}
        assert settled["planned"] is RequestState.TAKEN
        for place in company.places.values():
            judged(company, place)


def planned(company: Company) -> Request:
    """What an applied plan left for a secret that is not being rotated, and that is as it was planned."""
    name, now = "/taly/production/DONE", company.clock.now()
    versions = {name: company.parameters.parameters[name].version}
    basis = Basis(planned_at=now, policy_version=company.today.version, versions=versions)
    return Request(
        id="planned", kind=RequestKind.ROTATE, about="production/DONE", by="ana", at=now, basis=basis
    )


def all_ended(company: Company, ids: set[str]) -> bool:
    rows = {row.id: row for row in company.journal.rotations()}
    return all(one in rows and rows[one].ended_at for one in ids)


class Later:
    """Makes rows say what only a later version knows, and takes it back: as if that version read them then."""

    def __init__(self, company: Company) -> None:
        self._company, self._journal = company, cast("SqlJournal", company.journal)
        self.wrote: dict[tuple[str, str, str, str], str] = {}  # table, key, its value, column -> what it says
        self._before: dict[tuple[str, str, str, str], str | None] = {}
        grace, store, verify, remove = map(self.of, ("GRACE", "STORE", "VERIFY", "REMOVE"))
        self._say("rotation", "id", grace, "phase", "weigh")
        self._say("rotation", "id", store, "reason", "of_tomorrow")
        self._say("rotation", "id", verify, "ledger", _MORE)
        self._say("rotation", "id", remove, "recipe", _MORE)
        started = company.rotation_of(company.place("CONFIRM_STARTED"))
        assert started is not None
        (running,) = started.ledger.rollouts["redeploy"]
        self._say("rollout", "id", running, "evidence", "of_tomorrow")
        asked = next(one for one in self._journal.requests() if one.kind is RequestKind.PREPARE)
        self._say("request", "id", asked.id, "kind", "of_tomorrow")
        self._journal.add_request(planned(company))
        self._say("request", "id", planned(company).id, "basis", _MORE)
        told = next(row.alert.identity for row in self._journal.alerts() if not row.alert.closed)
        self._say("alert", "identity", told, "alert", '{"kind": "of_tomorrow"}')
        self.left = {grace, store, verify, remove, started.id}
        self._say("secret", "secret", "production/DONE", "observed", _MORE)
        self.wrote.popitem()  # what was only found out is found out again

    def of(self, place: str) -> str:
        """The id of a place's rotation."""
        rotation = self._company.rotation_of(self._company.place(place))
        assert rotation is not None
        return rotation.id

    def said(self) -> dict[tuple[str, str, str, str], str | None]:
        """What the rows say now."""
        return {where: self._read(*where) for where in self.wrote}

    def is_back(self) -> None:
        """It knows what its own words mean."""
        for where in self.wrote:
            self._write(*where, self._before[where])

    def _say(self, table: str, key: str, row: str, column: str, said: str) -> None:
        where = table, key, row, column
        before = self._before[where] = self._read(*where)
        if said is _MORE:
            said = json.dumps({**json.loads(before or "{}"), "of_tomorrow": 1})
        self._write(*where, said)
        self.wrote[where] = said

    def _read(self, table: str, key: str, row: str, column: str) -> str | None:
        with self._journal._db.reading() as connection:
            there = connection.execute(select(_raw(table, column)).where(_raw(table, key) == row))
            said: str | None = there.scalar_one()
        return said

    def _write(self, table: str, key: str, row: str, column: str, said: str | None) -> None:
        with self._journal._db.writing() as connection:
            there = update(metadata.tables[table]).where(_raw(table, key) == row)
            connection.execute(there.values({column: literal(said, Text)}))


_MORE = "a document with one more field"


def _raw(table: str, column: str) -> ColumnElement[str]:
    """A column as the text that it is."""
    return type_coerce(metadata.tables[table].c[column], Text)
