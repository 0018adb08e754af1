"""apply: asks for exactly the rotations of a plan, or for none when something has changed since it was made."""

from __future__ import annotations

from pathlib import Path

from rotator.cli.opening import NotNow, asking
from rotator.cli.plan_file import changes_since, read_plan
from rotator.cli.requests import ask
from rotator.cli.rotate import follow_up, limit_of
from rotator.cli.show import as_json
from rotator.engine.report.times import moment
from rotator.model.requests import RequestKind


def apply_plan(path: Path, reason: str, *, wait: bool | None, timeout: str, json: bool) -> None:
    """Leaves a request for each rotation of the plan. Raises NotNow, with everything that changed, when it is stale."""
    limit = limit_of(timeout)
    plan = read_plan(path)
    place = asking()
    changed = list(changes_since(place, plan))
    if changed:
        if json:
            as_json(stale=changed, requests=[], rotations=[])
        stale = f"{path} is stale, and nothing was asked for. Make a new one: rotator plan -o {path}"
        raise NotNow("\n".join([stale, *(f"  {sentence}" for sentence in changed)]))
    because = f"plan of {moment(plan.made_at)}"
    kept = [
        ask(place.journal, RequestKind.ROTATE, planned.secret, f"{because}: {reason}" if reason else because)
        for planned in plan.due
    ]
    follow_up(place, kept, {}, "the plan holds no rotation: nothing to do", limit, wait=wait, json=json)
