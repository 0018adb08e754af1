"""What a plan was made from, and whether that still is so: `rotator apply` asks, and so does whoever takes it up.

A request may wait for days: for a yes, a pause, a rotation that is under way. So it carries what its plan was made
from, and a rotation begins for its sake only while nothing of that has changed. Once it has begun, its own write is
the next version, and nobody compares any more: a request that became a rotation is settled in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rotator.contracts.journal import Journal
from rotator.engine.ages import present
from rotator.model.observations import History
from rotator.model.policy import Policies
from rotator.model.requests import Basis, Request, RequestState

_SHOWN = 12  # characters of a policy's version


def other_versions(then: Mapping[str, int], now: Mapping[str, int]) -> Iterator[str]:
    """What the store has under other versions than it had then, a piece of a sentence for each parameter."""
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            yield f"{name} had {_version(then.get(name))} then, and has {_version(now.get(name))} now"


def other_policy(then: str, now: str) -> Iterator[str]:
    """The same of the policy in force, if it is another one."""
    if then != now:
        yield f"the policy had version {then[:_SHOWN]} then, and has version {now[:_SHOWN]} now"


def outdated(basis: Basis | None, policies: Policies, versions: Mapping[str, int]) -> str:
    """Why a rotation must not begin for the plan's sake any more, a sentence; empty where it may, or there is no plan.

    `versions`: what the store has, as far as the journal knows.
    """
    if basis is None:
        return ""
    changed = [
        *other_policy(basis.policy_version, policies.version),
        *other_versions(basis.versions, versions),
    ]
    if not changed:
        return ""
    return (
        f"the plan of {basis.planned_at:%Y-%m-%d %H:%M} UTC does not hold any more: {'; '.join(changed)}; "
        "make a new one: rotator plan -o FILE"
    )


def without_outdated(journal: Journal, policies: Policies, waiting: Sequence[Request]) -> list[Request]:
    """The requests without those whose plan does not hold any more; these are refused."""
    if not any(request.basis for request in waiting):
        return [*waiting]
    histories, observed = journal.histories(), journal.observed()
    left = []
    for request in waiting:
        there = present(histories.get(request.about, History()), observed.get(request.about))
        sentence = outdated(request.basis, policies, there)
        if sentence:
            journal.settle_request(request.id, RequestState.REFUSED, sentence)
        else:
            left.append(request)
    return left


def _version(number: int | None) -> str:
    return "no version" if number is None else f"version {number}"
