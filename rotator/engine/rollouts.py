"""One rollout for all that is ready: it lingers open, closes, starts once under its own label, and ends.

A rollout row is claimed and advanced like a rotation. Its label at the platform is the row's id, so announce,
redeploy, forget and undo are four rollouts, and a crash between start and record starts nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from rotator.contracts.parts import Parts
from rotator.contracts.redeployer import Rollout, RolloutProgress
from rotator.engine.calendar import allowed_from
from rotator.engine.settings import Bounds
from rotator.model.errors import JournalAway, LostClaim, NotYet, Refused, Transient
from rotator.model.policy import Deployment
from rotator.model.rotation import (
    Phase,
    Priority,
    Purpose,
    Reason,
    RolloutRow,
    RolloutState,
    Rotation,
    State,
)

log = structlog.get_logger()

#: Rotations in these phases will soon join a rollout of that purpose: it stays open for them while it lingers.
_ON_THEIR_WAY = {
    Purpose.ANNOUNCE: {Phase.PLAN, Phase.TIDY, Phase.CREATE, Phase.ACTIVATE, Phase.VERIFY, Phase.ANNOUNCE},
    Purpose.REDEPLOY: {
        Phase.PLAN, Phase.TIDY, Phase.CREATE, Phase.READY, Phase.ACTIVATE, Phase.VERIFY,
        Phase.ANNOUNCE, Phase.STORE, Phase.REDEPLOY,
    },
    Purpose.FORGET: {Phase.DISABLE, Phase.FORGET},
    Purpose.UNDO: {Phase.CONFIRM, Phase.RESTORE, Phase.RECONFIRM},
}  # fmt: skip
#: Nobody waits for those who wait for the calendar, a person or another rotation.
_HELD = {
    Reason.WINDOW,
    Reason.PAUSED,
    Reason.AWAITING_YES,
    Reason.AWAITING_END,
    Reason.OTHERS,
    Reason.RETRYING,
    Reason.LISTING,
}


def advance_rollout(parts: Parts, bounds: Bounds, row: RolloutRow) -> RolloutRow:
    """The row as it should stand now: closed, started, looked at, put off, or ended.

    Raises LostClaim and JournalAway.
    """
    now = parts.journal.now()
    members = [rotation for member in row.members if (rotation := parts.journal.rotation(member))]
    deployment = _deployment(parts, members, row.workload)
    if deployment is None:
        return _ended(row, now, RolloutState.FAILED, f"{row.workload} is in nobody's recipe any more")
    if row.state is RolloutState.OPEN:
        return _closed(parts, bounds, row, members)
    if row.sentence == "":
        row, started = _started(parts, bounds, row, deployment, members)
        if not started:
            return row
    try:
        return _judged(row, now, bounds, deployment, _progress(parts, row, deployment), members)
    except (LostClaim, JournalAway):
        raise
    except Refused as refusal:
        return _ended(row, now, RolloutState.FAILED, str(refusal))
    except NotYet as wait:
        return _timed_out(row, now, bounds, deployment, str(wait)) or row.model_copy(
            update={"run_at": wait.until}
        )
    except Transient as trouble:
        return _later(row, now, members, trouble.retry_after)
    except Exception as bug:  # noqa: BLE001 - an adapter's bug is tried again and told, as in a rotation
        kind = type(bug).__name__
        log.error("undeclared exception", rollout=row.id, kind=kind)  # noqa: TRY400 - a traceback may hold a value
        return _later(row, now, members)


def _started(
    parts: Parts, bounds: Bounds, row: RolloutRow, deployment: Deployment, members: list[Rotation]
) -> tuple[RolloutRow, bool]:
    """The row with its stamp, and whether it may begin: not before its turn, its calendar and its workload allow it.

    Its platform has not answered yet. Nobody can join any more, so every member's write is older than the stamp, which
    each try makes anew: a window may have closed since, and its time begins when the platform is told.
    """
    now = parts.journal.now()
    if deployment.after and (waits := _in_turn(parts, row, deployment, members, now + bounds.poll)):
        return waits, False
    allowed = _allowed(parts, row, members, now)
    started = parts.journal.start_rollout(row) if allowed <= now else None
    if started is None:  # the calendar, or another rollout of its workload
        at = max(now + bounds.poll, min(allowed, now + bounds.slow_poll))
        return row.model_copy(update={"run_at": at}), False
    return started, True


def _closed(parts: Parts, bounds: Bounds, row: RolloutRow, members: list[Rotation]) -> RolloutRow:
    """Closed, unless others are about to join and there is time for them."""
    now = parts.journal.now()
    lingers = not row.exclusive and now < row.opened_at + bounds.linger
    if lingers and _others_coming(parts, row, members):
        return row.model_copy(update={"run_at": now + bounds.poll / 4})  # everybody waits for this one look
    return row.model_copy(update={"state": RolloutState.CLOSED, "run_at": now})


def _in_turn(
    parts: Parts, row: RolloutRow, deployment: Deployment, members: list[Rotation], next_look: datetime
) -> RolloutRow | None:
    """A wait for the rollouts of the same rotations that go first, by `after`; None once they are done.

    Where one of them failed, nothing of this one is restarted: its members go back as one.
    """
    joined = {one.id: one.ledger.rollouts.get(row.purpose.value) for one in members}
    joining = any(
        joined[one.id] is None and one.state is State.ACTIVE and one.phase in _ON_THEIR_WAY[row.purpose]
        for one in members
    )
    ids = {rollout for rollouts in joined.values() for rollout in rollouts or ()}
    ahead = [one for one in parts.journal.rollouts(ids) if one.workload in deployment.after]
    failed = next((one for one in ahead if one.state is RolloutState.FAILED), None)
    if failed is not None:
        sentence = f"{failed.workload} goes before it and failed: {failed.sentence}"
        return _ended(row, parts.journal.now(), RolloutState.FAILED, sentence)
    if joining or any(one.state is not RolloutState.DONE for one in ahead):
        return row.model_copy(update={"run_at": next_look})
    return None


def _later(
    row: RolloutRow, now: datetime, members: list[Rotation], retry_after: timedelta | None = None
) -> RolloutRow:
    """Tried again, less and less often; members say meanwhile that nobody knows how it stands."""
    recipe = members[0].recipe
    backoff = min(recipe.backoff_longest, recipe.backoff_first * 2 ** min(row.attempt, 20))
    at = now + max(backoff, retry_after or backoff)
    return row.model_copy(update={"run_at": at, "attempt": row.attempt + 1})


def _allowed(parts: Parts, row: RolloutRow, members: list[Rotation], now: datetime) -> datetime:
    """The first moment in which the calendar of every member allows a restart: it may have closed since they joined.

    Nothing holds an undo, an emergency, or a rotation whose consumers are locked out until they are restarted.
    """
    today = parts.policies().secrets
    bound = [one for one in members if one.priority is not Priority.EMERGENCY and one.recipe.secret in today]
    if row.purpose is Purpose.UNDO or len(bound) < len(members) or any(_in_a_gap(one) for one in members):
        return now
    return max((allowed_from(parts.policies(), today[one.recipe.secret], now) for one in bound), default=now)


def _in_a_gap(rotation: Rotation) -> bool:
    return rotation.recipe.accept_gap and rotation.recipe.accepted_as is None


def _progress(parts: Parts, row: RolloutRow, deployment: Deployment) -> Rollout:
    """How it stands at the platform, which is told of it first."""
    redeployer = parts.redeployer(deployment)
    if row.sentence == "":
        redeployer.redeploy(row.id)
    return redeployer.progress(row.id)


def _judged(
    row: RolloutRow,
    now: datetime,
    bounds: Bounds,
    deployment: Deployment,
    seen: Rollout,
    members: list[Rotation],
) -> RolloutRow:
    """What the platform's answer means."""
    assert row.started_at is not None, "it was stamped before the rollout was started"
    if seen.progress is RolloutProgress.FAILED:
        return _ended(row, now, RolloutState.FAILED, seen.sentence)
    if seen.progress is RolloutProgress.DONE:
        stale = next(
            filter(
                None,
                (stale_reading(row.workload, seen.seen, expected(member, row.purpose)) for member in members),
            ),
            "",
        )
        state = RolloutState.FAILED if stale else RolloutState.DONE
        sentence = f"the rollout finished, and {stale}" if stale else seen.sentence
        return _ended(row, now, state, sentence).model_copy(update={"seen": dict(seen.seen)})
    if late := _timed_out(row, now, bounds, deployment, seen.sentence or "not ready"):
        return late
    return row.model_copy(
        update={
            "run_at": now + _until_next_look(bounds, now - row.started_at),
            "sentence": seen.sentence or "rolling out",
            "attempt": 0,
        }
    )


