"""1 update at source: plan, tidy, create, ready, activate, verify.

Nothing here can hurt a consumer: the predecessor stays as it is (except at a source without overlap, which has its
own path). What can go wrong is a credential that nobody remembers, so create runs only under the claim that planned
it, and a plan that follows a lost one lists until the source's answer is stable.
"""

from __future__ import annotations

from collections.abc import Mapping

from rotator.contracts.provider import Observation, Overlap, Use
from rotator.contracts.store import Look
from rotator.engine.memory import remembered
from rotator.engine.parameters import fields_in
from rotator.engine.phases.push import members_in
from rotator.engine.phases.step import (
    Move,
    Park,
    Step,
    Undo,
    plural,
    successor_seal,
)
from rotator.model.errors import CredentialRefused, GaveUp, NotYet, Refused, Transient
from rotator.model.rotation import Phase, Reason
from rotator.model.secrets import Credential, Sealed


def plan(step: Step) -> Move:
    """Observes source and store, tries the predecessor, and writes down everything later phases act on."""
    ledger, traits = step.ledger, step.traits
    answer_lost = traits.mints and ledger.minting_at is not None
    if answer_lost and (waiting := _await_listing(step)):
        return waiting
    observed = step.provider.observe()
    if answer_lost and (waiting := _await_a_stable_listing(step, observed)):
        return waiting

    there = step.look(*filter(None, [step.recipe.accepted_as]))
    texts = step.texts_in(there)
    fields = fields_in(step.recipe, texts)
    before = {name: there[name].version for name in texts}
    predecessor_id = _named(step, fields, before, observed)
    works = _works(step, Credential(predecessor_id or "", fields)) if traits.tells else None
    strangers = _strangers(step, Credential(predecessor_id or "", fields), there)

    strays, doubtful = _unrecorded(step, observed)
    _must_be_unused(step, strays + doubtful, before)
    known = ledger.known if ledger.known is not None else tuple(sorted(observed.by_id()))
    _must_have_a_slot(step, observed, len(strays))

    keyless = step.rotation.data_key is None
    key = step.parts.sealer.new_key(step.seal_context) if keyless else step.data_key
    return step.to(
        Phase.TIDY,
        f"planned: replaces {predecessor_id or 'a credential the source cannot name'}{_and_strangers(strangers)}",
        sealed={"data_key": key.wrapped, "sealed_predecessor": step.sealed_former(key, texts)},
        planned_fence=step.rotation.fence,
        predecessor_id=predecessor_id,
        predecessor_works=works,
        before=before,
        known=known,
        strays=strays,
        doubtful=doubtful,
        strangers=strangers,
        listing=None,
        polling_since=None,
        minting_at=step.now if traits.mints else None,
    )


def tidy(step: Step) -> Move:
    """Removes the strays that plan wrote down; unlabelled unknowns are only disabled."""
    ledger = step.ledger
    if not ledger.strays and not ledger.doubtful:
        return step.skip(Phase.CREATE)
    for stray in ledger.strays:
        step.provider.remove(stray)
    for unknown in ledger.doubtful:
        step.provider.disable(unknown)
    return step.to(
        Phase.CREATE,
        f"tidied leftovers of a lost answer: removed {plural(ledger.strays)}, disabled {plural(ledger.doubtful)}",
    )


def create(step: Step) -> Move:
    """Mints and seals in one step; a source that is told its value, or where a person made it, is not touched."""
    if step.ledger.planned_fence != step.rotation.fence:
        return step.skip(Phase.PLAN)
    key = step.data_key  # opened before the mint: trouble with KMS stops here, never after
    try:
        successor = (
            _taken(step)
            if step.traits.submitted
            else step.provider.create(step.rotation.id, step.ledger.predecessor_id)
        )
    except (Transient, NotYet) as trouble:
        return _plan_again(step, trouble)
    sealed = key.seal(successor.fields, successor_seal(step.rotation.id, step.rotation.fence))
    return step.to(
        Phase.READY if step.gapped else Phase.ACTIVATE,
        f"{step.ledger.submitted_by} made {successor.id}"
        if step.traits.submitted
        else f"made {successor.id}",
        sealed={"sealed_successor": sealed},
        successor_id=successor.id,
        created_fence=step.rotation.fence,
        strays=(),
        doubtful=(),
    )


def ready(step: Step) -> Move:
    """Overlap none: before the way back closes, everything the way forward needs has answered."""
    for name, text in step.laid_over(step.successor, step.former).items():
        step.store.check_writable(name, text.size)
    for name in step.recipe.mirrors:
        for parameter in step.recipe.parameters:
            step.parts.mirror(step.recipe.environment, name).stale(parameter, step.now)
    for deployment in step.deployments():
        list(step.parts.redeployer(deployment).starts(step.now))
    return step.to(Phase.ACTIVATE, "store, mirrors and redeployers answer")


