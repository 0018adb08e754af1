"""The journal behind the gate: the real one, and who claims what, what is recorded and what is told as it happens."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from rotator.contracts.journal import Opening, Told
from rotator.model.alerts import Alert, AlertRow
from rotator.model.rotation import Phase, RolloutRow, Rotation, State
from tests.simulation.gate import Gate
from tests.simulation.step_contract import believe
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")


class SimJournal:
    """The journal behind the gate; it also sees who claims what, and what is recorded."""

    def __init__(self, world: World, gate: Gate) -> None:
        self._world, self._gate = world, gate
        self.now = world.schedule.datetime

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            def effect() -> Any:
                return getattr(self._world.database, name)(*arguments, **options)

            return self._gate.io(f"journal.{name}", effect, of="journal")

        setattr(self, name, call)
        return call

    def installation(self) -> str:
        """Known since the start."""
        return self._world.database.installation()

    def holds(self) -> Any:
        """As of the last claim or checkpoint: not asked of the database."""
        return self._world.database.holds()

    def claim_rotations(
        self, owner: str, limit: int, phases: Iterable[Phase], lease: timedelta
    ) -> Sequence[Rotation]:
        """No two workers hold one row."""

        def effect() -> Sequence[Rotation]:
            rows = self._world.database.claim_rotations(owner, limit, phases, lease)
            self._hold(owner, [row.id for row in rows], lease)
            self._gate.surprised, self._gate.claimed_at = False, self._world.now
            return rows

        return self._gate.io("journal.claim_rotations", effect, of="journal")

    def claim_rollouts(self, owner: str, limit: int, lease: timedelta) -> Sequence[RolloutRow]:
        """No two workers hold one row."""

        def effect() -> Sequence[RolloutRow]:
            rows = self._world.database.claim_rollouts(owner, limit, lease)
            self._gate.claimed_at = self._world.now
            self._hold(owner, [row.id for row in rows], lease)
            return rows

        return self._gate.io("journal.claim_rollouts", effect, of="journal")

    def renew(
        self, owner: str, rotations: Iterable[str], rollouts: Iterable[str], lease: timedelta
    ) -> set[str]:
        """A renewed claim is held longer."""

        def effect() -> set[str]:
            kept = self._world.database.renew(owner, rotations, rollouts, lease)
            until = self._world.now + lease.total_seconds()
            self._world.holders.update(dict.fromkeys(kept, (owner, until)))
            return kept

        return self._gate.io("journal.renew", effect, of="journal")

    def checkpoint(self, rotation: Rotation, changed: Rotation, *told: Told, release: bool) -> Rotation:
        """What is recorded may be depended on; what is recorded of a death is true."""

        def effect() -> Rotation:
            row = self._world.database.checkpoint(rotation, changed, *told, release=release)
            if release:
                self._world.holders.pop(row.id, None)
            believe(self._world, rotation, row, surprised=self._gate.surprised)
            self._gate.surprised = False
            self._recorded(rotation, row)
            self._world.turns.planned(rotation, row)
            self._world.telling.recorded(row)
            self._world.watch(row)
            self._world.wake_workers()
            return row

        return self._gate.io("journal.checkpoint", effect, of="journal")

    def checkpoint_rollout(self, rollout: RolloutRow, changed: RolloutRow, *, release: bool) -> RolloutRow:
        """As checkpoint()."""

        def effect() -> RolloutRow:
            row = self._world.database.checkpoint_rollout(rollout, changed, release=release)
            self._gate.surprised = False
            if release:
                self._world.holders.pop(row.id, None)
            self._world.wake_workers()
            return row

        return self._gate.io("journal.checkpoint_rollout", effect, of="journal")

    def open_rotations(self, openings: Sequence[Opening]) -> set[str]:
        """There is something to do."""

        def effect() -> set[str]:
            opened = self._world.database.open_rotations(openings)
            self._world.turns.opened(openings, opened)
            self._world.wake_workers()
            return opened

        return self._gate.io("journal.open_rotations", effect, of="journal")

    def reopen(self, rotation_id: str, told: Told, asked: str = "", sentence: str = "") -> bool:
        """What was parked goes on."""
        return self._turned(
            rotation_id,
            "reopen",
            lambda: self._world.database.reopen(rotation_id, told, asked, sentence),
        )

    def roll_back(self, rotation_id: str, told: Told, by: str) -> None:
        """What was parked, or was going on, goes back."""
        self._turned(rotation_id, "roll_back", lambda: self._world.database.roll_back(rotation_id, told, by))

    def post_alert(self, alert: Alert, due: timedelta) -> None:
        """People are owed it from now on."""

        def effect() -> None:
            self._world.database.post_alert(alert, due)
            self._world.telling.posted(alert)

        self._gate.io("journal.post_alert", effect, of="journal")

    def claim_company(
        self, owner: str, identities: Collection[str], lease: timedelta, soon: timedelta
    ) -> Sequence[AlertRow]:
        """Others are about to be told with it."""

        def effect() -> Sequence[AlertRow]:
            rows = self._world.database.claim_company(owner, identities, lease, soon)
            for row in rows:
                self._world.telling.taken_up(row)
            return rows

        return self._gate.io("journal.claim_company", effect, of="journal")

    def claim_alerts(self, owner: str, limit: int, lease: timedelta) -> Sequence[AlertRow]:
        """Somebody is about to be told."""

        def effect() -> Sequence[AlertRow]:
            rows = self._world.database.claim_alerts(owner, limit, lease)
            for row in rows:
                self._world.telling.taken_up(row)
            return rows

        return self._gate.io("journal.claim_alerts", effect, of="journal")

    def checkpoint_alerts(self, told: Sequence[tuple[AlertRow, AlertRow]], *, release: bool = True) -> None:
        """The outbox knows who was told."""

        def effect() -> None:
            self._world.database.checkpoint_alerts(told, release=release)
            for _row, changed in told:
                self._world.telling.written_down(changed)

        self._gate.io("journal.checkpoint_alerts", effect, of="journal")

    def _turned(self, rotation_id: str, name: str, turn: Callable[[], T]) -> T:
        def effect() -> T:
            turned = turn()
            row = self._world.database.rotation(rotation_id)
            if row is not None:
                self._world.telling.recorded(row)
            self._world.wake_workers()
            return turned

        return self._gate.io(f"journal.{name}", effect, of="journal")

    def _hold(self, owner: str, rows: Iterable[str], lease: timedelta) -> None:
        world = self._world
        for row_id in rows:
            holder, until = world.holders.get(row_id, ("", 0.0))
            if holder and until > world.now:
                raise Violated("one holder", f"{row_id} was given to {owner} while {holder} holds it")
            world.holders[row_id] = (owner, world.now + lease.total_seconds())

    def _recorded(self, before: Rotation, row: Rotation) -> None:
        world = self._world
        for box in (row.sealed_successor, row.sealed_predecessor):
            if box is not None:
                world.promises.recorded |= {value.reveal() for value in world.boxes[box][0].values()}
        world.mints.pop(row.ledger.successor_id or "", None)
        world.leftovers.recorded(row)
        box = before.sealed_predecessor
        predecessor = {f: v.reveal() for f, v in world.boxes[box][0].items()} if box else None
        if row.ledger.death is not None and before.ledger.death is None:
            world.promises.death_is_so(row.secret, predecessor, row.ledger.predecessor_id, row.ledger.death)
        if row.state is not State.DONE:
            return
        current = world.current(row.secret) or {}
        world.promises.established |= {row.ledger.successor_id or "", *current.values()}
        world.approved.discard(row.secret)
