"""apply: asks for exactly the rotations of a plan, or for none when something has changed since it was made.

It compares at the moment of asking, with the policy in force and what the last scan saw. Each request carries what the
plan was made from, and whoever takes it up compares again: what changed in between refuses it.
"""

from __future__ import annotations

from pathlib import Path

from rotator.cli.opening import NotNow, asking
from rotator.cli.plan_file import basis_of, changes_since, not_scanned_lately, read_plan
from rotator.cli.requests import ask
from rotator.cli.rotate import follow_up, limit_of
from rotator.cli.show import as_json
from rotator.engine.report.times import moment
from rotator.model.requests import RequestKind


def apply_plan(path: Path, reason: str, *, wait: bool | None, timeout: str, json: bool) -> None:
    """Leaves a request for each rotation of the plan.

    Raises NotNow when it is stale, with everything that changed, or when the last scan is too long ago to tell.
    """
    limit = limit_of(timeout)
    plan = read_plan(path)
    place = asking()
    unseen, changed = list(not_scanned_lately(place, plan)), list(changes_since(place, plan))
    if json and (unseen or changed):
        as_json(stale=[*unseen, *changed], requests=[], rotations=[])
    if unseen:
        unknown = "nobody knows what has changed since, and nothing was asked for"
        raise NotNow(
            f"{', '.join(unseen)}: {unknown}. Try again after a scan; rotator status says when one was"
        )
    if changed:
        stale = f"{path} is stale, and nothing was asked for. Make a new one: rotator plan -o {path}"
        raise NotNow("\n".join([stale, *(f"  {sentence}" for sentence in changed)]))
    because = f"plan of {moment(plan.made_at)}"
    because = f"{because}: {reason}" if reason else because
    kept = [
        ask(place.journal, RequestKind.ROTATE, one.secret, because, basis=basis_of(plan, one))
        for one in plan.due
    ]
    follow_up(place, kept, {}, "the plan holds no rotation: nothing to do", limit, wait=wait, json=json)
