"""rotate: asks the daemon for rotations, and follows them if wanted."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import typer

from rotator.cli.codes import Code
from rotator.cli.following import Followed, follow
from rotator.cli.liveness import liveness
from rotator.cli.opening import Desk, Unusable, asking
from rotator.cli.plan import nothing_in
from rotator.cli.requests import ask
from rotator.cli.selection import Choice, chosen, impossible, rightly_left_out, waits_its_turn, why_left_out
from rotator.cli.show import as_json, say
from rotator.engine.report.facts import rotation_facts
from rotator.engine.standing import Standing, rotate_command
from rotator.model.durations import parse_duration
from rotator.model.numbers import counted
from rotator.model.policy import Mode
from rotator.model.requests import Request, RequestKind

#: What an emergency means for a rotation that is under way.
_HURRIED = "no window and no grace holds that any more, and once it has ended it is rotated once more"


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
    asked = _ask_each(place, choice, kind, reason)
    nothing = nothing_in(place, choice)
    follow_up(place, asked.kept, asked.refused, nothing, limit, left_out=asked.left_out, wait=wait, json=json)


def follow_up(
    place: Desk,
    kept: Sequence[Request],
    refused: Mapping[str, str],
    nothing: str,
    limit: timedelta,
    *,
    left_out: Mapping[str, str] | None = None,
    wait: bool | None,
    json: bool,
) -> None:
    """Says what became of asking, follows what was kept if `wait` (or on a terminal), and exits accordingly.

    What was `left_out` is said like what was refused, and changes no exit code.
    """
    left_out = left_out or {}
    for secret, why in {**left_out, **refused}.items():
        say(f"{secret}: {why}")
    if kept:
        them = "request" if len(kept) == 1 else "requests"
        say(f"asked for {counted(len(kept), 'rotation')}: the journal keeps the {them}")
    elif not refused:
        say(nothing)
    alive = liveness(place)
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
            left_out=left_out,
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


@dataclass(slots=True)
class _Asked:
    """What became of each secret that was meant; of those not asked for, why, a sentence."""

    kept: list[Request] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)  # and nothing is wrong about that


def _ask_each(place: Desk, choice: Choice, kind: RequestKind, reason: str) -> _Asked:
    """By name a busy one's request waits its turn, and so does every emergency's; of a whole kind it is left out."""
    asked, by_kind = _Asked(), not choice.names and kind is RequestKind.ROTATE
    entries = chosen(place, choice, kind=kind)
    for secret, entry in entries.items():
        why = why_left_out(entry) if by_kind else impossible(entry, kind=kind)
        if why:
            (asked.left_out if by_kind and rightly_left_out(entry) else asked.refused)[secret] = why
            continue
        asked.kept.append(ask(place.journal, kind, secret, reason))
        waits = waits_its_turn(entry)
        hurried = waits and kind is RequestKind.EMERGENCY and entry.decision.standing is Standing.ACTIVE
        if entry.gathered.policy.submitted:
            say(f"{secret}: a person makes it, now: {rotate_command(secret, by_hand=True)}")
        if hurried:
            say(f"{secret} {waits}: {_HURRIED}")
        elif waits:
            say(f"{secret} {waits}; the request waits its turn")
        elif kind is RequestKind.ROTATE and entry.gathered.policy.mode is Mode.APPROVE:
            say(f"{secret} waits for somebody else's yes: rotator approve {secret} --reason …")
    if not asked.kept:  # then it is a no, whatever the policy says, except to what is under way
        for secret in tuple(asked.left_out):
            if entries[secret].decision.standing is not Standing.ACTIVE:
                asked.refused[secret] = asked.left_out.pop(secret)
    return asked
