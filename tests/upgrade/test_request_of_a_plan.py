"""What `rotator apply` has left waits through an upgrade, as revision 0009 wrote it and as earlier ones did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, inspect

from rotator.contracts.journal import Journal
from rotator.journal import open_journal, sqlite
from rotator.journal.tables import request
from rotator.model.requests import Basis, RequestState
from rotator.sealers.keyfile import KeyFile
from tests.upgrade.keeping import Names, lay

pytestmark = pytest.mark.slow  # every migration from the first

#: As it stood in the table; later code has to read it.
_LEFT: Mapping[str, Any] = {
    "id": "q1", "kind": "rotate", "about": "production/KEY", "by": "ana", "via": "cli", "until": None,
    "because": "plan of 2026-11-27 12:00 UTC", "at": 1795780800.0, "state": "waiting", "sentence": "",
    "rotation": None, "sealed": None, "data_key": None,
}  # fmt: skip
_BASIS = '{"planned_at":"2026-11-27T12:00:00Z","policy_version":"5f1c","versions":{"/taly/production/KEY":3}}'


@contextmanager
def upgraded(folder: Path, revision: str, **more: Any) -> Iterator[Journal]:
    """A journal of that revision with one request in it, opened by the code of today."""
    file = folder / "journal.sqlite"
    engine = sqlite.file_engine(file)
    kept = {"revision": revision, "keys": {}, "sealed": {}}
    rows = {"rotation": [], "head": [], "request": [{**_LEFT, **more}]}
    lay(engine, {**kept, "rows": rows}, KeyFile.generate(folder / "key"), Names())
    engine.dispose()
    with closing(open_journal(f"sqlite:///{file}", daemon=False)) as journal:
        yield journal


def test_what_a_plan_was_made_from_is_read_as_it_was_written(tmp_path: Path) -> None:
    with upgraded(tmp_path, "0009", basis=_BASIS) as journal:
        (asked,) = journal.requests()
    assert asked.basis == Basis(
        planned_at=datetime(2026, 11, 27, 12, tzinfo=UTC),
        policy_version="5f1c",
        versions={"/taly/production/KEY": 3},
    )


@pytest.mark.parametrize("revision", ["0008", "0009"])
def test_what_was_left_before_is_held_to_nothing(tmp_path: Path, revision: str) -> None:
    with upgraded(tmp_path, revision) as journal:
        (asked,) = journal.requests()
        assert (asked.id, asked.basis) == ("q1", None)
        assert journal.settle_request("q1", RequestState.TAKEN, "became r1", "r1")


def test_an_earlier_version_beside_this_one_leaves_requests_that_say_nothing_of_it(tmp_path: Path) -> None:
    """It names the columns that it knows."""
    with upgraded(tmp_path, "0008") as journal:
        pass
    engine = sqlite.file_engine(tmp_path / "journal.sqlite")
    with engine.begin() as connection:
        assert {column["name"] for column in inspect(connection).get_columns("request")} == {*_LEFT, "basis"}
        connection.execute(insert(request), {**_LEFT, "id": "q2", "at": datetime(2026, 11, 27, tzinfo=UTC)})
    engine.dispose()
    with closing(open_journal(f"sqlite:///{tmp_path}/journal.sqlite", daemon=False)) as journal:
        assert {one.id: one.basis for one in journal.requests()} == {"q1": None, "q2": None}
