"""What a lost claim or a lost answer leaves behind, and how long that must be waited for.

A worker that froze after its guard may still land one signed request, and so may a network that held one up until its
sender had given up: SSM has no compare-and-swap, so nothing can fence it. If that ever happened to this rotation,
destructive steps wait for the life of such a request. After a lost claim they also look once more for credentials that
bear this rotation's label.
"""

from __future__ import annotations

from rotator.engine.phases.step import Move, Step
from rotator.model.rotation import Reason


def unsettled(step: Step) -> Move | None:
    """A wait while a signed request that nobody waits for may still land; None when that is over."""
    for since, what in (
        (step.rotation.claim_lost_at, "a worker vanished in the middle"),
        (step.ledger.gave_up_at, "a write had no answer"),
    ):
        if since is not None and step.now < since + step.bounds.signed_request_life:
            sentence = f"{what}: waiting out the life of its signed requests"
            return step.wait(Reason.SETTLING, sentence, since + step.bounds.signed_request_life)
    return None


def sweep(step: Step) -> Move | None:
    """Writes down strays of this rotation once more, if a claim was ever lost; None when there is nothing to write."""
    if step.rotation.claim_lost_at is None or not step.traits.mints or step.ledger.swept:
        return None
    strays = tuple(
        sighting.id
        for sighting in step.provider.observe().credentials
        if sighting.label == step.rotation.id and sighting.id != step.ledger.successor_id
    )
    return step.stay(
        f"looked for leftovers of a lost claim: {len(strays)}",
        strays=strays,
        swept=True,
    )
