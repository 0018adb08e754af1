"""What people asked for, carried out or refused with a sentence; requests to rotate are taken up by the scan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import cast

import structlog

from rotator.contracts.journal import Told
from rotator.contracts.parts import Parts
from rotator.contracts.provider import Overlap, VerifiedProvider
from rotator.engine.answers import answer_alert
from rotator.engine.approvals import approve, reject
from rotator.engine.ownership import take_over
from rotator.engine.parameters import fields_in, texts_in
from rotator.engine.phases.undo import no_way_back
from rotator.engine.plans import without_outdated
from rotator.engine.submissions import without_earlier
from rotator.model.errors import Drifted, NotYet, Raced, Refused, Transient
from rotator.model.observations import HEARTBEAT, Pause
from rotator.model.policy import Mode, Recipe
from rotator.model.requests import Request, RequestKind, RequestState
from rotator.model.rotation import UNDOING, Priority, Reason, Rotation, State
from rotator.model.secrets import AcceptedSet, Credential

log = structlog.get_logger()

#: A pause without an end date would be forgotten.
LONGEST_PAUSE = timedelta(days=90)


def carry_out(parts: Parts, request: Request) -> Request:
    """Keeps a request and carries it out if that can be done now: as it is kept then, settled or waiting.

    One whose id has been there before is not carried out again: its answer is what became of it then.
    """
    parts.journal.add_request(request)
    kept = _kept(parts, request)
    if kept.state is RequestState.WAITING and (outcome := _outcome(parts, kept)) is not None:
        parts.journal.settle_request(kept.id, *outcome)
        kept = _kept(parts, request)
    return kept


def _kept(parts: Parts, request: Request) -> Request:
    return next((one for one in parts.journal.requests(waiting=False) if one.id == request.id), request)


def carry_out_requests(parts: Parts) -> None:
    """Settles every waiting request that can be settled now; the others keep waiting."""
    waiting = without_outdated(parts.journal, parts.policies(), parts.journal.requests(waiting=True))
    for request in without_earlier(parts.journal, waiting):
        outcome = _outcome(parts, request)
        if outcome is not None:
            state, sentence = outcome
            parts.journal.settle_request(request.id, state, sentence)


def _outcome(parts: Parts, request: Request) -> tuple[RequestState, str] | None:
    """What becomes of a request; None while it has to wait."""
    return _CARRIED_OUT[request.kind](parts, request)


def _escalate(parts: Parts, request: Request) -> tuple[RequestState, str] | None:
    """Compromised: what is under way hurries, its grace ends now; the request then waits for a rotation of its own."""
    impossible = _refuse_impossible(parts, request)
    rotation = _unfinished(parts, request.about)
    if impossible is None and rotation is not None and _can_hurry(rotation):
        because = f"{request.by}: {request.because}" if request.because else request.by
        parts.journal.escalate(
            rotation.id,
            Told("emergency", f"emergency declared by {because}; windows and grace do not hold it any more"),
        )
    return impossible


def _can_hurry(rotation: Rotation) -> bool:
    """Whether it goes on by itself and nobody has told it to hurry yet."""
    on_its_way = rotation.state is State.ACTIVE and rotation.phase not in UNDOING
    return on_its_way and rotation.priority is not Priority.EMERGENCY


def _pause(parts: Parts, request: Request) -> tuple[RequestState, str] | None:
    unknown = None if request.about == HEARTBEAT else _refuse_unknown(parts, request)
    if unknown is not None:
        return unknown
    if request.kind is RequestKind.RESUME:
        parts.journal.note_pause(request.about, None)
        rotation = _unfinished(parts, request.about)
        if rotation is not None and rotation.reason is Reason.PAUSED:
            parts.journal.wake(rotation.id)  # or it would stand, and be told as paused, until its next look
        return RequestState.TAKEN, f"{request.about} goes on"
    now = parts.journal.now()
    if request.until is None or not now < request.until <= now + LONGEST_PAUSE:
        return (
            RequestState.REFUSED,
            f"a pause needs an end within {LONGEST_PAUSE.days} days",
        )
    pause = Pause(
        secret=request.about,
        until=request.until,
        by=request.by,
        because=request.because,
    )
    parts.journal.note_pause(request.about, pause)
    return (
        RequestState.TAKEN,
        f"{request.about} is paused until {request.until:%Y-%m-%d %H:%M} UTC",
    )


def _retry(parts: Parts, request: Request) -> tuple[RequestState, str]:
    """A rotation that backs off tries now; every other knows better itself when it goes on.

    Once it goes on nothing in its row tells that somebody woke it: so that is recorded with the waking itself.
    """
    rotation = parts.journal.rotation(request.about)
    if rotation is None:
        return RequestState.REFUSED, f"{request.about} is no rotation"
    if rotation.state is not State.ACTIVE or rotation.reason is not Reason.RETRYING:
        stands = f"it is {rotation.state} at {rotation.phase}"
        return RequestState.REFUSED, f"{rotation.id} does not wait for its next try: {stands}"
    sentence = f"{rotation.id} tries again now"
    parts.journal.wake(rotation.id, request.id, sentence)
    return RequestState.TAKEN, sentence


def _roll_back(parts: Parts, request: Request) -> tuple[RequestState, str] | None:
    """Waits until the rotation has turned round, so that the answer is what happened and not what was meant."""
    rotation = parts.journal.rotation(request.about)
    if rotation is None:
        return RequestState.REFUSED, f"{request.about} is no rotation"
    if rotation.ledger.undo_reason is Reason.ROLLED_BACK:
        return RequestState.TAKEN, f"{rotation.id} goes back"
    try:
        gapped = parts.provider(rotation.recipe).traits.overlap is Overlap.NONE
    except Refused as refusal:
        return RequestState.REFUSED, str(refusal)
    except Transient:
        return None
    sentence = no_way_back(rotation, gapped=gapped)
    if sentence:
        return RequestState.REFUSED, f"{rotation.id} cannot go back: {sentence}"
    if rotation.rolled_back_by is None:
        because = f"{request.by}: {request.because}" if request.because else request.by
        parts.journal.roll_back(rotation.id, Told("rollback", f"rollback asked for by {because}"), request.by)
    elif rotation.state is State.PARKED:
        return RequestState.REFUSED, f"{rotation.id} is parked on its way back: {rotation.sentence}"
    return None


def _prepare(parts: Parts, request: Request) -> tuple[RequestState, str] | None:
    """Makes the accepted set that a first rotation needs, with the value in use as its only member."""
    unknown = _refuse_unknown(parts, request)
    if unknown is not None:
        return unknown
    recipe = parts.policies().secrets[request.about].recipe
    if recipe.accepted_as is None:
        return (
            RequestState.REFUSED,
            f"{request.about} has no accepted set: its policy does not say accepted_as",
        )
    try:
        return _make_accepted_set(parts, recipe, recipe.accepted_as)
    except (Drifted, Raced):
        return RequestState.REFUSED, f"{recipe.accepted_as} is there already, and is never overwritten"
    except Refused as refusal:
        return RequestState.REFUSED, str(refusal)
    except (Transient, NotYet) as trouble:
        log.warning("an accepted set waits", secret=request.about, trouble=str(trouble))
        return None


def _make_accepted_set(parts: Parts, recipe: Recipe, name: str) -> tuple[RequestState, str]:
    """Raises Drifted when there is such a parameter, and what else a store raises."""
    provider, store = parts.provider(recipe), parts.store(recipe.environment)
    if not (provider.traits.shared or provider.traits.verified):
        return (
            RequestState.REFUSED,
            f"{recipe.provider} has no accepted set; take accepted_as out of the policy",
        )
    fields = fields_in(recipe, texts_in(recipe, store.look(recipe.parameters)))
    in_use = Credential(provider.identify(fields) or recipe.secret, fields)
    store.write(name, AcceptedSet.of(cast("VerifiedProvider", provider).member(in_use)).sealed(), after=None)
    return (
        RequestState.TAKEN,
        f"{name} holds the value in use; let verifiers read it before the first rotation",
    )


def _take_over(parts: Parts, request: Request) -> tuple[RequestState, str] | None:
    environment = parts.policies().environments.get(request.about)
    if environment is None:
        return (
            RequestState.REFUSED,
            f"there is no environment {request.about} in policies.yaml",
        )
    try:
        take_over(parts, environment)
    except Refused as refusal:
        return RequestState.REFUSED, str(refusal)
    except (Transient, NotYet) as trouble:
        log.warning("take-over waits", environment=environment.name, trouble=str(trouble))
        return None
    return RequestState.TAKEN, f"{request.about} is ours now"


def _refuse_unknown(parts: Parts, request: Request) -> tuple[RequestState, str] | None:
    if request.about in parts.policies().secrets:
        return None
    return (
        RequestState.REFUSED,
        f"{request.about} is neither a secret of policies.yaml nor a rotation",
    )


def _refuse_impossible(parts: Parts, request: Request) -> tuple[RequestState, str] | None:
    """Refuses what no waiting will make possible under this policy; what is only busy or held keeps waiting."""
    unknown = _refuse_unknown(parts, request)
    if unknown is None and parts.policies().secrets[request.about].mode is Mode.OBSERVE:
        return (
            RequestState.REFUSED,
            f"{request.about} is watched only: an adapter of it cannot be loaded, or its policy says mode: observe",
        )
    return unknown


def _refuse_without_value(parts: Parts, request: Request) -> tuple[RequestState, str] | None:
    """Asking does not make what only a person can make; an emergency is kept, and makes the asking louder."""
    if not parts.policies().secrets[request.about].submitted:
        return None
    return (
        RequestState.REFUSED,
        f"a person makes {request.about}: make a new one, then: rotator submit {request.about}",
    )


def _refuse_value(parts: Parts, request: Request) -> tuple[RequestState, str] | None:
    """What was submitted waits for its rotation, unless the source needs nobody to make it."""
    policy = parts.policies().secrets[request.about]
    if policy.submitted:
        return None
    return (
        RequestState.REFUSED,
        f"nobody has to submit {request.about}: {policy.recipe.provider} makes its own; rotator rotate {request.about}",
    )


def _unfinished(parts: Parts, secret: str) -> Rotation | None:
    return next(iter(parts.journal.rotations(secret=secret, unfinished=True)), None)


def _rotate(parts: Parts, request: Request) -> tuple[RequestState, str] | None:
    """The scan takes it up, unless that can never be."""
    return _refuse_impossible(parts, request) or _refuse_without_value(parts, request)


def _submit(parts: Parts, request: Request) -> tuple[RequestState, str] | None:
    """The same of what a person made."""
    return _refuse_impossible(parts, request) or _refuse_value(parts, request)


_CARRIED_OUT: Mapping[RequestKind, Callable[[Parts, Request], tuple[RequestState, str] | None]] = {
    RequestKind.ROTATE: _rotate,
    RequestKind.EMERGENCY: _escalate,
    RequestKind.APPROVE: approve,
    RequestKind.REJECT: reject,
    RequestKind.PAUSE: _pause,
    RequestKind.RESUME: _pause,
    RequestKind.RETRY: _retry,
    RequestKind.ROLL_BACK: _roll_back,
    RequestKind.PREPARE: _prepare,
    RequestKind.TAKE_OVER: _take_over,
    RequestKind.SUBMIT: _submit,
    RequestKind.ACKNOWLEDGE: answer_alert,
    RequestKind.SNOOZE: answer_alert,
}
