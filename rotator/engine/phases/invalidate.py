"""4 invalidate the old: grace, disable, forget, prove, quarantine, remove.

Nothing is invalidated before consumers are seen on the successor, grace is over and nobody is seen using the
predecessor. Every step here reads the store first: if it does not name what this rotation wrote, a person must look.
"""

from __future__ import annotations

from rotator.contracts.provider import Sight, Use
from rotator.contracts.store import Look
from rotator.engine.parameters import fields_in, texts_in
from rotator.engine.phases.death import death
from rotator.engine.phases.push import copies_kept, edit_accepted, write_mirrors
from rotator.engine.phases.rollout import consumers_added, restarted, without
from rotator.engine.phases.settle import adopted, store_names_ours, sweep, unsettled, written_late
from rotator.engine.phases.step import Move, Park, Step
from rotator.model.errors import CredentialRefused
from rotator.model.rotation import Death, Evidence, Phase, Purpose, Reason, State
from rotator.model.secrets import AcceptedSet


def grace(step: Step) -> Move:
    """Waits without holding anything, then looks for use of the predecessor."""
    assert step.ledger.grace_until is not None, "confirm writes grace_until"
    assert step.ledger.confirmed_at is not None, "confirm writes confirmed_at"
    until = max(step.ledger.grace_until, step.ledger.confirmed_at + step.grace)
    if step.now < until and not step.emergency:
        sentence = f"the old one lives until {until:%Y-%m-%d %H:%M} UTC"
        return step.wait(Reason.GRACE, sentence, until)
    if step.ledger.predecessor_id is None and not step.traits.submitted:
        return _predecessor_unknown(step)
    # Who is added to the policy may be the very one that still uses the old one: restarted first.
    return (
        consumers_added(step)
        or _still_used(step)
        or step.to(Phase.DISABLE, f"grace is over{_and_unused(step)}")
    )


def disable(step: Step) -> Move:
    """The reversible step, where the source has one; before it, whoever reads a mirror has the successor for sure."""
    if step.recipe.mirrors:
        # Others may have changed their keys of the one parameter since.
        there = step.texts_in(step.look()) if step.recipe.one_parameter else {}
        write_mirrors(step, step.laid_over(step.successor, there))
    if step.traits.shared:
        return step.skip(Phase.FORGET)
    waiting = unsettled(step) or consumers_added(step) or _still_used(step)
    if waiting:
        return waiting
    if step.traits.submitted:
        return step.skip(Phase.PROVE)
    predecessor_id = _predecessor_id(step)
    if not step.traits.reversible:
        return step.skip(Phase.REMOVE)
    late = store_names_ours(step)
    if late:
        return late
    step.provider.disable(predecessor_id)
    return step.to(Phase.FORGET, f"disabled {predecessor_id}", disabled_at=step.now)


def forget(step: Step) -> Move:
    """The accepted set without the predecessor, verifiers redeployed and confirmed."""
    ledger = step.ledger
    if step.recipe.accepted_as is None:
        return step.skip(Phase.PROVE)
    if ledger.forgot is None:
        return unsettled(step) or consumers_added(step) or _await_yes(step) or _forgotten(step)
    assert ledger.forgot_at is not None, "forgot_at is written with forgot"
    unfinished = restarted(step, Purpose.FORGET, since=ledger.forgot_at)
    return (
        unfinished
        or copies_kept(step, Purpose.FORGET, since=ledger.forgot_at)
        or step.to(Phase.PROVE, "every verifier was restarted without the old one")
    )


def _forgotten(step: Step) -> Move:
    """The predecessor out of the accepted set, by one look at the set and at the value in use."""
    member, late = step.verifiers.member(step.predecessor), dict[str, int]()

    def forgetting(members: AcceptedSet, there: Look) -> AcceptedSet:
        late.update(written_late(step, there))
        return members if late else members.without(member)

    version = edit_accepted(step, forgetting, beside=step.recipe.parameters)
    if late:
        return adopted(step, late)
    sentence = "the accepted set holds the old one no more"
    return step.stay(sentence, forgot=version, forgot_at=step.parts.journal.now())


