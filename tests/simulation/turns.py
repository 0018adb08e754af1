"""Whose turn it is: nothing begins that waits for a person's yes, for staging's proof, or for others."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from rotator.contracts.journal import Opening
from rotator.model.observations import History
from rotator.model.policy import Mode
from rotator.model.requests import RequestKind
from rotator.model.rotation import BEFORE_CONFIRMED, Phase, Priority, Rotation, State
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.world import World

_YES = {RequestKind.APPROVE, RequestKind.ROTATE, RequestKind.EMERGENCY, RequestKind.SUBMIT}
#: What a person wants at once waits for no proof.
_AT_ONCE = {RequestKind.ROTATE, RequestKind.EMERGENCY, RequestKind.SUBMIT}


class Turns:
    """Looks at every rotation as it is opened, and as it is planned."""

    def __init__(self, world: World) -> None:
        self._world = world

    def opened(self, openings: Sequence[Opening], opened: AbstractSet[str]) -> None:
        """Rotations have begun: their policies let them, or somebody asked for them."""
        for opening in openings:
            if opening.rotation.id in opened:
                self._may_begin(opening.rotation, opening.answers)

    def _may_begin(self, draft: Rotation, answers: Sequence[str]) -> None:
        policy = self._world.shape.policies.secrets.get(draft.secret)
        asked = (
            {one.kind for one in self._world.database.requests(waiting=False) if one.id in answers}
            if answers
            else set()
        )
        if policy is None or policy.mode is Mode.AUTO:
            self._proved(draft, asked)
        elif policy.mode is Mode.OBSERVE or not asked & _YES:
            raise Violated(
                "a person says yes", f"{draft.id} of {draft.secret} began, and its mode is {policy.mode}"
            )

    def _proved(self, draft: Rotation, asked: set[RequestKind]) -> None:
        """Production begins after staging has proved it since the last time, and the soak is over."""
        environment = self._world.policies.environments[draft.recipe.environment]
        name = draft.secret.partition("/")[2]
        first = f"{environment.after}/{name}"
        if environment.after is None or first not in self._world.policies.secrets or asked & _AT_ONCE:
            return
        histories = self._world.database.histories()
        proof, ours = (histories.get(secret, History()).last_done for secret in (first, draft.secret))
        since = ours.ended_at if ours else None
        if proof is None or proof.ended_at is None or (since is not None and proof.ended_at <= since):
            raise Violated(
                "staging first", f"{draft.id} of {draft.secret} began, and {first} has not proved it"
            )
        if proof.ended_at + environment.soak > draft.opened_at:
            raise Violated("staging first", f"{draft.id} of {draft.secret} began while {first} was soaking")

    def planned(self, before: Rotation, row: Rotation) -> None:
        """A rotation has planned: no more of one workload are between plan and confirm than the policy says."""
        limit = self._world.policies.environments[row.recipe.environment].max_concurrent
        urgent = Priority.EMERGENCY in {row.priority, before.priority}
        if (
            limit is None
            or urgent
            or before.ledger.planned_fence is not None
            or row.ledger.planned_fence is None
        ):
            return
        ours = {deployment.id for deployment in row.recipe.deployments}
        ahead = [other.id for other in self._world.database.rotations(unfinished=True)
                 if ours & {one.id for one in other.recipe.deployments} and self._counts(other, row)]  # fmt: skip
        if len(ahead) >= limit:
            raise Violated(
                "at most so many at once", f"{row.id} joins {ahead} of its workload, {limit} may be at once"
            )

    def _counts(self, other: Rotation, row: Rotation) -> bool:
        """Whether another one was surely between plan and confirm when this one asked."""
        gate, since = self._world.acting, self._world.telling.resumed.get(other.id, 0.0)
        came_back = gate is not None and since >= gate.claimed_at
        return (
            other.id != row.id
            and other.state is State.ACTIVE
            and other.priority is not Priority.EMERGENCY
            and other.phase in BEFORE_CONFIRMED - {Phase.PLAN}
            and other.ledger.confirmed_at is None
            and not came_back
        )
