"""The Parts of one simulated process: every adapter bound to its gate, the journal behind the same gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from rotator.contracts.clock import Clock
from rotator.contracts.journal import Journal, Opening, Told
from rotator.contracts.provider import Provider
from rotator.contracts.redeployer import Redeployer
from rotator.contracts.store import Mirror, SecretStore
from rotator.model.alerts import Alert, Receipt
from rotator.model.errors import Refused
from rotator.model.policy import Deployment, Policies, Recipe
from rotator.model.rotation import Phase, RolloutRow, Rotation, State
from rotator.model.secrets import Sealed
from tests.simulation.consumers import SimRedeployer
from tests.simulation.gate import Gate
from tests.simulation.schedule import ProcessClock
from tests.simulation.source import SimProvider, SimSharedProvider
from tests.simulation.step_contract import believe
from tests.simulation.store import SimMirror, SimStore
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.world import World

Boxes = dict[str, tuple[Mapping[str, Sealed], str]]


class SimDataKey:
    """What is sealed lies in a box with a number; the number is all that anybody can write down."""

    def __init__(self, boxes: Boxes, wrapped: str) -> None:
        self._boxes, self._wrapped = boxes, wrapped

    @property
    def wrapped(self) -> str:
        """The key's own number."""
        return self._wrapped

    def seal(self, fields: Mapping[str, Sealed], bound_to: str) -> str:
        """A new box."""
        box = f"box-{len(self._boxes)}"
        self._boxes[box] = (dict(fields), f"{self._wrapped}/{bound_to}")
        return box

    def open(self, sealed: str, bound_to: str) -> Mapping[str, Sealed]:
        """The box again."""
        fields, bound = self._boxes.get(sealed, ({}, ""))
        if bound != f"{self._wrapped}/{bound_to}":
            raise Refused("key, text and context do not belong together")
        return fields


class SimSealer:
    """The Sealer contract; KMS may be away like anything else."""

    def __init__(self, world: World, gate: Gate) -> None:
        self._world, self._gate = world, gate

    def new_key(self, context: Mapping[str, str]) -> SimDataKey:
        """A new data key."""
        wrapped = f"key-for-{sorted(context.items())}"
        return self._gate.io("sealer.new_key", lambda: SimDataKey(self._world.boxes, wrapped), of="KMS")

    def open_key(self, wrapped: str, context: Mapping[str, str]) -> SimDataKey:
        """The key again."""
        if wrapped != f"key-for-{sorted(context.items())}":
            raise Refused("the data key is bound to another context")
        return self._gate.io("sealer.open_key", lambda: SimDataKey(self._world.boxes, wrapped), of="KMS")


class SimChannel:
    """The AlertChannel contract: what people have been told."""

    def __init__(self, world: World, gate: Gate) -> None:
        self._world, self._gate = world, gate

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        """Somebody reads it."""

        def read() -> Receipt:
            self._world.seen_by_people(alert.model_dump_json())
            self._world.told[alert.identity] = alert
            return Receipt(data={"to": address})

        return self._gate.io("channel.deliver", read, of="channel")


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

    def claim_rotations(
        self, owner: str, limit: int, phases: Iterable[Phase], lease: timedelta
    ) -> Sequence[Rotation]:
        """No two workers hold one row."""

        def effect() -> Sequence[Rotation]:
            rows = self._world.database.claim_rotations(owner, limit, phases, lease)
            self._hold(owner, [row.id for row in rows], lease)
            self._gate.surprised = False
            return rows

        return self._gate.io("journal.claim_rotations", effect, of="journal")

    def claim_rollouts(self, owner: str, limit: int, lease: timedelta) -> Sequence[RolloutRow]:
        """No two workers hold one row."""

        def effect() -> Sequence[RolloutRow]:
            rows = self._world.database.claim_rollouts(owner, limit, lease)
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
            self._world.wake_workers()
            return row

        return self._gate.io("journal.checkpoint", effect, of="journal")

    def checkpoint_rollout(self, rollout: RolloutRow, changed: RolloutRow, *, release: bool) -> RolloutRow:
        """As checkpoint()."""

        def effect() -> RolloutRow:
            row = self._world.database.checkpoint_rollout(rollout, changed, release=release)
            if release:
                self._world.holders.pop(row.id, None)
            self._world.wake_workers()
            return row

        return self._gate.io("journal.checkpoint_rollout", effect, of="journal")

    def open_rotations(self, openings: Sequence[Opening]) -> set[str]:
        """There is something to do."""

        def effect() -> set[str]:
            opened = self._world.database.open_rotations(openings)
            self._world.wake_workers()
            return opened

        return self._gate.io("journal.open_rotations", effect, of="journal")

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
        box = before.sealed_predecessor
        predecessor = {f: v.reveal() for f, v in world.boxes[box][0].items()} if box else None
        if row.ledger.death is not None and before.ledger.death is None:
            world.promises.death_is_so(row.secret, predecessor, row.ledger.predecessor_id, row.ledger.death)
        if row.state is not State.DONE:
            return
        current = world.current(row.secret) or {}
        world.promises.established |= {row.ledger.successor_id or "", *current.values()}
        world.approved.discard(row.secret)


class SimParts:
    """The Parts contract for one process."""

    def __init__(self, world: World, gate: Gate) -> None:
        self._world, self._gate = world, gate
        self.clock: Clock = ProcessClock(gate.process)
        self.journal: Journal = cast(Journal, SimJournal(world, gate))
        self.sealer = SimSealer(world, gate)
        self.channels = {"slack": SimChannel(world, gate)}

    def new_id(self) -> str:
        """An id nobody has used."""
        return f"rot-{self._world.new_id()}"

    def policies(self) -> Policies:
        """Today's policy."""
        return self._world.policies

    def provider(self, recipe: Recipe) -> Provider:
        """The source of a recipe's secret."""
        source = self._world.sources[recipe.secret]
        made = SimSharedProvider if source.traits.shared else SimProvider
        return made(self._world, self._gate, source)

    def store(self, environment: str) -> SecretStore:
        """An environment's parameters."""
        return SimStore(self._world, self._gate, environment)

    def mirror(self, environment: str, name: str) -> Mirror:
        """A mirror."""
        return SimMirror(self._world, self._gate, environment, name)

    def redeployer(self, deployment: Deployment) -> Redeployer:
        """A workload's platform."""
        return SimRedeployer(self._world, self._gate, self._world.workloads[deployment.id])
