"""Ages: where they come from, when they are due, and what an undo or a put does to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rotator.engine.ages import (
    Age,
    AgeSource,
    age_of,
    due_at,
    origin,
    period_ends,
    present,
    spell,
    written_again,
)
from rotator.model.observations import History, Observed
from rotator.model.rotation import Rotation
from tests.engine.things import DAY, HOUR, NOW, PERIOD, ago, done, policy, seen, undone

NAME = "/taly/production/KEY"
ROTATED = done(ago(5 * DAY), version=2)


def put_back(version: int = 4, *, written_first: int = 2, restored: bool = True, before: int = 2) -> Rotation:
    """An undo that ended with the predecessor of 412 days in the store."""
    ledger = {
        "before": {NAME: before},
        "restored": {NAME: version} if restored else {},
        "predecessor_born_at": ago(412 * DAY),
        "origin": {NAME: written_first},
    }
    return undone(ago(HOUR), ledger=ledger)


@pytest.mark.parametrize(
    "history, observed, days, source",
    [
        pytest.param(
            History(last_done=ROTATED), seen(age=3 * DAY, version=2), 5, AgeSource.JOURNAL, id="rotated by us"
        ),
        pytest.param(
            History(last_done=ROTATED),
            seen(age=9 * DAY, version=2),
            9,
            AgeSource.JOURNAL,
            id="written by us, and parked for four days before the step ended",
        ),
        pytest.param(
            History(last_done=ROTATED),
            seen(age=3 * DAY, version=3),
            3,
            AgeSource.STORE,
            id="written by somebody since",
        ),
        pytest.param(
            History(last_done=ROTATED),
            seen(age=100 * DAY, version=1, observed_at=ago(6 * DAY)),
            5,
            AgeSource.JOURNAL,
            id="rotated by us since anybody looked at the store",
        ),
        pytest.param(
            History(),
            seen(age=3 * DAY, created_at=ago(412 * DAY), census_at=ago(DAY)),
            412,
            AgeSource.SOURCE,
            id="the source knows better than a put",
        ),
        pytest.param(
            History(),
            seen(age=3 * DAY, created_at=datetime.max.replace(tzinfo=UTC), census_at=ago(DAY)),
            3,
            AgeSource.STORE,
            id="a source that says it was made after it was stored",
        ),
        pytest.param(
            History(),
            seen(age=3 * DAY, created_at=ago(412 * DAY), census_at=ago(4 * DAY)),
            3,
            AgeSource.STORE,
            id="the source spoke of the credential before",
        ),
        pytest.param(
            History(last_done=ROTATED),
            seen(age=3 * DAY, version=2, created_at=ago(6 * DAY), census_at=ago(DAY)),
            5,
            AgeSource.JOURNAL,
            id="the journal before the source",
        ),
        pytest.param(
            History(last_undone=put_back()),
            seen(age=HOUR, version=4),
            412,
            AgeSource.JOURNAL,
            id="an undo makes nothing younger",
        ),
        pytest.param(
            History(last_undone=put_back(before=1, restored=False)),
            seen(age=3 * DAY),
            412,
            AgeSource.JOURNAL,
            id="nor one that never reached the store",
        ),
        pytest.param(
            History(last_undone=put_back()),
            seen(age=HOUR, version=5),
            0,
            AgeSource.STORE,
            id="written by somebody after an undo",
        ),
        pytest.param(History(), seen(age=3 * DAY), 3, AgeSource.STORE, id="only the store knows"),
    ],
)
def test_the_best_source_of_an_age(
    history: History, observed: Observed, days: int, source: AgeSource
) -> None:
    age = age_of(history, observed)
    assert age is not None
    assert ((NOW - age.born).days, age.source) == (days, source)


@pytest.mark.parametrize("observed", [None, seen(present=False), seen(modified_at=None)])
def test_what_is_not_there_has_no_age(observed: Observed | None) -> None:
    assert age_of(History(last_done=ROTATED), observed) is None


def test_due_dates_are_spread_over_the_last_tenth_and_never_move() -> None:
    age = Age(NOW, AgeSource.JOURNAL)
    secrets = [policy(f"production/KEY_{number}") for number in range(300)]
    early = [period_ends(one, age) - due_at(one, age) for one in secrets]
    assert all(timedelta() <= span <= PERIOD / 10 for span in early), "never beyond the period"
    tenths = [sum(PERIOD / 100 * n <= span < PERIOD / 100 * (n + 1) for span in early) for n in range(10)]
    assert min(tenths) >= 15, f"300 secrets should fall everywhere: {tenths}"
    assert due_at(policy("production/KEY_7"), age) == due_at(secrets[7], age), "always the same"
    assert (period_ends(policy(), age) - due_at(policy(), age)) / DAY == pytest.approx(1.7285, abs=1e-4), (
        "the same in every process and version"
    )


@pytest.mark.parametrize(
    "days_in_store, days_at_source, found",
    [(3, 412, True), (3, 3, False), (3, 12.9, False), (3, 13.1, True)],
)
def test_written_again_never_rotated(days_in_store: float, days_at_source: float, found: bool) -> None:
    observed = seen(age=days_in_store * DAY, created_at=ago(days_at_source * DAY), census_at=NOW)
    age = age_of(History(), observed)
    assert age is not None
    assert written_again(policy(), age, observed) is found


def test_what_an_undo_wrote_again_is_no_finding() -> None:
    history, observed = History(last_undone=put_back()), seen(age=HOUR, version=4)
    age = age_of(history, observed)
    assert age == Age(ago(412 * DAY), AgeSource.JOURNAL)
    assert not written_again(policy(), age, observed)


@pytest.mark.parametrize(
    "history, version, first",
    [
        (History(last_done=ROTATED), 2, 2),
        (History(last_done=ROTATED), 3, 3),
        (History(last_done=ROTATED, last_undone=put_back()), 4, 2),
        (History(last_done=ROTATED, last_undone=put_back(written_first=3)), 4, 3),
        (History(last_done=ROTATED, last_undone=put_back()), 5, 5),
        (History(), 1, 1),
    ],
)
def test_under_which_version_a_value_was_written_first(history: History, version: int, first: int) -> None:
    assert origin(history, {NAME: version}) == {NAME: first}


def test_what_was_known_at_the_opening_counts_for_nothing_when_plan_found_something_else() -> None:
    ledger = {"before": {NAME: 2}, "origin": {NAME: 1}, "origin_of": {NAME: 1}}
    history = History(last_done=ROTATED, last_undone=undone(ago(HOUR), ledger=ledger))
    assert origin(history, {NAME: 2}) == {NAME: 2}


@pytest.mark.parametrize(
    "history, looked, there",
    [
        pytest.param(History(), ago(HOUR), 1, id="nothing ever ended"),
        pytest.param(History(last_done=ROTATED), ago(6 * DAY), 2, id="rotated since"),
        pytest.param(History(last_done=ROTATED), ago(HOUR), 1, id="looked at since: somebody put it back"),
        pytest.param(
            History(last_done=ROTATED, last_undone=put_back()),
            ago(6 * DAY),
            4,
            id="and another was undone since",
        ),
        pytest.param(
            History(last_done=ROTATED, last_undone=undone(ago(HOUR), ledger={})),
            ago(6 * DAY),
            2,
            id="and another was undone before it had begun",
        ),
    ],
)
def test_what_is_there_by_all_that_we_know(history: History, looked: datetime, there: int) -> None:
    assert present(history, seen(version=1, observed_at=looked)) == {NAME: there}


@pytest.mark.parametrize(
    "span, text",
    [
        (412 * DAY, "412 d"),
        (5 * HOUR, "5 h"),
        (timedelta(minutes=3), "3 min"),
        (timedelta(seconds=10), "10 s"),
        (-2 * DAY, "2 d"),
        (timedelta(), "0 s"),
    ],
)
def test_spans_for_people(span: timedelta, text: str) -> None:
    assert spell(span) == text
