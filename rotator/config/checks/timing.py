"""Durations that must fit each other, and windows that must open: of one secret in one environment."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from rotator.config.draft import Draft
from rotator.config.precedence import Effective
from rotator.config.resolve import freeze_of, oldest_of, window_of
from rotator.model.durations import spell_duration
from rotator.model.windows import next_allowed


def check(draft: Draft, everything: Iterable[Effective]) -> None:
    """Complains about what is missing, what is too long for its period, and what can never happen."""
    asked: set[tuple[str, ...]] = set()
    for effective in everything:
        _check_stated(draft, effective)
        if effective.rules.rotate_every is not None:
            _check_fits(draft, effective, effective.rules.rotate_every)
        question = (effective.environment, *(effective.rules.windows or ()))
        if question not in asked:
            asked.add(question)
            _check_opens(draft, effective)


def _check_stated(draft: Draft, effective: Effective) -> None:
    for key in ("rotate_every", "grace", "owner"):
        if getattr(effective.rules, key) is None and not effective.doubtful(draft.complaints, key):
            path = (*effective.path, key)
            draft.complaints.error(path, "is missing; write it here, in the type or in defaults")


def _check_fits(draft: Draft, effective: Effective, period: timedelta) -> None:
    rules, complaints = effective.rules, draft.complaints

    def bound() -> str:
        since = complaints.mark(effective.origin(complaints, "rotate_every")).line
        return f"rotate_every ({spell_duration(period)}, line {since})"

    if period <= timedelta():
        complaints.error(effective.origin(complaints, "rotate_every"), "must be more than 0")
        return
    if effective.doubtful(complaints, "rotate_every", "warn_before", "grace", "quarantine"):
        return
    oldest = oldest_of(rules)
    if oldest is not None and oldest <= period:
        where = effective.origin(complaints, "overdue", "max_age")
        complaints.error(where, f"{spell_duration(oldest)} must be longer than {bound()}")
    for place, ahead in enumerate(rules.warn_before or ()):
        if ahead >= period:
            where = effective.origin(complaints, "warn_before", place)
            complaints.error(where, f"{spell_duration(ahead)} must be shorter than {bound()}")
    grace, quarantine = rules.grace or timedelta(), rules.quarantine or timedelta()
    if grace >= period:
        where = effective.origin(complaints, "grace")
        complaints.error(where, f"{spell_duration(grace)} must be shorter than {bound()}")
    elif grace + quarantine >= period:
        both = f"{spell_duration(quarantine)} after a grace of {spell_duration(grace)}"
        where = effective.origin(complaints, "quarantine")
        complaints.error(
            where,
            f"{both} is not shorter than {bound()}: the next rotation would be due before this one ends",
        )
    after = draft.file.environments[effective.environment].after
    if after and after.soak >= period:
        where = ("environments", effective.environment, "after", "soak")
        complaints.error(
            where, f"{spell_duration(after.soak)} must be shorter than {bound()} of {effective.name}"
        )


def _check_opens(draft: Draft, effective: Effective) -> None:
    """A freeze is as good a moment as any to ask from: outside freezes a window of the week always opens."""
    names = [name for name in effective.rules.windows or () if name in draft.file.windows]
    if any(draft.complaints.doubts(("windows", name)) for name in names):
        return
    windows = tuple(window_of(name, draft.file.windows[name]) for name in names)
    freezes = tuple(
        freeze_of(one)
        for one in draft.file.freezes
        if effective.environment in (one.environments or [effective.environment])
    )
    try:
        for freeze in freezes:
            next_allowed(freeze.begins, windows, freezes)
    except ValueError:
        where = effective.origin(draft.complaints, "windows")
        sentence = f"windows and freezes leave {effective.environment} no moment in two years"
        draft.complaints.error(where, sentence)