def _timed_out(
    row: RolloutRow, now: datetime, bounds: Bounds, deployment: Deployment, stands: str
) -> RolloutRow | None:
    """Failed, where it began longer ago than it may take; None where it did not."""
    timeout = deployment.timeout * (bounds.reconfirm_timeout_factor if row.purpose is Purpose.UNDO else 1)
    if row.started_at is None or now - row.started_at <= timeout:
        return None
    return _ended(row, now, RolloutState.FAILED, f"not finished after {timeout}: {stands}")


def _until_next_look(bounds: Bounds, elapsed: timedelta) -> timedelta:
    """The longer it takes, the less often it is looked at: that it is done is noticed a twentieth late at most."""
    return min(bounds.poll, max(bounds.poll / 4, elapsed / 20))


def expected(rotation: Rotation, purpose: Purpose) -> Mapping[str, int]:
    """The versions that instances started for `purpose` must have read, by parameter."""
    ledger, accepted_as = rotation.ledger, rotation.recipe.accepted_as or ""
    match purpose:
        case Purpose.ANNOUNCE:
            return {accepted_as: ledger.announced or 0}
        case Purpose.REDEPLOY:
            return ledger.wrote
        case Purpose.FORGET:
            return {accepted_as: ledger.forgot or 0}
        case Purpose.UNDO:
            return ledger.restored


