"""What a seed draws: how many secrets and replicas, what the sources are like, what the policy says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from rotator.contracts.provider import Overlap, Sight, Traits
from rotator.model.policy import (
    AlertPolicy,
    Deployment,
    EnvironmentPolicy,
    Mode,
    OwnerPolicy,
    Policies,
    Recipe,
    SecretPolicy,
)
from rotator.model.rotation import Death
from tests.simulation.calendars import Calendar, draw_freeze, draw_windows, frozen

MINUTES = 60.0


@dataclass
class SecretShape:
    """One secret of one environment."""

    policy: SecretPolicy
    traits: Traits
    slots: int | None
    names_credentials: bool
    sight_lag: float
    age: float  # seconds at the start
    dead_at_start: bool
    calendar: Calendar


@dataclass
class Shape:
    """A world before anything happens."""

    policies: Policies
    secrets: dict[str, SecretShape]
    reports: dict[str, bool]  # workload -> instances say what they read
    sizes: dict[str, int]
    replicas: int
    limit: int  # rows that a worker claims at once
    hostile_for: float
    calm_for: float
    mirrors: tuple[str, ...] = ()

    def write_down(self) -> None:
        """policies.yaml says of the secrets what was drawn of them."""
        secrets = {secret: drawn.policy for secret, drawn in self.secrets.items()}
        self.policies = self.policies.model_copy(update={"secrets": secrets})


def draw(random: Random) -> Shape:
    """Draws a world."""
    environments = ["production"] if random.random() < 0.7 else ["staging", "production"]
    names = [
        f"S{n}"
        for n in range(
            random.choice((1, 1, 1, 2, 2, 3)) if len(environments) == 1 else random.choice((1, 1, 2))
        )
    ]
    workloads = ["api"] if random.random() < 0.5 else ["api", "worker"]
    mirrors = ("github",) if random.random() < 0.15 else ()
    kinds = {name: _kind(random) for name in names}
    used_by = {name: [w for w in workloads if random.random() < 0.7] or workloads[:1] for name in names}
    secrets = {}
    for name in names:
        drawn = random.getrandbits(32)
        for environment in environments:
            shape = _secret(Random(drawn), environment, name, kinds[name], used_by[name], mirrors)
            shape.age = random.uniform(0.2, 1.6) * shape.policy.rotate_every.total_seconds()
            secrets[shape.policy.secret] = shape
    ids = [f"{environment}/{workload}" for environment in environments for workload in workloads]
    hostile_for = random.uniform(1.5, 5) * 3600
    return Shape(
        policies=_policies(random, environments, secrets, hostile_for),
        secrets=secrets,
        reports={workload: random.random() < 0.5 for workload in ids},
        sizes={workload: random.choice((1, 2, 2, 3)) for workload in ids},
        replicas=random.choice((1, 1, 1, 2, 2, 3, 4)),
        limit=random.choice((1, 1, 3)),
        hostile_for=hostile_for,
        calm_for=7 * 3600,
        mirrors=mirrors,
    )


def _policies(
    random: Random, environments: list[str], secrets: Mapping[str, SecretShape], hostile_for: float
) -> Policies:
    drawn = {}
    for name in environments:
        environment = EnvironmentPolicy(
            name=name,
            path=f"/taly/{name}",
            region="eu-central-1",
            after="staging" if name == "production" and len(environments) == 2 else None,
            soak=timedelta(minutes=random.choice((0, 20))),
            max_concurrent=random.choice((None, None, 1, 2)),
        )
        if random.random() < 0.1:
            span = draw_freeze(random, hostile_for)
            environment = frozen(environment, span)
            for shape in secrets.values():
                if shape.policy.environment == name:
                    shape.calendar.freezes.append(span)
        drawn[name] = environment
    addresses = random.choice(({"slack": "#ops"}, {"slack": "#ops"}, {"slack": "#ops", "email": "ops"}))
    return Policies(
        version="1",
        environments=drawn,
        secrets={shape.policy.secret: shape.policy for shape in secrets.values()},
        owners={
            "team": OwnerPolicy(name="team", addresses=addresses, escalate_to="boss"),
            "boss": OwnerPolicy(name="boss", addresses={"email": "boss"} if random.random() < 0.5 else {}),
        },
        default_owner="team",
        alerts=AlertPolicy(
            group_wait=timedelta(seconds=30),
            repeat=tuple(timedelta(hours=hours) for hours in random.choice(((24, 72), (2, 5), ()))),
        ),
    )


def _kind(random: Random) -> str:
    return random.choice(("shared", "none", "pair", "pair", "many", "many", "many"))


def draw_traits(random: Random, kind: str) -> Traits:
    """What a source of this kind is like."""
    if kind == "shared":
        return Traits(
            overlap=Overlap.MANY, mints=False, labels=False, reversible=False, sight=Sight.OURS,
            death=Death.PROBE, shared=True, acceptances=random.choice((1, 2)),
        )  # fmt: skip
    mints = random.random() < 0.6
    return Traits(
        overlap={"none": Overlap.NONE, "pair": Overlap.PAIR, "many": Overlap.MANY}[kind],
        mints=mints,
        labels=random.random() < 0.6
        or not mints,  # a source that is told its value is told the label with it
        reversible=kind != "none" and random.random() < 0.6,
        sight=random.choice((Sight.YES, Sight.YES, Sight.LAGGING, Sight.NO)),
        death=random.choice((Death.TRIED, Death.TRIED, Death.LISTED_GONE)) if kind != "none" else Death.TRIED,
        acceptances=random.choice((1, 1, 2, 3)),
        propagation=timedelta(seconds=random.choice((0, 10, 60))),
        listing=timedelta(seconds=random.choice((0, 10, 90))),
    )


def _secret(
    random: Random, environment: str, name: str, kind: str, workloads: list[str], mirrors: tuple[str, ...]
) -> SecretShape:
    traits = draw_traits(random, kind)
    path = f"/taly/{environment}/{name}"
    shared = traits.shared
    multiple = not shared and random.random() < 0.15
    fields = {"sid": f"{path}_SID", "secret": f"{path}_SECRET"} if multiple else {"value": path}
    grace = random.choice((10, 20, 40)) * MINUTES
    probe = tuple(f"{environment}/{w}" for w in workloads) if shared and random.random() < 0.7 else ()
    recipe = Recipe(
        secret=f"{environment}/{name}",
        environment=environment,
        provider=f"{kind}-{name}",
        fields=fields,
        accepted_as=f"{path}_ACCEPTED" if shared else None,
        probe=probe,
        external_consumers=shared and random.random() < 0.15,
        deployments=tuple(
            Deployment(id=f"{environment}/{w}", kind="sim", target=w, timeout=timedelta(minutes=10))
            for w in workloads
        ),
        mirrors=mirrors,
        grace=timedelta(seconds=grace),
        quarantine=timedelta(minutes=random.choice((0, 0, 15))),
        cooldown=timedelta(minutes=random.choice((20, 60))),
        accept_unseen=traits.sight is Sight.NO and random.random() < 0.85,
        accept_gap=traits.overlap is Overlap.NONE,
        torn_ok=multiple,
    )
    windows, spoken = draw_windows(random) if random.random() < 0.2 else ((), ())
    policy = SecretPolicy(
        secret=recipe.secret,
        environment=environment,
        name=name,
        type=kind,
        recipe=recipe,
        mode=random.choices((Mode.AUTO, Mode.APPROVE, Mode.OBSERVE), (86, 10, 4))[0],
        warn_before=(timedelta(hours=12), timedelta(hours=2)),
        windows=spoken,
        rotate_every=timedelta(hours=random.choice((8, 16, 48))),
        page_after=timedelta(hours=8),
        owner="team",
    )
    drawn = SecretShape(
        policy=policy,
        traits=traits,
        slots={Overlap.NONE: 1, Overlap.PAIR: 2, Overlap.MANY: random.choice((None, None, 3, 5))}[
            traits.overlap
        ],
        names_credentials=random.random() < 0.92,
        sight_lag=grace * 0.4 if traits.sight is Sight.LAGGING else 0.0,
        age=0.0,
        dead_at_start=not shared and random.random() < 0.03,
        calendar=Calendar(windows),
    )
    if not shared and not multiple and kind != "none" and random.random() < 0.3:
        _signed_by_the_source(random, drawn, f"{path}_ACCEPTED")
    return drawn


def _signed_by_the_source(random: Random, drawn: SecretShape, accepted_as: str) -> None:
    """The source signs with it and consumers verify, as with Stripe's webhooks; or it promotes, as Twilio does."""
    traits = replace(drawn.traits, mints=True, verified=True)
    if traits.overlap is Overlap.PAIR and random.random() < 0.6:
        traits = replace(traits, promotes=True, labels=False, reversible=False, death=Death.TRIED)
    recipe = drawn.policy.recipe.model_copy(update={"accepted_as": accepted_as})
    drawn.traits, drawn.policy = traits, drawn.policy.model_copy(update={"recipe": recipe})
