"""How old a credential is, and how we know: the journal's birth, the source's date, or the store's last write."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rotator.model.observations import History, Observed
from rotator.model.policy import SecretPolicy
from rotator.model.rotation import Rotation, State

#: Due dates are spread over the last part of the period, so that not everything is due on one day.
JITTER = 0.1


class AgeSource(StrEnum):
    """Where an age comes from, best first."""

    JOURNAL = "journal"
    SOURCE = "source"
    STORE = "store"  # any put resets it


@dataclass(frozen=True, slots=True)
class Age:
    """When the credential in use was born, as far as we can tell."""

    born: datetime
    source: AgeSource


def age_of(history: History, observed: Observed | None) -> Age | None:
    """The best known birth; None when the store has nothing under the secret's names."""
    if observed is None or not observed.present or observed.modified_at is None:
        return None
    done = history.last_done
    wrote_at = done.ledger.wrote_at if done is not None else None
    if done is not None and wrote_at is not None:
        if done.ledger.wrote == observed.versions:
            # The step may have ended long after its write: parked, or held by a mirror that was away.
            return Age(min(wrote_at, observed.modified_at), AgeSource.JOURNAL)
        if observed.observed_at < wrote_at:  # seen before it was rotated: the next scan sees the new one
            return Age(wrote_at, AgeSource.JOURNAL)
    known = [*_of_the_source(observed), *_before_the_undo(history, observed)]
    return min(known, key=lambda age: age.born, default=Age(observed.modified_at, AgeSource.STORE))


def period_ends(policy: SecretPolicy, age: Age) -> datetime:
    """When the credential has lived its whole period: overdue from here."""
    return age.born + policy.rotate_every


def due_at(policy: SecretPolicy, age: Age) -> datetime:
    """When it becomes due: a moment in the last part of its period that is always the same for this secret."""
    share = int.from_bytes(hashlib.sha256(policy.secret.encode()).digest()[:8], "big") / 2**64
    return period_ends(policy, age) - policy.rotate_every * JITTER * share


def written_again(policy: SecretPolicy, age: Age, observed: Observed) -> bool:
    """Whether the store's date makes the credential look much younger than its source says it is."""
    if age.source is not AgeSource.SOURCE or observed.modified_at is None:
        return False
    return observed.modified_at - age.born > policy.rotate_every * JITTER


def _left_by(ended: Rotation) -> Mapping[str, int]:
    """The versions that hold the successor when it is done, and the predecessor after an undo."""
    ledger = ended.ledger
    return ledger.wrote if ended.state is State.DONE else {**ledger.before, **ledger.restored}


def present(history: History, observed: Observed | None) -> Mapping[str, int]:
    """The versions that are there, as far as we know: a rotation that ended since the last look left others.

    None of a secret that nobody has looked at.
    """
    if observed is None:
        return {}
    left = {
        end.ended_at: _left_by(end)
        for end in (history.last_done, history.last_undone)
        if end is not None and end.ended_at and end.ended_at > observed.observed_at and _left_by(end)
    }
    return left[max(left)] if left else observed.versions


def origin(history: History, versions: Mapping[str, int]) -> Mapping[str, int]:
    """The versions under which the values that are there now were written first."""
    return written_first(history.last_undone, versions)


def written_first(undone: Rotation | None, versions: Mapping[str, int]) -> Mapping[str, int]:
    """The same by the last rotation that was undone: an undo writes its predecessor again, under newer versions."""
    if undone is None or _left_by(undone) != versions:
        return versions
    ledger = undone.ledger
    told = ledger.origin and ledger.origin_of in (
        {},
        ledger.before,
    )  # rows of older versions do not say of which
    return ledger.origin if told else ledger.before


def spell(span: timedelta) -> str:
    """A span for people: 412 d, 5 h, 3 min, 10 s."""
    seconds = abs(span.total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _of_the_source(observed: Observed) -> Iterator[Age]:
    """What the source says, if it was asked since the store was written: else it spoke of another credential.

    Nothing is stored before it is made: a source that says so would keep its secret from ever being due.
    """
    asked_at, written_at, made_at = observed.census_at, observed.modified_at, observed.created_at
    if made_at is not None and asked_at and written_at and asked_at >= written_at >= made_at:
        yield Age(made_at, AgeSource.SOURCE)


def _before_the_undo(history: History, observed: Observed) -> Iterator[Age]:
    """An undo leaves the predecessor, perhaps under newer versions; that makes it no younger."""
    undone = history.last_undone
    if undone is not None and undone.ledger.predecessor_born_at and _left_by(undone) == observed.versions:
        yield Age(undone.ledger.predecessor_born_at, AgeSource.JOURNAL)