def stale_reading(workload: str, seen: Mapping[str, int], versions: Mapping[str, int]) -> str:
    """A sentence when an instance reports an older version than expected; empty when none does."""
    for name, version in versions.items():
        if seen.get(name, version) < version:
            return f"{workload} still reads version {seen[name]} of {name}, ours is {version}"
    return ""


def _ended(row: RolloutRow, now: datetime, state: RolloutState, sentence: str) -> RolloutRow:
    return row.model_copy(update={"state": state, "ended_at": now, "sentence": sentence, "run_at": now})


def _deployment(parts: Parts, members: list[Rotation], workload: str) -> Deployment | None:
    """How the workload is rolled out: by a member's frozen recipe, else by today's policy."""
    today = parts.policies().secrets
    recipes = [rotation.recipe for rotation in members]
    recipes += [today[recipe.secret].recipe for recipe in recipes if recipe.secret in today]
    for recipe in recipes:
        for deployment in recipe.deployments:
            if deployment.id == workload:
                return deployment
    return None


def _others_coming(parts: Parts, row: RolloutRow, members: list[Rotation]) -> bool:
    """Whether another rotation of this workload is about to join. Emergencies wait for nobody."""
    if any(member.priority is Priority.EMERGENCY for member in members):
        return False
    joined = set(row.members)
    return any(
        other.id not in joined and other.reason not in _HELD
        for other in parts.journal.on_their_way(row.workload, _ON_THEIR_WAY[row.purpose])
    )
