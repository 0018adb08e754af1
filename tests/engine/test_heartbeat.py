"""Who is outside hears that all is well, only then, and counts the minutes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from rotator.engine.heartbeat import LATE, Process, WhySilent, beat, drill, last_beat, silence
from rotator.engine.report.heartbeat import heartbeat_facts, heartbeat_told, known_beside
from rotator.engine.requests import carry_out_requests
from rotator.model.alerts import AlertKind
from rotator.model.errors import Transient
from rotator.model.observations import HEARTBEAT
from rotator.model.policy import AlertPolicy, HeartbeatPolicy
from rotator.model.requests import RequestKind, RequestState
from rotator.testing.channel_contract import an_alert
from tests.engine.things import DAY, HOUR, NOW, policies, policy, request, seen, surveyed
from tests.engine.world import World

MINUTE = timedelta(minutes=1)
EVERY, GRACE = 5 * MINUTE, 15 * MINUTE
RULE = HeartbeatPolicy(url="ssm:/taly/production/rotator/HEARTBEAT_URL", every=EVERY, grace=GRACE)


@dataclass
class Neighbour:
    """Outside, on the world's clock: calls people when period and grace have passed without a word."""

    world: World
    heard: list[datetime] = field(default_factory=list)
    away: bool = False

    def hear(self, reference: str) -> None:
        assert reference == RULE.url
        if self.away:
            raise Transient("the heartbeat's address does not answer")
        self.heard.append(self.world.journal.now())

    @property
    def calls_people(self) -> bool:
        return self.world.journal.now() >= self.heard[-1] + EVERY + GRACE


@pytest.fixture
def well(world: World) -> World:
    """A world in which all is well."""
    rule = AlertPolicy(heartbeat=RULE)
    world.today = policies(policy()).model_copy(update={"alerts": rule})
    world.looked(seen(age=DAY))
    look(world)
    return world


def look(world: World, **changes: Any) -> None:
    changes = {"digest": "d", "scanned_at": world.journal.now(), **changes}
    world.journal.note_surveyed(surveyed(**changes))


def live(world: World, outside: Neighbour, span: timedelta, here: Process | None = None) -> list[WhySilent]:
    """So long, with a look each 15 s; why it was silent."""
    reasons = []
    ends = world.journal.now() + span
    while world.journal.now() < ends:
        world.clock.pass_by(timedelta(seconds=15))
        quiet = beat(world.journal, world.policies(), outside, here or Process())
        reasons += [quiet.reason] if quiet else []
    return reasons


def test_all_is_well_is_heard_once_in_each_period(well: World) -> None:
    outside = Neighbour(well)
    for _ in range(6):
        look(well)
        assert live(well, outside, 10 * MINUTE) == []
    gaps = [later - sooner for sooner, later in zip(outside.heard, outside.heard[1:], strict=False)]
    assert len(outside.heard) == 12
    assert all(EVERY <= gap <= EVERY + MINUTE for gap in gaps)
    assert last_beat(well.journal, RULE) == outside.heard[-1]


def test_either_replica_says_it_and_not_both(well: World) -> None:
    one, other = Neighbour(well), Neighbour(well)
    for _ in range(60):
        well.clock.pass_by(timedelta(seconds=15))
        look(well)
        for outside in (one, other):
            beat(well.journal, well.policies(), outside, Process())
    assert len(one.heard) + len(other.heard) == 3


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"trouble": "SSM does not answer"}, WhySilent.SCAN),
        ({"unheld": "SSM does not answer"}, WhySilent.SCAN),
        ({"foreign_owner": "another owns it"}, WhySilent.SCAN),
        ({"digest": ""}, WhySilent.SCAN),
    ],
)
def test_an_environment_that_was_not_looked_at_whole_is_silence(
    well: World, changes: dict[str, Any], reason: WhySilent
) -> None:
    look(well, **changes)
    quiet = silence(well.journal, well.policies(), Process())
    assert quiet is not None
    assert quiet.reason is reason
    assert quiet.sentence.startswith("production")


def test_a_scan_that_stays_away_is_silence(well: World) -> None:
    outside = Neighbour(well)
    live(well, outside, 14 * MINUTE)
    assert len(outside.heard) == 3
    assert set(live(well, outside, 21 * MINUTE)) == {WhySilent.SCAN}
    assert outside.calls_people


@pytest.mark.parametrize(
    "here, reason",
    [
        (Process(rejected="secrets.KEY.type: unknown type"), WhySilent.POLICY),
        (Process(stuck=["a worker"]), WhySilent.STUCK),
        (Process(bugs=["alerts does not work: an unexpected KeyError"]), WhySilent.BUG),
        (Process(reachable=False), WhySilent.NOBODY),
    ],
)
def test_what_only_the_process_knows_is_silence_too(well: World, here: Process, reason: WhySilent) -> None:
    assert live(well, outside := Neighbour(well), MINUTE, here) == [reason] * 4
    assert outside.heard == []


def test_an_environment_that_nobody_ever_looked_at_is_silence(well: World) -> None:
    two = {**well.policies().environments, "staging": well.policies().environments["production"]}
    assert silence(well.journal, well.policies().model_copy(update={"environments": two}), Process())


