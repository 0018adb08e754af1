"""undo: restore, reconfirm, withdraw, discard, disprove.

The way back ends with the predecessor current and the successor gone. It is quiet (sweep the successor, nothing
else) only while nobody can have seen it. If the predecessor was refused, or the source keeps only one credential,
there is nothing to go back to: the rotation parks instead.
"""

from __future__ import annotations

from datetime import datetime

from rotator.contracts.provider import Sight, Use
from rotator.engine.parameters import fields_in
from rotator.engine.phases.death import dead
from rotator.engine.phases.push import edit_accepted, members_in, write_mirrors
from rotator.engine.phases.rollout import restarted, without
from rotator.engine.phases.settle import sweep, unsettled
from rotator.engine.phases.step import Move, Park, Step, Undo, plural
from rotator.engine.standing import rotate_command
from rotator.model.errors import CredentialRefused, Drifted, Raced, Refused
from rotator.model.rotation import UNDOING, Phase, Priority, Purpose, Reason, Rotation, State
from rotator.model.secrets import Sealed

_QUIET = frozenset({Phase.PLAN, Phase.TIDY, Phase.CREATE, Phase.READY, Phase.ACTIVATE, Phase.VERIFY})
_STORED = frozenset({Phase.STORE, Phase.REDEPLOY, Phase.CONFIRM})
_BEFORE_ACTIVATE = frozenset({Phase.PLAN, Phase.TIDY, Phase.CREATE, Phase.READY})


def no_way_back(rotation: Rotation, *, gapped: bool) -> str:
    """Why a person cannot take the rotation back any more, and what to do instead; empty while they can.

    `gapped`: the source keeps one credential only.
    """
    by_hand = rotation.ledger.submitted_by is not None
    phase, again = rotation.phase, f"rotate again instead: {rotate_command(rotation.secret, by_hand=by_hand)}"
    if rotation.state in {State.DONE, State.UNDONE}:
        return f"it has ended: {rotation.state}; {again}"
    if phase in UNDOING:
        return "it is on its way back already"
    if rotation.priority is Priority.EMERGENCY:
        return f"the old one was declared compromised; {again}"
    if phase not in _QUIET | _STORED | {Phase.ANNOUNCE, Phase.GRACE}:
        return f"too late, the old one is being invalidated; {again}"
    if gapped and phase not in _BEFORE_ACTIVATE:
        return f"its source keeps one credential, and by now that is the new one; {again}"
    if rotation.ledger.predecessor_works is False and phase not in _QUIET:
        return f"the source refused the old one before the rotation began; {again}"
    return ""


def begin_undo(step: Step, verdict: Undo) -> Move:
    """The first move of the way back, by how far the rotation got. Raises Park where there is no way back."""
    phase = step.rotation.phase
    if step.gapped and (phase in _STORED | {Phase.ACTIVATE, Phase.VERIFY} or _minted_in_place(step)):
        sentence = f"{verdict.sentence}; the source keeps one credential, so the only way is forward"
        return _only_forward(step, verdict.reason, sentence)
    if step.ledger.predecessor_works is False and phase not in _QUIET:
        sentence = f"{verdict.sentence}; the source refused the old one before we began"
        return _only_forward(step, Reason.NOTHING_TO_RETURN_TO, sentence)
    if phase in _STORED | {Phase.GRACE}:
        first = Phase.RESTORE
    elif phase is Phase.ANNOUNCE:
        first = Phase.WITHDRAW
    elif phase in _QUIET:
        first = Phase.DISCARD
    else:
        raise Park(verdict.reason, verdict.sentence)
    ledger = step.ledger.having(undo_reason=verdict.reason, undo_from=phase, swept=False, polling_since=None)
    return Move(first, ledger, verdict.sentence, "undo", reason=verdict.reason)


def _minted_in_place(step: Step) -> bool:
    """Whether a mint may have put the successor in the predecessor's place already: its source keeps one credential."""
    return step.traits.mints and (step.ledger.successor_id is not None or step.ledger.mints_lost > 0)


def _only_forward(step: Step, reason: Reason, sentence: str) -> Move:
    """Parks where the way back is closed; once a person has looked, what was rolled out is rolled out again."""
    match step.rotation.phase:
        case Phase.CONFIRM:
            again = without(step, Purpose.REDEPLOY)
            return step.park(reason, sentence, at=Phase.REDEPLOY, rollouts=again)
        case Phase.ANNOUNCE:
            return step.park(reason, sentence, rollouts=without(step, Purpose.ANNOUNCE))
        case _:
            return step.park(reason, sentence)


