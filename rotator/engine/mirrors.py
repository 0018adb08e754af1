"""Mirrors at rest: a copy that somebody took away or that is older than the parameter is written again.

A rotation writes its mirrors itself, and holds until they have it. Afterwards nobody would notice that a copy was
deleted, restored from a backup, or never came. Many mirrors cannot be read, so what counts is their time.
"""

from __future__ import annotations

from collections.abc import Iterator

import structlog

from rotator.contracts.parts import Parts
from rotator.contracts.store import Mirror
from rotator.engine.decisions import decisions
from rotator.engine.standing import Standing
from rotator.model.errors import NotYet, Refused, Transient
from rotator.model.observations import Observed
from rotator.model.policy import Recipe

log = structlog.get_logger()

#: There is nothing to copy, it is not ours to copy, or a rotation is copying right now.
_LEFT_ALONE = frozenset(
    {
        Standing.FOREIGN,
        Standing.UNSURVEYED,
        Standing.MISSING,
        Standing.OBSERVED,
        Standing.ACTIVE,
        Standing.PARKED,
    }
)


def keep_mirrors(parts: Parts) -> None:
    """Writes every stale copy once more; trouble with one mirror is said beside its secret and stops no other."""
    for secret, recipe, seen in _at_rest(parts):
        trouble = ""
        for name in recipe.mirrors:
            try:
                _copy_again(parts, recipe, seen, parts.mirror(recipe.environment, name))
            except (Transient, NotYet, Refused) as away:
                trouble = f"mirror {name}: {away}"
                log.warning("a copy may be stale", secret=secret, mirror=name, trouble=str(away))
        _note(parts, secret, trouble)


def _at_rest(parts: Parts) -> Iterator[tuple[str, Recipe, Observed]]:
    for secret, entry in decisions(parts.journal, parts.policies()).items():
        recipe, seen = entry.gathered.policy.recipe, entry.gathered.observed
        if recipe.mirrors and seen is not None and entry.decision.standing not in _LEFT_ALONE:
            yield secret, recipe, seen


def _copy_again(parts: Parts, recipe: Recipe, seen: Observed, mirror: Mirror) -> None:
    """Whoever writes the store meanwhile is copied too: the parameter is read again after each write.

    A process that freezes in between may still land an older copy: a rotation writes its mirrors once more before it
    ends the predecessor.
    """
    store = parts.store(recipe.environment)
    for name in recipe.parameters:
        if seen.modified_at is None or not mirror.stale(name, seen.modified_at):
            continue
        copied, there = None, store.read(name)
        while copied != there.version:
            mirror.write(name, there.value)
            copied, there = there.version, store.read(name)
        log.info("a stale copy was written again", secret=recipe.secret, parameter=name)


def _note(parts: Parts, secret: str, trouble: str) -> None:
    """Only a mirror's own trouble is taken back here: the census and the scan have theirs."""
    seen = parts.journal.observed().get(secret)
    if seen is None or seen.trouble == trouble:
        return
    if trouble or seen.trouble.startswith("mirror "):
        parts.journal.note_observed([seen.model_copy(update={"trouble": trouble})])
