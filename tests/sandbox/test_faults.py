"""The weather is chance that can be repeated, and quotas that fill up again."""

from __future__ import annotations

import pytest

from rotator.sandbox.faults import Fault, Faults, Quota, Quotas, Rule


def drawn(faults: Faults, operation: str, calls: int) -> list[Fault | None]:
    return [rule.fault if rule else None for rule in (faults.draw(operation) for _ in range(calls))]


def weather(seed: int, *rules: Rule) -> Faults:
    faults = Faults()
    faults.set(rules, seed)
    return faults


def test_good_weather_is_the_beginning_and_the_end() -> None:
    faults = Faults()
    assert drawn(faults, "PutParameter", 100) == [None] * 100
    faults.set([Rule(Fault.THROTTLED)], seed=0)
    assert drawn(faults, "PutParameter", 2) == [Fault.THROTTLED] * 2
    faults.set([], seed=0)
    assert drawn(faults, "PutParameter", 100) == [None] * 100


def test_a_rule_hits_its_operation_at_its_rate() -> None:
    faults = weather(7, Rule(Fault.LOST_ANSWER, "PutParameter", rate=0.1))
    assert 150 < drawn(faults, "PutParameter", 2000).count(Fault.LOST_ANSWER) < 250
    assert drawn(faults, "GetParameter", 2000) == [None] * 2000


def test_one_seed_gives_one_weather_however_other_calls_interleave() -> None:
    rule = Rule(Fault.THROTTLED, rate=0.3)
    alone, among_others = weather(7, rule), weather(7, rule)
    expected = drawn(alone, "PutParameter", 50)
    seen = []
    for _ in range(50):
        drawn(among_others, "GetParameter", 3)
        seen += drawn(among_others, "PutParameter", 1)
    assert seen == expected
    assert drawn(weather(8, rule), "PutParameter", 50) != expected
    assert drawn(weather(7, rule), "GetParameter", 50) != expected, "operations do not fail in step"


def test_a_rule_with_a_number_of_times_ends_by_itself_and_the_next_one_has_its_turn() -> None:
    faults = weather(0, Rule(Fault.LOST_ANSWER, times=2), Rule(Fault.SLOW, times=1))
    assert drawn(faults, "Decrypt", 4) == [Fault.LOST_ANSWER, Fault.LOST_ANSWER, Fault.SLOW, None]


@pytest.mark.parametrize("fault", [Fault.EMPTY_PAGE, Fault.SHORT_PAGE])
def test_page_faults_concern_only_what_has_pages(fault: Fault) -> None:
    faults = weather(0, Rule(fault))
    assert drawn(faults, "PutParameter", 1) == [None]
    assert drawn(faults, "DescribeParameters", 1) == [fault]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [1000.0]
    monkeypatch.setattr("rotator.sandbox.faults.time.monotonic", lambda: clock[0])
    return clock


def test_a_quota_gives_its_burst_and_then_its_rate(now: list[float]) -> None:
    quotas = Quotas()
    quotas.set({"writes": Quota(per_second=3, burst=5)})
    assert [quotas.take("PutParameter") for _ in range(6)] == [True] * 5 + [False]
    now[0] += 0.25
    assert not quotas.take("PutParameter")
    now[0] += 0.25
    assert quotas.take("PutParameter")
    now[0] += 3600
    assert [quotas.take("PutParameter") for _ in range(6)] == [True] * 5 + [False], (
        "a pause fills no more than a burst"
    )


def test_all_reads_share_one_quota_and_unknown_calls_have_none(now: list[float]) -> None:
    quotas = Quotas()
    quotas.set({"reads": Quota(per_second=1, burst=2)})
    assert [quotas.take(call) for call in ("GetParameter", "GetParameters", "GetParametersByPath")] == [
        True,
        True,
        False,
    ]
    assert all(quotas.take("Decrypt") for _ in range(100))
    assert all(quotas.take("PutParameter") for _ in range(100)), "a kind that is left out is not limited"
