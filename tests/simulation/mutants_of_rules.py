"""The engine with one rule of the step contract dropped; the names begin with the rule's number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from rotator.contracts.guard import claimed
from rotator.engine import outcomes
from rotator.engine.disowned import Disowned
from rotator.engine.parameters import fields_in
from rotator.engine.phases import PHASES, invalidate, push, source, undo
from rotator.engine.phases.step import Move, Step, Undo, Verdict
from rotator.engine.worker import Worker
from rotator.model.errors import Transient
from rotator.model.rotation import Phase, Reason
from rotator.model.secrets import Credential
from tests.simulation import gate
from tests.simulation.source import SimProvider
from tests.simulation.store import SimStore

Mutant = Callable[[], Any]


def phases(**changed: Callable[[Step], Move]) -> Any:
    """The engine with other functions for some phases."""
    table = {**PHASES, **{Phase(name): function for name, function in changed.items()}}
    return patch.object(outcomes, "PHASES", table)


def guard_always_true() -> Any:
    """Rule 3: nobody looks at the claim before an effect."""
    return patch.object(Worker, "_check", lambda _self, _row_id, _seconds: None)


def create_under_any_claim() -> Any:
    """Rule 2: create does not ask whether its own claim planned it."""

    def create(step: Step) -> Move:
        ledger = step.ledger.having(planned_fence=step.rotation.fence)
        return source.create(replace(step, rotation=step.rotation.model_copy(update={"ledger": ledger})))

    return phases(create=create)


def plan_does_not_wait_for_the_listing() -> Any:
    """Rule 2: a plan after a lost answer lists at once, and once."""

    def plan(step: Step) -> Move:
        ledger = step.ledger.having(minting_at=None)
        return source.plan(replace(step, rotation=step.rotation.model_copy(update={"ledger": ledger})))

    return phases(plan=plan)


def tidy_on_a_fresh_listing() -> Any:
    """Rule 1: tidy removes whatever it sees and nobody needs."""

    def tidy(step: Step) -> Move:
        for seen in step.provider.observe().by_id():
            if seen != step.ledger.predecessor_id:
                step.provider.remove(seen)
        return source.tidy(step)

    return phases(tidy=tidy)


def remove_on_a_fresh_listing() -> Any:
    """Rule 1: remove takes everything but the successor."""

    def remove(step: Step) -> Move:
        for seen in step.provider.observe().by_id():
            if seen != step.ledger.successor_id:
                step.provider.remove(seen)
        return invalidate.remove(step)

    return phases(remove=remove)


@contextmanager
def no_settling() -> Iterator[None]:
    """Rule 3: destructive steps do not wait for what a lost claim may still land."""
    with (
        patch.object(invalidate, "unsettled", lambda _step: None),
        patch.object(undo, "unsettled", lambda _step: None),
    ):
        yield


@contextmanager
def no_sweep() -> Iterator[None]:
    """Rule 3: nobody looks once more for what a lost claim may have made."""
    with (
        patch.object(invalidate, "sweep", lambda _step: None),
        patch.object(undo, "sweep", lambda _step: None),
    ):
        yield


def store_not_read_before_disable() -> Any:
    """Rule 4: nobody looks whether the store still names our successor."""
    return patch.object(invalidate, "store_names_ours", lambda _step: None)


def store_not_read_before_discard() -> Any:
    """Rule 4, on the way back."""
    return patch.object(undo, "_nobody_reads_successor", lambda _step: None)


class _Unread(Step):
    """A step that takes whatever the store names for its successor."""

    @property
    def successor(self) -> Credential:
        return Credential(self.ledger.successor_id or "", fields_in(self.recipe, self.texts_in(self.look())))


def store_not_read_before_restore() -> Any:
    """Rule 4: the old value is put back over whatever is there."""
    return phases(
        restore=lambda step: undo.restore(_Unread(step.rotation, step.parts, step.bounds, step.now))
    )


def surprises_undo() -> Any:
    """Rule 5: an exception that nobody declared rolls back."""

    def surprised(step: Step, bug: Exception) -> Move:
        try:
            return undo.begin_undo(step, Undo(Reason.SOURCE_REFUSED, str(bug)))
        except Verdict as parks:
            return step.park(parks.reason, parks.sentence)

    return patch.object(outcomes, "_surprised", surprised)


def results_are_not_kept() -> Any:
    """Rule 6: what could not be recorded at once is forgotten."""

    def record(_self: Worker, _row_id: str, write: Callable[[], Any]) -> Any:
        return write()

    return patch.object(Worker, "_record", record)


def lost_results_are_removed_unread() -> Any:
    """Rule 6: a worker that lost its claim removes what it minted without reading the row."""

    def remove(self: Disowned, made: str, rotation: Any) -> None:
        with claimed(lambda _seconds: None):
            self.parts.provider(rotation.recipe).remove(made)

    return patch.object(Disowned, "_remove", remove)


def mint_is_repeated_blindly() -> Any:
    """Rule 7: the SDK sends a mint again when no answer came."""
    once = SimProvider.create

    def create(self: SimProvider, label: str, predecessor: str | None) -> Credential:
        try:
            return once(self, label, predecessor)
        except Transient:
            return once(self, label, predecessor)

    return patch.object(SimProvider, "create", create)


def claims_need_not_outlive_calls() -> Any:
    """Rules 3 and 7: guard() wants a claim, and not that it lasts for as long as the call may take."""
    once = Worker._check
    return patch.object(Worker, "_check", lambda self, row_id, _seconds: once(self, row_id, 0.0))


def calls_take_longer_than_they_may() -> Any:
    """Rule 7: an adapter waits for an answer for longer than it tells guard()."""
    return patch.object(gate, "SLOWEST", 100.0)


def asked_to_stop_and_goes_on() -> Any:
    """Rule 7: a phase that is under way at SIGTERM begins its next effect."""

    def check(self: Worker, row_id: str, seconds: float) -> None:
        with suppress(outcomes.Stopping):
            self_check(self, row_id, seconds)

    self_check = Worker._check
    return patch.object(Worker, "_check", check)


def own_value_is_drift() -> Any:
    """Rule 8: a store write whose answer was lost is taken for somebody else's."""
    return patch.object(SimStore, "written_already", lambda *_arguments: False)


