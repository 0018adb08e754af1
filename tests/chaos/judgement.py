"""What was found when all was over: everything that has to be zero, with a line for each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import psycopg

from rotator.model.rotation import Rotation
from rotator.sandbox.demo.seeds import USERS
from tests.chaos.asking import Asking
from tests.chaos.history import Invalidated, StoreHistory, invalidated
from tests.chaos.prober import Prober
from tests.chaos.reckoning import Record, harm
from tests.chaos.world import SECRETS, World
from tests.company.secret import UsedSecret


@dataclass
class Findings:
    """A line for each; what they are stands in __main__.py."""

    dark: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    harmful: list[str] = field(default_factory=list)


def judge(
    world: World, asking: Asking, history: StoreHistory, prober: Prober, stuck: list[str]
) -> tuple[Sequence[Rotation], Findings]:
    """All rotations, and what is wrong. `stuck` is what had not ended in time."""
    journal = world.journal
    rotations = journal.rotations()
    broken = [f"the record of {one.rotation}: {one.sentence}" for one in journal.verify_all()]
    findings = Findings(
        dark=prober.dark,
        lost=[*asking.lost(), *broken],
        orphans=[
            one
            for secret in SECRETS
            if not any(row.secret == secret.id and row.ended_at is None for row in rotations)
            for one in _orphans(world, secret)
        ],
        stuck=stuck,
    )
    for secret in SECRETS:
        record = _record(world, secret, history, [one for one in rotations if one.secret == secret.id])
        findings.harmful += [*harm(record), *_dead(world, secret)]
    return rotations, findings


def _record(world: World, secret: UsedSecret, history: StoreHistory, rotations: list[Rotation]) -> Record:
    return Record(
        secret=secret,
        values=history.of(secret.parameter),
        accepted=history.of(secret.accepted) if secret.accepted else (),
        rotations=rotations,
        turned_back=_turned_back(world, rotations),
        invalidated=[
            (one.credential, one.at)
            for one in invalidated(world)
            if one.secret == secret.id and not is_stray(one, rotations)
        ],
        instances=[*world.consumers.gone, *world.consumers.living(secret.environment)],
    )


def is_stray(ended: Invalidated, rotations: list[Rotation]) -> bool:
    """Whether a rotation made it and never got to know it; then its end is nobody's loss."""
    return any(one.id == ended.label and one.ledger.successor_id != ended.credential for one in rotations)


def _turned_back(world: World, rotations: list[Rotation]) -> dict[str, float]:
    """Rotation -> when it began to go back."""
    back = [one.id for one in rotations if one.ledger.undo_reason is not None]
    return {
        one: min(event.at.timestamp() for event in world.journal.events(one) if event.kind == "undo")
        for one in back
    }


def _orphans(world: World, secret: UsedSecret) -> Iterator[str]:
    """Living credentials of ours beside the one in use."""
    if secret.accepted:
        members = json.loads(world.read(secret.environment).values[secret.accepted])
        yield from (f"{secret.id}: another member in the accepted set" for _ in members[1:])
        return
    if secret.source != "postgres":
        value = world.read(secret.environment).values[secret.parameter]
        beside = world.vendor.beside(secret.environment, value)
        yield from (f"{secret.id}: {key} lives beside the one in use" for key in beside)
        return
    with psycopg.connect(world.databases[secret.environment].superuser_dsn()) as superuser:
        alive = superuser.execute(
            "select rolname from pg_roles where rolcanlogin and rolname = any(%s)", [[*USERS]]
        ).fetchall()
    yield from (f"{secret.id}: another role can log in" for _ in alive[1:])


def _dead(world: World, secret: UsedSecret) -> Iterator[str]:
    """What the store names and its source refuses, at rest."""
    held = world.read(secret.environment).values
    if secret.accepted:
        lives = secret.accepts(held, secret.bearer(held))
    else:
        lives = world.lets_in(secret, held[secret.parameter])
    if not lives:
        yield f"{secret.id}: dead in the store"
