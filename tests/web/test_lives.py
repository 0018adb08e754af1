"""The drawing of a life: where its bars begin and end, and that it says the same in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from rotator.contracts.journal import Ended
from rotator.model.observations import History
from rotator.model.rotation import Phase, Reason, State
from rotator.web.lives import NOW as NOW_AT
from rotator.web.lives import WIDTH, Bar, drawing_of
from tests.engine.things import DAY, HOUR, NOW, gathered, rotation

A_DAY = 4.0  # a period of 100 days is 400 units


def ended(began: datetime, state: State = State.DONE, lasting: timedelta = DAY) -> Ended:
    return Ended("production/KEY", "r", state, began, began + lasting)


def places(bars: Any) -> list[tuple[str, int, float, float]]:
    """Kind, lane, and where each begins and ends."""
    return [(bar.kind, bar.lane, bar.x, round(bar.x + bar.width, 1)) for bar in bars]


def test_a_young_one_has_most_of_its_period_before_it() -> None:
    drawn = drawing_of(gathered(age=25 * DAY), ())
    assert places(drawn.bars) == [("life", 0, 500.0, 600.0), ("rest", 0, 600.0, 900.0)]
    assert drawn.due is not None
    assert 860 <= drawn.due <= 900, "within the last tenth of the period"
    assert drawn.sentence == "25 d old, period 100 d, 75 d left"


def test_what_is_too_old_shows_by_how_much() -> None:
    drawn = drawing_of(gathered(age=110 * DAY), ())
    assert places(drawn.bars) == [("life", 0, 160.0, 560.0), ("late", 0, 560.0, 600.0)]
    assert drawn.sentence.endswith("10 d too old")


def test_what_is_older_than_the_drawing_stands_at_its_edge() -> None:
    drawn = drawing_of(gathered(age=9999 * DAY), ())
    assert places(drawn.bars)[-1] == ("late", 0, 0.0, 600.0)
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH for bar in drawn.bars)


def test_credentials_take_turns_and_overlap_while_both_live() -> None:
    past = [ended(NOW - 120 * DAY), ended(NOW - 30 * DAY)]
    drawn = drawing_of(gathered(age=30 * DAY), past)
    first, second, current, _ = places(drawn.bars)
    assert first == ("past", 0, 94.0, 124.0), "nobody knows when it began"
    assert second == ("past", 1, 120.0, 484.0)
    assert current == ("life", 0, 480.0, 600.0)
    assert second[2] < first[3]
    assert current[2] < second[3]
    assert drawn.sentence.endswith("rotated 2 times in the time shown")


def test_an_undone_rotation_is_seen_however_short_it_was() -> None:
    drawn = drawing_of(gathered(age=50 * DAY), [ended(NOW - DAY, State.UNDONE, HOUR)])
    assert drawn.bars[0] == Bar("undone", 1, 596.0, 5)
    assert drawn.sentence.endswith("undone once")


@pytest.mark.parametrize("known", [{"predecessor_born_at": NOW - 90 * DAY}, {}])
def test_during_grace_both_are_drawn_and_the_end_of_the_old_one(known: dict[str, datetime]) -> None:
    ledger = {"wrote_at": NOW - 2 * DAY, "confirmed_at": NOW, "grace_until": NOW + 5 * DAY, **known}
    active = rotation(phase=Phase.GRACE, reason=Reason.GRACE, ledger=ledger)
    drawn = drawing_of(gathered(age=2 * DAY, history=History(active=active)), ())
    old, grace, new, rest = places(drawn.bars)
    assert old == ("life", 0, 240.0 if known else 570.0, 600.0)
    assert grace == ("grace", 0, 600.0, 600 + 5 * A_DAY)
    assert new == ("life", 1, 592.0, 600.0)
    assert rest == ("rest", 1, 600.0, 992.0)
    assert "the old and the new one both work, until 2026-06-15 12:00 UTC" in drawn.sentence
    assert drawn.due is None, "a successor is in use"


def test_once_the_old_one_is_dead_nothing_says_that_it_works() -> None:
    ledger = {"wrote_at": NOW - 2 * DAY, "confirmed_at": NOW, "grace_until": NOW, "disabled_at": NOW - DAY}
    active = rotation(phase=Phase.PROVE, ledger=ledger)
    drawn = drawing_of(gathered(age=2 * DAY, history=History(active=active)), ())
    assert [(bar.kind, bar.lane) for bar in drawn.bars] == [("past", 0), ("life", 1), ("rest", 1)]
    assert "both work" not in drawn.sentence


def test_on_the_way_back_the_successor_is_none() -> None:
    ledger = {"wrote_at": NOW - HOUR, "undo_reason": Reason.ROLLOUT_FAILED}
    active = rotation(phase=Phase.RESTORE, ledger=ledger)
    drawn = drawing_of(gathered(age=99 * DAY, history=History(active=active)), ())
    assert {bar.lane for bar in drawn.bars} == {0}


def test_without_an_age_there_is_nothing_to_draw() -> None:
    drawn = drawing_of(gathered(age=None), ())
    assert (drawn.bars, drawn.due, drawn.sentence) == ([], None, "Its age is not known")


def test_now_is_at_the_same_place_in_all_of_them() -> None:
    for age in (2, 40, 99):
        (life, rest) = drawing_of(gathered(age=age * DAY), ()).bars
        assert life.x + life.width == rest.x == NOW_AT