def races_are_redeployed() -> Any:
    """Rule 8: whoever wrote between our look and our put is not heard of: consumers are restarted."""

    def raced(step: Step, sentence: str, wrote: dict[str, int]) -> Move:
        return step.to(Phase.REDEPLOY, sentence, wrote=wrote, wrote_at=step.now)

    return patch.object(push, "_raced", raced)


def races_are_undone() -> Any:
    """Rule 8: a race does not keep ours."""

    def raced(step: Step, sentence: str, _wrote: dict[str, int]) -> Move:
        return undo.begin_undo(step, Undo(Reason.STORE_REFUSED, sentence))

    return patch.object(push, "_raced", raced)


def races_are_told_without_versions() -> Any:
    """Rule 8: people are not told which versions met."""

    def raced(step: Step, _sentence: str, wrote: dict[str, int]) -> Move:
        return step.park(Reason.RACED, "somebody wrote at the same time", wrote=wrote)

    return patch.object(push, "_raced", raced)


RULES: Mapping[str, Mutant] = {
    "1 tidy acts on a fresh listing": tidy_on_a_fresh_listing,
    "1 remove acts on a fresh listing": remove_on_a_fresh_listing,
    "2 create runs under any claim": create_under_any_claim,
    "2 plan does not wait for the listing": plan_does_not_wait_for_the_listing,
    "3 guard is always true": guard_always_true,
    "3 nothing settles": no_settling,
    "3 nothing is swept": no_sweep,
    "4 the store is not read before disable": store_not_read_before_disable,
    "4 the store is not read before discard": store_not_read_before_discard,
    "4 the store is not read before restore": store_not_read_before_restore,
    "5 surprises undo": surprises_undo,
    "6 results are not kept": results_are_not_kept,
    "6 lost results are removed unread": lost_results_are_removed_unread,
    "7 a mint is repeated blindly": mint_is_repeated_blindly,
    "7 claims need not outlive calls": claims_need_not_outlive_calls,
    "7 calls take longer than they may": calls_take_longer_than_they_may,
    "7 asked to stop, and goes on": asked_to_stop_and_goes_on,
    "8 an own value is drift": own_value_is_drift,
    "8 races are redeployed": races_are_redeployed,
    "8 races are undone": races_are_undone,
    "8 races are told without versions": races_are_told_without_versions,
}
