"""The yes or no that something waits for: a secret in mode: approve, a rotation's last step, a parked rotation.

Where the policy says mode: approve it takes two people: whoever asked for a rotation cannot be the one who says yes to
it. Where it does not, a yes is the word of somebody who has looked, and whoever asked may be the one.
"""

from __future__ import annotations

from rotator.contracts.journal import Told
from rotator.contracts.parts import Parts
from rotator.engine.decisions import Decided, decisions
from rotator.engine.standing import HELD, Standing
from rotator.engine.yes import ASKED, cannot_approve, same_person
from rotator.model.observations import Rejection
from rotator.model.policy import Mode
from rotator.model.requests import Request, RequestKind, RequestState
from rotator.model.rotation import Reason, Rotation, State

Outcome = tuple[RequestState, str]


def approve(parts: Parts, request: Request) -> Outcome | None:
    """A yes for one rotation, or for the next one of a secret in mode: approve (which the scan takes up)."""
    rotation = parts.journal.rotation(request.about)
    if rotation is None:
        return _approve_secret(parts, request)
    policy = parts.policies().secrets.get(rotation.secret)
    if rotation.state is State.PARKED:
        return _reopen(parts, request, rotation)
    if rotation.state is State.ACTIVE and rotation.reason is Reason.AWAITING_END:
        return RequestState.REFUSED, f"{rotation.id} needs no yes, but an end: {rotation.sentence}"
    if rotation.state is State.ACTIVE and (heard := _heard_before(rotation, request)):
        return RequestState.TAKEN, heard
    if rotation.state is not State.ACTIVE or rotation.reason is not Reason.AWAITING_YES:
        stands = f"it is {rotation.state} at {rotation.phase}"
        return RequestState.REFUSED, f"{rotation.id} does not wait for a yes: {stands}"
    if rotation.approved_by is not None:
        return RequestState.REFUSED, f"{rotation.id} has a yes already, by {rotation.approved_by}"
    if policy is not None:
        asked = _asked_for(parts, rotation) if policy.mode is Mode.APPROVE else ()
        if sentence := cannot_approve(policy, request.by, asked):
            return RequestState.REFUSED, sentence
    because = f": {request.because}" if request.because else ""
    parts.journal.approve(rotation.id, Told("approved", f"yes by {request.by}{because}"), request.by)
    return RequestState.TAKEN, f"{rotation.id} goes on"


def reject(parts: Parts, request: Request) -> Outcome:
    """A no: what was asked for is refused, and nobody is asked again about the credential that is due."""
    rotation = parts.journal.rotation(request.about)
    if rotation is not None:
        return RequestState.REFUSED, no_to_rotation(rotation)
    entry = decisions(parts.journal, parts.policies()).get(request.about)
    if entry is None:
        sentence = f"{request.about} is neither a secret of policies.yaml nor a rotation"
        return RequestState.REFUSED, sentence
    sentence = cannot_reject(entry, request.by)
    if sentence:
        return RequestState.REFUSED, sentence
    because = f": {request.because}" if request.because else ""
    for answered in entry.gathered.requests:
        if answered.kind in {*ASKED, RequestKind.APPROVE}:
            parts.journal.settle_request(answered.id, RequestState.REFUSED, f"no by {request.by}{because}")
    if entry.gathered.past_due or entry.gathered.wanted_by:
        no = Rejection(secret=request.about, by=request.by, because=request.because, at=parts.journal.now())
        parts.journal.note_rejection(request.about, no)
    return RequestState.TAKEN, f"{request.about} stays as it is; it is watched, and told once it is overdue"


