"""A parked rotation, by its reason: what it means, whether consumers are at risk, and what a person has to do first."""

from __future__ import annotations

from rotator.model.environments import is_production
from rotator.model.rotation import Reason, Rotation

_AT_RISK = frozenset(
    {Reason.NEITHER_WORKS, Reason.SUCCESSOR_DEAD, Reason.STILL_ALIVE, Reason.RECONFIRM_FAILED}
)
#: What it means, where that is more than where it stands.
_MEANS = {
    Reason.NEITHER_WORKS: "consumers are locked out, rotation parked",
    Reason.SUCCESSOR_DEAD: "the credential in use is refused by its source, rotation parked",
    Reason.RECONFIRM_FAILED: "consumers could not be taken back to the old one, rotation parked",
    Reason.STILL_ALIVE: "a credential that should be dead still works",
    Reason.DRIFT: "somebody wrote the parameter during the rotation, parked",
}
_WORKLOAD = "repair the workload that the step names"
_WHY_REFUSED = "see why it was refused, as the step says"
#: What makes it go on, before a person says so; docs/how-to/alerts/parked.md has more of each.
_WANTS = {
    Reason.DRIFT: "ask who wrote it, and put back what rotator left there",
    Reason.RACED: "ask who wrote it too, and whether theirs is given up",
    Reason.UNREADABLE: "mend what stands in the parameter",
    Reason.ROLLOUT_FAILED: _WORKLOAD,
    Reason.NOT_SEEN: _WORKLOAD,
    Reason.RECONFIRM_FAILED: _WORKLOAD,
    Reason.NOTHING_TO_RETURN_TO: "repair what the step names",
    Reason.NOT_ACCEPTED: _WHY_REFUSED,
    Reason.SOURCE_REFUSED: _WHY_REFUSED,
    Reason.STORE_REFUSED: _WHY_REFUSED,
    Reason.NOT_ACCEPTED_BY_VERIFIERS: "see that the service behind probe reads the accepted set",
    Reason.SUCCESSOR_DEAD: "find out who ended the credential in use",
    Reason.NO_FREE_SLOT: "remove a credential that nobody uses, as the step says",
    Reason.UNKNOWN_AT_SOURCE: "see at the source what is used, as the step says",
    Reason.PREDECESSOR_UNKNOWN: "end the old credential by hand",
    Reason.UNSEEN: "decide whether use that nobody can see counts as none (accept_unseen)",
    Reason.STILL_ALIVE: "find out why the source still accepts it",
    Reason.LEFT_POLICY: "put the secret back into policies.yaml, or clean up by hand",
    Reason.NO_ACCEPTED_SET: "make or correct the accepted set, as the step says",
    Reason.NEITHER_WORKS: "make a credential at the source by hand, write it, restart consumers",
    Reason.BUG: "report it with its history",
}


def parked_title(rotation: Rotation) -> str:
    """What it means."""
    why = f": {rotation.reason.replace('_', ' ')}" if rotation.reason else ""
    usual = f"rotation parked at {rotation.phase}{why}"
    return _MEANS.get(rotation.reason, usual) if rotation.reason else usual


def parked_at_risk(rotation: Rotation) -> bool:
    """Whether the credential in use may not work, or a dead one does.

    What somebody wrote is as grave in the middle of a rotation as at any other time.
    """
    if rotation.reason is Reason.DRIFT:
        return is_production(rotation.recipe.environment)
    return rotation.reason in _AT_RISK


def parked_action(rotation: Rotation) -> str:
    """The one thing for a person, and the command that lets it go on then."""
    wants = _WANTS.get(rotation.reason) if rotation.reason else None
    return f"{wants or f'rotator history {rotation.secret}'}; then: rotator approve {rotation.id} --reason …"
