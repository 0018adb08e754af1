"""Rows to test a journal with, and threads to test it from."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

from rotator.contracts.journal import Journal, OnTheWay, Opening, Told
from rotator.model.policy import Deployment, Recipe
from rotator.model.rotation import Phase, Purpose, Reason, RolloutRow, Rotation, State

T = TypeVar("T")

MINUTE = timedelta(minutes=1)
NO_TIME = timedelta(0)
HOUR = timedelta(hours=1)
OPENED = Told("opened", "91 days old, the policy says 90")
WORKLOAD = "production/api"
KEY = "production/A"


def a_recipe(secret: str) -> Recipe:
    """How a secret with an accepted set and two consumers is rotated."""
    name = secret.partition("/")[2]
    return Recipe(
        secret=secret,
        environment="production",
        provider="jwt",
        settings={"bytes": 32},
        fields={"value": f"/taly/production/{name}"},
        accepted_as=f"/taly/production/{name}_ACCEPTED",
        deployments=(Deployment(id=WORKLOAD, kind="kubernetes", target="deployment/api"),),
        grace=timedelta(hours=24),
    )


def a_rotation(journal: Journal, secret: str = "", **changes: Any) -> Rotation:
    """A rotation that is due now, of a secret of its own unless one is named."""
    now = journal.now()
    rotation_id = secrets.token_hex(8)
    secret = secret or f"production/KEY_{rotation_id}"
    draft = Rotation(
        id=rotation_id,
        secret=secret,
        principal=secret,
        provider="jwt",
        phase=Phase.PLAN,
        run_at=now,
        opened_at=now,
        phase_since=now,
        recipe=a_recipe(secret),
    )
    return draft.model_copy(update=changes)


def opens(journal: Journal, draft: Rotation, told: Told = OPENED) -> bool:
    """Whether the journal opens it, alone and answering no request."""
    return draft.id in journal.open_rotations([Opening(draft, told)])


def opened(journal: Journal, secret: str = "", **changes: Any) -> Rotation:
    """One that the journal has."""
    draft = a_rotation(journal, secret, **changes)
    assert opens(journal, draft)
    return draft


def claimed(journal: Journal, *, lease: timedelta = MINUTE, owner: str = "one") -> Rotation:
    """The one rotation that is due, held by `owner`."""
    (row,) = journal.claim_rotations(owner, 1, Phase, lease)
    return row


def held(journal: Journal, secret: str = "", *, lease: timedelta = MINUTE, **changes: Any) -> Rotation:
    """A new rotation, held by a worker."""
    draft = opened(journal, secret, **{"run_at": journal.now() - HOUR, **changes})
    row = claimed(journal, lease=lease)
    assert row.id == draft.id
    return row


def ended(journal: Journal, secret: str, state: State, ago: timedelta = NO_TIME) -> Rotation:
    """A rotation that has ended."""
    row = held(journal, secret)
    last = row.model_copy(update={"state": state, "ended_at": journal.now() - ago})
    return journal.checkpoint(row, last, Told(state, "it ended"), release=True)


def waiting(journal: Journal, row: Rotation, **changes: Any) -> Rotation:
    """A held rotation, given back until an hour from now."""
    later = row.model_copy(update={"run_at": journal.now() + HOUR, "reason": Reason.GRACE, **changes})
    return journal.checkpoint(row, later, release=True)


def ids(rows: Iterable[Rotation | RolloutRow | OnTheWay]) -> list[str]:
    """Which rows these are."""
    return [row.id for row in rows]


def at_once(work: Callable[[int], T], threads: int = 8) -> list[T]:
    """What each of several threads got from `work(number)`, all let loose at the same moment."""
    ready = threading.Barrier(threads)

    def run(number: int) -> T:
        ready.wait(timeout=30)
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def joined(
    journal: Journal, rotation: Rotation, workload: str = WORKLOAD, *, exclusive: bool = False
) -> RolloutRow:
    """The rollout of `workload` that the rotation is in."""
    return journal.join_rollout(rotation.id, workload, Purpose.REDEPLOY, exclusive=exclusive)


def claimed_rollout(journal: Journal, *, lease: timedelta = MINUTE, owner: str = "one") -> RolloutRow:
    """The one rollout that is due, held by `owner`."""
    (row,) = journal.claim_rollouts(owner, 1, lease)
    return row