def restore(step: Step) -> Move:
    """Previous values back into store and mirrors."""
    _predecessor_accepted(step)
    restored, texts = dict(step.ledger.restored), dict[str, Sealed]()
    for name in step.recipe.parameters:
        there = step.store.read(name)
        texts[name] = _with_predecessor(step, name, there.value)
        if texts[name] == there.value:
            if there.version != step.ledger.before[name]:
                restored[name] = there.version
            continue
        try:
            restored[name] = step.store.write(name, texts[name], there.version)
        except (Drifted, Raced) as race:
            raise Park(Reason.DRIFT, f"{race}; while the old value was put back") from race
    if not restored:
        return step.skip(_after_consumers(step))
    write_mirrors(step, texts)
    sentence = "the store holds the old value again"
    return step.to(
        Phase.RECONFIRM,
        sentence,
        restored=restored,
        restored_at=step.parts.journal.now(),
    )


def _with_predecessor(step: Step, name: str, text: Sealed) -> Sealed:
    """What the parameter is to hold: all that it held, unless somebody changed what else is in it since."""
    if step.holds(name, text, step.predecessor):
        return text
    if not step.holds(name, text, step.successor):
        raise Park(Reason.DRIFT, f"{name} holds neither the old nor the new value: somebody changed it")
    ours = step.laid_over(step.successor, step.former)[name]
    return step.former[name] if text == ours else step.laid_over(step.predecessor, {name: text})[name]


def reconfirm(step: Step) -> Move:
    """Consumers of the recipe and of today's policy are redeployed and confirmed on the predecessor."""
    assert step.ledger.restored_at is not None, "restore writes restored_at"
    unfinished = restarted(step, Purpose.UNDO, since=step.ledger.restored_at)
    if unfinished:
        return unfinished
    return step.to(
        _after_consumers(step),
        "consumers are on the old one again",
        reconfirmed_at=step.now,
    )


def withdraw(step: Step) -> Move:
    """The successor leaves the accepted set, one grace after anyone could last sign with it."""
    ledger = step.ledger
    if step.recipe.accepted_as is None:
        return step.skip(Phase.DISCARD)
    if ledger.forgot is None:
        if ledger.reconfirmed_at is not None and step.now < ledger.reconfirmed_at + step.grace:
            sentence = "verifiers accept both until nothing signed with the new one is left"
            return step.wait(Reason.GRACE, sentence, ledger.reconfirmed_at + step.grace)
        waiting = unsettled(step)
        if waiting:
            return waiting
        _nobody_reads_successor(step)
        member = step.verifiers.member(step.successor)
        version = edit_accepted(step, lambda members, _there: members.without(member))
        sentence = "the accepted set holds the new one no more"
        return step.stay(sentence, forgot=version, forgot_at=step.parts.journal.now())
    assert ledger.forgot_at is not None, "forgot_at is written with forgot"
    unfinished = restarted(step, Purpose.FORGET, since=ledger.forgot_at)
    return unfinished or step.to(Phase.DISCARD, "every verifier was restarted without the new one")


def discard(step: Step) -> Move:
    """The successor and the strays that are written down are disabled and removed at the source."""
    if step.traits.submitted:
        return unsettled(step) or _handed_back(step)
    waiting = unsettled(step) or sweep(step) or _successor_used(step)
    if waiting:
        return waiting
    if step.ledger.successor_id is not None:
        _nobody_reads_successor(step)
        if not step.traits.shared:
            if step.traits.reversible:
                step.provider.disable(step.ledger.successor_id)
            step.provider.remove(step.ledger.successor_id)
    _nobody_reads_strays(step)
    for stray in step.ledger.strays:
        step.provider.remove(stray)
    if step.ledger.successor_id is None:
        return step.end(State.UNDONE, "undone before anything was made; the old one is untouched")
    return step.to(Phase.DISPROVE, f"removed {step.ledger.successor_id}", polling_since=None)


def _handed_back(step: Step) -> Move:
    """What a person made only a person can end, or submit once more; nothing waits for that."""
    if step.ledger.successor_id is not None:
        _nobody_reads_successor(step)
    elif _in_use_already(step):  # whoever ended that would end what everybody reads
        sentence = f"undone; what {step.ledger.submitted_by} submitted is the one in use: leave it alive"
        return step.end(State.UNDONE, sentence)
    sentence = (
        f"undone; the old one is current. What {step.ledger.submitted_by} submitted is not used, and rotator keeps it "
        "no longer: submit it again once the cause is gone, or end it at the source"
    )
    return step.end(State.UNDONE, sentence)


