"""The embedded journal's file, to look at only, without SQLAlchemy, which alone costs more than a whole `status`.

It answers what rotator.contracts.record.Record asks, from the tables of revision.NEWEST, as SqlJournal does; a test
compares them on every kind of row. Nothing is ever written: SQLite itself refuses to.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from rotator.journal.failures import SILENT, sentence_of
from rotator.journal.newer import known_part, readable
from rotator.journal.resolved import read_resolved
from rotator.journal.revision import NEWEST
from rotator.model.alerts import Alert, AlertRow
from rotator.model.errors import JournalAway
from rotator.model.observations import History, Observed, Pause, Rejection, Surveyed
from rotator.model.policy import Policies
from rotator.model.requests import Request
from rotator.model.rotation import Event, Phase, Rotation, State

Shape = TypeVar("Shape", bound=BaseModel)
Row = Mapping[str, Any]

#: Seconds to wait for a writer.
_PATIENCE: Final = 5.0
#: Columns that hold seconds since 1970, and those that hold JSON; the others hold what they say.
_MOMENTS: Final = frozenset(
    {
        "at", "until", "opened_at", "ended_at", "phase_since", "run_at", "claim_until", "claim_lost_at",
        "last_told_at", "applied_at",
    }
)  # fmt: skip
_DOCUMENTS: Final = frozenset({"recipe", "ledger", "basis", "told", "receipts", "hush", "shown", "failures"})
#: A row whose phase this version does not know was written by a newer one and could not be told truthfully.
_KNOWN: Final = "phase IN ({})".format(", ".join(f"'{phase.value}'" for phase in Phase))
_NOW: Final = "SELECT round((julianday('now') - 2440587.5) * 86400.0, 3) AS seconds"
_ALL: Final = -1  # SQLite's word for no limit
#: Of every secret: the newest unfinished, the newest done and the newest undone rotation.
_LATEST: Final = f"""
SELECT * FROM (
    SELECT *, row_number() OVER (
        PARTITION BY secret, CASE WHEN state IN ('active', 'parked') THEN 'unfinished' ELSE state END
        ORDER BY coalesce(ended_at, opened_at) DESC, id DESC
    ) AS place FROM rotation WHERE {_KNOWN}
) WHERE place = 1"""  # noqa: S608 - our own words
_POLICY: Final = "SELECT * FROM policy_version ORDER BY number DESC LIMIT 1"


class View:
    """A Record of the file at `path`, or of a journal that is not there yet (None). Raises JournalAway."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        with self._answering():
            address = f"{path.absolute().as_uri()}?mode=rw" if path else ":memory:"
            self._file = sqlite3.connect(
                address, timeout=_PATIENCE, isolation_level=None, uri=path is not None
            )
            self._file.row_factory = sqlite3.Row
            self._file.execute("PRAGMA query_only = ON")
        self._empty = path is None

    def readable(self) -> bool:
        """Whether its tables are those that this version knows."""
        if self._empty:
            return True
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"):
            return False
        return [row["version_num"] for row in self._rows("SELECT version_num FROM alembic_version")] == [
            NEWEST
        ]

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def now(self) -> datetime:
        """The journal's clock in UTC."""
        with self._answering():
            return datetime.fromtimestamp(self._file.execute(_NOW).fetchone()["seconds"], UTC)

    def rotation(self, rotation_id: str) -> Rotation | None:
        """One rotation by id."""
        found = self._rows(f"SELECT * FROM rotation WHERE id = ? AND {_KNOWN}", rotation_id)  # noqa: S608 - our own words
        return next(iter(_readable(Rotation, found)), None)

    def rotations(
        self, *, secret: str | None = None, unfinished: bool = False, limit: int | None = None
    ) -> Sequence[Rotation]:
        """Rotations, newest first, all of them unless limited; `unfinished` keeps active and parked ones."""
        wanted = [_KNOWN]
        wanted += ["secret = ?"] if secret is not None else []
        wanted += ["state IN ('active', 'parked')"] if unfinished else []
        listing = (
            f"SELECT * FROM rotation WHERE {' AND '.join(wanted)} ORDER BY opened_at DESC, id DESC LIMIT ?"  # noqa: S608 - our own words
        )
        most = _ALL if limit is None else limit
        given = (most,) if secret is None else (secret, most)
        return _readable(Rotation, self._rows(listing, *given))

    def histories(self) -> Mapping[str, History]:
        """Every secret's history, by secret, in one query."""
        latest: dict[str, dict[str, Rotation]] = {}
        for rotation in _readable(Rotation, self._rows(_LATEST)):
            place = {State.DONE: "last_done", State.UNDONE: "last_undone"}.get(rotation.state, "active")
            latest.setdefault(rotation.secret, {})[place] = rotation
        return {secret: History(**places) for secret, places in latest.items()}

    def events(self, rotation_id: str) -> Sequence[Event]:
        """A rotation's story in order."""
        story = f"SELECT * FROM event WHERE rotation = ? AND {_KNOWN} ORDER BY sequence"  # noqa: S608 - our own words
        return _readable(Event, self._rows(story, rotation_id))

    def requests(self, *, waiting: bool = True) -> Sequence[Request]:
        """Requests, oldest first; `waiting` leaves out the settled ones."""
        rows = self._rows("SELECT * FROM request WHERE state = 'waiting' OR NOT ? ORDER BY at, id", waiting)
        return _readable(Request, rows)

    def observed(self) -> Mapping[str, Observed]:
        """The last observation of every secret."""
        rows = self._rows("SELECT secret, observed FROM secret")
        seen = readable(rows, lambda row: known_part(Observed, row["observed"]))
        return {one.secret: one for one in seen}

    def surveyed(self) -> Mapping[str, Surveyed]:
        """The last scan of every environment."""
        rows = self._rows("SELECT environment, surveyed FROM environment")
        seen = readable(rows, lambda row: known_part(Surveyed, row["surveyed"]))
        return {one.environment: one for one in seen}

    def pauses(self) -> Mapping[str, Pause]:
        """Pauses by secret, also ended ones until they are lifted."""
        return {row["secret"]: _read(Pause, row) for row in self._rows("SELECT * FROM pause ORDER BY secret")}

    def rejections(self) -> Mapping[str, Rejection]:
        """What somebody said no to, by secret, also of credentials that were replaced since."""
        rows = self._rows("SELECT * FROM rejection ORDER BY secret")
        return {row["secret"]: _read(Rejection, row) for row in rows}

    def last_policy(self) -> str | None:
        """The text of the last policy that was applied."""
        return next((row["text"] for row in self._rows(_POLICY)), None)

    def policies_in_force(self) -> Policies | None:
        """The last policy that was applied, as it was resolved; None where this version cannot read it."""
        return next((read_resolved(row["resolved"]) for row in self._rows(_POLICY)), None)

    def policy_applied(self) -> tuple[str, datetime] | None:
        """The version of the last policy that was applied, and when."""
        applied = ((row["version"], _value("applied_at", row["applied_at"])) for row in self._rows(_POLICY))
        return next(applied, None)

    def left_alone(self) -> Sequence[str]:
        """The secrets that policies have left to themselves since a person last said yes to one."""
        return next((tuple(json.loads(row["left_alone"] or "[]")) for row in self._rows(_POLICY)), ())

    def alerts(self, *, unclosed: bool = True) -> Sequence[AlertRow]:
        """Alerts, the loudest first; `unclosed` leaves out those whose closing message has been told everywhere."""
        listing = "SELECT * FROM alert WHERE NOT settled OR NOT ? ORDER BY severity DESC, identity"
        return _readable(AlertRow, self._rows(listing, unclosed))

    def held_until(self, account: str) -> datetime | None:
        """Before when nobody calls the account, also when that has passed; None where nobody ever said."""
        rows = self._rows("SELECT held_until FROM source_rate WHERE account = ?", account)
        return next(
            (datetime.fromtimestamp(row["held_until"], UTC) for row in rows if row["held_until"]), None
        )

    def _rows(self, statement: str, *given: object) -> list[Row]:
        if self._empty:
            return []
        with self._answering():
            return self._file.execute(statement, given).fetchall()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turns every failure of SQLite into JournalAway with a sentence of ours that names the file."""
        try:
            yield
        except sqlite3.Error as error:
            raise JournalAway(f"{sentence_of(error) or SILENT} ({self._path})") from None


def _readable(shape: type[Shape], rows: Iterable[Row]) -> list[Shape]:
    """The rows as their shape, but those that a newer version wrote and this one cannot read."""
    return readable(rows, lambda row: _read(shape, row))


def _read(shape: type[Shape], row: Row) -> Shape:
    """The row as its shape; columns that the shape does not know are the journal's own."""
    return shape.model_validate({name: _value(name, row[name]) for name in shape.model_fields})


def _value(name: str, kept: Any) -> Any:
    if kept is not None and name in _MOMENTS:
        return datetime.fromtimestamp(kept, UTC)
    if kept is not None and name == "alert":
        return known_part(Alert, kept)
    return json.loads(kept) if kept is not None and name in _DOCUMENTS else kept
