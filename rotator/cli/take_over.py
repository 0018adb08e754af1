"""take-over: says that the other owner of an environment is gone, and that it is ours from now on."""

from __future__ import annotations

import sys

from rotator.cli.liveness import liveness
from rotator.cli.names import environment_named
from rotator.cli.opening import NotNow, Unusable, asking
from rotator.cli.requests import ask
from rotator.cli.show import as_json, say
from rotator.model.requests import RequestKind


def claim_environment(typed: str, reason: str, *, yes: bool, json: bool) -> None:
    """Leaves the request for the daemon, once a person has said yes. Raises NotNow when there is nothing to take."""
    place = asking()
    environment = environment_named(typed, place.policies)
    survey = place.journal.surveyed().get(environment)
    if survey is None or not survey.foreign_owner:
        raise NotNow(f"no other installation is known to own {environment}; the daemon looks every minute")
    if not yes and not _confirmed(environment, survey.foreign_owner):
        raise NotNow(f"{environment} was not taken over")
    request = ask(place.journal, RequestKind.TAKE_OVER, environment, reason)
    alive = liveness(place)
    if json:
        as_json(request=request.model_dump(mode="json"), daemon_running=alive.running)
    else:
        say(f"{environment}: the daemon takes it over within seconds, and rotates once two scans agree")
    if alive.seems_down:
        say(f"{alive.sentence}: until then nothing happens")


def _confirmed(environment: str, owned: str) -> bool:
    """Asks whoever is at the terminal. Raises Unusable where nobody is."""
    if not sys.stdin.isatty():
        raise Unusable(f"nobody can be asked here whether {environment} may be taken over: say so with --yes")
    say(owned)
    say("If it still runs, its writes are refused from then on, and what it has begun stays half done.")
    print(f"Is it gone, and {environment} ours from now on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
