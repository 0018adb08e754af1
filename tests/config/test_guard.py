"""What a policy may not do by itself: leave many secrets alone, or make many due at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from types import MappingProxyType

import pytest

from rotator.config.guard import dropped, due_at_once, left_alone, objections, rush
from rotator.config.load import load
from rotator.contracts.journal import Journal
from rotator.journal import open_memory_journal
from rotator.model.observations import Observed, Surveyed
from rotator.model.policy import Policies
from rotator.testing.virtual_clock import VirtualClock
from tests.config.files import ADAPTERS, FILE

DAY = timedelta(days=1)
CLOCK = VirtualClock()
WATCHED = "mode: observe"
EXEMPT = "exempt: {reason: no credential, until: 2099-06-30, approved_by: platform}"


def policies(
    names: int,
    *,
    every: str = "90d",
    mode: str = "auto",
    windows: str = "[any-time]",
    own: Mapping[int, str] = MappingProxyType({}),
) -> Policies:
    """So many secrets in two environments; `own`: what some say of themselves instead of `mode`."""
    head, _secrets, tail = FILE.partition("  JWT_SECRET:\n")
    rules = f"deploy: [], rotate_every: {every}, windows: {windows}, settings: {{admin: x}}"
    added = "".join(
        f"  S{number}: {{type: pair, {rules}, {own.get(number, f'mode: {mode}')}}}\n"
        for number in range(names)
    )
    tail = tail[tail.index("deployments:\n") :]
    found = load(head + (added or "  {}\n") + tail, "policies.yaml", adapters=ADAPTERS)
    assert found.policies is not None, [str(one) for one in found.errors]
    return found.policies


@pytest.fixture(scope="module")
def journal() -> Iterator[Journal]:
    """Ten secrets, looked at twice, every one 70 days old."""
    with closing(open_memory_journal(now=CLOCK.now)) as journal:
        now = CLOCK.now()
        for name in ("staging", "production"):
            journal.note_surveyed(Surveyed(environment=name, scanned_at=now, agreed=True, digest="x"))
        journal.note_observed(
            Observed(secret=secret, observed_at=now, versions={"x": 1}, modified_at=now - 70 * DAY)
            for secret in policies(10).secrets
        )
        yield journal


def test_a_fifth_of_the_secrets_may_go(journal: Journal) -> None:
    now = CLOCK.now()
    assert dropped(policies(10), policies(8), now, ()) == ""
    assert dropped(policies(10), policies(12), now, ()) == ""
    assert dropped(policies(0), policies(0), now, ()) == ""
    assert objections(policies(10), policies(8), journal) == ()


def test_more_than_a_fifth_needs_a_person(journal: Journal) -> None:
    (sentence,) = objections(policies(10), policies(7), journal)
    assert sentence == (
        "6 of 20 secrets (30 %) would be left to themselves, more than 20 %: 6 no longer managed "
        "(staging/S7, production/S7, staging/S8, production/S8, staging/S9 and 1 more)"
    )


@pytest.mark.parametrize("mode", ["auto", "approve"])
def test_a_line_that_takes_all_out_of_rotation_needs_a_person(journal: Journal, mode: str) -> None:
    (sentence,) = objections(policies(10, mode=mode), policies(10, mode="observe"), journal)
    assert sentence == (
        "20 of 20 secrets (100 %) would be left to themselves, more than 20 %: 20 only watched, never "
        "rotated (staging/S0, production/S0, staging/S1, production/S1, staging/S2 and 15 more)"
    )


def test_whatever_leaves_a_secret_to_itself_counts_together(journal: Journal) -> None:
    """Each of the three alone would pass."""
    own = {0: WATCHED, 1: EXEMPT}
    assert objections(policies(10), policies(10, own=own), journal) == ()
    (sentence,) = objections(policies(10), policies(9, own=own), journal)
    assert sentence == (
        "6 of 20 secrets (30 %) would be left to themselves, more than 20 %: "
        "2 only watched, never rotated (staging/S0, production/S0); "
        "2 exempt, neither rotated nor told about (staging/S1, production/S1); "
        "2 no longer managed (staging/S9, production/S9)"
    )


def test_many_small_steps_count_together() -> None:
    """What earlier policies left to themselves since the last yes, by whatever way."""
    now, own, earlier = CLOCK.now(), {0: WATCHED, 1: EXEMPT}, tuple[str, ...]()
    steps = [policies(10), policies(10, own={0: WATCHED}), policies(10, own=own), policies(9, own=own)]
    for before, after in pairwise(steps[:3]):
        assert dropped(before, after, now, earlier) == ""
        earlier = left_alone(before, after, now, earlier)
    assert earlier == ("production/S0", "production/S1", "staging/S0", "staging/S1")
    assert dropped(steps[2], steps[3], now, earlier) == (
        "6 of 20 secrets (30 %) would be left to themselves, more than 20 %: "
        "2 no longer managed (staging/S9, production/S9); "
        "4 already since a person last said yes to a policy "
        "(production/S0, production/S1, staging/S0, staging/S1)"
    )


def test_what_is_gone_still_counts_among_all_that_there_was() -> None:
    earlier = ("production/S8", "production/S9", "staging/S8", "staging/S9")
    assert "6 of 20 secrets (30 %)" in dropped(policies(8), policies(7), CLOCK.now(), earlier)


def test_what_is_rotated_again_is_not_left_alone_any_more() -> None:
    now, earlier = CLOCK.now(), ("production/S0", "production/S1", "staging/S0", "staging/S1")
    watched = policies(10, own={0: WATCHED, 1: EXEMPT})
    assert left_alone(watched, policies(10, own={1: EXEMPT}), now, earlier) == (
        "production/S1",
        "staging/S1",
    )
    assert dropped(watched, policies(9), now, earlier) == "", "two are gone, and the four are back"


def test_who_leaves_nothing_more_alone_needs_nobody() -> None:
    earlier = tuple(f"production/S{number}" for number in range(10))
    assert dropped(policies(5), policies(6), CLOCK.now(), earlier) == ""


def test_what_was_left_to_itself_already_does_not_count() -> None:
    watched, exempt = (policies(10, own=dict.fromkeys(range(10), rule)) for rule in (WATCHED, EXEMPT))
    assert dropped(watched, exempt, CLOCK.now(), ()) == ""
    assert dropped(exempt, watched, CLOCK.now(), ()) == ""
    over = policies(10, own=dict.fromkeys(range(10), EXEMPT.replace("2099", "2020")))
    assert "20 exempt, " in dropped(over, exempt, CLOCK.now(), ()), (
        "its date was over, so it was rotated again"
    )


def test_the_way_from_watching_to_rotating_leaves_nothing_alone() -> None:
    now, steps = (
        CLOCK.now(),
        [policies(0), *(policies(10, mode=one) for one in ("observe", "approve", "auto"))],
    )
    assert [dropped(before, after, now, ()) for before, after in pairwise(steps)] == [""] * 3
    assert dropped(policies(10), policies(10, mode="approve"), now, ()) == "", "a person rotates it"


def test_the_first_policy_needs_nobody_and_one_after_what_cannot_be_read_needs_a_person() -> None:
    with closing(open_memory_journal(now=CLOCK.now)) as journal:
        assert objections(None, policies(10), journal) == ()
        journal.note_policy(policies(10), "a text")
        (sentence,) = objections(None, policies(10), journal)
        assert sentence == (
            f"nobody can tell what it would change: the policy in force since {CLOCK.now():%Y-%m-%d %H:%M} UTC, "
            f"{policies(10).version[:12]}, cannot be read here"
        )


def test_a_shorter_schedule_may_make_a_few_due_at_once(journal: Journal) -> None:
    assert due_at_once(policies(10), policies(10), journal) == []
    assert len(due_at_once(policies(2), policies(2, every="60d"), journal)) == 4
    assert objections(policies(2), policies(2, every="60d"), journal) == ()


def test_a_schedule_that_makes_many_due_at_once_needs_a_person(journal: Journal) -> None:
    (sentence,) = objections(policies(10), policies(10, every="60d"), journal)
    assert sentence == (
        "20 of 20 secrets would become due at once, more than 5: staging/S0, production/S0, staging/S1, "
        "production/S1, staging/S2 and 15 more"
    )
    assert objections(policies(10), policies(10, every="80d"), journal) == (), (
        "the tenth of the period is for jitter"
    )


def test_what_waits_for_its_window_is_due_all_the_same(journal: Journal) -> None:
    later = policies(10, every="60d", windows="[office-hours]")
    assert len(due_at_once(policies(10), later, journal)) == 20


def test_what_waits_for_people_anyway_needs_none_for_the_policy(journal: Journal) -> None:
    assert objections(policies(10), policies(10, every="60d", mode="approve"), journal) == ()
    assert due_at_once(policies(10), policies(10, every="60d", mode="observe"), journal) == []


def test_letting_go_of_what_was_only_watched_needs_a_person(journal: Journal) -> None:
    watched = policies(10, every="60d", mode="observe")
    assert "20 of 20 secrets would become due at once" in objections(
        watched, policies(10, every="60d"), journal
    )[0]  # fmt: skip


def test_what_is_due_already_does_not_become_so(journal: Journal) -> None:
    assert objections(policies(10, every="60d"), policies(10, every="50d"), journal) == ()


def test_what_nobody_has_looked_at_yet_has_no_age(journal: Journal) -> None:
    assert len(due_at_once(policies(10), policies(30, every="60d"), journal)) == 20


@pytest.mark.parametrize(
    "newly, secrets, held", [(5, 20, False), (6, 20, True), (10, 100, False), (11, 100, True)]
)
def test_a_tenth_of_a_large_installation_may_become_due(newly: int, secrets: int, held: bool) -> None:
    names = [f"s{number}" for number in range(newly)]
    assert bool(rush(names, policies(secrets // 2))) == held


def test_no_more_than_it_says(journal: Journal) -> None:
    assert rush([f"s{number}" for number in range(6)], policies(10)) == (
        "6 of 20 secrets would become due at once, more than 5: s0, s1, s2, s3, s4 and 1 more"
    )
