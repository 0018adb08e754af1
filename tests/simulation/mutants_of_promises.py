"""The engine with something dropped that a promise rests on, beside the step contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from rotator.engine import due, holds, outbox, rollouts
from rotator.engine.alerts import keeping
from rotator.engine.alerts.finding import Finding
from rotator.engine.due import Check
from rotator.engine.parameters import Texts, laid_over
from rotator.engine.phases import death, invalidate, push, undo
from rotator.engine.phases.step import Move, Step
from rotator.engine.routing import Route, route
from rotator.model.alerts import AlertKind
from rotator.model.policy import Recipe
from rotator.model.rotation import Phase, State
from rotator.model.secrets import Sealed
from tests.simulation.mutants_of_rules import Mutant, phases
from tests.simulation.one_document import text


def no_announce() -> Any:
    """Accepted sets: signers use the successor before verifiers accept it."""
    return phases(announce=lambda step: step.skip(Phase.STORE))


def the_source_signs_on() -> Any:
    """Accepted sets: verifiers forget what the source still signs with."""
    return phases(disable=lambda step: step.skip(Phase.FORGET))


def no_confirm() -> Any:
    """P4: consumers are not waited for."""

    def confirm(step: Step) -> Move:
        until = step.now + step.recipe.grace
        return step.to(Phase.GRACE, "", confirmed_at=step.now, grace_until=until)

    return phases(confirm=confirm)


def no_grace() -> Any:
    """P4: the predecessor ends as soon as consumers are confirmed."""
    return phases(grace=lambda step: step.to(Phase.DISABLE, ""))


def no_verify() -> Any:
    """P1: the store gets a successor that the source may not accept yet."""
    following = (Phase.ANNOUNCE, Phase.STORE)
    return phases(verify=lambda step: step.skip(following[step.recipe.accepted_as is None]))


def use_is_not_looked_for() -> Any:
    """P4: nobody asks whether the predecessor is still in use."""
    return patch.object(invalidate, "_still_used", lambda _step: None)


def death_is_taken_for_granted() -> Any:
    """P4: the journal says `tried`, and nobody tried."""
    return patch.object(death, "_refused", lambda _step, _credential: True)


def a_persons_end_is_not_waited_for() -> Any:
    """P4: a person is to end the old one, and that they were asked counts as done."""

    def believed(step: Step) -> Move:
        return step.end(State.DONE, "done", death=step.traits.death, proved_at=step.now)

    return patch.object(invalidate, "_ended_by_hand", believed)


def an_undo_leaves_the_successor() -> Any:
    """P3: the way back ends as soon as consumers are on the old one again."""
    return phases(discard=lambda step: step.end(State.UNDONE, "undone; the old one is current"))


def the_calendar_binds_no_phase() -> Any:
    """Windows and freezes: what changes or ends something does so at any time."""
    return patch.object(holds, "_calendar", lambda _step: None)


def the_calendar_binds_no_rollout() -> Any:
    """Windows and freezes: a window that has closed since a rotation joined its rollout does not hold that."""
    return patch.object(rollouts, "_allowed", lambda _parts, _row, _members, now: now)


def _without(check: Check) -> Any:
    return patch.object(due, "CHAIN", tuple(one for one in due.CHAIN if one is not check))


def nobody_is_asked() -> Any:
    """mode: approve begins by itself."""
    return _without(due.awaiting_yes)


def staging_proves_nothing() -> Any:
    """Production does not wait for staging, nor for the soak."""
    return _without(due.soak)


def any_number_at_once() -> Any:
    """max_concurrent holds nobody."""
    return patch.object(holds, "_others", lambda _step: None)


def _untold(*kinds: AlertKind) -> Any:
    found = keeping._findings

    def findings(*arguments: Any) -> Iterator[Finding]:
        return (finding for finding in found(*arguments) if finding.alert.kind not in kinds)

    return patch.object(keeping, "_findings", findings)


def parked_is_not_told() -> Any:
    """P6: a rotation is parked, and nobody hears of it."""
    return _untold(AlertKind.PARKED)


def failing_is_not_told() -> Any:
    """P6: a rotation fails again and again, and nobody hears of it."""
    return _untold(AlertKind.ROTATION_FAILED)


def overdue_is_not_told() -> Any:
    """P6: a secret is too old, and nobody hears of it."""
    return _untold(AlertKind.OVERDUE)


def worse_is_not_told() -> Any:
    """P6: whoever was told anything counts as told the worst."""
    return patch.object(outbox, "int", lambda _severity: 1, create=True)


def told_again_and_again() -> Any:
    """P6: what was told is told again whenever somebody looks."""
    return patch.object(outbox, "repeat_due", lambda _alerts, row, _now: row.last_told_at is not None)


def the_end_is_not_told() -> Any:
    """P6: an alert closes in the outbox, and whoever had read it does not read that."""
    way = route

    def no_end(*asked: Any) -> Any:
        return Route(()) if asked[2].alert.closed else way(*asked)

    return patch.object(outbox, "route", no_end)


def nothing_ends() -> Any:
    """P6: what is over stays open."""
    return patch.object(keeping, "_close", lambda *_arguments: None)


def nobody_waits_for_their_turn() -> Any:
    """`after`: a workload is restarted beside those that go before it."""
    return patch.object(rollouts, "_in_turn", lambda *_arguments: None)


def the_document_is_ours() -> Any:
    """P3: what other people keep beside the fields of one parameter is written over."""

    def alone(recipe: Recipe, fields: Mapping[str, Sealed], texts: Texts) -> dict[str, Sealed]:
        if not recipe.one_parameter:
            return laid_over(recipe, fields, texts)
        (name,) = recipe.parameters
        return {name: Sealed(text({field: value.reveal() for field, value in fields.items()}))}

    return patch("rotator.engine.phases.step.laid_over", alone)


def the_way_back_forgets_the_mirrors() -> Any:
    """P1 for those who read a copy: an undo puts the old value back into the store alone."""
    return patch.object(undo, "write_mirrors", lambda _step, _texts: None)


@contextmanager
def copies_are_not_waited_for() -> Iterator[None]:
    """Accepted sets: verifiers were restarted, and whoever goes on with a copy is not thought of."""
    with (
        patch.object(push, "copies_kept", lambda _step, _purpose, since: None),
        patch.object(invalidate, "copies_kept", lambda _step, _purpose, since: None),
    ):
        yield


PROMISES: Mapping[str, Mutant] = {
    "no announce": no_announce,
    "the source signs on": the_source_signs_on,
    "copies are not waited for": copies_are_not_waited_for,
    "no confirm": no_confirm,
    "no grace": no_grace,
    "no verify": no_verify,
    "use is not looked for": use_is_not_looked_for,
    "death is taken for granted": death_is_taken_for_granted,
    "a person's end is not waited for": a_persons_end_is_not_waited_for,
    "an undo leaves the successor": an_undo_leaves_the_successor,
    "the calendar binds no phase": the_calendar_binds_no_phase,
    "the calendar binds no rollout": the_calendar_binds_no_rollout,
    "nobody is asked": nobody_is_asked,
    "staging proves nothing": staging_proves_nothing,
    "any number at once": any_number_at_once,
    "nobody waits for their turn": nobody_waits_for_their_turn,
    "the document is ours": the_document_is_ours,
    "the way back forgets the mirrors": the_way_back_forgets_the_mirrors,
    "parked is not told": parked_is_not_told,
    "failing is not told": failing_is_not_told,
    "overdue is not told": overdue_is_not_told,
    "worse is not told": worse_is_not_told,
    "told again and again": told_again_and_again,
    "the end is not told": the_end_is_not_told,
    "nothing ends": nothing_ends,
}