def test_an_alert_that_nobody_hears_is_silence_after_a_while(well: World) -> None:
    row = undelivered(well)
    assert silence(well.journal, well.policies(), Process()) is None
    well.clock.pass_by(LATE + MINUTE)
    look(well)
    quiet = silence(well.journal, well.policies(), Process())
    assert quiet is not None
    assert quiet.reason is WhySilent.ALERTS
    assert row in quiet.sentence


def undelivered(world: World) -> str:
    """An alert whose delivery fails: its identity."""
    alert = an_alert(opened_at=world.journal.now())
    world.journal.post_alert(alert, timedelta())
    (row,) = world.journal.claim_alerts("w", 1, MINUTE)
    failed = row.model_copy(
        update={"told": {"slack:#ops": 0}, "attempt": 1, "run_at": world.journal.now() + DAY}
    )
    world.journal.checkpoint_alerts([(row, failed)])
    return alert.identity


def test_an_alert_that_waits_for_its_time_is_none(well: World) -> None:
    well.journal.post_alert(an_alert(opened_at=NOW), DAY)
    well.clock.pass_by(HOUR)
    look(well)
    assert silence(well.journal, well.policies(), Process()) is None


def test_an_alert_that_is_due_and_that_nobody_takes_is_silence(well: World) -> None:
    well.journal.post_alert(an_alert(opened_at=NOW), timedelta())
    well.clock.pass_by(LATE + MINUTE)
    look(well)
    quiet = silence(well.journal, well.policies(), Process())
    assert quiet is not None
    assert quiet.reason is WhySilent.ALERTS


def test_a_call_that_was_not_heard_is_tried_again_soon(well: World) -> None:
    outside = Neighbour(well, away=True)
    for _ in range(4):
        with pytest.raises(Transient):
            beat(well.journal, well.policies(), outside, Process())
        well.clock.pass_by(timedelta(seconds=21))
    assert last_beat(well.journal, RULE) is None
    outside.away = False
    beat(well.journal, well.policies(), outside, Process())
    assert outside.heard == [well.journal.now()]


def test_a_drill_is_silence_with_an_end(well: World) -> None:
    outside = Neighbour(well)
    live(well, outside, MINUTE)
    asked = request(
        RequestKind.PAUSE, HEARTBEAT, until=well.journal.now() + 30 * MINUTE, because="who wakes up?"
    )
    well.journal.add_request(asked)
    carry_out_requests(well)
    (answered,) = well.journal.requests(waiting=False)
    assert answered.state is RequestState.TAKEN
    assert drill(well.journal) is not None
    look(well)
    assert set(live(well, outside, 25 * MINUTE)) == {WhySilent.DRILL}
    assert outside.calls_people
    look(well)
    live(well, outside, 6 * MINUTE)
    assert drill(well.journal) is None
    assert not outside.calls_people


def test_a_policy_without_a_heartbeat_calls_nobody(well: World) -> None:
    well.today = policies(policy())
    live(well, outside := Neighbour(well), MINUTE)
    assert outside.heard == []


# what whoever looks is told


def told(world: World, here: Process | None = None) -> str:
    return heartbeat_told(heartbeat_facts(world.journal, world.policies(), here or Process()))


def test_a_heartbeat_that_was_heard_lately_is_told_to_machines_only(well: World) -> None:
    live(well, Neighbour(well), MINUTE)
    facts = heartbeat_facts(well.journal, well.policies(), Process())
    assert facts == {"heard_at": (NOW + timedelta(seconds=15)).isoformat(), "silent": None, "sentence": ""}
    assert told(well) == ""


def test_whoever_looks_is_told_why_it_is_silent_and_since_when(well: World) -> None:
    live(well, Neighbour(well), MINUTE)
    look(well, trouble="SSM does not answer")
    assert told(well) == (
        "heartbeat: nobody outside is told that all is well: production: SSM does not answer; it heard so last at "
        "2026-06-10 12:00 UTC"
    )
    facts = heartbeat_facts(well.journal, well.policies(), Process())
    assert facts is not None
    assert facts["silent"] == "scan"
    assert "a worker of this process does not move" in told(well, Process(stuck=["a worker"]))


def test_calls_that_are_not_heard_are_told_once_the_outside_must_be_calling(well: World) -> None:
    assert told(well).startswith(
        "heartbeat: the outside should hear that all is well, and it has never heard so"
    )
    live(well, outside := Neighbour(well), MINUTE)
    for minute in range(22):
        look(well)
        assert bool(told(well)) == outside.calls_people, minute
        well.clock.pass_by(MINUTE)
    assert told(well).endswith("why is in rotator's log (grep heartbeat)")


def test_beside_a_process_a_policy_that_was_rejected_is_known_by_its_alert(well: World) -> None:
    live(well, Neighbour(well), MINUTE)
    assert not told(well, known_beside(well.journal, Process()))
    well.rejected = "secrets.KEY.type: unknown type"
    well.tell()
    look(well)
    assert "is not in force: secrets.KEY.type: unknown type" in told(
        well, known_beside(well.journal, Process())
    )
    well.rejected = ""
    well.tell()
    assert AlertKind.POLICY_REJECTED not in well.open_alerts()
    assert not told(well, known_beside(well.journal, Process()))


def test_a_policy_that_names_nobody_outside_tells_nothing(well: World) -> None:
    well.today = policies(policy())
    assert heartbeat_facts(well.journal, well.today, Process(stuck=["a worker"])) is None
    assert told(well, Process(stuck=["a worker"])) == ""
