"""People and bad days: what happens to the world from outside, planned by the seed, each with a name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from rotator.contracts.provider import Overlap
from rotator.model.policy import Deployment, SecretPolicy
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import UNDOING, Reason, State
from tests.simulation.schedule import HOUR, MINUTE
from tests.simulation.source import LIVE, Held

if TYPE_CHECKING:
    from tests.simulation.run import Run


class People:
    """Everybody who is not rotator."""

    def __init__(self, run: Run, seed: int) -> None:
        self.run, self.world = run, run.world
        self.random = Random(seed ^ 0xBEEF)
        self._requests = 0

    def plan(self) -> None:
        """Puts a random number of events into the hostile part of the run, and autoscaling all over it."""
        world, hostile = self.world, self.world.shape.hostile_for
        kinds: list[tuple[str, Callable[[], None], int]] = [
            ("outage", self.outage, 6),
            ("kill", self.kill, 4),
            ("stop", self.stop, 2),
            ("changed by hand", self.change, 2),
            ("saved again", self.save_again, 1),
            ("put back", self.put_back, 2),
            ("garbage", self.garbage, 1),
            ("foreign key", self.foreign_key, 3),
            ("pause", self.pause, 1),
            ("leaves policy", self.leave, 1),
            ("new consumer", self.new_consumer, 1),
            ("longer grace", self.longer_grace, 1),
            ("request", self.request, 3),
            ("emergency", self.emergency, 3),
            ("rollback", self.roll_back, 2),
            ("straggler", self.straggler, 2),
            ("journal restored", self.restore, 1),
            ("journal lost", self.lose, 1),
        ]
        weights = [weight for _, _, weight in kinds]
        for number in range(self.random.choice((0, 0, 1, 2, 3, 5))):
            kind, action, _ = self.random.choices(kinds, weights)[0]
            at = self.random.random() ** 1.5 * hostile * (0.3 if self.random.random() < 0.4 else 1)
            world.schedule.at(at, partial(self._happen, number, kind, action))
        at = 0.0
        while at < hostile + world.shape.calm_for / 2:
            at += self.random.uniform(8, 90) * MINUTE
            world.schedule.at(at, lambda: self.random.choice(list(world.workloads.values())).churn())
        for hour in range(1, int((hostile + world.shape.calm_for) / HOUR)):
            world.schedule.at(hour * HOUR + self.random.uniform(0, HOUR), self.say_yes)

    def _happen(self, number: int, kind: str, action: Callable[[], None]) -> None:
        if self.world.faults.on and self.world.faults.happens(f"event {number} {kind}", "people", kind):
            action()
            self.world.promises.dirty = True
            self.world.promises.check()

    def _secret(self) -> SecretPolicy:
        shapes = list(self.world.shape.secrets.values())
        return self.random.choice(shapes).policy

    # bad days

    def outage(self) -> None:
        """Something is away for minutes or hours."""
        world = self.world
        sides = ["KMS", "channel", "journal", "journal"]
        sides += [f"store of {environment}" for environment in world.stores] * 2
        sides += [source.principal for source in world.sources.values()] * 2
        sides += list(world.workloads)
        world.take_away(self.random.choice(sides), self.random.choice((2, 20, 60, 200)) * MINUTE)

    def kill(self) -> None:
        """SIGKILL at any moment."""
        self.random.choice(self.world.processes).crash()

    def stop(self) -> None:
        """SIGTERM at any moment."""
        self.world.stop(self.random.choice(self.world.processes))

    def restore(self) -> None:
        """The journal's machine is lost, and yesterday's copy takes its place."""
        self.run.restore_journal()

    def lose(self) -> None:
        """The journal is gone for good."""
        self.run.lose_journal()

    # people at the source and in the store

    def foreign_key(self) -> None:
        """Somebody makes a credential by hand."""
        self._make(self._secret())

    def _make(self, policy: SecretPolicy) -> Held | None:
        source, world = self.world.sources[policy.secret], self.world
        if source.traits.shared or source.traits.overlap is Overlap.NONE:
            return None
        if source.slots is not None and source.occupied() >= source.slots:
            return None
        world.ids += 1
        made = Held(
            id=f"{source.principal}#by-hand-{world.ids}",
            values=world.new_values(source.fields),
            maker="person",
            label="terraform",
            created_at=world.now,
        )
        source.held[made.id] = made
        return made

    def change(self) -> None:
        """Somebody rotates by hand: makes a credential, writes it into the store."""
        policy = self._secret()
        made = self._make(policy)
        if made is not None:
            self.world.promises.established |= {made.id}
            for field, name in policy.recipe.fields.items():
                self._put(policy, name, made.values[field])

    def save_again(self) -> None:
        """Somebody saves the same value."""
        policy = self._secret()
        current = self.world.current(policy.secret)
        for field, name in policy.recipe.fields.items():
            if current:
                self._put(policy, name, current[field])

    def put_back(self) -> None:
        """Somebody thinks that the newest version is the trouble, and puts the one before it back."""
        policy = self._secret()
        source, parameters = self.world.sources[policy.secret], self.world.stores[policy.environment].by_name
        there = [parameters[name] for name in policy.recipe.fields.values()]
        if source.traits.shared or any(parameter.version < 2 for parameter in there):
            return
        earlier = {
            field: parameter.values[-2] for field, parameter in zip(policy.recipe.fields, there, strict=True)
        }
        held = source.find(earlier)
        if held is None or held.state != LIVE:
            return  # what they try does not work, and they notice
        for field, name in policy.recipe.fields.items():
            self._put(policy, name, earlier[field])

    def garbage(self) -> None:
        """Somebody writes nonsense."""
        policy = self._secret()
        nonsense = self.world.new_values(("oops",))["oops"]
        self.world.broken.add(nonsense)
        self._put(policy, self.random.choice(list(policy.recipe.fields.values())), nonsense)

    def _put(self, policy: SecretPolicy, name: str, value: str) -> None:
        world = self.world
        world.promises.recorded.add(value)
        world.promises.touched.add(name)
        world.promises.note_replaced(policy.secret, name)
        world.stores[policy.environment].put(name, value, world.now, "somebody")

    def straggler(self) -> None:
        """A script that nobody knows of uses the credential of now for some time."""
        source = self.world.sources[self._secret().secret]
        values = self.world.current(source.secret)
        held = source.find(values) if values else None
        if held is not None and held.state == LIVE:
            source.stragglers[held.id] = self.world.now + self.random.uniform(0.5, 3) * HOUR

    # policy and requests

    def pause(self) -> None:
        """Somebody holds a secret for a while."""
        until = self.world.schedule.datetime() + timedelta(minutes=self.random.uniform(10, 120))
        self._ask(RequestKind.PAUSE, self._secret().secret, until=until)

    def leave(self) -> None:
        """A secret leaves the policy, and mostly comes back."""
        secret = self._secret().secret
        secrets = {name: policy for name, policy in self.world.policies.secrets.items() if name != secret}
        self.world.policies = self.world.policies.model_copy(update={"secrets": secrets})
        self.world.schedule.after(self.random.uniform(0.2, 3) * HOUR, self._as_it_was)

    def _as_it_was(self) -> None:
        self.world.policies = self.world.shape.policies

    def new_consumer(self) -> None:
        """A workload begins to use a secret: from its next start it reads it."""
        policy, world = self._secret(), self.world
        readers = world.consumers(policy.secret)
        here = [w for w in world.workloads.values() if w.id.startswith(policy.environment)]
        others = [workload for workload in here if workload not in readers]
        if not others:
            return
        workload = self.random.choice(others)
        added = Deployment(id=workload.id, kind="sim", target=workload.id, timeout=timedelta(minutes=10))
        recipe = policy.recipe.model_copy(update={"deployments": (*policy.recipe.deployments, added)})
        self._change(policy.model_copy(update={"recipe": recipe}))
        workload.names = world.names_for(workload.id)

    def longer_grace(self) -> None:
        """The policy asks for more grace."""
        policy = self._secret()
        recipe = policy.recipe.model_copy(update={"grace": policy.recipe.grace * 2})
        self._change(policy.model_copy(update={"recipe": recipe}))

    def _change(self, policy: SecretPolicy) -> None:
        world = self.world
        secrets = {**world.policies.secrets, policy.secret: policy}
        world.policies = world.policies.model_copy(update={"secrets": secrets})
        world.shape.policies = world.policies

    def request(self) -> None:
        """Somebody wants it now."""
        self._ask(RequestKind.ROTATE, self._secret().secret)

    def emergency(self) -> None:
        """It has leaked."""
        secret = self._secret().secret
        self.world.emergencies.add(secret)
        self._ask(RequestKind.EMERGENCY, secret)

    def roll_back(self) -> None:
        """Somebody wants the old one back; whether there is still a way is for the engine to say."""
        unfinished = [one for one in self.run.database.rotations(unfinished=True) if one.phase not in UNDOING]
        if unfinished:
            self._ask(RequestKind.ROLL_BACK, self.random.choice(unfinished).id)

    def say_yes(self) -> None:
        """Somebody looks at what waits for a yes; when days are calm, always."""
        if self.world.faults.on and self.random.random() < 0.4:
            return
        for rotation in self.run.database.rotations(unfinished=True):
            if rotation.state is State.ACTIVE and rotation.reason is Reason.AWAITING_YES:
                self.world.approved.add(rotation.secret)
                self._ask(RequestKind.APPROVE, rotation.id)

    def _ask(self, kind: RequestKind, about: str, **more: object) -> None:
        self._requests += 1
        request = Request(
            id=f"q{self._requests}", kind=kind, about=about, by="ops", at=self.world.schedule.datetime()
        )
        self.run.database.add_request(request.model_copy(update=more))

    def reassure(self) -> None:
        """The hostile part is over: people have tidied up after themselves, machines are back."""
        world = self.world
        world.outages.clear()
        if self.random.random() < 0.04:
            world.blind = self.random.choice(list(world.stores))
            world.outages[f"store of {world.blind}"] = float("inf")
        self._as_it_was()
        for source in world.sources.values():
            source.stragglers.clear()
        for workload in world.workloads.values():
            for instance in [one for one in workload.instances if one.left_behind]:
                workload.end(instance)
                workload.begin()
