"""Mirrors at rest: a copy that somebody took away or that is older than the parameter is written again.

A rotation writes its mirrors itself, and holds until they have it. Afterwards nobody would notice that a copy was
deleted, restored from a backup, or never came. Many mirrors cannot be read, so what counts is their time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import structlog

from rotator.contracts.parts import Parts
from rotator.contracts.store import Mirror
from rotator.engine.decisions import decisions
from rotator.engine.standing import Standing
from rotator.model.errors import JournalAway, LostClaim, NotYet, Refused, Transient
from rotator.model.observations import Behind, Observed
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


def keep_mirrors(parts: Parts, *, behind: bool = False) -> None:
    """Writes every stale copy once more; trouble with one mirror is said beside its secret and stops no other.

    `behind`: only where the last try failed.
    """
    if behind and not any(seen.behind for seen in parts.journal.observed().values()):
        return
    for recipe, seen in _at_rest(parts):
        troubles = {
            name: _trouble(parts, recipe, seen, name)
            for name in recipe.mirrors
            if name in seen.behind or not behind
        }
        if troubles:
            _note(parts, recipe, troubles)


def _trouble(parts: Parts, recipe: Recipe, seen: Observed, name: str) -> str:
    """Why the mirror could not be given its copies; empty when it has them."""
    try:
        _copy_again(parts, recipe, seen, parts.mirror(recipe.environment, name))
    except (Transient, NotYet, Refused) as away:
        log.warning("a copy may be stale", secret=recipe.secret, mirror=name, trouble=str(away))
        return str(away)
    except (LostClaim, JournalAway):
        raise
    except Exception as bug:  # noqa: BLE001 - one adapter's bug must not leave all other copies as they are
        kind = type(bug).__name__
        log.error("undeclared exception", kind=kind, secret=recipe.secret, mirror=name)  # noqa: TRY400 - a traceback may hold a value
        return f"an unexpected {kind}: this is a bug of rotator"
    return ""


def _at_rest(parts: Parts) -> Iterator[tuple[Recipe, Observed]]:
    for entry in decisions(parts.journal, parts.policies()).values():
        recipe, seen = entry.gathered.policy.recipe, entry.gathered.observed
        if recipe.mirrors and seen is not None and entry.decision.standing not in _LEFT_ALONE:
            yield recipe, seen


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


def _note(parts: Parts, recipe: Recipe, troubles: Mapping[str, str]) -> None:
    """Writes beside what the scan sees by now. A mirror that was not tried stays as it was noted."""
    seen = parts.journal.observed().get(recipe.secret)
    if seen is None:
        return
    now, behind = parts.journal.now(), dict[str, Behind]()
    for name in recipe.mirrors:
        known = seen.behind.get(name)
        if sentence := troubles.get(name, known.sentence if known else ""):
            behind[name] = Behind(sentence=sentence, since=known.since if known else now)
    if behind != seen.behind:
        parts.journal.note_observed([seen.model_copy(update={"behind": behind})])
