"""A click that reaches both of two replicas at once: one effect, one line in the record, one answer.

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
from rotator.model.requests import RequestState
from rotator.model.rotation import Phase, Reason
from tests.engine.test_clicks import ANA, CEM, PEOPLE, alert_of, approval_wanted, failing, overdue
from tests.engine.things import HOUR, policies, policy, rotation, seen
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
