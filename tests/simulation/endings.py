"""What must be so in the end, when faults have stopped and time enough has passed: P2, P3, P5, P6, and that it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.contracts.provider import Overlap
from rotator.model.alerts import Alert, AlertKind
from rotator.model.policy import Mode
from rotator.model.rotation import Reason, Rotation, State
from tests.simulation.schedule import HOUR, moment
from tests.simulation.source import LIVE
from tests.simulation.telling import ABOUT_ONE_ROTATION, END, NEVER, PARKED, QUIET
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.database import SimDatabase
    from tests.simulation.world import World

#: A rotation that faults no longer touch ends within this time.
DEADLINE = 5 * HOUR
#: Whatever has been so for this long has been seen and told.
_NOTICED = 4 * HOUR
#: Alerts about a secret that end once it is rotated.
_UNTIL_ROTATED = {
    AlertKind.OVERDUE,
    AlertKind.DUE_SOON,
    AlertKind.UNDONE,
    AlertKind.DRIFT,
    AlertKind.APPROVAL_WANTED,
    AlertKind.BY_HAND,
}
#: Alerts about what is away, which nothing is when days are calm.
_UNTIL_CALM = {AlertKind.UNREACHABLE, AlertKind.DELIVERY_FAILED, AlertKind.FOREIGN_OWNER}
#: A person, a policy or a script of theirs holds it: it waits, and says so.
_HELD_BY_PEOPLE = {Reason.AWAITING_YES, Reason.AWAITING_END, Reason.STILL_USED, Reason.PAUSED, Reason.WINDOW}


def judge(world: World, database: SimDatabase) -> None:
    """Raises Violated for the first promise that does not hold at the end."""
    heard = world.telling.heard()
    if world.blind and not any(alert.environment == world.blind for alert in heard):
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
        _light(world, secret, [row for row in rows if row.secret == secret])
        _accounted(world, secret, [row for row in rows if row.secret == secret], database)
        _copied(world, secret, [row for row in rows if row.secret == secret])
        _told(world, secret, [row for row in rows if row.secret == secret])
    _closed(world, database)
    world.seen_by_people(database.text())


def _ends(world: World, row: Rotation) -> None:
    """It ends: done, undone or parked."""
    went_on = world.telling.resumed.get(row.id, 0.0)  # people let it
    since = max(moment(row.opened_at), world.shape.hostile_for, went_on)
    if row.state is State.ACTIVE and row.reason not in _HELD_BY_PEOPLE and world.now - since > DEADLINE:
        raise Violated("it ends", f"{row.id} is still at {row.phase} ({row.reason}): {row.sentence}")


def _nothing_left_over(world: World, secret: str, rows: list[Rotation]) -> None:
    """P3: at rest a source holds one live credential of ours."""
    if not any(row.state in {State.ACTIVE, State.PARKED} for row in rows):
        world.leftovers.at_rest(secret)


def _light(world: World, secret: str, rows: list[Rotation]) -> None:
    """P1, where dark times are only measured: they end, or somebody was told of a rotation that cannot end them.

    A journal that was lost, or restored from before, knows of no rotation that had begun: who restored it is told to
    look (docs/how-to/alerts/journal_away.md).
    """
    world.promises.dirty = True
    world.promises.check()
    unfinished = any(row.state in {State.ACTIVE, State.PARKED} for row in rows)
    dark = world.promises.dark_since.get(secret, world.now)
    remembered = dark > world.telling.journal_since
    if not unfinished and remembered and world.now - dark > _NOTICED:
        raise Violated(
            "P1 never dark", f"{secret} has been dark since {dark:.0f} s, and nothing is under way"
        )


def _accounted(world: World, secret: str, rows: list[Rotation], database: SimDatabase) -> None:
    """P2 and P3: whatever lives is in the store, in an unfinished row, or shown to people."""
    source = world.sources[secret]
    if source.traits.shared or source.traits.submitted or source.traits.overlap is Overlap.NONE:
        return  # shared: nobody keeps it; submitted: who made it is told what became of it
    policy = world.policies.secrets.get(secret)
    managed = policy is not None and policy.mode is not Mode.OBSERVE  # nobody counts what is only watched
    current = world.current(secret)
    if current is None:
        return  # people broke the document: what of all that lives should be in it, nobody can know
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


def _copied(world: World, secret: str, rows: list[Rotation]) -> None:
    """P1 for those who read a mirror: once a rotation is over, its copies are what it left in the store.

    A mirror of this world cannot tell how old its copies are. So what people write past a rotation stays uncopied, and
    so does what a rotation wrote that a lost journal knows nothing of.
    """
    policy = world.shape.secrets[secret].policy
    if not policy.recipe.mirrors or any(row.state in {State.ACTIVE, State.PARKED} for row in rows):
        return
    ended = max((moment(row.ended_at) for row in rows if row.ended_at), default=0.0)
    there = world.stores[policy.environment]
    for name in policy.recipe.parameters:
        written = there.by_name.get(name)
        if written is None or written.modified_by != "rotator":
            continue
        of_this_journal = world.telling.journal_since < written.modified_at <= ended
        if of_this_journal and there.mirrored.get(name) != written.value:
            raise Violated("P1 never dark", f"the mirror of {name} has another value than the store has")


def _told(world: World, secret: str, rows: list[Rotation]) -> None:
    """P6: what is parked or overdue has an alert that people have read."""
    heard, parked = world.telling.heard(), world.telling.parked
    told = [alert for alert in heard if alert.secret == secret]
    lately = [
        said.alert
        for said in world.telling.said.values()
        if said.level == END and said.at > world.now - _NOTICED and said.alert.secret == secret
    ]
    for row in rows:
        settled = parked.get(row.id, world.now) < world.now - _NOTICED
        if settled and not any(alert.rotation == row.id and alert.kind in PARKED for alert in told):
            raise Violated("P6 never silent", f"{row.id} is parked ({row.reason}), and nobody was told")
    policy = world.shape.secrets[secret].policy
    if policy.secret not in world.policies.secrets:
        return
    store = world.stores[policy.environment].by_name
    written = [store[name].modified_at for name in policy.recipe.fields.values() if name in store]
    overdue = written and world.now - min(written) - policy.rotate_every.total_seconds() > _NOTICED
    active = any(
        row.state is State.ACTIVE
        or max(moment(row.ended_at or row.phase_since), parked.get(row.id, 0.0)) > world.now - _NOTICED
        for row in rows
    )
    for_all = [alert for alert in heard if not alert.secret and alert.environment in {policy.environment, ""}]
    loud = {alert.kind for alert in [*told, *lately, *for_all]} - QUIET  # one may end, another be on its way
    if overdue and not active and not loud:
        raise Violated("P6 never silent", f"{secret} is overdue, and nobody was told")


def _closed(world: World, database: SimDatabase) -> None:
    """P6: what people were told, and is over, they were told the end of."""
    for (identity, where), said in world.telling.said.items():
        alert, noticed = said.alert, world.now - _NOTICED
        if said.level == END or not said.recorded or (world.blind and alert.environment in {world.blind, ""}):
            continue
        if _over_since(world, database, alert) < noticed:
            raise Violated("P6 told when it is over", f"{where} was told {identity}, and not that it is over")


def _over_since(world: World, database: SimDatabase, alert: Alert) -> float:
    """Since when what an alert says is over, as far as this world can tell; never if it may be so still."""
    if alert.kind in ABOUT_ONE_ROTATION and alert.rotation:
        return world.telling.over_since(alert)
    if alert.kind in _UNTIL_ROTATED:
        opened = max(moment(alert.opened_at), world.telling.reopened.get(alert.identity, 0.0))
        done = [moment(row.ended_at) for row in database.rotations(secret=alert.secret)
                if row.state is State.DONE and row.ended_at]  # fmt: skip
        return min((at for at in done if at > opened), default=NEVER)
    unreadable = any(world.current(secret) is None for secret in world.sources)
    if alert.kind in _UNTIL_CALM:
        return (
            NEVER if unreadable else world.shape.hostile_for
        )  # nobody can count what a broken document names
    if alert.kind is AlertKind.UNKNOWN_CREDENTIAL:
        known = world.sources[alert.secret].held
        named = [known[one] for one in alert.facts["Which"].split(", ") if one in known]
        return max((held.refused_from if held.state != LIVE else NEVER for held in named), default=NEVER)
    return NEVER
