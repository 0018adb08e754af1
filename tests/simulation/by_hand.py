"""What only people make: in some worlds one secret more, and a person who makes, submits and ends its credentials.

Everything about it is drawn apart from the rest, so that a seed without it means the world that it always meant. The
person slips now and then: submits a wrong value, the one in use, or two; and does not end the old one for a long time.
"""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from rotator.contracts.provider import Overlap, Sight, Traits
from rotator.engine.phases.step import seal_context, submitted_seal
from rotator.model.alerts import AlertKind
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import Death, Phase, Reason, Rotation, State
from rotator.model.secrets import Sealed
from tests.simulation.faults import share
from tests.simulation.one_more import draw_policy, join
from tests.simulation.schedule import HOUR, MINUTE, moment
from tests.simulation.shape import Shape
from tests.simulation.source import GONE, LIVE, Held, Source, Values
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.run import Run

NAME = "H0"
_IN_SO_MANY_WORLDS = 0.1
_ASKS = frozenset({Reason.AWAITING_END, Reason.AWAITING_YES})
#: How a submission goes: what it is, and how often beside the others.
_SLIPS = {"right": 14, "mistyped": 2, "the one in use": 1, "two of them": 2}


def add(shape: Shape, seed: int) -> None:
    """One secret more, in the environment that goes last."""
    if share(seed, 64) >= _IN_SO_MANY_WORLDS:
        return
    random = Random(seed ^ 0x4A4D)
    policy = draw_policy(shape, random, NAME, "hand", ("value",), submitted=True)
    traits = Traits(
        overlap=Overlap.MANY, mints=False, labels=False, reversible=False, sight=Sight.NO, submitted=True,
        death=random.choice((Death.TRIED, Death.TRIED, Death.ASSUMED)), acceptances=random.choice((1, 2)),
        propagation=timedelta(seconds=random.choice((0, 60))),
    )  # fmt: skip
    join(shape, random, policy, traits, None, names_credentials=False)


