"""What the daemon answers to a request: waited for where one is at work, because it may be a no."""

from __future__ import annotations

from collections.abc import Sequence

from rotator.cli.codes import Code
from rotator.cli.liveness import liveness
from rotator.cli.opening import Desk
from rotator.cli.show import as_json, say
from rotator.clock import SystemClock
from rotator.model.requests import Request, RequestState

_PATIENCE_SECONDS = 15.0
_POLL_SECONDS = 0.3


def answer_to(desk: Desk, request: Request, *, json: bool) -> Code:
    """Says, or prints, what became of a request. REFUSED when the daemon said no."""
    alive = liveness(desk)
    if alive.running:
        request = _settled(desk, request)
    if json:
        as_json(request=request.model_dump(mode="json"), daemon_running=alive.running)
    if request.state is RequestState.REFUSED:
        say(f"refused: {request.sentence}")
        return Code.REFUSED
    if request.state is RequestState.TAKEN:
        say(request.sentence)
    elif alive.seems_down:
        say(f"{request.about}: the journal keeps the request; {alive.sentence}: until then nothing happens")
    else:
        say(f"{request.about}: the journal keeps the request, and the daemon carries it out when it can")
    return Code.OK


def answers_to(desk: Desk, asked: Sequence[Request], *, json: bool) -> int:
    """The same for several: how many were refused."""
    alive = liveness(desk)
    settled = [_settled(desk, request) if alive.running else request for request in asked]
    if json:
        as_json(requests=[one.model_dump(mode="json") for one in settled], daemon_running=alive.running)
    for request in settled:
        if request.state is RequestState.REFUSED:
            say(f"refused: {request.sentence}")
        elif request.state is RequestState.TAKEN:
            say(request.sentence)
        else:
            then = (
                f"{alive.sentence}: until then nothing happens" if alive.seems_down else "the daemon is asked"
            )
            say(f"{request.about}: the journal keeps the answer; {then}")
    return sum(request.state is RequestState.REFUSED for request in settled)


def _settled(desk: Desk, request: Request) -> Request:
    """The request with its answer, or as it is when none came in time."""
    clock = SystemClock()
    deadline = clock.monotonic() + _PATIENCE_SECONDS
    while clock.monotonic() < deadline:
        kept = {one.id: one for one in desk.journal.requests(waiting=False)}.get(request.id, request)
        if kept.state is not RequestState.WAITING:
            return kept
        clock.sleep(_POLL_SECONDS)
    return request
