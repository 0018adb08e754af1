"""Following rotations that were asked for, until consumers use the new credentials or something stops them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from rotator.cli.codes import Code
from rotator.cli.opening import Place
from rotator.cli.show import moment, say
from rotator.clock import SystemClock
from rotator.model.requests import Request, RequestState
from rotator.model.rotation import Rotation, State

_POLL_SECONDS = 0.5


def follow(place: Place, requests: Sequence[Request], limit: timedelta) -> Code:
    """Says each step once. Ctrl-C or the limit end the following, never the work."""
    clock = SystemClock()
    deadline = clock.monotonic() + limit.total_seconds()
    waiting = {request.id: request for request in requests}
    said: dict[str, str] = {}
    failed = 0
    while waiting:
        for request in _newest(place, waiting):
            ending = _look(place, request, said)
            if ending is not None:
                failed += not ending
                del waiting[request.id]
        if waiting and clock.monotonic() >= deadline:
            say("the time is over and the work goes on; `rotator status` shows how it stands")
            return Code.TIMEOUT
        if waiting:
            clock.sleep(_POLL_SECONDS)
    if not failed:
        return Code.OK
    return Code.SOME_FAILED if failed < len(requests) else Code.ERROR


def _newest(place: Place, waiting: dict[str, Request]) -> list[Request]:
    return [request for request in place.journal.requests(waiting=False) if request.id in waiting]


def _look(place: Place, request: Request, said: dict[str, str]) -> bool | None:
    """Says what is new. Whether it went well; None while it goes on."""
    if request.state is RequestState.REFUSED:
        say(f"{request.about}: refused, {request.sentence}")
        return False
    rotation = place.journal.rotation(request.rotation) if request.rotation else None
    if rotation is None:
        return None
    line = f"{rotation.secret}: {rotation.phase.heading}, {rotation.phase}"
    if rotation.reason is not None:
        line += f": {rotation.sentence}"
    if said.get(request.id) != line:
        said[request.id] = line
        say(line)
    return _ending(rotation)


def _ending(rotation: Rotation) -> bool | None:
    secret, ledger = rotation.secret, rotation.ledger
    if rotation.state in {State.PARKED, State.UNDONE}:
        say(f"{secret}: {rotation.state}, {rotation.sentence}; see `rotator history {rotation.id}`")
        return False
    if rotation.state is State.ACTIVE and (ledger.confirmed_at is None or ledger.undo_reason is not None):
        return None
    versions = ", ".join(
        f"{name} {ledger.before.get(name, '?')} -> {version}" for name, version in ledger.wrote.items()
    )
    old = (
        "is dead"
        if rotation.state is State.DONE
        else f"lives until {moment(ledger.grace_until)}"
        if ledger.grace_until
        else "is invalidated next"
    )
    say(f"{secret}: consumers use the new one ({versions}); the old one {old}")
    return True