def _in_use_already(step: Step) -> bool:
    """Whether what was submitted is the credential that it was to replace; what does not open is none of ours."""
    if step.ledger.undo_reason is not Reason.NOT_USABLE:
        return False
    try:
        return step.submitted == step.predecessor.fields
    except Refused:
        return False


def disprove(step: Step) -> Move:
    """The successor is refused by the source, and the predecessor works."""
    if step.traits.shared:
        return step.end(State.UNDONE, "undone; the old one is current")
    if dead(step, step.successor):
        return _predecessor_works(step)
    waiting = step.not_everywhere_yet("the source still accepts the new one")
    if waiting:
        return waiting
    raise Park(
        Reason.STILL_ALIVE,
        f"{step.ledger.successor_id} still works after it was removed",
    )


def _predecessor_works(step: Step) -> Move:
    if step.ledger.predecessor_works is not False:
        try:
            step.provider.verify(step.predecessor)
        except CredentialRefused as refusal:
            sentence = f"undone, but the source refuses the old one now: {refusal}"
            raise Park(Reason.NEITHER_WORKS, sentence) from refusal
    return step.end(State.UNDONE, "undone; the old one is current and works")


def _predecessor_accepted(step: Step) -> None:
    """Parks when consumers would be taken back to a credential that is refused (an older journal may not know)."""
    if step.recipe.accepted_as is not None:
        name = step.recipe.accepted_as
        members = members_in({name: step.store.read(name)}, name)
        if step.verifiers.member(step.predecessor) not in members:
            raise Park(Reason.NOTHING_TO_RETURN_TO, "the accepted set does not hold the old one any more")
    try:
        step.provider.verify(step.predecessor)
    except CredentialRefused as refusal:
        raise Park(Reason.NOTHING_TO_RETURN_TO, f"the source refuses the old one: {refusal}") from refusal


def _after_consumers(step: Step) -> Phase:
    return Phase.WITHDRAW if step.ledger.announced is not None else Phase.DISCARD


def _successor_used(step: Step) -> Move | None:
    """A wait while somebody is seen using the successor that consumers had begun to read; unknown is never unused."""
    since, sight = step.ledger.reconfirmed_at, step.traits.sight
    if since is None or step.ledger.successor_id is None or sight is Sight.OURS:
        return None
    if sight is Sight.LAGGING and step.now < since + step.grace:
        return step.wait(Reason.GRACE, "the source shows use only later", since + step.grace)
    last = step.provider.last_used(step.ledger.successor_id)
    use = last.since(step.counts_from(since))
    if use is Use.USED:
        sentence = f"the new one is still in use{': ' + last.by if last.by else ''}; it stays until that ends"
        return step.wait(Reason.STILL_USED, sentence, max(step.bounds.poll, step.recipe.grace / 10))
    if use is Use.UNKNOWN and not step.accept_unseen:
        return _successor_gone(step, since + step.traits.listing)
    return None


def _successor_gone(step: Step, listed_from: datetime) -> Move | None:
    """None when the source has it no more: it was removed right before a crash. Parks while it has."""
    if step.now < listed_from:
        return step.wait(Reason.LISTING, "the source shows only later what it has", listed_from)
    if step.ledger.successor_id not in step.provider.observe().by_id():
        return None
    sentence = "the source does not tell whether the new one is in use, and the policy has no accept_unseen"
    raise Park(Reason.UNSEEN, sentence)


def _nobody_reads_successor(step: Step) -> None:
    """Parks when the store still names the successor."""
    if not step.rotation.sealed_successor:
        return
    former = step.predecessor.fields
    for field, value in fields_in(step.recipe, step.texts_in(step.look())).items():
        if value == former[field]:  # a user's name may be that of both
            continue
        if value == step.successor.fields[field]:
            name = step.recipe.fields[field]
            raise Park(Reason.DRIFT, f"{name} names the credential that was to be discarded")


def _nobody_reads_strays(step: Step) -> None:
    """Parks when the store is not as this rotation knows it.

    In a journal that was restored, the credential that this very rotation made, and consumers use, looks like a stray.
    """
    ledger = step.ledger
    for name in step.recipe.parameters if ledger.strays else ():
        version = step.store.read(name).version
        if version not in {seen.get(name) for seen in (ledger.before, ledger.wrote, ledger.restored)}:
            unknown = f"{name} is at version {version}, which this rotation does not know"
            raise Park(Reason.DRIFT, f"{unknown}: {plural(ledger.strays)} may be in use")