def activate(step: Step) -> Move:
    """Makes the source accept the successor."""
    if step.gapped:
        return _activate_without_overlap(step)
    if step.traits.mints or step.traits.submitted:
        return step.skip(Phase.VERIFY)
    step.provider.activate(step.successor)
    return step.to(Phase.VERIFY, f"the source was told {step.successor.id}")


def verify(step: Step) -> Move:
    """Uses the successor as a consumer would, until it was accepted several times in a row."""
    since = step.ledger.polling_since or step.now
    if not step.traits.tells and step.now < since + step.traits.propagation:
        sentence = "nobody can be asked whether the source accepts the successor yet: it is given its time"
        return step.wait(Reason.PROPAGATING, sentence, since + step.traits.propagation, polling_since=since)
    try:
        step.provider.verify(step.successor)
    except CredentialRefused as refusal:
        waiting = step.not_everywhere_yet("the source does not accept the successor yet", accepted=0)
        if waiting:
            return waiting
        raise Undo(Reason.NOT_ACCEPTED, f"the source refuses the successor: {refusal}") from refusal
    waiting = step.accepted_again()
    if waiting:
        return waiting
    if step.gapped:
        following = Phase.REDEPLOY
    else:
        following = Phase.ANNOUNCE if step.recipe.accepted_as else Phase.STORE
    return step.to(
        following,
        "the source accepts the successor"
        if step.traits.tells
        else "nobody can be asked whether the source accepts the successor: it is not tried",
        accepted=step.ledger.accepted + 1,
        polling_since=None,
    )


def _await_listing(step: Step) -> Move | None:
    """A mint may have happened: before anything is listed, the source's listing bound passes."""
    since = step.ledger.polling_since
    if since is None:
        sentence = "an answer may have been lost while minting: waiting until the source lists everything"
        return step.wait(
            Reason.LISTING,
            sentence,
            step.traits.listing,
            polling_since=step.now,
            listing=None,
        )
    if step.now < since + step.traits.listing:
        return step.wait(
            Reason.LISTING,
            "waiting for the source's listing",
            since + step.traits.listing,
        )
    return None


def _await_a_stable_listing(step: Step, observed: Observation) -> Move | None:
    """After a mint whose answer was lost, two listings in a row have to agree."""
    listing = tuple(sorted(observed.by_id()))
    if listing == step.ledger.listing:
        return None
    sentence = "an answer was lost while minting: listing the source until two listings agree"
    return step.wait(Reason.LISTING, sentence, step.bounds.poll, listing=listing)


def _must_be_unused(step: Step, leftovers: tuple[str, ...], before: Mapping[str, int]) -> None:
    """Parks where consumers may be using what is to be tidied: the store is another than when it was planned."""
    if leftovers and (step.ledger.before != before or not step.traits.mints):
        raise Park(
            Reason.DRIFT,
            f"{leftovers[0]} is at the source, perhaps made by this rotation, and the store changed since it was "
            "planned: somebody wrote, or this journal is older than the world",
        )


def _must_have_a_slot(step: Step, observed: Observation, tidied: int) -> None:
    """Parks where the successor would have none, with those that tidying frees; rotator makes no other room."""
    full = observed.free_slots is not None and observed.free_slots + tidied < 1
    if full and not step.gapped:
        raise Park(
            Reason.NO_FREE_SLOT,
            observed.blocker or "the source has no free slot, and rotator makes none",
        )


def _plan_again(step: Step, trouble: Transient | NotYet) -> Move:
    """The mint's answer was lost or late: look before minting once more, less and less often."""
    lost, recipe = step.ledger.mints_lost, step.recipe
    at = step.now + min(recipe.backoff_longest, recipe.backoff_first * 2 ** min(lost, 20))
    if isinstance(trouble, NotYet):
        at = max(at, trouble.until)
    elif trouble.retry_after is not None:
        at = max(at, step.now + trouble.retry_after)
    ledger = step.ledger.having(planned_fence=None, polling_since=None, listing=None, mints_lost=lost + 1)
    if isinstance(trouble, GaveUp):  # what it made may come as late as a signed request is taken
        ledger = ledger.having(gave_up_at=step.now)
    return Move(Phase.PLAN, ledger, str(trouble), "retries", reason=Reason.RETRYING, run_at=at)


