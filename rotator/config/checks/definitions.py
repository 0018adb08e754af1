"""Windows, freezes and environments."""

from __future__ import annotations

import re
from datetime import time

from rotator.config.checks.cycles import cycle
from rotator.config.complaints import Path, unknown
from rotator.config.draft import Draft
from rotator.config.resolve import freeze_of
from rotator.config.schema import Window

_PATH = re.compile(r"(/[A-Za-z0-9_.-]+)+/?")


def check(draft: Draft) -> None:
    """Complains about each by itself, and about environments that get in each other's way."""
    for name, window in draft.file.windows.items():
        _check_window(draft, ("windows", name), window)
    _check_freezes(draft)
    for name in draft.file.environments:
        _check_environment(draft, name)
    _check_overlap(draft)
    _check_order(draft)


def _check_window(draft: Draft, path: Path, window: Window) -> None:
    error = draft.complaints.malformed
    if draft.complaints.doubts(path):
        return
    hours = (window.opens, window.closes)
    if window.always:
        if window.model_fields_set - {"always"}:
            error(path, "is always open; take its other keys out")
        return
    if window.days == []:
        error((*path, "days"), "is empty, so the window never opens")
    if hours == (None, None) and window.days is None:
        error(path, "says no hours; write from and to, or always: true")
    elif None in hours and hours != (None, None):
        error(path, "needs both from and to")
    elif window.opens == window.closes is not None and window.opens != time(0):
        error(
            path,
            f"opens and closes at {window.opens:%H:%M}, so it never opens; write always: true for any time",
        )
    if window.timezone is None:
        error((*path, "timezone"), "is missing; write it as Europe/Warsaw, or UTC")


def _check_freezes(draft: Draft) -> None:
    for place, written in enumerate(draft.file.freezes):
        path = ("freezes", place)
        freeze = freeze_of(written)
        if freeze.ends <= freeze.begins:
            draft.complaints.error((*path, "to"), "is not after from")
        for position, name in enumerate(written.environments or ()):
            if name not in draft.names["environments"]:
                where = (*path, "environments", position)
                draft.complaints.error(where, unknown("environment", name, draft.names["environments"]))


def _check_environment(draft: Draft, name: str) -> None:
    path, prefix = ("environments", name), draft.prefixes[name]
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        draft.complaints.error(path, "is no name for an environment; use letters, digits, _ and -")
    if "{" in prefix:
        return  # a template that nobody knows is complained about as such
    if not _PATH.fullmatch(prefix):
        draft.complaints.malformed(
            (*path, "path"), "is no prefix of parameter names; write it as /taly/staging"
        )
    elif re.match(r"/(aws|ssm)", prefix, re.IGNORECASE):
        draft.complaints.malformed((*path, "path"), "begins with /aws or /ssm, which AWS keeps for itself")


def _check_overlap(draft: Draft) -> None:
    seen: dict[str, str] = {}
    for name in draft.file.environments:
        prefix = f"{draft.prefixes[name]}/"
        for other, environment in seen.items():
            if prefix.startswith(other) or other.startswith(prefix):
                where = ("environments", name, "path")
                draft.complaints.malformed(
                    where, f"overlaps with the path of {environment}; one may not be inside the other"
                )
        seen[prefix] = name


def _check_order(draft: Draft) -> None:
    goes_first: dict[str, str] = {}
    for name, environment in draft.file.environments.items():
        if environment.after is None:
            continue
        first = environment.after.environment
        if first not in draft.names["environments"]:
            where = ("environments", name, "after", "environment")
            draft.complaints.error(where, unknown("environment", first, draft.names["environments"]))
        goes_first[name] = first
    if circle := cycle(goes_first):
        where = ("environments", circle[0], "after", "environment")
        draft.complaints.error(
            where, f"goes in a circle: {' after '.join(circle)}; nothing would ever be rotated"
        )