class Maker:
    """The person who makes, submits and ends what only people can."""

    def __init__(self, run: Run, seed: int) -> None:
        self._run, self._world = run, run.world
        self._random = Random(seed ^ 0x4A4E)
        self._sources = [one for one in self._world.sources.values() if one.traits.submitted]
        self._patience = self._random.choice((0, 0, 1, 6)) * HOUR  # how long the old one is left alive
        self._made = 0
        self._asked: dict[str, float] = {}  # rotation -> when it asked for an end

    def plan(self) -> None:
        """Looks now and then, all through the run."""
        if not self._sources:
            return
        at, ends = 0.0, self._world.shape.hostile_for + self._world.shape.calm_for
        while at < ends:
            at += self._random.uniform(10, 50) * MINUTE
            self._world.schedule.at(at, self._look)

    def recorded(self, row: Rotation) -> None:
        """What must be so before rotator ends a credential must be so before it asks a person to."""
        asks = row.ledger.submitted_by and row.phase is Phase.PROVE and row.reason in _ASKS
        if not asks or row.state is not State.ACTIVE or row.id in self._asked:
            return
        world, source = self._world, self._world.sources[row.secret]
        self._asked[row.id] = world.now
        held = self._predecessor(source, row)
        by_people = not world.promises.touched.isdisjoint(row.recipe.fields.values())
        if held is None or by_people or world.broken & set(held.values.values()):
            return
        if world.current(row.secret) == held.values:
            raise Violated(
                "P4 nothing in use is invalidated", f"people are to end {held.id}, which the store names"
            )
        since = max(world.promises.dropped_at.get((row.secret, one), 0.0) for one in held.values.values())
        if row.secret not in world.emergencies and world.now < since + row.recipe.grace.total_seconds():
            raise Violated("P4 grace first", f"people are to end {held.id}, which was in use a moment ago")

    def ends(self, rotation: Rotation) -> None:
        """The old one ends at the source, unless somebody has put it back meanwhile."""
        source = self._world.sources[rotation.secret]
        held = self._predecessor(source, rotation) if source.traits.submitted else None
        if held is not None and held.state == LIVE and not self._in_use(source, held):
            lag = 0.8 * source.traits.propagation.total_seconds() * self._random.random()
            held.state, held.refused_from, held.listed_until = GONE, self._world.now + lag, self._world.now
            self._world.promises.dirty = True
            self._world.promises.check()

    def judge(self) -> None:
        """What was submitted has been taken up, or settled, when nothing has held it for hours."""
        world, database = self._world, self._run.database
        for request in database.requests(waiting=True):
            rows = database.rotations(secret=request.about)
            busy = any(row.ended_at is None for row in rows)
            blind = world.blind and request.about.startswith(f"{world.blind}/")
            if request.kind is not RequestKind.SUBMIT or busy or blind:
                continue
            ends = (moment(row.ended_at) for row in rows if row.ended_at)
            free = max(moment(request.at), world.shape.hostile_for, *ends)
            if world.now - free > 4 * HOUR and request.about in world.policies.secrets:
                raise Violated("P2 nothing lost", f"{request.id} was submitted, and nobody takes it up")

    def _look(self) -> None:
        if self._world.faults.on and self._random.random() < 0.3:
            return
        for source in self._sources:
            self._submit_if_asked(source)
        for row in self._run.database.rotations(unfinished=True):
            waits = row.state is State.ACTIVE and row.reason is Reason.AWAITING_END and row.id in self._asked
            if waits and self._world.now >= self._asked[row.id] + self._patience:
                self.ends(row)

    def _submit_if_asked(self, source: Source) -> None:
        world = self._world
        asked = any(
            alert.kind is AlertKind.BY_HAND and alert.secret == source.secret and not alert.rotation
            for alert in world.telling.heard()
        )
        unasked = world.faults.on and self._random.random() < 0.08
        waiting = any(
            one.kind is RequestKind.SUBMIT and one.about == source.secret
            for one in self._run.database.requests(waiting=True)
        )
        if world.away("journal") or world.away("KMS") or not (asked or unasked) or (waiting and not unasked):
            return
        kinds = _SLIPS if world.faults.on else {"right": 1}
        match self._random.choices(list(kinds), list(kinds.values()))[0]:
            case "mistyped":
                wrong = world.new_values(source.fields)
                world.broken |= set(wrong.values())  # where nobody can be asked, consumers get it
                self._submit(source, wrong)
            case "the one in use":
                self._submit(source, world.current(source.secret) or {})
            case "two of them":
                self._submit(source, self._make(source))
                self._submit(source, self._make(source))
            case _:
                self._submit(source, self._make(source))

    def _make(self, source: Source) -> Values:
        world = self._world
        self._made += 1
        lag = 0.8 * source.traits.propagation.total_seconds() * self._random.random()
        held = Held(
            id=f"{source.principal}#made-{self._made}",
            values=world.new_values(source.fields),
            maker="maker",
            created_at=world.now,
            accepted_from=world.now + lag,
        )
        source.held[held.id] = held
        return held.values

    def _submit(self, source: Source, values: Values) -> None:
        """As the command line does: sealed where it is typed, and appended to the journal."""
        from tests.simulation.parts import SimDataKey

        self._made += 1
        request_id, world = f"h{self._made}", self._world
        context = seal_context(source.secret, request_id)
        key = SimDataKey(world.boxes, f"key-for-{sorted(context.items())}")
        sealed = key.seal({name: Sealed(value) for name, value in values.items()}, submitted_seal(request_id))
        self._run.database.add_request(
            Request(
                id=request_id, kind=RequestKind.SUBMIT, about=source.secret, by="maker",
                at=world.schedule.datetime(), sealed=sealed, data_key=key.wrapped,
            )
        )  # fmt: skip

    def _predecessor(self, source: Source, row: Rotation) -> Held | None:
        if row.sealed_predecessor is None:
            return None
        fields = self._world.boxes[row.sealed_predecessor][0]
        return source.find({name: value.reveal() for name, value in fields.items()})

    def _in_use(self, source: Source, held: Held) -> bool:
        """Whether somebody went past rotator, and consumers have it again."""
        world = self._world
        if world.current(source.secret) == held.values:
            return True
        names = set(world.shape.secrets[source.secret].policy.recipe.fields.values())
        return not world.promises.touched.isdisjoint(names) and any(
            world.holds(instance, source.secret) == held.values
            for workload in world.consumers(source.secret)
            for instance in workload.living()
        )
