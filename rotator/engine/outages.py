"""Outages: what is away holds up many rotations at once. People hear of it once, and what waited then goes on.

An attempt that began while the store was away says nothing about its rotation, however late it failed. Rotations that
go on need no queue of their own: workers take one each, and every account's rate is shared.
"""

from __future__ import annotations

from typing import Any

from rotator.contracts.parts import Parts
from rotator.model.observations import Surveyed
from rotator.model.rotation import Phase, Reason, Rotation, State

#: So many attempts fail before people hear of it: one lost answer is no news.
TRIES_IN_SILENCE = 3


def stuck(rotation: Rotation) -> bool:
    """Whether its attempts fail for long enough to be told, and it goes on trying."""
    return _fails(rotation) and max(rotation.attempt, rotation.ledger.mints_lost) >= TRIES_IN_SILENCE


def unreachable(survey: Surveyed) -> bool:
    """Whether its store could not be listed, or its owner parameter not be kept, at the last attempt."""
    return bool(survey.trouble or survey.unheld)


def store_explains(rotation: Rotation, survey: Surveyed | None) -> bool:
    """Whether it fails because its store is away, or was when its last attempt began."""
    if survey is None or survey.foreign_owner:
        return False
    tried, back = rotation.ledger.tried_at, survey.answers_since
    return unreachable(survey) or (tried is not None and back is not None and tried <= back)


def note_survey(parts: Parts, known: Surveyed, **changes: Any) -> None:
    """Keeps what was seen of an environment; if its store answers again, what waited for it is tried at once."""
    changed = known.model_copy(update=changes)
    over = unreachable(known) and not unreachable(changed)
    if over:
        changed = changed.model_copy(update={"answers_since": parts.journal.now()})
    parts.journal.note_surveyed(changed)
    if over:
        for rotation in parts.journal.rotations(unfinished=True):
            if _fails(rotation) and rotation.recipe.environment == known.environment:
                parts.journal.wake(rotation.id)


def others_go_on(parts: Parts, phase: Phase) -> None:
    """One that was stuck got past `phase`: what was away for it (KMS, a source, a platform) may be back for others."""
    now = parts.journal.now()
    for rotation in parts.journal.rotations(unfinished=True):
        if stuck(rotation) and rotation.phase is phase and rotation.run_at > now:
            parts.journal.wake(rotation.id)


def _fails(rotation: Rotation) -> bool:
    return rotation.state is State.ACTIVE and rotation.reason is Reason.RETRYING
