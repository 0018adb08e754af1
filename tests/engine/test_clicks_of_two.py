"""A click or a request that reaches both of two replicas at once: one effect, one line in the record, one answer.

Slack tells a click to one connection, and to another one if it is not sure that it arrived. The second replica takes
it, as a whole, in between any two looks of the first at the journal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from rotator.engine.clicks import TakenClicks
from rotator.engine.requests import carry_out_requests
from rotator.journal import MemoryJournal
from rotator.model.alerts import Alert, AlertKind
from rotator.model.clicks import Click, Verb
from rotator.model.requests import RequestKind, RequestState
from rotator.model.rotation import Phase, Reason, State
from tests.engine.test_clicks import ANA, CEM, PEOPLE, alert_of, approval_wanted, failing, overdue
from tests.engine.things import DAY, HOUR, NOW, policies, policy, request, rotation, seen
from tests.engine.world import World

#: More than there are looks at the journal while a click is taken.
ENOUGH = 40


@pytest.fixture(autouse=True)
def with_people(world: World) -> None:
    world.today = policies(policy(), people=PEOPLE)


class Interrupted:
    """The journal of one replica, which another one uses right before its `at`-th use."""

    def __init__(self, journal: MemoryJournal, at: int, meanwhile: Callable[[], object]) -> None:
        self._journal, self._at, self._meanwhile, self.used = journal, at, meanwhile, 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._journal, name)

        def use(*given: Any, **more: Any) -> Any:
            self.used += 1
            if self.used == self._at:
                self._meanwhile()
            return method(*given, **more)

        return use


def waits_for_a_yes(world: World) -> Alert:
    world.looked(seen())
    world.has(rotation(phase=Phase.FORGET, reason=Reason.AWAITING_YES))
    return alert_of(world, AlertKind.APPROVAL_WANTED)


CASES: dict[str, tuple[Callable[[World], Alert], Verb]] = {
    "acknowledge": (overdue, Verb.ACKNOWLEDGE),
    "snooze": (overdue, Verb.SNOOZE),
    "rotate": (overdue, Verb.ROTATE),
    "retry": (failing, Verb.RETRY),
    "roll back": (failing, Verb.ROLL_BACK),
    "yes to a last step": (waits_for_a_yes, Verb.APPROVE),
    "yes to a rotation": (approval_wanted, Verb.APPROVE),
}


def click_on(world: World, alert: Alert, verb: Verb) -> Click:
    offered = {offer.verb: offer.about for offer in TakenClicks(world).offers(alert)}
    return Click(
        id="one-click-of-somebody",
        alert=alert.id,
        verb=verb,
        about=offered[verb],
        by=CEM if verb is Verb.APPROVE else ANA,
        snooze=4 * HOUR if verb is Verb.SNOOZE else None,
    )


def record(world: World) -> dict[str, Any]:
    """All that is written down, but for when a rotation goes on."""
    journal = world.journal
    return {
        "requests": sorted(
            (one.id, one.state, one.sentence, one.by) for one in journal.requests(waiting=False)
        ),
        "events": [(one.kind, one.sentence) for row in journal.rotations() for one in journal.events(row.id)],
        "rotations": [
            (row.id, row.state, row.approved_by, row.rolled_back_by) for row in journal.rotations()
        ],
        "answers": [(row.alert.id, row.hush) for row in journal.alerts()],
    }


def the_click(world: World, click: Click) -> None:
    """Slack tells it there, too."""
    assert TakenClicks(world).take(click).done


def the_requests(world: World, _click: Click) -> None:
    """What the scheduler does there every few seconds."""
    carry_out_requests(world)


@pytest.mark.parametrize("elsewhere", [the_click, the_requests])
@pytest.mark.parametrize("case", CASES)
def test_it_is_done_once_wherever_the_other_comes_between(
    world: World, case: str, elsewhere: Callable[[World, Click], None]
) -> None:
    prepare, verb = CASES[case]
    click = click_on(world, prepare(world), verb)
    real = world.journal
    before = real.snapshot()
    alone = TakenClicks(world).take(click)
    assert alone.done
    wanted, problems = record(world), list[str]()
    for at in range(1, ENOUGH):
        real.restore(before)
        second = World(world.clock, real, world.today, sources=world.sources)
        first = Interrupted(real, at, lambda: elsewhere(second, click))  # noqa: B023 - used within this turn
        world.journal = cast(MemoryJournal, first)
        try:
            reply = TakenClicks(world).take(click)
        finally:
            world.journal = real
        if first.used < at:
            break
        problems += [f"{at}: {name}: {got}" for name, got in record(world).items() if got != wanted[name]]
        problems += [] if reply.done else [f"{at}: {reply.sentence}"]
    assert 5 < at < ENOUGH - 1
    assert problems == []
    assert all(one.state is not RequestState.REFUSED for one in real.requests(waiting=False))


def backs_off(world: World) -> None:
    world.has(rotation(phase=Phase.STORE, reason=Reason.RETRYING, attempt=3, run_at=NOW + DAY))


def stands_parked(world: World) -> None:
    world.has(rotation(state=State.PARKED, reason=Reason.STILL_ALIVE, phase=Phase.PROVE, attempt=3))


def it_gets_on(world: World) -> None:
    """A worker takes up what was woken, and it waits for its next try no more."""
    row = world.journal.rotation("rot1")
    assert row is not None
    if row.run_at <= world.clock.now():
        world.becomes("rot1", reason=Reason.PROPAGATING, sentence="the store is asked again")


def nobody_is_quick(_world: World) -> None:
    """Both look within a moment in which no worker takes it up."""


REQUESTS: dict[str, tuple[Callable[[World], None], RequestKind, Callable[[World], None]]] = {
    "retry": (backs_off, RequestKind.RETRY, nobody_is_quick),
    "retry, which helps at once": (backs_off, RequestKind.RETRY, it_gets_on),
    "somebody has looked": (stands_parked, RequestKind.APPROVE, nobody_is_quick),
    "somebody has looked, which helps at once": (stands_parked, RequestKind.APPROVE, it_gets_on),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_what_was_done_is_not_recorded_as_refused(world: World, case: str) -> None:
    """One replica carries out what waits, and another does too, in between any two looks of the first."""
    prepare, kind, then = REQUESTS[case]
    world.looked(seen())
    prepare(world)
    world.journal.add_request(request(kind, "rot1", by="ana", because="looked"))
    real = world.journal
    before, problems = real.snapshot(), list[str]()

    def elsewhere() -> None:
        then(World(world.clock, real, world.today, sources=world.sources))
        carry_out_requests(World(world.clock, real, world.today, sources=world.sources))

    for at in range(1, ENOUGH):
        real.restore(before)
        first = Interrupted(real, at, elsewhere)
        carry_out_requests(World(world.clock, cast(MemoryJournal, first), world.today, sources=world.sources))
        if first.used < at:
            break
        (kept,) = real.requests(waiting=False)
        told = [one.kind for one in real.events("rot1")]
        problems += [f"{at}: {kept.sentence}"] if kept.state is not RequestState.TAKEN else []
        problems += [f"{at}: {told}"] if told.count("approved") != (kind is RequestKind.APPROVE) else []
    assert 2 < at < ENOUGH - 1
    assert problems == []
