"""Who shares a workload: the rotations that come along with one, without reading any of them whole.

With hundreds of rotations at once, whoever waits for company asks often. A recipe names its workloads in its JSON, and
that text is searched: a word that only looks like one would at most make somebody wait for nobody, for a while.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import Select, Text, bindparam, func, select, type_coerce

from rotator.contracts.journal import OnTheWay
from rotator.journal.database import Section
from rotator.journal.tables import ACTIVE, rotation
from rotator.journal.words import among
from rotator.model.rotation import Phase, Reason


class Company(Section):
    """Rotations by workload."""

    def on_their_way(self, workload: str, phases: Iterable[Phase]) -> Sequence[OnTheWay]:
        """Active rotations of the workload in any of these phases, those that were opened first come first."""
        wanted = {"named": f'"id":{json.dumps(workload, ensure_ascii=False)}'}
        with self._db.reading() as connection:
            rows = connection.execute(self._coming(frozenset(phases)), wanted).all()
        return [
            OnTheWay(key, secret, Phase(phase), reason and Reason(reason), opened_at)
            for key, secret, phase, reason, opened_at in rows
        ]

    def _coming(self, phases: frozenset[Phase]) -> Select[Any]:
        if phases not in self._comings:
            position = func.instr if self._db.embedded else func.strpos
            columns = (rotation.c[name] for name in OnTheWay._fields)
            self._comings[phases] = (
                select(*columns)
                .where(ACTIVE, among(rotation.c.phase, phases))
                .where(position(type_coerce(rotation.c.recipe, Text), bindparam("named")) > 0)
                .order_by(rotation.c.opened_at, rotation.c.id)
            )
        return self._comings[phases]

    @cached_property
    def _comings(self) -> dict[frozenset[Phase], Select[Any]]:
        return {}
