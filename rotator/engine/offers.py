"""What can be done about an alert now, for messages that offer it, and what that would mean.

An offer is made only where the request that it becomes would be taken. It is looked at again when somebody clicks: a
message stands for days, and what it offers may be over by then.
"""

from __future__ import annotations

from collections.abc import Iterator

from rotator.contracts.parts import Parts
from rotator.contracts.provider import Overlap
from rotator.engine.decisions import Decided, decisions
from rotator.engine.phases.undo import no_way_back
from rotator.engine.standing import Standing
from rotator.model.alerts import Alert, AlertKind, AlertState, Hush
from rotator.model.clicks import Offer, Verb
from rotator.model.durations import spell_duration
from rotator.model.errors import RotatorError
from rotator.model.policy import Mode, Recipe
from rotator.model.requests import RequestKind
from rotator.model.rotation import Phase, Reason, Rotation, State

#: Told without the journal, or no alert with a life of its own: nothing is offered.
_ONLY_SAID = frozenset({AlertKind.JOURNAL_AWAY, AlertKind.DIGEST, AlertKind.PAGES_HELD})
#: What rotating ends.
_ENDED_BY_ROTATING = frozenset(
    {AlertKind.OVERDUE, AlertKind.DUE_SOON, AlertKind.WRITTEN_NOT_ROTATED, AlertKind.UNDONE}
)
#: Nobody may begin a rotation of these, or it begins otherwise.
_NOT_BY_ASKING = frozenset(
    {Standing.FOREIGN, Standing.MISSING, Standing.EXEMPT, Standing.OBSERVED, Standing.UNSURVEYED}
)
_ASKED = frozenset({RequestKind.ROTATE, RequestKind.EMERGENCY})
#: Consumers have been restarted for the successor by then, or are about to be.
_RESTARTED = frozenset({Phase.REDEPLOY, Phase.CONFIRM, Phase.GRACE, Phase.ANNOUNCE})


def offers(parts: Parts, alert: Alert, hush: Hush | None) -> Iterator[Offer]:
    """In the order in which they are shown. `hush`: the answer that holds."""
    if alert.closed or alert.kind in _ONLY_SAID:
        return
    yield from _answers(alert, hush)
    if not alert.members:
        yield from _about_rotation(parts, alert)
        yield from _about_secret(parts, alert)
    policy = parts.policies().secrets.get(alert.secret)
    if policy is not None and policy.runbook:
        yield Offer(verb=Verb.RUNBOOK, about=policy.runbook)


def _answers(alert: Alert, hush: Hush | None) -> Iterator[Offer]:
    """I am on it, and not now; to all that a message tells of."""
    told_of = [one for one in (*alert.members, *alert.beside) if not one.closed]
    answers = [one.hush for one in told_of] or [hush]
    about = ",".join(one.id for one in told_of) or alert.id
    for verb, state in ((Verb.ACKNOWLEDGE, AlertState.ACKNOWLEDGED), (Verb.SNOOZE, AlertState.SNOOZED)):
        if any(answer is None or answer.state is not state for answer in answers):
            yield Offer(verb=verb, about=about)


def _about_rotation(parts: Parts, alert: Alert) -> Iterator[Offer]:
    rotation = parts.journal.rotation(alert.rotation) if alert.rotation else None
    if rotation is None:
        return
    restarts = restarts_of(rotation.recipe)
    if awaits_yes(rotation):
        yield Offer(verb=Verb.APPROVE, about=rotation.id, means="The old credential is ended for good.")
    if backs_off(rotation):
        means = f"Tries {rotation.phase} again now{f', which {restarts}' if restarts else ''}."
        yield Offer(verb=Verb.RETRY, about=rotation.id, means=means)
    if rotation.state in {State.ACTIVE, State.PARKED} and not way_back_closed(parts, rotation):
        also = f" and {restarts}" if restarts and rotation.phase in _RESTARTED else ""
        means = f"Puts the old credential back{also}; the new one is removed."
        yield Offer(verb=Verb.ROLL_BACK, about=rotation.id, means=means)


def _about_secret(parts: Parts, alert: Alert) -> Iterator[Offer]:
    if alert.kind not in _ENDED_BY_ROTATING | {AlertKind.APPROVAL_WANTED} or alert.secret == "":
        return
    entry = decisions(parts.journal, parts.policies()).get(alert.secret)
    if entry is None:
        return
    recipe = entry.gathered.policy.recipe
    restarts = restarts_of(recipe)
    also = f", {restarts}" if restarts else ""
    means = f"Makes a new one, stores it{also}. The old one ends {spell_duration(recipe.grace)} later."
    if entry.decision.standing is Standing.AWAITING_YES:
        yield Offer(verb=Verb.APPROVE, about=alert.secret, means=means)
    if alert.kind in _ENDED_BY_ROTATING and can_ask(entry):
        yield Offer(verb=Verb.ROTATE, about=alert.secret, means=means)


def awaits_yes(rotation: Rotation) -> bool:
    """Whether its last step waits for a person."""
    return (
        rotation.state is State.ACTIVE
        and rotation.reason is Reason.AWAITING_YES
        and rotation.approved_by is None
    )


def backs_off(rotation: Rotation) -> bool:
    """Whether it waits for its next try."""
    return rotation.state is State.ACTIVE and rotation.reason is Reason.RETRYING


def way_back_closed(parts: Parts, rotation: Rotation) -> str:
    """Why it cannot be taken back; empty while it can."""
    if rotation.rolled_back_by is not None:
        return f"{rotation.rolled_back_by} has asked for that already"
    try:
        gapped = parts.provider(rotation.recipe).traits.overlap is Overlap.NONE
    except RotatorError as trouble:
        return str(trouble)
    return no_way_back(rotation, gapped=gapped)


def can_ask(entry: Decided) -> bool:
    """Whether asking begins a rotation, or lets one wait for its window."""
    at = entry.gathered
    rotated = at.policy.mode is not Mode.OBSERVE and not at.policy.submitted and at.history.active is None
    asked = any(request.kind in _ASKED for request in at.requests)
    return rotated and not asked and entry.decision.standing not in _NOT_BY_ASKING


def restarts_of(recipe: Recipe) -> str:
    """Which workloads are restarted, as a piece of a sentence; empty when none is."""
    names = [deployment.id.partition("/")[2] for deployment in recipe.deployments]
    if not names:
        return ""
    *others, last = names
    return f"restarts {', '.join(others)} and {last}" if others else f"restarts {last}"
