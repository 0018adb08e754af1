"""rotate: asks the daemon for rotations, and follows them if wanted."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import typer

from rotator.cli.codes import Code
from rotator.cli.following import follow
from rotator.cli.liveness import liveness
from rotator.cli.names import in_environment, secret_named
from rotator.cli.opening import Desk, Unusable, asking
from rotator.cli.plan import nothing_due
from rotator.cli.requests import ask
from rotator.cli.show import as_json, say
from rotator.config.complaints import hint
from rotator.engine.decisions import Decided
from rotator.engine.due import HELD, Standing
from rotator.model.durations import parse_duration
from rotator.model.numbers import counted
from rotator.model.requests import Request, RequestKind

_BUSY = {
    Standing.ACTIVE: "is being rotated already",
    Standing.PARKED: "is parked and waits for a person (see `rotator history {secret}`)",
    Standing.PAUSED: "is paused",
    Standing.UNSURVEYED: "has not been looked at often enough yet",
}
_CANNOT = {
    Standing.OBSERVED: "watched only: rotator has no adapter for its source, or its policy says mode: observe",
    Standing.EXEMPT: "exempt until its date in policies.yaml",
    Standing.MISSING: "not in the store",
    Standing.FOREIGN: "its environment belongs to another installation",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for."""

    names: tuple[str, ...]
    due: bool
    everything: bool
    environment: str | None
    type: str | None
    owner: str | None
    reason: str
    emergency: bool = False

    @property
    def clear(self) -> bool:
        """Whether it says which in one way: by names, by what is due, by everything, or by kind alone."""
        by_kind = (self.type or self.owner) is not None
        ways = bool(self.names) + self.due + self.everything
        return (ways == 1 and not (self.names and by_kind)) or (
            ways == 0 and (by_kind or self.environment is not None)
        )


def ask_for_rotations(asked: Asked, *, wait: bool | None, timeout: str, json: bool) -> None:
    """Leaves a request for each secret; says what cannot be, and follows the rest if `wait`."""
    limit = _duration(timeout)
    if not asked.clear:
        raise Unusable("say which: SECRET…, --due, --all, or all of a --type, --owner or --env")
    if asked.emergency and not asked.reason:
        raise Unusable("say how it was compromised: --reason; it is kept for auditors")
    place = asking()
    chosen = _chosen(place, asked)
    kept, refused = _ask_each(place, chosen, asked)
    alive = liveness(place)
    if json:
        as_json(
            requests=[request.model_dump(mode="json") for request in kept],
            refused=refused,
            daemon_running=alive.running,
        )
    for secret, why in refused.items():
        say(f"{secret}: {why}")
    if kept:
        them = "request" if len(kept) == 1 else "requests"
        say(f"asked for {counted(len(kept), 'rotation')}: the journal keeps the {them}")
    elif not refused:
        say(nothing_due(in_environment(place.policies, place.decided, asked.environment).values()))
    if kept and alive.seems_down:
        say(f"{alive.sentence}: until then nothing happens")
    if refused:
        raise typer.Exit(Code.SOME_FAILED if kept else Code.REFUSED)
    if kept and (wait or (wait is None and sys.stderr.isatty() and not alive.seems_down)):
        raise typer.Exit(follow(place, kept, limit))


def _chosen(place: Desk, asked: Asked) -> Mapping[str, Decided]:
    if asked.names:
        secrets = [secret_named(name, place.policies, asked.environment) for name in asked.names]
        return {secret: place.decided[secret] for secret in secrets}
    decided = _of_kind(in_environment(place.policies, place.decided, asked.environment), asked)
    if asked.emergency:
        return decided
    return {
        secret: entry
        for secret, entry in decided.items()
        if (entry.decision.due if asked.due else entry.decision.standing not in {*_CANNOT, *_BUSY, *HELD})
    }


def _of_kind(decided: Mapping[str, Decided], asked: Asked) -> Mapping[str, Decided]:
    """Those of the wanted type and owner. Raises Unusable with a guess for one that no secret has."""
    for what, wanted in (("type", asked.type), ("owner", asked.owner)):
        known = {getattr(entry.gathered.policy, what) for entry in decided.values()}
        if wanted is not None and wanted not in known:
            raise Unusable(f"no secret has the {what} {wanted}{hint(wanted, known)}")
        decided = {
            secret: entry
            for secret, entry in decided.items()
            if wanted in {None, getattr(entry.gathered.policy, what)}
        }
    return decided


def _ask_each(
    place: Desk, chosen: Mapping[str, Decided], asked: Asked
) -> tuple[list[Request], dict[str, str]]:
    kept, refused = [], {}
    for secret, entry in chosen.items():
        standing = entry.decision.standing
        if standing in _CANNOT:
            refused[secret] = entry.gathered.policy.note or _CANNOT[standing]
            continue
        kind = RequestKind.EMERGENCY if asked.emergency else RequestKind.ROTATE
        kept.append(ask(place.journal, kind, secret, asked.reason))
        if standing in _BUSY:
            say(f"{secret} {_BUSY[standing].format(secret=secret)}; the request waits its turn")
    return kept, refused


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as wrong:
        raise Unusable(f"--timeout {text} {wrong}") from None