def _named(
    step: Step, fields: dict[str, Sealed], before: dict[str, int], observed: Observation
) -> str | None:
    """The id of the credential in the store: by the source's word; where it has none, by the journal's memory.

    The source is asked in any case: it refuses values that lead elsewhere than the policy does. The journal is asked
    only where that matters: most sources know their own. Whoever plans again after a lost mint may get no name from
    either, because there are two now: while the store is as it was, the first plan's name holds.

    Parks where a source that only lists does not show what the journal knows to be in use: whoever is there instead is
    somebody else, as the endpoints that Stripe shows to a key of the other mode are.
    """
    identified = step.provider.identify(fields)
    if identified is not None and step.traits.recognizes and not step.traits.shared:
        return identified
    known = remembered(step.parts.journal, step.recipe.secret, before)
    if known is not None and not step.traits.recognizes and known not in observed.by_id():
        raise Park(
            Reason.UNKNOWN_AT_SOURCE,
            f"the source does not show {known}, whose value the store holds: rotator may be asking for another "
            "account, mode or URL than consumers use, or somebody removed it; if so, write the value in use into the "
            "store",
        )
    named = known or identified
    return named or (step.ledger.predecessor_id if step.ledger.before == before else None)


def _taken(step: Step) -> Credential:
    """What a person submitted, as the successor."""
    try:
        taken = step.by_hand.take(step.rotation.id, step.submitted)
        unfit = _unfit(step, taken)
    except Refused as refusal:
        raise _not_usable(step, str(refusal)) from refusal
    if unfit:
        raise _not_usable(step, unfit)
    return taken


def _not_usable(step: Step, why: str) -> Undo:
    return Undo(Reason.NOT_USABLE, f"what {step.ledger.submitted_by} submitted cannot be used: {why}")


def _unfit(step: Step, taken: Credential) -> str:
    """Why it cannot follow the one in use; empty where it can. Raises Refused where the store does not take it."""
    if taken.fields == step.predecessor.fields:
        return "it is the one in use: make a new one"
    if taken.fields.keys() != step.recipe.fields.keys():
        return f"its fields are {plural(taken.fields)}, and {plural(step.recipe.fields)} are wanted"
    for name, text in step.laid_over(taken, step.former).items():
        step.store.check_writable(name, text.size)
    return ""


def _works(step: Step, credential: Credential) -> bool:
    """Whether the source accepts the credential; if it refuses the predecessor, there is nothing to undo to."""
    try:
        step.provider.verify(credential)
    except CredentialRefused:
        return False
    return True


def _strangers(step: Step, predecessor: Credential, there: Look) -> int:
    """Members of the accepted set that nobody here wrote; parks when there should be a set, and there is none."""
    name = step.recipe.accepted_as
    if name is None:
        return 0
    if name not in there:
        sentence = f"there is no parameter {name}; make it: rotator prepare {step.recipe.secret}"
        raise Park(Reason.NO_ACCEPTED_SET, sentence)
    return members_in(there, name).strangers(step.verifiers.member(predecessor))


def _and_strangers(strangers: int) -> str:
    return (
        f"; members of the accepted set that somebody else wrote, and that stay: {strangers}"
        if strangers
        else ""
    )


def _unrecorded(step: Step, observed: Observation) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Strays that bear this rotation's label, and unlabelled unknowns that may be ours.

    At a source without labels an unknown credential is never removed by itself: it is disabled if it was never used
    and can be enabled again; else the rotation parks and shows it.
    """
    if step.traits.labels:
        ours = tuple(one.id for one in observed.credentials if one.label == step.rotation.id)
        return ours, ()
    if not step.traits.mints or step.ledger.known is None or step.traits.overlap is Overlap.NONE:
        return (), ()
    unknown = [one.id for one in observed.credentials if one.id not in step.ledger.known]
    minting_at = step.ledger.minting_at or step.now
    for credential_id in unknown:
        used = step.provider.last_used(credential_id).since(minting_at)
        if used is not Use.UNUSED or not step.traits.reversible:
            sentence = f"{credential_id} appeared at the source while an answer was lost; it may be ours or another's"
            raise Park(Reason.UNKNOWN_AT_SOURCE, sentence)
    return (), tuple(unknown)


def _activate_without_overlap(step: Step) -> Move:
    """One credential only: activate and store back to back; on resume, act on the one that works."""
    if step.traits.mints or _works(step, step.successor):
        return step.skip(Phase.STORE)
    if step.ledger.predecessor_works and not _works(step, step.predecessor):
        sentence = "the source refuses the successor and the predecessor: consumers are locked out"
        raise Park(Reason.NEITHER_WORKS, sentence)
    step.provider.activate(step.successor)
    return step.skip(Phase.STORE)
