"""What a lost claim leaves behind, and how long that must be waited for.

A worker that froze after its guard may still land one signed request: SSM has no compare-and-swap, so nothing can
fence it. If a claim of this rotation was ever lost, destructive steps wait for the life of such a request, and look
once more for credentials that bear this rotation's label.
"""

from __future__ import annotations

from rotator.engine.phases.step import Move, Step
from rotator.model.rotation import Reason


def unsettled(step: Step) -> Move | None:
    """A wait while a signed request of a lost claim may still land; None when that is over."""
    lost = step.rotation.claim_lost_at
    if lost is None or step.now >= lost + step.bounds.signed_request_life:
        return None
    sentence = "a worker vanished in the middle: waiting out the life of its signed requests"
    return step.wait(Reason.SETTLING, sentence, lost + step.bounds.signed_request_life)


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
