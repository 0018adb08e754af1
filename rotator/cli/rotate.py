"""rotate: asks the daemon for rotations, and follows them if wanted."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta

import typer

from rotator.cli.codes import Code
from rotator.cli.following import Followed, follow
from rotator.cli.liveness import liveness
from rotator.cli.names import in_environment
from rotator.cli.opening import Desk, Unusable, asking
from rotator.cli.plan import nothing_due
from rotator.cli.requests import ask
from rotator.cli.selection import Choice, chosen, impossible, waits_its_turn
from rotator.cli.show import as_json, say
from rotator.engine.decisions import Decided
from rotator.engine.report.facts import rotation_facts
from rotator.engine.standing import rotate_command
from rotator.model.durations import parse_duration
from rotator.model.numbers import counted
from rotator.model.requests import Request, RequestKind


def ask_for_rotations(
    choice: Choice, reason: str, *, emergency: bool, wait: bool | None, timeout: str, json: bool
) -> None:
    """Leaves a request for each secret; says what cannot be, and follows the rest if `wait`."""
    limit = limit_of(timeout)
    if not choice.clear:
        raise Unusable("say which: SECRET…, --due, --all, or all of a --type, --owner or --env")
    if emergency and not reason:
        raise Unusable("say how it was compromised: --reason; it is kept for auditors")
    place = asking()
    kind = RequestKind.EMERGENCY if emergency else RequestKind.ROTATE
    kept, refused = _ask_each(place, chosen(place, choice, emergency=emergency), kind, reason)
    nothing = nothing_due(in_environment(place.policies, place.decided, choice.environment).values())
    follow_up(place, kept, refused, nothing, limit, wait=wait, json=json)


def follow_up(
    place: Desk,
    kept: Sequence[Request],
    refused: Mapping[str, str],
    nothing: str,
    limit: timedelta,
    *,
    wait: bool | None,
    json: bool,
) -> None:
    """Says what became of asking, follows what was kept if `wait` (or on a terminal), and exits accordingly."""
    alive = liveness(place)
    for secret, why in refused.items():
        say(f"{secret}: {why}")
    if kept:
        them = "request" if len(kept) == 1 else "requests"
        say(f"asked for {counted(len(kept), 'rotation')}: the journal keeps the {them}")
    elif not refused:
        say(nothing)
    if kept and alive.seems_down:
        say(f"{alive.sentence}: until then nothing happens")
    followed = None
    if kept and (wait or (wait is None and not json and sys.stderr.isatty() and not alive.seems_down)):
        followed = follow(place, kept, limit)
    if json:
        as_json(
            requests=[
                request.model_dump(mode="json") for request in (followed.requests if followed else kept)
            ],
            rotations=[rotation_facts(rotation) for rotation in (followed.rotations if followed else ())],
            refused=refused,
            daemon_running=alive.running,
        )
    raise typer.Exit(_code_of(kept, refused, followed))


def _code_of(kept: Sequence[Request], refused: Mapping[str, str], followed: Followed | None) -> Code:
    if followed is not None and (followed.code in {Code.TIMEOUT, Code.INTERRUPTED} or not refused):
        return followed.code
    if refused:
        return Code.SOME_FAILED if kept else Code.REFUSED
    return Code.OK


def limit_of(timeout: str) -> timedelta:
    """How long to follow. Raises Unusable."""
    try:
        return parse_duration(timeout)
    except ValueError as wrong:
        raise Unusable(f"--timeout {timeout} {wrong}") from None


def _ask_each(
    place: Desk, wanted: Mapping[str, Decided], kind: RequestKind, reason: str
) -> tuple[list[Request], dict[str, str]]:
    kept, refused = [], {}
    for secret, entry in wanted.items():
        why = impossible(entry, kind=kind)
        if why:
            refused[secret] = why
            continue
        kept.append(ask(place.journal, kind, secret, reason))
        waits = waits_its_turn(entry)
        if entry.gathered.policy.submitted:
            say(f"{secret}: a person makes it, now: {rotate_command(secret, by_hand=True)}")
        if waits:
            say(f"{secret} {waits}; the request waits its turn")
    return kept, refused
