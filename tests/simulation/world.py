"""The world outside rotator: sources, stores, consumers, people's mistakes, and what is so about them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING

from rotator.contracts.provider import Overlap, Sight
from rotator.model.policy import Policies, Recipe
from rotator.model.rotation import Rotation
from tests.simulation import one_document
from tests.simulation.calendars import Hours
from tests.simulation.consumers import Instance, Workload, members
from tests.simulation.copies import Copies
from tests.simulation.faults import Faults, mix, share
from tests.simulation.leftovers import Leftovers
from tests.simulation.promises import Promises
from tests.simulation.schedule import Process, Schedule
from tests.simulation.shape import SecretShape, Shape
from tests.simulation.source import Held, Minted, Source, Values
from tests.simulation.store import Parameters
from tests.simulation.telling import Telling
from tests.simulation.turns import Turns
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.database import SimDatabase
    from tests.simulation.gate import Gate
    from tests.simulation.parts import Boxes

#: Every value begins with this: wherever it turns up, a value has leaked.
MARK = "zq7x-value-"
_SHAPES = tuple(
    {MARK, MARK.encode().hex()}
    | {base64.b64encode(b"x" * pad + MARK.encode()).decode()[4 if pad else 0 : -4] for pad in range(3)}
)
#: terminationGracePeriodSeconds of k8s/base/deployment.yaml.
TIME_TO_STOP = 30.0
ROLLOUT_KINDS = ("fails", "hangs", "lies", "lies", "refused")


class World:
    """Everything that a simulated process can reach, and the promises that watch it."""

    def __init__(self, seed: int, shape: Shape, faults: Faults) -> None:
        self.seed, self.shape, self.faults = seed, shape, faults
        self.random = Random(seed ^ 0x5EED)
        self.schedule = Schedule()
        self.policies_since = 0.0
        self.policies = shape.policies
        self.ios = 0
        self.ids = 0
        self.database: SimDatabase
        self.boxes: Boxes = {}  # what is sealed
        self.mints: dict[str, Minted] = {}  # by id: answers that came and are not written down yet
        self._journal_away: list[tuple[float, float]] = []
        self.holders: dict[str, tuple[str, float]] = {}  # row -> who holds it until when
        self.processes: list[Process] = []
        self.acting: Gate | None = None  # whose effect it is that happens now, and when it was sent
        self.asked_at = 0.0
        self.raced: dict[
            str, tuple[int, int]
        ] = {}  # parameter -> the version looked at, and ours over another's
        self.luckless = False  # no rollout succeeds any more
        self.outages: dict[str, float] = {}  # far side -> away until
        self.blind = ""  # the environment whose store never comes back
        self.broken: set[str] = set()  # values that people broke: no promise covers them
        self.emergencies: set[str] = set()  # secrets for which somebody asked for one
        self.approved: set[str] = set()  # secrets whose outside verifiers have taken the successor up
        self.stores = {name: Parameters(name) for name in shape.policies.environments}
        self.sources: dict[str, Source] = {}  # by secret
        self.accepted_names: dict[str, str] = {}
        self.workloads: dict[str, Workload] = {}
        self._made = self._rollouts = 0
        self._keys: dict[str, str] = {}
        self._trouble = share(seed, 30) * 0.5 if mix(seed, 31) % 2 else 0.0
        self.promises = Promises(self)
        self.hours = Hours(self)
        self.turns = Turns(self)
        self.leftovers = Leftovers(self)
        self.copies = Copies(self, seed)
        self.telling = Telling(self)
        self.tempt: Callable[[str], None]  # somebody might write a parameter that is about to be put
        self.watch: Callable[[Rotation], None]  # somebody might act on what was just recorded
        for secret, secret_shape in shape.secrets.items():
            self._found(secret, secret_shape)
        for workload, reports in shape.reports.items():
            self.workloads[workload] = Workload(
                self, workload, self.names_for(workload), shape.sizes[workload], reports
            )
            for _ in range(shape.sizes[workload]):
                self.workloads[workload].begin()

    @property
    def now(self) -> float:
        """Seconds since the beginning of time."""
        return self.schedule.now

    @property
    def policies(self) -> Policies:
        """policies.yaml of this moment."""
        return self._policies

    @policies.setter
    def policies(self, policies: Policies) -> None:
        self._policies, self.policies_since = policies, self.now

    def _found(self, secret: str, shape: SecretShape) -> None:
        """The credential that everybody uses when rotator arrives."""
        recipe = shape.policy.recipe
        source = Source(
            principal=f"{recipe.environment}:{recipe.provider}",
            secret=secret,
            traits=shape.traits,
            fields=tuple(recipe.fields),
            slots=shape.slots,
            names_credentials=shape.names_credentials,
            sight_lag=shape.sight_lag,
        )
        values = self.new_values(source.fields)
        first = Held(id=f"{source.principal}#seed", values=values, maker="seed", created_at=-shape.age)
        if shape.dead_at_start:
            first.state, first.refused_from, first.listed_until = "gone", 0.0, 0.0
            self.broken |= set(values.values())
        if not shape.traits.shared:
            source.held[first.id] = first
        self.promises.established |= {first.id, *values.values()}
        self.sources[secret] = source
        for name, text in self.texts(secret, values).items():
            self.stores[recipe.environment].put(name, text, -shape.age, "terraform")
        self.promises.recorded |= set(values.values())
        if recipe.accepted_as:
            self.accepted_names[secret] = recipe.accepted_as
            self.stores[recipe.environment].put(
                recipe.accepted_as, f'["{values["value"]}"]', -shape.age, "rotator prepare"
            )

    def new_id(self) -> str:
        """An id that was never used before."""
        self.ids += 1
        return f"n{self.ids}"

    # values

    def new_values(self, fields: tuple[str, ...]) -> Values:
        """Values that were never there before."""
        self._made += 1
        return {field: f"{MARK}{self._made}-{field}" for field in fields}

    def key_id(self, value: str) -> str:
        """The public id that belongs to a shared value."""
        return self._keys.setdefault(value, f"key-{len(self._keys)}")

    def current(self, secret: str) -> Values | None:
        """What an instance that starts now would read."""
        recipe = self.shape.secrets[secret].policy.recipe
        store = self.stores[recipe.environment].by_name
        if any(name not in store for name in recipe.fields.values()):
            return None
        return self._values(recipe, {name: store[name].value for name in recipe.parameters})

    def holds(self, instance: Instance, secret: str) -> Values | None:
        """What an instance uses for a secret."""
        recipe = self.shape.secrets[secret].policy.recipe
        texts = {name: text for name in recipe.parameters if (text := instance.value(name)) is not None}
        return self._values(recipe, texts) if len(texts) == len(recipe.parameters) else None

    def texts(self, secret: str, values: Values) -> dict[str, str]:
        """What the parameters hold when these are the values."""
        recipe = self.shape.secrets[secret].policy.recipe
        if not recipe.one_parameter:
            return {name: values[field] for field, name in recipe.fields.items()}
        (name,) = recipe.parameters
        there = self.stores[recipe.environment].by_name.get(name)
        return {name: one_document.text(values, there.value if there else None)}

    def values_in(self, name: str, text: str) -> set[str]:
        """The values that a text of this parameter holds."""
        if name.endswith("_ACCEPTED"):
            return set(members(text))
        for drawn in self.shape.secrets.values():
            recipe = drawn.policy.recipe
            if recipe.one_parameter and name in recipe.parameters:
                return set((one_document.values(recipe, text) or {"": text}).values())
        return {text}

    def _values(self, recipe: Recipe, texts: Mapping[str, str]) -> Values | None:
        if recipe.one_parameter:
            (name,) = recipe.parameters
            return one_document.values(recipe, texts[name])
        return {field: texts[name] for field, name in recipe.fields.items()}

    # consumers

    def consumers(self, secret: str) -> list[Workload]:
        """The workloads that use a secret."""
        name = next(iter(self.shape.secrets[secret].policy.recipe.fields.values()))
        return [workload for workload in self.workloads.values() if name in workload.names]

    def names_for(self, workload: str) -> set[str]:
        """The parameters that a workload reads."""
        names: set[str] = set()
        for policy in self.policies.secrets.values():
            if any(deployment.id == workload for deployment in policy.recipe.deployments):
                names |= set(policy.recipe.fields.values())
                names |= {policy.recipe.accepted_as} if policy.recipe.accepted_as else set()
        return names

    def note_use(self, source: Source) -> None:
        """Whatever living instances and stragglers hold is in use right now."""
        for workload in self.consumers(source.secret):
            for instance in workload.living():
                self._use(source, self.holds(instance, source.secret))
        for credential, until in source.stragglers.items():
            held = source.held.get(credential)
            if held is not None:
                held.used_at = max(held.used_at or 0.0, min(until, self.now))

    def note_end(self, instance: Instance) -> None:
        """An instance that ends used what it held until now."""
        for secret, source in self.sources.items():
            values = self.holds(instance, secret)
            self._use(source, values)
            if not instance.unseeable:
                self.promises.note_dropped(secret, values)

    def _use(self, source: Source, values: Mapping[str, str] | None) -> None:
        held = source.find(values) if values else None
        if held is not None:
            held.used_at = self.now

    def evidence(self, workload: Workload) -> bool:
        """Whether rotator can notice, for every secret of the workload, that an instance was left behind."""
        if workload.reports:
            return True
        return all(
            source.traits.sight in {Sight.YES, Sight.LAGGING} and source.traits.overlap is not Overlap.NONE
            for secret, source in self.sources.items()
            if workload in self.consumers(secret)
        )  # fmt: skip

    def rollout_kind(self, workload: str, label: str) -> str:
        """How this rollout goes."""
        self._rollouts += 1
        number = self._rollouts
        calm = number > 1 if self.faults.late_hands else share(self.seed, 32, number) >= self._trouble
        calm = calm and not self.luckless
        if not self.faults.on or calm:
            return "fine"
        kind = ROLLOUT_KINDS[mix(self.seed, 33, number) % len(ROLLOUT_KINDS)]
        if self.faults.late_hands or self.luckless:
            kind = "fails"
        return kind if self.faults.happens(f"rollout {number} {kind}", "rollout", kind) else "fine"

    # trouble

    def take_away(self, far_side: str, seconds: float) -> None:
        """A far side gives no answer for a while."""
        self.outages[far_side] = self.now + seconds
        if far_side == "journal":
            self._journal_away.append((self.now, self.now + seconds))

    def journal_was_away(self, since: float) -> bool:
        """Whether the journal gave no answer for a while that touches the time since then."""
        return any(until >= since for _, until in self._journal_away)

    def away(self, far_side: str) -> bool:
        """Whether a far side gives no answer now."""
        return self.outages.get(far_side, 0.0) > self.now

    def stop(self, process: Process) -> None:
        """SIGTERM, and SIGKILL for whoever has not ended by itself when its time is over."""
        process.stopping = True
        process.wake(self.now)
        self.schedule.after(TIME_TO_STOP, process.crash)

    def wake_workers(self) -> None:
        """Something in the journal has changed: idle workers look again within seconds."""
        for process in self.processes:
            process.wake(self.now + 0.1 + 2 * self.random.random())

    def seen_by_people(self, text: str) -> None:
        """Anything that leaves for a person, a log or a record holds no value."""
        if leaks(text):
            raise Violated("P5 silent about values", f"a value is in: {text[:200]}")


def leaks(text: str) -> bool:
    """Whether a value, or one in hex or base64, is in a text."""
    return any(shape in text for shape in _SHAPES)
