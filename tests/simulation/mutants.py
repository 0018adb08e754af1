"""The engine with one rule dropped: a simulation that does not notice proves nothing.

Each mutant patches what a careless change would break; `MUTANTS` names them by the rule (1 to 8 are the step
contract's), and test_mutants.py wants each of them found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from rotator.contracts.guard import claimed
from rotator.engine import rollouts, worker
from rotator.engine.phases import PHASES, invalidate, source, undo
from rotator.engine.phases.step import Move, Step, Undo, Verdict
from rotator.engine.worker import Worker
from rotator.model.errors import Transient
from rotator.model.rotation import Phase, Reason
from rotator.model.secrets import Credential
from tests.simulation.source import SimProvider
from tests.simulation.store import SimStore

Mutant = Callable[[], Any]


def _phases(**changed: Callable[[Step], Move]) -> Any:
    table = {**PHASES, **{Phase(name): function for name, function in changed.items()}}
    return patch.object(worker, "PHASES", table)


def guard_always_true() -> Any:
    """Rule 3: nobody looks at the claim before an effect."""
    return patch.object(Worker, "_check", lambda _self, _row_id, _seconds: None)


def create_under_any_claim() -> Any:
    """Rule 2: create does not ask whether its own claim planned it."""

    def create(step: Step) -> Move:
        ledger = step.ledger.having(planned_fence=step.rotation.fence)
        return source.create(replace(step, rotation=step.rotation.model_copy(update={"ledger": ledger})))

    return _phases(create=create)


def plan_does_not_wait_for_the_listing() -> Any:
    """Rule 2: a plan after a lost answer lists at once, and once."""

    def plan(step: Step) -> Move:
        ledger = step.ledger.having(minting_at=None)
        return source.plan(replace(step, rotation=step.rotation.model_copy(update={"ledger": ledger})))

    return _phases(plan=plan)


def tidy_on_a_fresh_listing() -> Any:
    """Rule 1: tidy removes whatever it sees and nobody needs."""

    def tidy(step: Step) -> Move:
        for seen in step.provider.observe().by_id():
            if seen != step.ledger.predecessor_id:
                step.provider.remove(seen)
        return source.tidy(step)

    return _phases(tidy=tidy)


def remove_on_a_fresh_listing() -> Any:
    """Rule 1: remove takes everything but the successor."""

    def remove(step: Step) -> Move:
        for seen in step.provider.observe().by_id():
            if seen != step.ledger.successor_id:
                step.provider.remove(seen)
        return invalidate.remove(step)

    return _phases(remove=remove)


@contextmanager
def no_settling() -> Iterator[None]:
    """Rule 3: destructive steps do not wait for what a lost claim may still land."""
    with (
        patch.object(invalidate, "unsettled", lambda _step: None),
        patch.object(undo, "unsettled", lambda _step: None),
    ):
        yield


def store_not_read_before_disable() -> Any:
    """Rule 4: nobody looks whether the store still names our successor."""
    return patch.object(invalidate, "_store_names_ours", lambda _step: None)


def store_not_read_before_discard() -> Any:
    """Rule 4, on the way back."""
    return patch.object(undo, "_nobody_reads_successor", lambda _step: None)


def surprises_undo() -> Any:
    """Rule 5: an exception that nobody declared rolls back."""

    def surprised(self: Worker, step: Step, bug: Exception) -> Move:
        try:
            return undo.begin_undo(step, Undo(Reason.SOURCE_REFUSED, str(bug)))
        except Verdict as parks:
            return self._parked(step, parks)

    return patch.object(Worker, "_surprised", surprised)


def results_are_not_kept() -> Any:
    """Rule 6: what could not be recorded at once is forgotten."""

    def record(_self: Worker, _row_id: str, write: Callable[[], Any]) -> Any:
        return write()

    return patch.object(Worker, "_record", record)


def lost_results_are_removed_unread() -> Any:
    """Rule 6: a worker that lost its claim removes what it minted without reading the row."""

    def disown(self: Worker, rotation: Any, move: Move) -> None:
        made = move.ledger.successor_id
        if rotation.phase is Phase.CREATE and made is not None:
            with claimed(lambda _seconds: None):
                self.parts.provider(rotation.recipe).remove(made)

    return patch.object(Worker, "_disown", disown)


def mint_is_repeated_blindly() -> Any:
    """Rule 7: the SDK sends a mint again when no answer came."""
    once = SimProvider.create

    def create(self: SimProvider, label: str, predecessor: str | None) -> Credential:
        try:
            return once(self, label, predecessor)
        except Transient:
            return once(self, label, predecessor)

    return patch.object(SimProvider, "create", create)


def own_value_is_drift() -> Any:
    """Rule 8: a store write whose answer was lost is taken for somebody else's."""
    return patch.object(SimStore, "written_already", lambda *_arguments: False)


