"""What a lost claim or a lost answer leaves behind, and how long that must be waited for.

A worker that froze after its guard may still land one signed request, and so may a network that held one up until its
sender had given up: SSM has no compare-and-swap, so nothing can fence it. If that ever happened to this rotation,
destructive steps wait for the life of such a request. After a lost claim, or a mint without an answer, they also look
once more for credentials that bear this rotation's label. A late write of our own value is taken for ours.
"""

from __future__ import annotations

from rotator.contracts.store import Look
from rotator.engine.phases.step import Move, Park, Step, plural
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
    """Writes down strays of this rotation once more, where one may have been made that it does not know.

    Before it looks it waits until the source must list what was made last. None when there is nothing to look for.
    """
    if not (step.traits.mints and step.traits.labels) or step.ledger.swept or not _may_have_lost_one(step):
        return None
    last = [step.rotation.phase_since] + [
        since + step.bounds.signed_request_life
        for since in (step.rotation.claim_lost_at, step.ledger.gave_up_at)
        if since is not None
    ]
    listed = max(last) + step.traits.listing
    if step.now < listed:
        sentence = "waiting until the source lists everything that may have been made"
        return step.wait(Reason.SETTLING, sentence, listed)
    strays = tuple(
        sighting.id
        for sighting in step.provider.observe().credentials
        if sighting.label == step.rotation.id and sighting.id != step.ledger.successor_id
    )
    return step.stay(
        f"looked for leftovers of a lost claim or answer: {len(strays)}",
        strays=strays,
        swept=True,
    )


def _may_have_lost_one(step: Step) -> bool:
    """Whether a claim was lost, or the answer to a mint."""
    ledger = step.ledger
    return bool(step.rotation.claim_lost_at or ledger.gave_up_at or ledger.mints_lost)


def store_names_ours(step: Step) -> Move | None:
    """None when the store holds what this rotation wrote. Parks when somebody changed it."""
    late = written_late(step, step.look())
    return adopted(step, late) if late else None


def written_late(step: Step, there: Look) -> dict[str, int]:
    """Versions that are not the ones we wrote, and hold our own value all the same. Parks when it is another value.

    A worker wrote it once more that froze and woke; or somebody changed what else is in the one parameter.
    """
    late = {}
    for name, text in step.texts_in(there).items():
        wrote, version = step.ledger.wrote[name], there[name].version
        if version == wrote:
            continue
        if not step.holds(name, text, step.successor):
            sentence = f"{name} is at version {version}, we wrote {wrote}: somebody changed it"
            raise Park(Reason.DRIFT, sentence)
        late[name] = version
    return late


def adopted(step: Step, late: dict[str, int]) -> Move:
    """Such versions are ours from now on."""
    versions = plural(f"{name} {late[name]}" for name in late)
    beside = ", or beside what somebody changed" if step.recipe.one_parameter else ""
    sentence = f"our own value was written again, late{beside}: {versions}"
    return step.stay(sentence, wrote={**step.ledger.wrote, **late})
