"""One installation owns an environment: its id and heartbeat stand in a parameter that every store write checks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from rotator.contracts.parts import Parts
from rotator.engine.outages import note_survey
from rotator.model.errors import ForeignOwner, NotYet, Refused, Transient
from rotator.model.observations import Surveyed
from rotator.model.policy import EnvironmentPolicy
from rotator.model.secrets import Owner

#: The heartbeat is written this often.
HEARTBEAT = timedelta(minutes=5)


def hold_environments(parts: Parts) -> None:
    """Claims or keeps every environment; one that a living stranger owns is marked and left alone."""
    for environment in parts.policies().environments.values():
        try:
            _hold(parts, environment)
        except ForeignOwner as foreign:
            _note(parts, environment, foreign_owner=str(foreign), unheld="")
        except (Refused, Transient, NotYet) as trouble:
            _note(parts, environment, unheld=str(trouble))
        else:
            _note(parts, environment, foreign_owner="", unheld="")


def take_over(parts: Parts, environment: EnvironmentPolicy) -> None:
    """A person says that the other owner is gone: claims the environment.

    Raises ForeignOwner, Refused, Transient or NotYet.
    """
    there = parts.store(environment.name).owner(environment.path)
    _claim(parts, environment, there)
    _note(parts, environment, foreign_owner="", unheld="")


def _hold(parts: Parts, environment: EnvironmentPolicy) -> None:
    there, now = parts.store(environment.name).owner(environment.path), parts.journal.now()
    if there is not None and not _is_ours(parts, there) and there.lives(now):
        raise ForeignOwner(
            f"installation {there.installation} owns {environment.path} (seen {there.heartbeat_at:%H:%M:%S} UTC): "
            f"nothing is rotated here; stop it, or run `rotator take-over {environment.name}` if it is gone"
        )
    if (
        there is None
        or _knows_more(parts, there)
        or _behind(parts, there)
        or now - there.heartbeat_at >= HEARTBEAT
    ):
        _claim(parts, environment, there)


def _claim(parts: Parts, environment: EnvironmentPolicy, there: Owner | None) -> None:
    """Writes ourselves over `there`; if that one did what this journal cannot know, we look before we touch."""
    if there is not None and _knows_more(parts, there):
        _look_again(parts, environment)
    parts.store(environment.name).claim_owner(environment.path, _ourselves(parts), instead_of=there)


def _is_ours(parts: Parts, there: Owner) -> bool:
    return there.installation == parts.journal.installation()


def _knows_more(parts: Parts, there: Owner) -> bool:
    """Whether the last owner had another journal than ours, or a newer copy of it."""
    return not _is_ours(parts, there) or there.generation > parts.journal.generation()


def _behind(parts: Parts, there: Owner) -> bool:
    """Whether a rotation was done since the generation was written."""
    return there.generation < parts.journal.generation()


def _ourselves(parts: Parts) -> Owner:
    return Owner(
        parts.journal.installation(),
        _whole_seconds(parts.journal.now()),
        parts.journal.generation(),
    )


def _whole_seconds(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _look_again(parts: Parts, environment: EnvironmentPolicy) -> None:
    """Nothing is touched here until two scans from now on agree."""
    _note(parts, environment, agreed=False, digest="")


def _note(parts: Parts, environment: EnvironmentPolicy, **changes: Any) -> None:
    """Writes beside what the last scan saw, if anything changes."""
    earlier = parts.journal.surveyed().get(environment.name)
    known = earlier or Surveyed(environment=environment.name, scanned_at=parts.journal.now())
    if earlier is None or known.model_copy(update=changes) != earlier:
        note_survey(parts, known, **changes)
