"""Claims as a whole: prolonged while their owner lives, given back when it is known to be dead."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import Update
from sqlalchemy.sql.dml import ReturningUpdate

from rotator.journal.claims import freed, renewed, run_out
from rotator.journal.database import Section, seconds
from rotator.journal.tables import alert, rollout, rotation


class Renewals(Section):
    """All that one owner holds."""

    def renew(
        self, owner: str, rotations: Iterable[str], rollouts: Iterable[str], lease: timedelta
    ) -> set[str]:
        """Prolongs claims that have not run out; returns the ids that are still ours."""
        ours: set[str] = set()
        with self._db.writing() as connection:
            for renewing, ids in zip(self._renewals, (rotations, rollouts), strict=True):
                parameters = {"claimer": owner, "ids": list(ids), "lease": seconds(lease)}
                ours.update(connection.execute(renewing, parameters).scalars())
        return ours

    def free_claims(self) -> None:
        """Makes all that is claimed due again, and counts no claim as lost: its owner did nothing after its death.

        Of an alert it stays known that somebody held it, and with which others: it may have been told.
        """
        with self._db.writing() as connection:
            for freeing in self._freeings:
                connection.execute(freeing)

    @cached_property
    def _renewals(self) -> tuple[ReturningUpdate[Any], ...]:
        return renewed(self._db, rotation), renewed(self._db, rollout)

    @cached_property
    def _freeings(self) -> tuple[Update, ...]:
        return freed(self._db, rotation), freed(self._db, rollout), run_out(self._db, alert)
