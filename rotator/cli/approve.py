"""approve: the yes that something waits for. Where a daemon is at work its answer is waited for: it may be a no."""

from __future__ import annotations

import typer

from rotator.cli.answers import answer_to
from rotator.cli.names import secret_named
from rotator.cli.opening import Desk, NotNow, asking
from rotator.cli.requests import ask
from rotator.daemon.policy import YES_TO_POLICY
from rotator.engine.due import Standing
from rotator.model.requests import RequestKind
from rotator.model.rotation import Reason, State


def give_yes(what: str, env: str | None, reason: str, *, json: bool) -> None:
    """Leaves the yes for the daemon. Raises NotNow when nothing waits for it, and typer.Exit with the daemon's no."""
    place = asking()
    about = what if what.startswith(YES_TO_POLICY) else _waiting(place, what, env)
    request = ask(place.journal, RequestKind.APPROVE, about, reason)
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
    if rotation is None and entry is not None and entry.decision.standing is Standing.AWAITING_YES:
        return secret
    stands = f"it is {rotation.state} at {rotation.phase}" if rotation else ""
    if rotation and rotation.reason is Reason.AWAITING_END:
        stands = rotation.sentence
    if entry is not None and not stands:
        stands = entry.decision.sentence
    raise NotNow(f"{what} does not wait for a yes: {stands}")
