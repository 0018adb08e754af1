"""2 push to the store: announce and store.

Every change that consumers can see is one write of one parameter. With an accepted set, every verifier accepts the
successor before anyone can read it as the value in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from rotator.contracts.store import Look
from rotator.engine.parameters import Texts
from rotator.engine.phases.rollout import restarted
from rotator.engine.phases.step import Move, Park, Step, Undo
from rotator.model.errors import CredentialRefused, Drifted, Raced, Refused, Transient
from rotator.model.rotation import Phase, Purpose, Reason
from rotator.model.secrets import AcceptedSet, Credential, MalformedSet, Sealed, StoredValue


def announce(step: Step) -> Move:
    """Adds the successor to the accepted set, redeploys the verifiers, and asks them to accept what it makes."""
    ledger = step.ledger
    if ledger.announced is None:
        ours = step.verifiers.member(step.predecessor), step.verifiers.member(step.successor)
        version = edit_accepted(step, lambda members, _there: members.including(ours[0]).including(ours[1]))
        sentence = "announced: the accepted set holds both"
        return step.stay(sentence, announced=version, announced_at=step.parts.journal.now())
    assert ledger.announced_at is not None, "announced_at is written with announced"
    unfinished = restarted(step, Purpose.ANNOUNCE, since=ledger.announced_at)
    if unfinished:
        return unfinished
    return (
        copies_kept(step, Purpose.ANNOUNCE, since=ledger.announced_at)
        or _probed(step, step.successor)
        or step.to(Phase.STORE, "every verifier accepts both", accepted=0, polling_since=None)
    )


def store(step: Step) -> Move:
    """Writes the fields, then the mirrors, and reads back what is there."""
    waiting = _refused_meanwhile(step)
    if waiting:
        return waiting
    wrote = dict(step.ledger.wrote)
    # Once it has raced and a person has looked, what that race left is there, and what others keep beside it.
    over = step.texts_in(step.look()) if wrote else step.former
    texts = step.laid_over(step.successor, over)
    for name, text in texts.items():
        if name in wrote:
            continue
        try:
            wrote[name] = step.store.write(name, text, step.ledger.before[name])
        except Raced as race:
            return _raced(step, str(race), {**wrote, name: race.wrote})
        except Drifted as drift:
            return _drifted(step, drift, wrote)
    wrote_at = step.parts.journal.now()
    write_mirrors(step, texts)
    there = step.look()
    for name, text in step.texts_in(there).items():
        version = there[name].version
        if version < wrote[name]:
            raise Transient(f"{name}: the store does not show our version {wrote[name]} yet")
        if version != wrote[name] or text != texts[name]:
            ours = step.holds(name, text, step.successor)
            sentence = f"{name}: we wrote version {wrote[name]}, version {version} is there"
            return _raced(step, sentence, {**wrote, name: version} if ours else wrote)
    following = Phase.VERIFY if step.gapped else Phase.REDEPLOY
    return step.to(
        following, "the store holds the successor", wrote=wrote, wrote_at=wrote_at, polling_since=None
    )


def _refused_meanwhile(step: Step) -> Move | None:
    """None when the source accepts the successor: asked again where another claim than this one has seen that.

    A journal that was restored from a backup names a successor that may have been undone and removed since.
    """
    if not step.resumed or step.gapped:
        return None
    try:
        step.provider.verify(step.successor)
    except CredentialRefused as refusal:
        waiting = step.not_everywhere_yet("the source does not accept the successor at the moment")
        if waiting:
            return waiting
        raise Undo(Reason.NOT_ACCEPTED, f"the source refuses the successor by now: {refusal}") from refusal
    return None


def _raced(step: Step, sentence: str, wrote: dict[str, int]) -> Move:
    """Nothing is redeployed until a person has looked; after that it goes on from `wrote`."""
    return step.park(
        Reason.RACED, f"{sentence}; nothing is redeployed until a person has looked", wrote=wrote
    )


def _drifted(step: Step, drift: Drifted, wrote: dict[str, int]) -> Move:
    """Somebody wrote since plan. The old value again is no change; ours is there after a race that was not recorded."""
    there = step.store.read(drift.name) if drift.found is not None else None
    if there is not None and there.version != drift.found:
        raise Transient(f"{drift}; reading it again")
    if there is not None and step.holds(drift.name, there.value, step.predecessor):
        return _planned_over(step, drift.name, there)
    if there is not None and step.holds(drift.name, there.value, step.successor):
        return _raced(step, f"{drift}, which holds our value", {**wrote, drift.name: there.version})
    raise Park(Reason.DRIFT, f"{drift}; somebody is changing it while it rotates") from drift


def _planned_over(step: Step, name: str, there: StoredValue) -> Move:
    """The old credential stands there as before, under another version; what others keep beside it is taken up."""
    same = there.value == step.former[name]
    what = f"the old value of {name} again" if same else f"what else is in {name}"
    former = step.sealed_former(step.data_key, {**step.former, name: there.value})
    return step.to(
        step.rotation.phase,
        f"somebody wrote {what}, as version {there.version}",
        sealed={"sealed_predecessor": former},
        before={**step.ledger.before, name: there.version},
    )


def write_mirrors(step: Step, texts: Texts) -> None:
    """Every mirror gets every parameter; a mirror that fails holds the rotation here, and is named."""
    for mirror in step.recipe.mirrors:
        try:
            for name, text in texts.items():
                step.parts.mirror(step.recipe.environment, mirror).write(name, text)
        except (Transient, Refused) as trouble:
            trouble.args = (f"the mirror {mirror}: {trouble}",)
            raise


def members_in(there: Look, name: str) -> AcceptedSet:
    """What verifiers accept, as a look saw it. Parks where somebody has made it unreadable."""
    try:
        return AcceptedSet.parse(there[name].value)
    except MalformedSet as malformed:
        raise Park(Reason.NO_ACCEPTED_SET, f"{name}: {malformed}") from malformed


def edit_accepted(
    step: Step, edit: Callable[[AcceptedSet, Look], AcceptedSet], beside: Iterable[str] = ()
) -> int:
    """One write of the accepted set, edited and never replaced; returns the version that is there.

    `edit` also sees what the store holds beside it. Somebody who edits the set in between is not overruled: the edit
    is tried again on what they wrote.
    """
    name = step.recipe.accepted_as
    assert name is not None, "only secrets with an accepted set get here"

    def change(there: Look) -> Sealed:
        members = members_in(there, name)
        try:
            edited = edit(members, there)
        except MalformedSet as malformed:
            raise Park(Reason.NO_ACCEPTED_SET, f"{name}: {malformed}") from malformed
        same = edited is members or edited.sealed() == members.sealed()
        return there[name].value if same else edited.sealed()

    try:
        return step.store.edit(name, change, beside)
    except Drifted as drift:
        raise Transient(f"{drift}; reading it again") from drift
    except Raced as race:
        raise Park(
            Reason.RACED,
            f"{race}; the accepted set may lack what somebody else just added",
        ) from race


def copies_kept(step: Step, purpose: Purpose, since: datetime) -> Move | None:
    """A wait while verifiers may still have a copy of the accepted set from before `since`; None when none has.

    Whoever serves the set to them may have served it as it was until the last restart: copies are kept from then on.
    Emergencies wait too: a token that verifiers refuse helps nobody.
    """
    if not step.traits.verifier_cache:
        return None
    ids = step.ledger.rollouts.get(purpose.value, ())
    ended = [row.ended_at for row in step.parts.journal.rollouts(ids) if row.ended_at] if ids else []
    until = max([since, *ended]) + step.traits.verifier_cache
    sentence = f"verifiers may keep the accepted set as it was until {until:%Y-%m-%d %H:%M} UTC"
    return step.wait(Reason.PROPAGATING, sentence, until) if step.now < until else None


def _probed(step: Step, credential: Credential) -> Move | None:
    """Asks every verifier behind the probes; None when all accept, several times in a row."""
    if not step.recipe.probe:
        return None
    for url in step.recipe.probe:
        try:
            step.verifiers.probe(url, credential)
        except CredentialRefused as refusal:
            waiting = step.not_everywhere_yet("a verifier does not accept the successor yet", accepted=0)
            if waiting:
                return waiting
            sentence = f"{url} refuses what the successor made: {refusal}"
            raise Undo(Reason.NOT_ACCEPTED_BY_VERIFIERS, sentence) from refusal
    return step.accepted_again("verifiers ")
