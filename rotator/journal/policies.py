"""Policies that were applied, so that a bad file at a restart does not leave rotator without one."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from sqlalchemy import Insert, insert, select

from rotator.journal.database import Section
from rotator.journal.tables import policy_version

_NEWEST: Final = (
    select(policy_version.c.version, policy_version.c.text).order_by(policy_version.c.number.desc()).limit(1)
)


class PolicyVersions(Section):
    """The history of policies.yaml."""

    def last_policy(self) -> str | None:
        """The text of the last policy that was applied."""
        with self._db.reading() as connection:
            newest = connection.execute(_NEWEST).one_or_none()
        return None if newest is None else newest.text

    def note_policy(self, version: str, text: str) -> None:
        """Keeps a policy that was applied; the one that is already the last is not kept twice."""
        with self._db.writing() as connection:
            newest = connection.execute(_NEWEST).one_or_none()
            if newest is None or newest.version != version:
                connection.execute(self._applied, {"version": version, "text": text})

    @cached_property
    def _applied(self) -> Insert:
        return insert(policy_version).values(applied_at=self._db.now)
