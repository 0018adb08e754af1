"""approve, reject: the yes that something waits for, or the no.

Where a daemon is at work its answer is waited for: it may refuse either.
"""

from __future__ import annotations

import typer

from rotator.cli.answers import answer_to
from rotator.cli.names import secret_named
from rotator.cli.opening import Desk, NotNow, asking
from rotator.cli.requests import ask, drafted
from rotator.daemon.policy import YES_TO_POLICY
from rotator.engine.approvals import cannot_reject, no_to_rotation
from rotator.engine.due import Standing
from rotator.model.requests import RequestKind
from rotator.model.rotation import Reason, State

#: Who said no may be overruled, or change their mind.
_WAIT_FOR_IT = {Standing.AWAITING_YES, Standing.REJECTED}


def give_yes(what: str, env: str | None, reason: str, *, json: bool) -> None:
    """Leaves the yes for the daemon. Raises NotNow when nothing waits for it, and typer.Exit with the daemon's no."""
    place = asking()
    about = what if what.startswith(YES_TO_POLICY) else _waiting(place, what, env)
    request = ask(place.journal, RequestKind.APPROVE, about, reason)
    code = answer_to(place, request, json=json)
    if code:
        raise typer.Exit(code)


def say_no(what: str, env: str | None, reason: str, *, json: bool) -> None:
    """Leaves the no for the daemon. Raises NotNow when nothing waits for a yes, and typer.Exit with the daemon's no."""
    place = asking()
    if what.startswith(YES_TO_POLICY):
        raise NotNow(f"{what} is not in force without a yes: take the change out of policies.yaml")
    rotation = place.journal.rotation(what)
    if rotation is not None:
        raise NotNow(no_to_rotation(rotation))
    secret = secret_named(what, place.policies, env)
    request = drafted(place.journal, RequestKind.REJECT, secret, reason)
    entry = place.decided[secret]
    under_way = entry.gathered.history.active
    if under_way is not None and entry.decision.standing is not Standing.AWAITING_YES:
        raise NotNow(no_to_rotation(under_way))
    if sentence := cannot_reject(entry, request.by):
        raise NotNow(sentence)
    place.journal.add_request(request)
    code = answer_to(place, request, json=json)
    if code:
        raise typer.Exit(code)


def _waiting(place: Desk, what: str, env: str | None) -> str:
    """What the yes is about: a rotation that waits for one, or a secret that may only begin with one."""
    rotation = place.journal.rotation(what)
    secret = rotation.secret if rotation else secret_named(what, place.policies, env)
    unfinished = [rotation] if rotation else place.journal.rotations(secret=secret, unfinished=True)
    for one in unfinished:
        if one.state is State.PARKED or one.reason is Reason.AWAITING_YES:
            return one.id
    entry = place.decided.get(secret)
    if rotation is None and entry is not None and entry.decision.standing in _WAIT_FOR_IT:
        return secret
    stands = f"it is {rotation.state} at {rotation.phase}" if rotation else ""
    if rotation and rotation.reason is Reason.AWAITING_END:
        stands = rotation.sentence
    if entry is not None and not stands:
        stands = entry.decision.sentence
    raise NotNow(f"{what} does not wait for a yes: {stands}")