def prove(step: Step) -> Move:
    """The predecessor is refused by the source's own word, while the successor works in the same minute.

    Where the source keeps one credential only, a mint that lands late replaces the successor: it is tried after that.
    """
    waiting = unsettled(step) if step.gapped else None
    if waiting:
        return waiting
    if step.traits.submitted:
        return _ended_by_hand(step)
    try:
        how = death(step, step.predecessor, step.successor)
    except CredentialRefused as refusal:
        return _successor_refused(step, refusal)
    if how is None:
        waiting = step.not_everywhere_yet("the source still accepts the old one")
        if waiting:
            return waiting
        raise Park(
            Reason.STILL_ALIVE,
            f"{step.ledger.predecessor_id} still works after it was invalidated",
        )
    if step.gapped or step.traits.shared or step.ledger.removed_at is not None:
        return step.end(
            State.DONE,
            f"done; the old one is dead ({how})",
            death=how,
            proved_at=step.now,
        )
    until = step.now + step.recipe.quarantine
    sentence = f"the old one is dead ({how})"
    return step.to(
        Phase.QUARANTINE,
        sentence,
        death=how,
        proved_at=step.now,
        quarantine_until=until,
    )


def _ended_by_hand(step: Step) -> Move:
    """A person ends the old one at the source: it is tried until that refuses it; where it cannot be, they say so.

    They are asked only while the store names the successor: nobody shall end what consumers read.
    """
    late = store_names_ours(step)
    if late:
        return late
    if not step.traits.tells:
        return _said_by_a_person(step)
    try:
        how = death(step, step.predecessor, step.successor)
    except CredentialRefused as refusal:
        return _successor_refused(step, refusal)
    if how is not None:
        return step.end(State.DONE, f"done; the old one is dead ({how})", death=how, proved_at=step.now)
    sentence = "a person has to end the old one at the source, which still accepts it; it is tried until it is refused"
    return step.wait(Reason.AWAITING_END, sentence, max(step.bounds.slow_poll, step.recipe.grace / 10))


def _said_by_a_person(step: Step) -> Move:
    """The one proof that there is where nobody can be asked; never called more than assumed."""
    approved_by = step.rotation.approved_by
    if approved_by:
        sentence = f"done; nobody can try the old one, {approved_by} answers for its end"
        return step.end(State.DONE, sentence, death=Death.ASSUMED)
    sentence = (
        f"a person has to end the old one at the source, then: rotator approve {step.rotation.id} --reason …"
    )
    return step.wait(Reason.AWAITING_YES, sentence, step.bounds.slow_poll)


def quarantine(step: Step) -> Move:
    """Disabled for a while before it is gone for good; a sign of trouble, looked for now and then, enables it again."""
    until = step.ledger.quarantine_until
    assert until is not None, "prove writes quarantine_until"
    try:
        step.provider.verify(step.successor)
    except CredentialRefused as refusal:
        return _successor_refused(step, refusal)
    if step.now < until and not step.emergency:
        next_look = step.now + max(step.bounds.slow_poll, step.recipe.quarantine / 10)
        sentence = f"disabled; removed for good at the earliest {until:%Y-%m-%d %H:%M} UTC"
        return step.wait(Reason.QUARANTINE, sentence, min(until, next_look))
    return step.to(Phase.REMOVE, "no trouble while it was disabled")


def remove(step: Step) -> Move:
    """For good; only the id from the row, after every managed name of this principal was identified."""
    waiting = unsettled(step) or sweep(step) or _used_until_removed(step) or store_names_ours(step)
    if waiting:
        return waiting
    predecessor_id = _predecessor_id(step)
    _named_by_nobody(step, predecessor_id)
    if step.traits.promotes:
        step.promoting.promote(step.predecessor, step.successor)
    else:
        step.provider.remove(predecessor_id)
    for stray in step.ledger.strays:
        step.provider.remove(stray)
    if step.ledger.proved_at is None:  # a source without a reversible step: removing it is what killed it
        return step.to(
            Phase.FORGET if step.recipe.accepted_as else Phase.PROVE,
            f"removed {predecessor_id}",
            removed_at=step.now,
            polling_since=None,
        )
    return step.end(State.DONE, f"done; removed {predecessor_id}", removed_at=step.now)


def _predecessor_id(step: Step) -> str:
    predecessor_id = step.ledger.predecessor_id
    if predecessor_id is None or predecessor_id == step.ledger.successor_id:
        raise Park(
            Reason.PREDECESSOR_UNKNOWN,
            "the id of the old credential is not in the row; nothing was invalidated",
        )
    return predecessor_id