def no_announce() -> Any:
    """Accepted sets: signers use the successor before verifiers accept it."""
    return _phases(announce=lambda step: step.skip(Phase.STORE))


def no_confirm() -> Any:
    """P4: consumers are not waited for."""

    def confirm(step: Step) -> Move:
        until = step.now + step.recipe.grace
        return step.to(Phase.GRACE, "", confirmed_at=step.now, grace_until=until)

    return _phases(confirm=confirm)


def no_grace() -> Any:
    """P4: the predecessor ends as soon as consumers are confirmed."""
    return _phases(grace=lambda step: step.to(Phase.DISABLE, ""))


def no_verify() -> Any:
    """P1: the store gets a successor that the source may not accept yet."""
    following = (Phase.ANNOUNCE, Phase.STORE)
    return _phases(verify=lambda step: step.skip(following[step.recipe.accepted_as is None]))


def use_is_not_looked_for() -> Any:
    """P4: nobody asks whether the predecessor is still in use."""
    return patch.object(invalidate, "_still_used", lambda _step: None)


def death_is_taken_for_granted() -> Any:
    """P4: the journal says `tried`, and nobody tried."""
    return patch.object(invalidate, "_refused", lambda _step, _credential: True)


def a_rollout_that_left_an_instance_is_done() -> Any:
    """forget and withdraw tried again on the same finished rollout for ever: an instance reported the old set."""
    return patch.object(rollouts, "stale_reading", lambda *_arguments: "")


def a_discarded_successor_is_in_use() -> Any:
    """An undo's rollout claimed success, left an instance on the successor, and that was then removed: dark."""
    return patch.object(undo, "_successor_used", lambda _step: None)


def a_stray_in_use_is_discarded() -> Any:
    """In a restored journal, what consumers use looked like a stray: rolled back, it was gone."""
    return patch.object(undo, "_nobody_reads_strays", lambda _step: None)


def consumers_are_taken_back_to_a_dead_credential() -> Any:
    """The journal came back from yesterday, its rotation failed, and the removed predecessor was restored: dark."""
    return patch.object(undo, "_predecessor_accepted", lambda _step: None)


MUTANTS: Mapping[str, Mutant] = {
    "1 tidy acts on a fresh listing": tidy_on_a_fresh_listing,
    "1 remove acts on a fresh listing": remove_on_a_fresh_listing,
    "2 create runs under any claim": create_under_any_claim,
    "2 plan does not wait for the listing": plan_does_not_wait_for_the_listing,
    "3 guard is always true": guard_always_true,
    "3 nothing settles": no_settling,
    "4 the store is not read before disable": store_not_read_before_disable,
    "4 the store is not read before discard": store_not_read_before_discard,
    "5 surprises undo": surprises_undo,
    "6 results are not kept": results_are_not_kept,
    "6 lost results are removed unread": lost_results_are_removed_unread,
    "7 a mint is repeated blindly": mint_is_repeated_blindly,
    "8 an own value is drift": own_value_is_drift,
    "no announce": no_announce,
    "no confirm": no_confirm,
    "no grace": no_grace,
    "no verify": no_verify,
    "use is not looked for": use_is_not_looked_for,
    "death is taken for granted": death_is_taken_for_granted,
}

#: What the simulation has found in the engine, put back. A seed alone would prove nothing in a year, as seeds change
#: their meaning whenever the worlds become more hostile.
BUGS: Mapping[str, Mutant] = {
    "a rollout that left an instance is done": a_rollout_that_left_an_instance_is_done,
    "a discarded successor is in use": a_discarded_successor_is_in_use,
    "a stray in use is discarded": a_stray_in_use_is_discarded,
    "consumers are taken back to a dead credential": consumers_are_taken_back_to_a_dead_credential,
}
