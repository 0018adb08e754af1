"""What /metrics tells of a journal, and that docs/reference/metrics.md says the same of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from rotator.contracts.journal import Told
from rotator.engine.heartbeat import Process, beat
from rotator.engine.repeats import unheard
from rotator.journal.tables import event
from rotator.model.errors import JournalAway
from rotator.model.policy import AlertPolicy, HeartbeatPolicy, Policies
from rotator.model.rotation import Death, Phase, State
from rotator.web.metrics import METRICS, Figures
from tests.engine.things import DAY, HOUR, NOW, PERIOD, policies, policy, rotation, seen, surveyed
from tests.engine.world import World
from tests.web.asking import figures

KEY = ("production", "KEY")
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def collector(world: World) -> Figures:
    rejected = world.rejected
    return Figures(world.journal, world.policies, lambda: rejected, world.clock, lambda: Process(rejected))


def told(world: World) -> dict[str, dict[tuple[str, ...], float]]:
    """Everything that a scrape finds now, without what was kept."""
    registry = CollectorRegistry()
    registry.register(collector(world))
    return figures(generate_latest(registry).decode())


def test_ages_and_dates(world: World) -> None:
    world.looked(seen(age=95 * DAY))
    world.journal.note_surveyed(surveyed(digest="d"))
    found = told(world)
    assert found["rotator_secret_age_seconds"][KEY] == (95 * DAY).total_seconds()
    ends = (NOW - 95 * DAY + PERIOD).timestamp()
    assert found["rotator_secret_overdue_timestamp_seconds"][KEY] == ends
    due = found["rotator_secret_due_timestamp_seconds"][KEY]
    assert ends - (PERIOD / 10).total_seconds() <= due <= ends
    assert found["rotator_scan_last_success_timestamp_seconds"]["production",] == NOW.timestamp()
    assert list(found["rotator_secret_state"].values()) == [1]


def test_who_is_outside_was_told_when_and_why_not_now(world: World) -> None:
    rule = HeartbeatPolicy(url="ssm:/x/rotator/URL", every=HOUR, grace=HOUR)
    world.looked(seen(age=DAY))
    world.journal.note_surveyed(surveyed(digest="d"))
    world.today = policies(policy()).model_copy(update={"alerts": AlertPolicy(heartbeat=rule)})
    assert told(world)["rotator_heartbeat_last_success_timestamp_seconds"][()] == 0
    assert beat(world.journal, world.policies(), SimpleNamespace(hear=lambda _url: None), Process()) is None
    world.rejected = "it does not fit"
    found = told(world)
    assert found["rotator_heartbeat_last_success_timestamp_seconds"][()] == NOW.timestamp()
    assert found["rotator_heartbeat_silent"] == {("policy",): 1}


def test_an_environment_that_was_never_scanned_has_no_scan(world: World) -> None:
    world.journal.note_surveyed(surveyed(trouble="SSM does not answer"))
    assert "rotator_scan_last_success_timestamp_seconds" not in told(world)


@pytest.mark.parametrize("changes", [{"exempt_until": NOW + DAY, "exempt_reason": "not a credential"}])
def test_nothing_is_overdue_that_nobody_rotates(world: World, changes: dict[str, Any]) -> None:
    world.today = policies(policy(**changes))
    world.looked(seen(age=2 * PERIOD))
    found = told(world)
    assert found["rotator_secret_state"] == {(*KEY, "exempt"): 1}
    assert "rotator_secret_overdue_timestamp_seconds" not in found
    assert KEY in found["rotator_secret_age_seconds"]


def test_an_old_credential_lives_until_something_says_that_it_is_dead(world: World) -> None:
    world.looked(seen(age=2 * PERIOD))
    until = NOW + HOUR
    ledger = {"confirmed_at": NOW, "grace_until": until}
    row = world.has(rotation(phase=Phase.GRACE, ledger=ledger))
    found = told(world)
    assert found["rotator_old_credentials_live"] == {KEY: 1}
    assert found["rotator_grace_end_timestamp_seconds"] == {KEY: until.timestamp()}
    assert found["rotator_secret_state"] == {(*KEY, "grace"): 1}
    assert "rotator_secret_overdue_timestamp_seconds" not in found, "a successor is in use"
    dead = row.ledger.having(death=Death.TRIED)
    world.becomes(row.id, ledger=dead, phase=Phase.QUARANTINE)
    assert "rotator_old_credentials_live" not in told(world)


def test_a_secret_that_left_the_policy_still_has_its_old_credential(world: World) -> None:
    world.has(rotation("production/GONE", phase=Phase.GRACE, ledger={"confirmed_at": NOW}))
    assert told(world)["rotator_old_credentials_live"] == {("production", "GONE"): 1}


def test_tries_endings_and_durations(world: World) -> None:
    row = world.has(rotation())
    steps = [
        ("retries", Phase.PLAN),
        ("advanced", Phase.CREATE),
        ("waits", Phase.CREATE),
        ("undo", Phase.DISCARD),
    ]
    for kind, phase in steps:
        world.passes(timedelta(seconds=20))
        (claimed,) = world.journal.claim_rotations("w", 1, Phase, HOUR)
        line = Told(kind, "so it went", claimed.phase)
        moved = claimed.model_copy(update={"phase": phase, "run_at": world.clock.now()})
        world.journal.checkpoint(claimed, moved, line, release=True)
    (claimed,) = world.journal.claim_rotations("w", 1, Phase, HOUR)
    ended = claimed.model_copy(update={"state": State.UNDONE, "ended_at": world.clock.now()})
    world.journal.checkpoint(claimed, ended, Told("undone", "undone"), release=True)
    found = told(world)
    assert found["rotator_rotation_attempts_total"] == {
        ("failed", "plan"): 1,
        ("succeeded", "plan"): 1,
        ("undo", "create"): 1,
        ("succeeded", "discard"): 1,
    }
    assert found["rotator_rotations_ended_total"] == {("undone",): 1}
    sums, buckets = (
        found["rotator_rotation_duration_seconds_sum"],
        found["rotator_rotation_duration_seconds_bucket"],
    )
    assert {step: round(seconds) for (step,), seconds in sums.items()} == {
        "plan": 40,
        "create": 40,
        "discard": 0,
    }
    assert (buckets["15.0", "plan"], buckets["60.0", "plan"], buckets["+Inf", "plan"]) == (0, 1, 1)
    assert row.id not in str(found)


def test_what_a_restart_or_another_replica_tells_is_the_same(world: World) -> None:
    world.looked(seen())
    world.has(rotation())
    assert told(world) == told(world)


def test_alerts_that_are_open_and_that_nobody_hears(world: World) -> None:
    world.looked(seen(age=2 * PERIOD))
    world.has(rotation(state=State.PARKED, phase=Phase.STORE, sentence="somebody else wrote"))
    with world.without("#ops"):
        world.tell()
        found = told(world)
        assert any(unheard(row) for row in world.journal.alerts())
    assert found["rotator_alerts_open"]["parked", "warning"] == 1
    assert set(found["rotator_alerts_undelivered"]) == {("slack",)}
    assert "#ops" not in str(found)


def test_a_rejected_policy(world: World) -> None:
    assert told(world)["rotator_policy_last_reload_successful"] == {(): 1}
    world.rejected = "policies.yaml:3: unknown key"
    assert told(world)["rotator_policy_last_reload_successful"] == {(): 0}


def test_a_journal_that_is_away_leaves_what_needs_no_journal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise JournalAway("the database is gone")

    monkeypatch.setattr(world.journal, "surveyed", away)
    found = told(world)
    assert found.pop("rotator_build_info")
    assert found == {"rotator_journal_reachable": {(): 0}, "rotator_policy_last_reload_successful": {(): 1}}


def test_a_story_that_was_changed_behind_our_back(world: World) -> None:
    world.has(rotation())
    assert told(world)["rotator_audit_chain_ok"] == {(): 1}
    with world.journal._db.writing() as connection:
        connection.execute(event.update().values(sentence="nothing happened"))
    assert told(world)["rotator_audit_chain_ok"] == {(): 0}


def test_every_metric_is_described_and_every_description_is_told(world: World) -> None:
    collected = {family.name: family for family in collector(world).collect()}
    described = {one.name.removesuffix("_total"): one for one in METRICS}
    assert collected.keys() == described.keys()
    assert {name: family.type for name, family in collected.items()} == {
        name: one.kind for name, one in described.items()
    }


def test_the_reference_lists_them_as_the_code_has_them() -> None:
    rows = [line for line in REFERENCE.read_text().splitlines() if line.startswith("| `rotator_")]
    assert rows == [
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.tells} |"
        for one in METRICS
    ]


def test_thousands_of_secrets_are_told_within_a_scrape(world: World) -> None:
    many = [policy(f"production/KEY_{number}") for number in range(1000)]
    world.today = Policies(**{**dict(policies(*many)), "version": "many"})
    world.looked(*(seen(one.secret) for one in many))
    assert len(told(world)["rotator_secret_age_seconds"]) == 1000


def test_how_far_two_clocks_are_apart_is_a_figure(world: World) -> None:
    ahead = timedelta(seconds=-42)
    figures = Figures(world.journal, world.policies, lambda: "", world.clock, lambda: Process(ahead=ahead))
    found = {one.name: one for one in figures.collect()}
    assert found["rotator_clock_ahead_seconds"].samples[0].value == -42