def _still_used(step: Step) -> Move | None:
    """None when the predecessor may be invalidated; unknown is never unused. Who ends it by hand looks themselves."""
    if step.ledger.predecessor_works is False or step.traits.sight is Sight.OURS or step.traits.submitted:
        return None
    assert step.ledger.confirmed_at is not None, "confirm writes confirmed_at"
    last = step.provider.last_used(_predecessor_id(step))
    use = last.since(step.counts_from(step.ledger.confirmed_at))
    if use is Use.USED:
        sentence = f"the old one is still in use{': ' + last.by if last.by else ''}; it stays until that ends"
        return step.wait(Reason.STILL_USED, sentence, max(step.bounds.poll, step.recipe.grace / 10))
    if use is Use.UNKNOWN and not step.accept_unseen:
        sentence = (
            "the source does not tell whether the old one is in use, and the policy has no accept_unseen"
        )
        raise Park(Reason.UNSEEN, sentence)
    if use is Use.UNKNOWN and step.ledger.unused is None:
        sentence = "the source does not tell whether the old one is in use: assumed not (accept_unseen)"
        return step.stay(sentence, unused=Evidence.ASSUMED)
    return None


def _used_until_removed(step: Step) -> Move | None:
    """Where removing is what kills it, the look for use must be as young as the removal; None once it is gone."""
    if step.ledger.proved_at is not None or _predecessor_id(step) not in step.provider.observe().by_id():
        return None
    return _still_used(step)


def _and_unused(step: Step) -> str:
    seen = step.traits.sight is not Sight.OURS and step.ledger.unused is None and not step.traits.submitted
    return (
        " and nobody is seen using the old one" if seen and step.ledger.predecessor_works is not False else ""
    )


def _await_yes(step: Step) -> Move | None:
    """Verifiers outside our control: a person says that they have taken the successor up, also in an emergency."""
    if not step.recipe.external_consumers or step.rotation.approved_by:
        return None
    sentence = f"waiting for a yes: rotator approve {step.rotation.id} --reason …"
    return step.wait(Reason.AWAITING_YES, sentence, step.bounds.slow_poll)


def _predecessor_unknown(step: Step) -> Move:
    """The first rotation of a credential that the source cannot name revokes nothing and asks."""
    if step.rotation.approved_by:
        waiting = unsettled(step) or sweep(step) or store_names_ours(step)
        if waiting:
            return waiting
        for stray in step.ledger.strays:
            step.provider.remove(stray)
        sentence = (
            f"done; the old one was not invalidated by rotator, {step.rotation.approved_by} answers for it"
        )
        return step.end(State.DONE, sentence, death=Death.ASSUMED)
    sentence = (
        "rotator cannot name the old credential: invalidate it by hand, then `rotator approve` this rotation"
    )
    return step.wait(Reason.AWAITING_YES, sentence, step.bounds.slow_poll)


def _successor_refused(step: Step, refusal: CredentialRefused) -> Move:
    """The successor stopped working: the predecessor lives again, and a person looks before it is disabled again."""
    sentence = f"the source refuses the credential in use: {refusal}"
    if step.ledger.disabled_at is None:
        return step.park(Reason.SUCCESSOR_DEAD, sentence)
    if step.ledger.forgot is not None:  # verifiers first, as ever: who signs with it again must be believed
        member = step.verifiers.member(step.predecessor)
        edit_accepted(step, lambda members, _there: members.including(member))
        sentence += "; the accepted set holds the old one again: restart who reads it"
    step.provider.enable(_predecessor_id(step))
    sentence += "; the old one was enabled again"
    again = dict.fromkeys(
        ("disabled_at", "forgot", "forgot_at", "polling_since", "proved_at", "quarantine_until")
    )
    rollouts = without(step, Purpose.FORGET)
    return step.park(Reason.SUCCESSOR_DEAD, sentence, at=Phase.DISABLE, rollouts=rollouts, **again)


def _named_by_nobody(step: Step, credential_id: str) -> None:
    """Parks when any managed name of this principal still names `credential_id`.

    The rotation's own names were read a moment ago, and hold its successor.
    """
    for recipe in step.namesakes():
        if recipe.fields == step.recipe.fields:
            continue
        fields = fields_in(recipe, texts_in(recipe, step.store.look(recipe.parameters)))
        if step.parts.provider(recipe).identify(fields) == credential_id:
            raise Park(
                Reason.DRIFT,
                f"{recipe.secret} names {credential_id}: it is in use and was not removed",
            )