def cannot_reject(entry: Decided, by: str) -> str:
    """Why that person's no does not count, a sentence; empty where it does. Whoever asked may take it back."""
    policy, decision = entry.gathered.policy, entry.decision
    if policy.mode is not Mode.APPROVE:
        return f"{policy.secret} waits for no yes: its policy does not say mode: approve; rotator pause {policy.secret}"
    given = any(one.kind is RequestKind.APPROVE for one in entry.gathered.requests)
    if decision.standing is not Standing.AWAITING_YES and not given:
        return f"{policy.secret} does not wait for a yes: {decision.standing}: {decision.sentence}"
    asked = [one.by for one in entry.gathered.requests if one.kind in ASKED]
    if asked and all(same_person(by, other) for other in asked) and not entry.gathered.past_due:
        return ""
    return cannot_approve(policy, by, ())


def no_to_rotation(rotation: Rotation) -> str:
    """Why a rotation under way cannot be said no to, and what can be done instead."""
    if rotation.state in {State.DONE, State.UNDONE}:
        return f"{rotation.id} is {rotation.state}: {rotation.sentence}"
    return (
        f"{rotation.id} has begun: without a yes both credentials stay alive; "
        f"to go back: rotator rollback {rotation.id} --reason …"
    )


def _approve_secret(parts: Parts, request: Request) -> Outcome | None:
    """A yes is for what waits now: kept for later it would be forgotten, and then be believed."""
    entry = decisions(parts.journal, parts.policies()).get(request.about)
    if entry is None:
        sentence = f"{request.about} is neither a secret of policies.yaml nor a rotation"
        return RequestState.REFUSED, sentence
    policy = entry.gathered.policy
    if policy.submitted:
        sentence = f"a person makes {policy.secret}: make a new one, then: rotator submit {policy.secret}"
        return RequestState.REFUSED, sentence
    if policy.mode is not Mode.APPROVE:
        sentence = f"{policy.secret} needs no yes: its policy does not say mode: approve"
        return RequestState.REFUSED, sentence
    if not (entry.decision.due or entry.decision.standing in HELD):
        stands = f"{entry.decision.standing}: {entry.decision.sentence}"
        return RequestState.REFUSED, f"{policy.secret} does not wait for a yes: {stands}"
    asked = tuple(one.by for one in entry.gathered.requests if one.kind in ASKED)
    sentence = cannot_approve(policy, request.by, asked)
    if sentence:
        return RequestState.REFUSED, sentence
    if entry.gathered.rejection is not None:
        parts.journal.note_rejection(policy.secret, None)
    return None


def _reopen(parts: Parts, request: Request, rotation: Rotation) -> Outcome:
    """A person has looked at a parked rotation: it goes on where it stands, and parks again if nothing has changed.

    Once it goes on nothing in its row tells whose word that was: so the request is taken with the reopening itself.
    """
    sentence = _goes_on_where_it_stands(rotation)
    parts.journal.reopen(rotation.id, Told("approved", _has_looked(request)), request.id, sentence)
    return RequestState.TAKEN, sentence


def _heard_before(rotation: Rotation, request: Request) -> str:
    """What another replica, which heard the same, has made of it; empty where none has."""
    if rotation.approved_by == request.by:
        return f"{rotation.id} goes on"
    looked = rotation.reason is None and rotation.sentence == _has_looked(request)
    return _goes_on_where_it_stands(rotation) if looked else ""


def _has_looked(request: Request) -> str:
    """What a rotation says of itself from when a person has looked until a worker takes it up."""
    because = f": {request.because}" if request.because else ""
    return f"{request.by} has looked{because}"


def _goes_on_where_it_stands(rotation: Rotation) -> str:
    return f"{rotation.id} goes on at {rotation.phase}"


def _asked_for(parts: Parts, rotation: Rotation) -> tuple[str, ...]:
    """Who asked for a rotation, if anybody did: also by submitting what a person has to make."""
    settled = parts.journal.requests(waiting=False)
    asked = tuple(one.by for one in settled if one.rotation == rotation.id and one.kind in ASKED)
    submitted = rotation.ledger.submitted_by
    return (*asked, submitted) if submitted is not None else asked
