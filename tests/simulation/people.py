"""People and bad days: what happens to the world from outside, planned by the seed, each with a name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from rotator.model.alerts import AlertKind
from rotator.model.policy import Deployment, Policies, SecretPolicy
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import BEFORE_CONFIRMED, Phase, Reason, Rotation, State
from tests.simulation.by_hand import Maker
from tests.simulation.calendars import Span, frozen
from tests.simulation.faults import share
from tests.simulation.hands import Hands
from tests.simulation.schedule import HOUR, MINUTE

if TYPE_CHECKING:
    from tests.simulation.run import Run


#: What happens to a world from outside, and how often one is drawn beside the others.
EVENTS = {
    "outage": 6, "kill": 4, "stop": 2, "journal restored": 1, "journal lost": 1,
    "changed by hand": 2, "saved again": 1, "put back": 2, "garbage": 1, "foreign key": 3, "removed by hand": 1,
    "straggler": 2, "pause": 1, "freeze": 1, "leaves policy": 1, "new consumer": 1, "longer grace": 1,
    "request": 3, "emergency": 3, "rollback": 3,
}  # fmt: skip


class People:
    """Everybody who is not rotator."""

    def __init__(self, run: Run, seed: int) -> None:
        self.run, self.world = run, run.world
        self.random = Random(seed ^ 0xBEEF)
        self.hands = Hands(run.world, self.random)
        self.maker = Maker(run, seed)
        self._requests = self._quarantines = 0
        self._races = share(seed, 40) < 0.06
        self._yesterday = share(seed, 41) < 0.03
        self._copy = b""
        self._actions: dict[str, Callable[[], object]] = {
            "outage": self.outage,
            "kill": self.kill,
            "stop": self.stop,
            "journal restored": run.restore_journal,
            "journal lost": run.lose_journal,
            "changed by hand": lambda: self.hands.change(self._secret()),
            "saved again": lambda: self.hands.save_again(self._secret()),
            "put back": lambda: self.hands.put_back(self._secret()),
            "garbage": lambda: self.hands.garbage(self._secret()),
            "foreign key": lambda: self.hands.foreign_key(self._secret()),
            "removed by hand": lambda: self.hands.remove(self._secret()),
            "straggler": lambda: self.hands.straggler(self._secret()),
            "pause": self.pause,
            "freeze": self.freeze,
            "leaves policy": self.leave,
            "new consumer": self.new_consumer,
            "longer grace": self.longer_grace,
            "request": self.request,
            "emergency": self.emergency,
            "rollback": self.roll_back,
        }

    def plan(self) -> None:
        """Puts a random number of events into the hostile part of the run, and autoscaling all over it."""
        world, hostile = self.world, self.world.shape.hostile_for
        for number in range(self.random.choice((0, 0, 1, 2, 3, 5))):
            kind = self.random.choices(list(EVENTS), list(EVENTS.values()))[0]
            at = self.random.random() ** 1.5 * hostile * (0.3 if self.random.random() < 0.4 else 1)
            world.schedule.at(at, partial(self._happen, number, kind, self._actions[kind]))
        at = 0.0
        while at < hostile + world.shape.calm_for / 2:
            at += self.random.uniform(8, 90) * MINUTE
            world.schedule.at(at, lambda: self.random.choice(list(world.workloads.values())).churn())
        for hour in range(1, int((hostile + world.shape.calm_for) / HOUR)):
            world.schedule.at(hour * HOUR + self.random.uniform(0, HOUR), self.say_yes)
        self.maker.plan()

    def _happen(self, number: int, kind: str, action: Callable[[], object]) -> None:
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
        sides = ["KMS", "channel slack", "channel email", "journal", "journal"]
        sides += [f"store of {environment}" for environment in world.stores] * 2
        sides += [source.principal for source in world.sources.values()] * 2
        sides += [*world.workloads, *(f"mirror {name}" for name in world.shape.mirrors)]
        world.take_away(self.random.choice(sides), self.random.choice((2, 20, 60, 200)) * MINUTE)

    def kill(self) -> None:
        """SIGKILL at any moment."""
        self.random.choice(self.world.processes).crash()

    def stop(self) -> None:
        """SIGTERM at any moment."""
        self.world.stop(self.random.choice(self.world.processes))

    # moments that matter

    def race(self, name: str) -> None:
        """Somebody writes a parameter between rotator's look and its put: once, in some worlds."""
        secrets = self.world.shape.secrets.values()
        policy = next((one.policy for one in secrets if name in one.policy.recipe.fields.values()), None)
        if self._races and policy is not None:
            self._races = False
            self._happen(0, "raced", lambda: self.hands.write(policy))

    def watch(self, row: Rotation) -> None:
        """What was just recorded makes people act, or is the worst moment for the journal to be lost."""
        self.maker.recorded(row)
        if row.phase is Phase.QUARANTINE:
            self._quarantines += 1
            policy = self.world.shape.secrets[row.secret].policy
            if share(self.world.seed, 42, self._quarantines) < 0.1:
                self._happen(100 + self._quarantines, "removed by hand", lambda: self.hands.remove(policy))
        if not self._yesterday:
            return
        if row.phase is Phase.STORE and row.state is State.ACTIVE:
            self._copy = self.run.database.snapshot()
        if row.state is State.DONE and self._copy:
            self._yesterday = False
            self.world.schedule.after(
                MINUTE, lambda: self._happen(99, "journal restored", self._back_to_yesterday)
            )

    def _back_to_yesterday(self) -> None:
        """The journal of the moment before a store write comes back when all is done, and rollouts fail."""
        self.world.luckless = True
        self.run.restore_journal(self._copy)

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

    def freeze(self) -> None:
        """Nobody has time for trouble: a freeze from now on."""
        world, span = self.world, (self.world.now, self.world.now + self.random.uniform(0.5, 3) * HOUR)
        name = self.random.choice(list(world.stores))
        for shape in world.shape.secrets.values():
            if shape.policy.environment == name:
                shape.calendar.freezes.append(span)
        world.policies = _frozen(world.policies, name, span)
        world.shape.policies = _frozen(world.shape.policies, name, span)

    def _change(self, policy: SecretPolicy) -> None:
        world = self.world
        secrets = {**world.policies.secrets, policy.secret: policy}
        world.policies = world.policies.model_copy(update={"secrets": secrets})
        world.shape.policies = world.policies

    def request(self) -> None:
        """Somebody wants it now."""
        self._ask(RequestKind.ROTATE, self._secret().secret)

    def emergency(self) -> None:
        """It has leaked; what is being rotated is as likely as everything else together."""
        under_way = self.run.database.rotations(unfinished=True) if self.random.random() < 0.5 else ()
        secret = self.random.choice(under_way).secret if under_way else self._secret().secret
        self.world.emergencies.add(secret)
        self._ask(RequestKind.EMERGENCY, secret)

    def roll_back(self) -> None:
        """Somebody wants the old one back; whether there is still a way is for the engine to say."""
        rows = self.run.database.rotations(unfinished=True)
        unfinished = [one for one in rows if one.phase in BEFORE_CONFIRMED] or rows
        if unfinished:
            self._ask(RequestKind.ROLL_BACK, self.random.choice(unfinished).id)

    def say_yes(self) -> None:
        """Somebody looks at what waits for a yes or is parked; when days are calm, what waits never waits long."""
        if self.world.faults.on and self.random.random() < 0.4:
            return
        for rotation in self.run.database.rotations(unfinished=True):
            if rotation.state is State.ACTIVE and rotation.reason is Reason.AWAITING_YES:
                self.maker.ends(rotation)
                self.world.approved.add(rotation.secret)
                self._ask(RequestKind.APPROVE, rotation.id)
            if rotation.state is State.PARKED and self.random.random() < 0.2:
                self._ask(RequestKind.APPROVE, rotation.id)
        for alert in self.world.telling.heard():
            if alert.kind is AlertKind.APPROVAL_WANTED and not alert.rotation:
                self._ask(RequestKind.APPROVE, alert.secret)

    def _ask(self, kind: RequestKind, about: str, **more: object) -> None:
        self._requests += 1
        by = "grace" if kind is RequestKind.APPROVE else "ada"  # nobody says yes to what they asked for
        request = Request(
            id=f"q{self._requests}", kind=kind, about=about, by=by, at=self.world.schedule.datetime()
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


def _frozen(policies: Policies, environment: str, span: Span) -> Policies:
    environments = {**policies.environments, environment: frozen(policies.environments[environment], span)}
    return policies.model_copy(update={"environments": environments})
