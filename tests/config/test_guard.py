"""What a policy may not do by itself: drop many secrets, or make many due at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from rotator.config.guard import due_at_once, mass_deletion, objections, rush
from rotator.config.load import load
from rotator.contracts.journal import Journal
from rotator.journal import open_memory_journal
from rotator.model.observations import Observed, Surveyed
from rotator.model.policy import Policies
from rotator.testing.virtual_clock import VirtualClock
from tests.config.files import ADAPTERS, FILE

DAY = timedelta(days=1)
CLOCK = VirtualClock()


def policies(names: int, *, every: str = "90d", mode: str = "auto", windows: str = "[any-time]") -> Policies:
    """So many secrets in two environments."""
    head, _secrets, tail = FILE.partition("  JWT_SECRET:\n")
    rules = f"deploy: [], rotate_every: {every}, mode: {mode}, windows: {windows}, settings: {{admin: x}}"
    added = "".join(f"  S{number}: {{type: pair, {rules}}}\n" for number in range(names))
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
    assert mass_deletion(policies(10), policies(8)) == ""
    assert mass_deletion(policies(10), policies(12)) == ""
    assert mass_deletion(policies(0), policies(0)) == ""
    assert objections(policies(10), policies(8), journal) == ()


def test_more_than_a_fifth_needs_a_person(journal: Journal) -> None:
    (sentence,) = objections(policies(10), policies(7), journal)
    assert sentence == (
        "6 of 20 secrets (30 %) would no longer be managed, more than 20 % at once: staging/S7, production/S7, "
        "staging/S8, production/S8, staging/S9 and 1 more"
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
    for mode in ("approve", "observe"):
        assert objections(policies(10), policies(10, every="60d", mode=mode), journal) == ()


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
