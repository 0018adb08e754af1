"""The Parts of one simulated process: every adapter bound to its gate, the journal behind the same gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from rotator.contracts.clock import Clock
from rotator.contracts.guard import CALL_SECONDS
from rotator.contracts.journal import Journal
from rotator.contracts.provider import Provider
from rotator.contracts.redeployer import Redeployer
from rotator.contracts.store import Mirror, SecretStore
from rotator.model.alerts import Alert, Receipt
from rotator.model.errors import Refused, RotatorError
from rotator.model.policy import Deployment, Policies, Recipe
from rotator.model.secrets import Sealed
from tests.simulation.by_hand_source import SimSubmittedProvider
from tests.simulation.consumers import SimRedeployer
from tests.simulation.gate import Gate
from tests.simulation.journal import SimJournal
from tests.simulation.schedule import ProcessClock
from tests.simulation.shared_source import SimSharedProvider
from tests.simulation.signing_source import SimSigningProvider
from tests.simulation.source import SimProvider
from tests.simulation.store import SimMirror, SimStore

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

    def __init__(self, world: World, gate: Gate, name: str) -> None:
        self._world, self._gate, self._name = world, gate, name

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        """Somebody reads it."""

        def read() -> Receipt:
            self._world.seen_by_people(alert.model_dump_json())
            for told in alert.members or (alert,):
                self._world.telling.read(told, f"{self._name}:{address}")
            return Receipt(data={"to": address})

        try:
            return self._gate.io("channel.deliver", read, of=f"channel {self._name}", guarded=CALL_SECONDS)
        except RotatorError:
            self._world.telling.channel_failed()
            raise


class SimParts:
    """The Parts contract for one process."""

    def __init__(self, world: World, gate: Gate) -> None:
        self._world, self._gate = world, gate
        self.clock: Clock = ProcessClock(gate.process)
        self.journal: Journal = cast(Journal, SimJournal(world, gate))
        self.sealer = SimSealer(world, gate)
        self.channels = {name: SimChannel(world, gate, name) for name in ("slack", "email")}

    def new_id(self) -> str:
        """An id nobody has used."""
        return f"rot-{self._world.new_id()}"

    def policies(self) -> Policies:
        """Today's policy."""
        return self._world.policies

    def provider(self, recipe: Recipe) -> Provider:
        """The source of a recipe's secret."""
        source = self._world.sources[recipe.secret]
        traits = source.traits
        signs = SimSigningProvider if traits.verified else SimProvider
        mints = SimSubmittedProvider if traits.submitted else signs
        made = SimSharedProvider if traits.shared else mints
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
