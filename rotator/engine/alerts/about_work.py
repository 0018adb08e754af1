"""Alerts about work that nobody does: rotations that are due, and that no worker takes up.

A rotation that is advanced moves its own time: it is claimed within seconds of it. So a row whose time is long past
tells that workers are gone, hang, or cannot keep up, whichever process looks. What nobody takes up fails nowhere:
without this, people would hear of it when its secret is overdue, weeks later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from rotator.engine.alerts.about_installation import LOG, Installation
from rotator.engine.alerts.finding import Finding, listed
from rotator.engine.alerts.impact import in_gap, in_gap_back
from rotator.engine.decisions import Decided
from rotator.model.alerts import AlertKind, Severity
from rotator.model.numbers import counted
from rotator.model.rotation import Rotation, State

#: Due for so long, while nothing of its environment moves: a claim that ran out is taken up within two minutes.
LATE = timedelta(minutes=5)


def about_work(
    here: Installation, unfinished: Iterable[Rotation], decided: Iterable[Decided]
) -> Iterator[Finding]:
    """Environments whose due rotations nobody takes up: one message for each, not one for each rotation.

    A crowd that is being worked off is no news, however long its last ones wait. Told after the usual patience: a
    daemon that was away finds all of it late, and needs minutes at most.
    """
    moved, late = dict[str, datetime](), dict[str, list[Rotation]]()
    for entry in decided:
        history = entry.gathered.history
        for ended in filter(None, (history.last_done, history.last_undone)):
            _note(moved, ended.recipe.environment, ended.ended_at)
    for one in unfinished:
        _note(moved, one.recipe.environment, one.phase_since)
        if one.state is State.ACTIVE and here.now - one.run_at >= LATE:
            late.setdefault(one.recipe.environment, []).append(one)
    for environment, rotations in sorted(late.items()):
        if here.now - moved[environment] >= LATE:
            yield _untaken(here, environment, rotations, moved[environment])


def _note(moved: dict[str, datetime], environment: str, at: datetime | None) -> None:
    if at is not None:
        moved[environment] = max(at, moved.get(environment, at))


def _untaken(here: Installation, environment: str, rotations: list[Rotation], moved: datetime) -> Finding:
    locked_out = any(in_gap(one) or in_gap_back(one) for one in rotations)
    one = len(rotations) == 1
    facts = {
        "Which": listed(tuple(sorted(rotation.secret for rotation in rotations))),
        "Since": f"{min(rotation.run_at for rotation in rotations):%Y-%m-%d %H:%M} UTC; "
        f"nothing of {environment} has moved since {moved:%Y-%m-%d %H:%M} UTC",
        "Impact": "consumers may be locked out until it goes on: the source keeps only one credential"
        if locked_out
        else "none yet: credentials in use stay as they are",
        "Done": "nothing since then; what was begun stands",
        "Next": f"{'it is' if one else 'each is'} taken up as soon as a worker is free; nothing is lost",
    }
    return here.finding(
        AlertKind.STUCK,
        Severity.CRITICAL if locked_out else Severity.WARNING,
        f"{counted(len(rotations), 'rotation')} of {environment} {'is' if one else 'are'} due, "
        f"and no worker takes {'it' if one else 'them'} up",
        facts,
        f"see what its processes do: {LOG} | grep -i trouble; whatever hangs may be restarted at any time: "
        "kubectl -n rotator rollout restart deployment/rotator",
        environment=environment,
        about="untaken",
        passing=True,
    )
