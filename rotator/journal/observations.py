"""What the last look at stores and sources showed, and what is paused: the newest of each is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Column, Insert, Table, bindparam, delete, select

from rotator.journal.columns import UNREADABLE
from rotator.journal.database import Database, Section
from rotator.journal.holds import pauses_in, surveys_in, writing_holds
from rotator.journal.tables import environment, pause, rejection, secret
from rotator.model.observations import Observed, Pause, Rejection, Surveyed

_OBSERVED: Final = select(secret.c.secret, secret.c.observed)
_REJECTIONS: Final = select(rejection).order_by(rejection.c.secret)
_TAKEN_BACK: Final = delete(rejection).where(rejection.c.secret == bindparam("lifted"))
_LIFT: Final = delete(pause).where(pause.c.secret == bindparam("lifted"))


class Observations(Section):
    """The last known state of the world."""

    def observed(self) -> Mapping[str, Observed]:
        """The last observation of every secret."""
        with self._db.reading() as connection:
            rows = connection.execute(_OBSERVED).all()
        return {row.secret: row.observed for row in rows if row.observed is not UNREADABLE}

    def note_observed(self, observations: Iterable[Observed]) -> None:
        """Keeps observations; the newest wins."""
        rows = [
            {"secret": seen.secret, "observed_at": seen.observed_at, "observed": seen}
            for seen in sorted(
                observations, key=lambda seen: seen.secret
            )  # one order of locks for all replicas
        ]
        if rows:
            with self._db.writing() as connection:
                connection.execute(self._observe, rows)

    def surveyed(self) -> Mapping[str, Surveyed]:
        """The last scan of every environment."""
        with self._db.reading() as connection:
            return surveys_in(connection)

    def note_surveyed(self, survey: Surveyed) -> None:
        """Keeps a scan's result; the newest wins."""
        row = {"environment": survey.environment, "scanned_at": survey.scanned_at, "surveyed": survey}
        with writing_holds(self._db) as connection:
            connection.execute(self._survey, row)

    def pauses(self) -> Mapping[str, Pause]:
        """Pauses by secret, also ended ones until they are lifted."""
        with self._db.reading() as connection:
            return pauses_in(connection)

    def note_pause(self, secret: str, pause: Pause | None) -> None:
        """Sets or lifts a pause."""
        with writing_holds(self._db) as connection:
            if pause is None:
                connection.execute(_LIFT, {"lifted": secret})
            else:
                connection.execute(self._pause, {**dict(pause), "secret": secret})

    def rejections(self) -> Mapping[str, Rejection]:
        """What somebody said no to, by secret, also of credentials that were replaced since."""
        with self._db.reading() as connection:
            rows = connection.execute(_REJECTIONS).all()
        return {row.secret: Rejection.model_validate(row._asdict()) for row in rows}

    def note_rejection(self, secret: str, rejection: Rejection | None) -> None:
        """Keeps or lifts a no."""
        with self._db.writing() as connection:
            if rejection is None:
                connection.execute(_TAKEN_BACK, {"lifted": secret})
            else:
                connection.execute(self._reject, {**dict(rejection), "secret": secret})

    @cached_property
    def _observe(self) -> Insert:
        return _newest(self._db, secret, secret.c.observed_at)

    @cached_property
    def _survey(self) -> Insert:
        return _newest(self._db, environment, environment.c.scanned_at)

    @cached_property
    def _pause(self) -> Insert:
        return _newest(self._db, pause, None)

    @cached_property
    def _reject(self) -> Insert:
        return _newest(self._db, rejection, None)


def _newest(db: Database, table: Table, at: Column[Any] | None) -> Insert:
    """Puts a row in the place of the one with its key, unless that one is newer by `at`."""
    insert = db.insert(table)
    key = next(iter(table.primary_key))
    return insert.on_conflict_do_update(
        index_elements=[key],
        set_={column.name: insert.excluded[column.name] for column in table.c if column is not key},
        where=None if at is None else insert.excluded[at.name] >= at,
    )
