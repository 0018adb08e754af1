"""What must be so in the end, when faults have stopped and time enough has passed: P2, P3, P5, P6, and that it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.contracts.provider import Overlap
from rotator.model.alerts import AlertKind
from rotator.model.rotation import Reason, Rotation, State
from tests.simulation.schedule import HOUR, moment
from tests.simulation.source import LIVE
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.database import SimDatabase
    from tests.simulation.world import World

#: A rotation that faults no longer touch ends within this time.
DEADLINE = 5 * HOUR
#: Whatever has been so for this long has been seen and told.
_NOTICED = 4 * HOUR
#: A person, a policy or a script of theirs holds it: it waits, and says so.
_HELD_BY_PEOPLE = {Reason.AWAITING_YES, Reason.STILL_USED, Reason.PAUSED, Reason.WINDOW}


#: After these a credential may be left over, to be shown as one that nobody knows: its row is lost, or it was minted
#: after the row had gone on without it.
_LOOSE = {
    ("people", "journal lost"),
    ("people", "journal restored"),
    ("people", "changed by hand"),
    ("people", "put back"),
    ("people", "garbage"),
    ("provider.create", "frozen before the effect"),
}


def judge(world: World, database: SimDatabase) -> None:
    """Raises Violated for the first promise that does not hold at the end."""
    told = {
        alert.kind for alert in world.told.values() if not alert.closed and alert.environment == world.blind
    }
    if world.blind and not told:
        raise Violated(
            "P6 never silent", f"the store of {world.blind} cannot be reached, and nobody was told"
        )
    rows = [row for row in database.rotations() if row.recipe.environment != world.blind]
    for row in rows:
        _ends(world, row)
    for secret in world.sources:
        if secret.startswith(f"{world.blind}/"):
            continue  # what waits for the store waits; that it is away is told
        _nothing_left_over(world, secret, [row for row in rows if row.secret == secret])
        _accounted(world, secret, [row for row in rows if row.secret == secret], database)
        _told(world, secret, [row for row in rows if row.secret == secret], database)
    world.seen_by_people(database.text())


def _ends(world: World, row: Rotation) -> None:
    """It ends: done, undone or parked."""
    since = max(moment(row.opened_at), world.shape.hostile_for)
    if row.state is State.ACTIVE and row.reason not in _HELD_BY_PEOPLE and world.now - since > DEADLINE:
        raise Violated("it ends", f"{row.id} is still at {row.phase} ({row.reason}): {row.sentence}")


def _nothing_left_over(world: World, secret: str, rows: list[Rotation]) -> None:
    """P3: at rest a source holds one live credential of ours."""
    source, current = world.sources[secret], world.current(secret)
    at_rest = not any(row.state in {State.ACTIVE, State.PARKED} for row in rows)
    if (
        not at_rest
        or source.traits.overlap is Overlap.NONE
        or any(fault in world.faults.coverage for fault in _LOOSE)
    ):
        return
    for held in source.held.values():
        if held.maker == "rotator" and held.state == LIVE and held.values != current:
            raise Violated(
                "P3 nothing left over", f"{held.id} of {held.label} lives, and no rotation is left to end it"
            )


def _accounted(world: World, secret: str, rows: list[Rotation], database: SimDatabase) -> None:
    """P2 and P3: whatever lives is in the store, in an unfinished row, or shown to people."""
    source = world.sources[secret]
    if source.traits.shared or source.traits.overlap is Overlap.NONE:
        return
    managed = world.shape.secrets[secret].policy.secret in world.policies.secrets
    current = world.current(secret)
    seen = database.observed().get(secret)
    known = set(seen.unknown) if seen else set()
    for row in rows:
        if row.state in {State.ACTIVE, State.PARKED}:
            ledger = row.ledger
            known |= {
                ledger.predecessor_id or "",
                ledger.successor_id or "",
                *ledger.strays,
                *ledger.doubtful,
            }
            if row.state is State.PARKED:  # people read its sentence
                known |= {
                    held.id
                    for held in source.held.values()
                    if held.id in row.sentence or (held.label == row.id and row.id in row.sentence)
                }
        if row.state is State.DONE and row.ledger.death == "assumed":
            known.add(row.ledger.predecessor_id or source.principal + "#seed")
    for held in source.held.values():
        ours = managed or held.maker == "rotator"  # what people do to a secret that left the policy is theirs
        if ours and held.state == LIVE and held.values != current and held.id not in known:
            raise Violated("P2 nothing lost", f"{held.id} ({held.maker}) lives, and nobody knows it")


def _told(world: World, secret: str, rows: list[Rotation], database: SimDatabase) -> None:
    """P6: what is parked, overdue or undone has an alert that people have read."""
    told = [alert for alert in world.told.values() if alert.secret == secret and not alert.closed]
    for row in rows:
        settled = moment(row.phase_since) < world.now - _NOTICED
        if row.state is State.PARKED and settled and not any(alert.rotation == row.id for alert in told):
            raise Violated("P6 never silent", f"{row.id} is parked ({row.reason}), and nobody was told")
    policy = world.shape.secrets[secret].policy
    if policy.secret not in world.policies.secrets:
        return
    store = world.stores[policy.environment].by_name
    written = [store[name].modified_at for name in policy.recipe.fields.values() if name in store]
    overdue = written and world.now - min(written) - policy.rotate_every.total_seconds() > _NOTICED
    active = any(
        row.state is State.ACTIVE or moment(row.ended_at or row.phase_since) > world.now - _NOTICED
        for row in rows
    )
    kinds = {alert.kind for alert in told} | {
        alert.kind
        for alert in world.told.values()
        if not alert.closed and alert.environment == policy.environment
    }
    loud = kinds - {AlertKind.UNKNOWN_CREDENTIAL, AlertKind.UNMANAGED, AlertKind.DUE_SOON}
    if overdue and not active and not loud:
        raise Violated("P6 never silent", f"{secret} is overdue, and nobody was told")
