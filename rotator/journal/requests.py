"""Requests of people: kept until they are settled, once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from sqlalchemy import Insert, bindparam, null, select, update

from rotator.journal.database import Section
from rotator.journal.newer import readable
from rotator.journal.tables import WAITING, request
from rotator.model.requests import Request, RequestState

_ALL: Final = select(*(request.c[name] for name in Request.model_fields)).order_by(request.c.at, request.c.id)
_LISTINGS: Final = {True: _ALL.where(WAITING), False: _ALL}
#: Whoever settles a request forgets what was submitted with it, in the same statement.
SETTLED: Final = (
    update(request).where(request.c.id == bindparam("key"), WAITING).values(sealed=null(), data_key=null())
)


class Requests(Section):
    """What people asked for."""

    def add_request(self, request: Request) -> None:
        """Keeps a request; one that is already kept stays as it is."""
        with self._db.writing() as connection:
            connection.execute(self._keep, dict(request))

    def requests(self, *, waiting: bool = True) -> Sequence[Request]:
        """Requests, oldest first; `waiting` leaves out the settled ones."""
        with self._db.reading() as connection:
            rows = connection.execute(_LISTINGS[waiting]).all()
        return readable(rows, lambda row: Request.model_validate(row._asdict()))

    def settle_request(
        self, request_id: str, state: RequestState, sentence: str, rotation: str | None = None
    ) -> bool:
        """Settles a waiting request; False when somebody else settled it."""
        settled = {"key": request_id, "state": state, "sentence": sentence, "rotation": rotation}
        with self._db.writing() as connection:
            return connection.execute(SETTLED, settled).rowcount == 1

    @cached_property
    def _keep(self) -> Insert:
        return self._db.insert(request).on_conflict_do_nothing(index_elements=[request.c.id])
