"""Policies that were applied, so that a bad file at a restart does not leave rotator without one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

from sqlalchemy import Insert, insert, select

from rotator.journal.database import Section
from rotator.journal.resolved import read_resolved
from rotator.journal.tables import policy_version
from rotator.model.policy import Policies

_NEWEST: Final = select(policy_version).order_by(policy_version.c.number.desc()).limit(1)


class PolicyVersions(Section):
    """The history of policies.yaml."""

    def last_policy(self) -> str | None:
        """The text of the last policy that was applied."""
        with self._db.reading() as connection:
            newest = connection.execute(_NEWEST).one_or_none()
        return None if newest is None else newest.text

    def policies_in_force(self) -> Policies | None:
        """The last policy that was applied, as it was resolved; None where this version cannot read it."""
        with self._db.reading() as connection:
            newest = connection.execute(_NEWEST).one_or_none()
        return None if newest is None else read_resolved(newest.resolved)

    def policy_applied(self) -> tuple[str, datetime] | None:
        """The version of the last policy that was applied, and when."""
        with self._db.reading() as connection:
            newest = connection.execute(_NEWEST).one_or_none()
        return None if newest is None else (newest.version, newest.applied_at)

    def left_alone(self) -> Sequence[str]:
        """The secrets that policies have left to themselves since a person last said yes to one."""
        with self._db.reading() as connection:
            newest = connection.execute(_NEWEST).one_or_none()
        return () if newest is None else newest.left_alone or ()

    def note_policy(self, policies: Policies, text: str, left_alone: Sequence[str] = ()) -> None:
        """Keeps a policy that was applied; the one that is already the last is not kept twice."""
        applied = {
            "version": policies.version,
            "text": text,
            "resolved": policies.model_dump_json(),
            "left_alone": tuple(left_alone),
        }
        with self._db.writing() as connection:
            newest = connection.execute(_NEWEST).one_or_none()
            if newest is None or (newest.version, newest.resolved) != (
                applied["version"],
                applied["resolved"],
            ):
                connection.execute(self._applied, applied)

    @cached_property
    def _applied(self) -> Insert:
        return insert(policy_version).values(applied_at=self._db.now)
