"""3 redeploy: join the workloads' rollouts, and confirm that every consumer is on the successor.

A finished rollout proves a restart, not a value: confirm also wants every instance started after our write, and
where instances report what they read, that it is our version.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from rotator.contracts.provider import Use
from rotator.engine.phases.step import Move, Step, Undo, plural
from rotator.engine.rollouts import expected, stale_reading
from rotator.model.errors import NotYet, Transient
from rotator.model.rotation import (
    Evidence,
    Phase,
    Purpose,
    Reason,
    RolloutRow,
    RolloutState,
)

#: A rollout that ends wakes its members: they look by themselves only now and then, whether its platform answers.
_POLLS = 5
_TELLING = timedelta(minutes=1)


def redeploy(step: Step) -> Move:
    """Joins the open rollout of every workload that reads the secret."""
    assert step.ledger.wrote_at is not None, "store writes wrote_at"
    return joined(step, Purpose.REDEPLOY, step.ledger.wrote_at, Phase.CONFIRM) or step.skip(Phase.CONFIRM)


def confirm(step: Step) -> Move:
    """Every consumer is seen on the successor; the best evidence is noted."""
    assert step.ledger.wrote_at is not None, "store writes wrote_at"
    unfinished = rolled_out(step, Purpose.REDEPLOY, since=step.ledger.wrote_at)
    if unfinished:
        return unfinished
    evidence = _evidence(step, _rollouts(step, Purpose.REDEPLOY))
    if step.gapped:
        return step.to(
            Phase.PROVE,
            f"confirmed ({evidence})",
            confirmed_at=step.now,
            evidence=evidence,
        )
    until = step.now if step.emergency else step.now + step.grace
    sentence = f"confirmed ({evidence}): the old one ends {until:%Y-%m-%d %H:%M} UTC at the earliest"
    return step.carry(
        Phase.GRACE,
        sentence,
        confirmed_at=step.now,
        evidence=evidence,
        grace_until=until,
    )


def joined(step: Step, purpose: Purpose, since: datetime, following: Phase | None = None) -> Move | None:
    """Joins the workloads' rollouts of that purpose, none that began before `since`; None once that is written down."""
    if purpose in step.ledger.rollouts:
        return None
    rows = [
        step.parts.journal.join_rollout(
            step.rotation.id,
            deployment.id,
            purpose,
            exclusive=step.ledger.singly and purpose is not Purpose.UNDO,
            since=since,
        )
        for deployment in step.deployments()
    ]
    rollouts = {**step.ledger.rollouts, purpose.value: tuple(row.id for row in rows)}
    phase = following or step.rotation.phase
    if not rows:  # nobody reads it
        return step.skip(phase, rollouts=rollouts)
    return step.to(phase, f"joined the rollout of {plural(row.workload for row in rows)}", rollouts=rollouts)


def restarted(step: Step, purpose: Purpose, since: datetime) -> Move | None:
    """Joins the rollouts of that purpose, then waits for them; None when every consumer was restarted after `since`."""
    return joined(step, purpose, since) or rolled_out(step, purpose, since)


def rolled_out(step: Step, purpose: Purpose, since: datetime) -> Move | None:
    """None when every rollout joined for `purpose` is done and nothing from before `since` is left."""
    rows = _rollouts(step, purpose)
    failed = [row for row in rows if row.state is RolloutState.FAILED]
    if failed:
        sentence = "; ".join(f"{row.workload}: {row.sentence}" for row in failed)
        unseen = all(
            stale_reading(row.workload, row.seen, expected(step.rotation, purpose)) for row in failed
        )
        return _failed(step, purpose, Reason.NOT_SEEN if unseen else Reason.ROLLOUT_FAILED, sentence)
    running = [row for row in rows if row.state is not RolloutState.DONE]
    silent = [row.workload for row in running if row.attempt]
    if silent:  # an attempt of ours too: people hear of it as of any other far side that is away
        raise Transient(
            f"the platform of {plural(silent)} does not answer: nobody knows how the rollout stands"
        )
    again = max((row.run_at for row in running), default=step.now) + _POLLS * step.bounds.poll
    put_off = [row.workload for row in running if _put_off(step, row)]
    if put_off:  # a far side's "not yet" like any other: people hear of it when it lasts
        raise NotYet(f"the platform of {plural(put_off)} has not begun the rollout: not yet", again)
    if running:
        sentence = f"waiting for the rollout of {plural(row.workload for row in running)}"
        return step.wait(Reason.ROLLING_OUT, sentence, again)
    early = [row for row in rows if row.started_at is None or row.started_at < since]
    if early:
        raise Transient(f"the rollout of {plural(row.workload for row in early)} began before our write")
    return None


def _put_off(step: Step, row: RolloutRow) -> bool:
    """Whether its platform was told of it and puts it off; telling takes a minute at most, once it is closed."""
    tried = row.started_at is not None and not row.sentence
    return tried and step.now - row.opened_at > step.bounds.linger + _TELLING


def _failed(step: Step, purpose: Purpose, reason: Reason, sentence: str) -> Move:
    """What a failed rollout means depends on what it was for."""
    if purpose is Purpose.UNDO:
        sentence = f"consumers could not be taken back: {sentence}"
        return step.park(Reason.RECONFIRM_FAILED, sentence, rollouts=without(step, purpose))
    if purpose is Purpose.FORGET:
        return step.wait(
            reason,
            f"trying again: {sentence}",
            step.recipe.backoff_longest,
            rollouts=without(step, purpose),
        )
    raise Undo(reason, sentence)


def without(step: Step, purpose: Purpose) -> dict[str, tuple[str, ...]]:
    """The rollouts in the row without those for `purpose`, so that they are joined anew."""
    return {name: ids for name, ids in step.ledger.rollouts.items() if name != purpose.value}


def consumers_added(step: Step) -> Move | None:
    """Back to redeploy for consumers that today's policy has added since; None when there are none."""
    known = {row.workload for row in _rollouts(step, Purpose.REDEPLOY)}
    added = [deployment.id for deployment in step.deployments() if deployment.id not in known]
    if not added:
        return None
    sentence = f"added to the policy meanwhile, and redeployed before the old one ends: {plural(added)}"
    return step.to(Phase.REDEPLOY, sentence, rollouts=without(step, Purpose.REDEPLOY))


def _rollouts(step: Step, purpose: Purpose) -> list[RolloutRow]:
    ids = step.ledger.rollouts.get(purpose.value, ())
    return list(step.parts.journal.rollouts(ids)) if ids else []


def _evidence(step: Step, rows: list[RolloutRow]) -> Evidence:
    """The best proof there is that consumers are on the successor."""
    names = set(step.ledger.wrote)
    if rows and all(names <= set(row.seen) for row in rows):
        return Evidence.REPORTED
    assert step.ledger.wrote_at is not None and step.ledger.successor_id is not None, "store wrote both"
    used = step.provider.last_used(step.ledger.successor_id).since(step.ledger.wrote_at)
    return Evidence.SOURCE if used is Use.USED else Evidence.ASSUMED
