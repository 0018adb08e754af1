"""What the journal knows of rotations, without claiming one.

A rotation that this version cannot read, because it does not know its phase or anything else in it, was written by a
newer one. It is not shown, because it could not be told truthfully; it still holds its principal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, TextClause, bindparam, case, func, select

from rotator.contracts.journal import Ended
from rotator.journal.database import Section
from rotator.journal.newer import readable
from rotator.journal.tables import UNFINISHED, rotation
from rotator.journal.words import among
from rotator.model.observations import History
from rotator.model.rotation import Phase, Rotation, State

#: In the order of the model's fields.
COLUMNS: Final = tuple(rotation.c[name] for name in Rotation.model_fields)

_READABLE: Final = select(*COLUMNS).where(among(rotation.c.phase, Phase))
_ONE: Final = _READABLE.where(rotation.c.id == bindparam("key"))


def _listing(*, of_secret: bool, unfinished: bool, limited: bool) -> Select[Any]:
    """Rotations, newest first."""
    wanted: list[ColumnElement[bool] | TextClause] = []
    if of_secret:
        wanted.append(rotation.c.secret == bindparam("wanted"))
    if unfinished:
        wanted.append(UNFINISHED)
    newest = (rotation.c.opened_at.desc(), rotation.c.id.desc())
    listing = _READABLE.where(*wanted).order_by(*newest)
    return listing.limit(bindparam("limit")) if limited else listing


_LISTINGS: Final = {
    (of_secret, unfinished, limited): _listing(of_secret=of_secret, unfinished=unfinished, limited=limited)
    for of_secret, unfinished, limited in product((False, True), repeat=3)
}


def _latest() -> Select[Any]:
    """Of every secret: the newest unfinished, the newest done and the newest undone rotation."""
    kind = case((among(rotation.c.state, (State.ACTIVE, State.PARKED)), "unfinished"), else_=rotation.c.state)
    newest = (func.coalesce(rotation.c.ended_at, rotation.c.opened_at).desc(), rotation.c.id.desc())
    place = func.row_number().over(partition_by=(rotation.c.secret, kind), order_by=newest)
    places = select(rotation.c.id, place.label("place")).where(among(rotation.c.phase, Phase)).subquery()
    return select(*COLUMNS).where(rotation.c.id.in_(select(places.c.id).where(places.c.place == 1)))


_LATEST: Final = _latest()
_ENDED: Final = (
    select(*(rotation.c[name] for name in Ended._fields))
    .where(rotation.c.opened_at >= bindparam("since"), among(rotation.c.state, (State.DONE, State.UNDONE)))
    .order_by(rotation.c.opened_at, rotation.c.id)
)


def read_rotation(row: Row[Any]) -> Rotation:
    """The rotation in a row that begins with COLUMNS."""
    return Rotation.model_validate(dict(zip(Rotation.model_fields, row, strict=False)))


class Lookups(Section):
    """Rotations to look at."""

    def rotation(self, rotation_id: str) -> Rotation | None:
        """One rotation by id."""
        with self._db.reading() as connection:
            row = connection.execute(_ONE, {"key": rotation_id}).one_or_none()
        return None if row is None else next(iter(readable([row], read_rotation)), None)

    def rotations(
        self, *, secret: str | None = None, unfinished: bool = False, limit: int | None = None
    ) -> Sequence[Rotation]:
        """Rotations, newest first, all of them unless limited; `unfinished` keeps active and parked ones."""
        listing = _LISTINGS[secret is not None, unfinished, limit is not None]
        with self._db.reading() as connection:
            rows = connection.execute(listing, {"limit": limit, "wanted": secret}).all()
        return readable(rows, read_rotation)

    def histories(self) -> Mapping[str, History]:
        """Every secret's history, by secret, in one query."""
        with self._db.reading() as connection:
            rows = connection.execute(_LATEST).all()
        histories: dict[str, History] = {}
        for latest in readable(rows, read_rotation):
            place = {State.DONE: "last_done", State.UNDONE: "last_undone"}.get(latest.state, "active")
            known = histories.get(latest.secret, History())
            histories[latest.secret] = known.model_copy(update={place: latest})
        return histories

    def ended(self, since: datetime) -> Sequence[Ended]:
        """Rotations that were opened since then and have ended, in the order of their beginning."""
        with self._db.reading() as connection:
            rows = connection.execute(_ENDED, {"since": since}).all()
        return [Ended(*row)._replace(state=State(row.state)) for row in rows]
