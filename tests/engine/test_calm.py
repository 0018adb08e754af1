"""One cause is one message, nothing flaps, and one message says when it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rotator.engine.alerts import keep_alerts
from rotator.engine.phases import PHASES
from rotator.engine.phases.step import Move, Step
from rotator.engine.scan import survey
from rotator.engine.settings import Bounds
from rotator.engine.worker import Worker
from rotator.model.alerts import AlertKind, Severity
from rotator.model.errors import Transient
from rotator.model.observations import Surveyed
from rotator.model.policy import Mode
from rotator.model.rotation import Phase, Reason, State
from tests.engine.things import (
    DAY,
    FAR_AHEAD,
    HOUR,
    MINUTE,
    NOW,
    ago,
    environment,
    policies,
    policy,
    rotation,
    seen,
    surveyed,
    undone,
)
from tests.engine.world import World

NAMES = [f"{where}/KEY_{number}" for where in ("staging", "production") for number in range(11)]
MANY = policies(*(policy(name, mode=Mode.AUTO) for name in NAMES))


def stuck(world: World, name: str, **changes: Any) -> None:
    world.has(
        rotation(
            name,
            id=f"r-{name}",
            principal=name,
            reason=Reason.RETRYING,
            attempt=4,
            sentence="KMS does not answer",
            **{"run_at": FAR_AHEAD, **changes},
        )
    )


def told_when_it_lasts(world: World) -> None:
    """Trouble that mostly passes, and did not."""
    world.tell()
    world.passes(11 * MINUTE)
    world.tell()


def goes_on(world: World, name: str) -> None:
    world.becomes(f"r-{name}", reason=None, attempt=0, phase=Phase.GRACE, sentence="the old one lives")


# many at once


def test_a_store_that_was_never_seen_is_not_said_to_have_been(world: World) -> None:
    world.away("production", Transient("rotator has no valid AWS credentials"))
    survey(world)
    world.tell()
    world.passes(11 * MINUTE)
    world.tell()
    ((_, alert),) = world.slack.read
    assert alert.facts["Since"] == "it was never seen whole"


def test_a_store_that_is_away_is_one_message_for_all_its_secrets(world: World) -> None:
    world.today = MANY
    for name in NAMES:
        world.put(f"/taly/{name}")
    survey(world)
    world.passes(101 * DAY)
    for name in NAMES[:11]:
        stuck(world, name, opened_at=world.clock.now())
    world.away("staging", Transient("SSM does not answer"))
    survey(world)
    world.tell()
    assert world.news() == []
    world.passes(11 * MINUTE)
    world.tell()
    ((_, alert),) = [one for one in world.slack.read if one[1].environment == "staging"]
    assert alert.title == "the store of staging cannot be reached"
    assert alert.facts == {
        "What": "SSM does not answer",
        "Impact": "none yet: 11 credentials stay as they are, and none is rotated",
        "Since": "last seen whole 2026-06-10 12:00 UTC",
        "Done": "asked again and again",
        "Next": "rotator tries again by itself every few minutes",
    }
    assert alert.action.startswith("do what it says there; if it says only that nothing answers, wait. ")
    world.news()
    for name in NAMES[:11]:
        goes_on(world, name)
    world.away("staging", None)
    survey(world)
    world.tell()
    assert [line for line in world.news() if "staging" in line] == [
        "over: the store of staging cannot be reached: it answers again, and what waited goes on (after 13 min)"
    ]


def failing(world: World, monkeypatch: pytest.MonkeyPatch, trouble: Exception) -> None:
    """Three attempts at every rotation meet this."""

    def attempt(_step: Step) -> Move:
        raise trouble

    monkeypatch.setitem(PHASES, Phase.PLAN, attempt)
    for _ in range(3):
        Worker(world, "w").work(limit=100)
        world.passes(2 * MINUTE)


def in_flight(world: World, *names: str) -> None:
    world.today = policies(*(policy(name) for name in names))
    for name in names:
        world.put(f"/taly/{name}")
        world.has(rotation(name, id=f"r-{name}", principal=name, opened_at=NOW))
    for _ in range(2):  # two looks agree
        survey(world)


@pytest.mark.parametrize("names", [("production/A",), ("production/A", "production/B", "production/C")])
def test_what_was_in_flight_during_an_outage_is_no_news_when_it_is_over(
    world: World, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    in_flight(world, *names)
    away = Transient("SSM does not answer")
    world.away("production", away)
    survey(world)
    failing(world, monkeypatch, away)
    for _ in range(2):
        world.tell()
        world.passes(11 * MINUTE)
    assert world.news() == ["warning: the store of production cannot be reached"]
    Worker(world, "w").work(limit=100)  # the last attempt before it is over; the next one is minutes away
    world.away("production", None)
    survey(world)
    assert all(one.run_at <= world.clock.now() for one in world.journal.rotations()), "they go on at once"
    for _ in range(2):
        world.tell()
        world.passes(11 * MINUTE)
    (over,) = world.news()
    assert over.startswith("over: the store of production cannot be reached")


def test_attempts_that_fail_before_the_outage_is_seen_are_no_news_of_their_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_flight(world, "production/A")
    away = Transient("SSM does not answer")
    failing(world, monkeypatch, away)
    world.tell()
    world.away("production", away)
    survey(world)
    told_when_it_lasts(world)
    assert world.news() == ["warning: the store of production cannot be reached"]


def test_a_store_that_is_away_now_and_then_postpones_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_flight(world, "production/A")
    heard = []
    for _ in range(5):
        failing(world, monkeypatch, Transient("the source does not answer"))
        world.tell()
        heard += world.news()
        for trouble in (Transient("one lost answer"), None):
            world.away("production", trouble)
            survey(world)
            keep_alerts(world)
            world.deliver()
    assert heard == ["warning: A (production): rotation does not get past plan"]


def test_what_fails_again_after_an_outage_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    in_flight(world, "production/A")
    away = Transient("SSM does not answer")
    world.away("production", away)
    survey(world)
    failing(world, monkeypatch, away)
    world.away("production", None)
    survey(world)
    failing(world, monkeypatch, Transient("the source does not answer"))
    told_when_it_lasts(world)
    assert world.news() == ["warning: A (production): rotation does not get past plan"]


def test_an_attempt_that_began_during_an_outage_and_failed_after_it_is_no_news(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_flight(world, "production/A")
    away = Transient("SSM does not answer")
    world.away("production", away)
    survey(world)
    failing(world, monkeypatch, away)

    def attempt(_step: Step) -> Move:
        """Waits for its answer while the store comes back."""
        world.away("production", None)
        survey(world)
        world.passes(MINUTE)
        raise away

    monkeypatch.setitem(PHASES, Phase.PLAN, attempt)
    Worker(world, "w").work()
    (one,) = world.journal.rotations()
    assert one.attempt == 4
    assert one.run_at <= world.clock.now(), "due again at once"
    world.becomes(one.id, run_at=FAR_AHEAD)
    for _ in range(3):
        world.tell()
        world.passes(11 * MINUTE)
    assert world.news() == []


def test_a_short_outage_of_the_store_takes_back_nothing_that_was_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_flight(world, "production/A")
    failing(world, monkeypatch, Transient("the source does not answer"))
    told_when_it_lasts(world)
    assert world.news() == ["warning: A (production): rotation does not get past plan"]
    for trouble in (Transient("SSM does not answer"), None):
        world.away("production", trouble)
        survey(world)
        world.tell()
    Worker(world, "w").work()
    world.tell()
    assert world.news() == []
    assert AlertKind.ROTATION_FAILED in world.open_alerts()


def test_a_store_that_is_away_for_a_moment_is_no_news(world: World) -> None:
    world.looked(seen())
    world.journal.note_surveyed(surveyed(trouble="one lost answer"))
    world.tell()
    world.passes(5 * MINUTE)
    world.journal.note_surveyed(surveyed())
    world.tell()
    world.passes(DAY)
    world.tell()
    assert world.news() == []


def test_whoever_has_no_patience_is_told_at_once(world: World) -> None:
    world.bounds = Bounds(patience=timedelta())
    world.looked(seen())
    world.journal.note_surveyed(surveyed(trouble="one lost answer"))
    world.tell()
    assert world.news() == ["warning: the store of production cannot be reached"]


def test_a_store_that_is_away_while_its_secrets_page_is_critical(world: World) -> None:
    world.today = policies(policy(page_after=7 * DAY))
    world.looked(seen(age=106 * DAY))
    world.journal.note_surveyed(surveyed(trouble="SSM does not answer"))
    world.passes(11 * MINUTE)
    world.tell()
    world.passes(11 * MINUTE)
    world.tell()
    assert world.news() == ["warning: the store of production cannot be reached"]
    world.passes(DAY)
    world.tell()
    assert world.news() == ["critical: the store of production cannot be reached"]


def test_an_owner_parameter_that_cannot_be_kept_is_told_though_scans_succeed(world: World) -> None:
    world.looked(seen())
    world.journal.note_surveyed(surveyed(unheld="not allowed to write /taly/production/rotator/owner"))
    world.tell()
    world.passes(11 * MINUTE)
    world.tell()
    ((_, alert),) = world.slack.read
    assert alert.facts["What"] == "not allowed to write /taly/production/rotator/owner"


def test_22_rotations_stuck_for_one_reason_are_one_message(world: World) -> None:
    world.today = MANY
    world.looked(*(seen(name) for name in NAMES))
    for name in NAMES:
        stuck(world, name)
    world.tell()
    assert world.news() == [], "what mostly passes is told when it lasts"
    world.passes(10 * MINUTE)
    world.tell()
    ((_, alert),) = world.slack.read
    assert alert.title == "22 rotations do not get on"
    assert alert.facts["What"] == "plan: KMS does not answer"
    assert alert.facts["Which"].endswith(" and 12 more")
    world.news()
    for name in NAMES[:-1]:
        goes_on(world, name)
        world.tell()
    assert world.news() == [], "as long as one is stuck it is the same trouble"
    goes_on(world, NAMES[-1])
    world.tell()
    (over,) = world.news()
    assert over.startswith("over: ")


def test_a_second_stuck_one_takes_back_what_nobody_was_told_of_the_first(world: World) -> None:
    world.today = policies(policy("production/A"), policy("production/B"))
    world.looked(seen("production/A"), seen("production/B"))
    stuck(world, "production/A")
    told_when_it_lasts(world)
    assert world.news() == ["warning: A (production): rotation does not get past plan"]
    stuck(world, "production/B")
    told_when_it_lasts(world)
    assert world.news() == ["warning: 2 rotations do not get on"]
    goes_on(world, "production/A")
    goes_on(world, "production/B")
    world.tell()
    assert len(world.news()) == 2, "both messages are closed"


def test_fewer_than_three_attempts_are_no_news(world: World) -> None:
    world.looked(seen())
    world.has(rotation(reason=Reason.RETRYING, attempt=2))
    world.tell()
    assert world.news() == []


def test_a_new_installation_on_old_secrets_wakes_nobody(world: World) -> None:
    """They are 300 days overdue, and taken up a few minutes later."""
    world.today = MANY
    world.looked(*(seen(name, age=400 * DAY) for name in NAMES), agreed=False)
    world.tell()
    world.passes(5 * MINUTE)
    for name in NAMES:
        world.has(rotation(name, id=f"r-{name}", principal=name, run_at=FAR_AHEAD))
    world.looked(*(seen(name, age=400 * DAY) for name in NAMES))
    world.tell()
    world.passes(HOUR)
    world.tell()
    assert world.news() == []


def test_but_one_that_is_not_taken_up_is_told_with_the_reason(world: World) -> None:
    world.looked(seen(age=101 * DAY, trouble="users: must be two logins"))
    assert world.stands().due
    world.tell()
    assert world.news() == []
    world.passes(10 * MINUTE)
    world.tell()
    ((_, alert),) = world.slack.read
    assert alert.facts["Trouble"] == "users: must be two logins"


# nothing flaps


def test_overdue_stays_told_while_rotations_come_and_are_undone(world: World) -> None:
    world.looked(seen(age=101 * DAY, trouble="waits for its twin"))
    world.tell()
    world.passes(11 * MINUTE)
    world.tell()
    assert world.news() == ["warning: KEY (production): overdue"]
    world.has(rotation(opened_at=world.clock.now()))
    world.tell()
    assert world.news() == [], "a rotation that begins is no ending"
    undo = {"undo_reason": Reason.NOT_SEEN, "undo_from": Phase.CONFIRM, "before": {"/taly/production/KEY": 1}}
    world.becomes(
        "rot1",
        state=State.UNDONE,
        ended_at=world.clock.now(),
        ledger=rotation(ledger=undo).ledger,
        sentence="undone",
    )
    world.tell()
    assert world.news() == ["warning: KEY (production): rotation undone"], "and overdue is not told again"
    assert AlertKind.OVERDUE in world.open_alerts()


def test_what_mostly_passes_has_to_stand_for_a_while_also_when_it_is_so_again_days_later(
    world: World,
) -> None:
    for _time in range(2):
        world.looked(seen(present=False, versions={}, modified_at=None))
        world.tell()
        assert world.news() == [], "not before it stood for a while"
        world.passes(10 * MINUTE)
        world.tell()
        assert world.news() == ["warning: KEY (production): not in the store"]
        world.looked(seen())
        world.tell()
        assert [line.split(":")[0] for line in world.news()] == ["over"]
        world.passes(3 * DAY)


def test_a_series_of_attempts_that_are_undone_is_one_conversation(world: World) -> None:
    world.looked(seen())
    heard = []
    for attempt in range(4):
        failing = rotation(
            id=f"try{attempt}",
            phase=Phase.RECONFIRM,
            ledger={"undo_reason": Reason.ROLLOUT_FAILED, "undo_from": Phase.CONFIRM},
            opened_at=world.clock.now(),
        )
        world.has(failing)
        world.tell()
        world.becomes(failing.id, state=State.UNDONE, ended_at=world.clock.now(), sentence="undone")
        world.tell()
        world.passes(HOUR)
        heard.append(world.news())
    first, *later = heard
    assert [line.partition(" (after")[0] for line in first] == [
        "warning: KEY (production): rollout failed, going back",
        "over: KEY (production): rollout failed, going back: undone",
        "warning: KEY (production): rotation undone",
    ]
    assert later == [[], [], []]
    assert world.open_alerts()[AlertKind.UNDONE].rotation == "try3"


def test_an_undo_that_itself_is_stuck_is_told_even_in_a_series(world: World) -> None:
    world.looked(seen())
    world.has(undone(ago(HOUR)))
    world.tell()
    world.news()
    undo = {"undo_reason": Reason.NOT_SEEN, "undo_from": Phase.CONFIRM}
    world.has(rotation(phase=Phase.DISCARD, reason=Reason.RETRYING, attempt=3, ledger=undo))
    world.tell()
    assert world.news() == ["warning: KEY (production): rollout failed, going back"]


def test_who_hears_why_it_is_not_rotated_hears_of_overdue_only_once_it_pages(world: World) -> None:
    world.today = policies(policy(page_after=7 * DAY, how={"cooldown": 30 * DAY}))
    world.looked(seen(age=101 * DAY))
    world.has(undone(NOW))
    world.tell()
    assert world.news() == ["warning: KEY (production): rotation undone"]
    world.passes(6 * DAY)
    world.tell()
    assert "warning: KEY (production): overdue" not in world.news()
    world.passes(DAY)
    world.tell()
    assert "critical: KEY (production): overdue" in world.news()


def test_whose_yes_is_wanted_hears_of_overdue_only_once_it_pages(world: World) -> None:
    world.today = policies(policy(mode=Mode.APPROVE, page_after=7 * DAY))
    world.looked(seen(age=101 * DAY))
    world.tell()
    assert world.news() == ["warning: KEY (production): due, and waits for a yes"]


def test_an_undo_that_is_over_explains_nothing_any_more(world: World) -> None:
    """Its alert is quiet while the next attempt is parked, and that one says why."""
    world.looked(seen(age=101 * DAY))
    world.has(undone(ago(HOUR)))
    world.tell()
    world.news()
    world.has(rotation(state=State.PARKED, opened_at=world.clock.now()))
    world.tell()
    assert world.news() == ["warning: KEY (production): rotation parked at plan"]


def test_going_back_is_told_though_the_store_is_away(world: World) -> None:
    """Only attempts that fail are explained by a store that does not answer."""
    world.looked(seen())
    world.journal.note_surveyed(surveyed(trouble="SSM does not answer"))
    undo = {"undo_reason": Reason.NOT_ACCEPTED, "undo_from": Phase.VERIFY}
    world.has(rotation(phase=Phase.DISCARD, ledger=undo))
    world.tell()
    assert world.news() == ["warning: KEY (production): rotation failed, going back"]


def test_several_count_from_when_the_second_began_to_fail(world: World) -> None:
    """Nobody hears at once of two, because one of them has failed for long."""
    world.today = policies(policy("production/A"), policy("production/B"))
    world.looked(seen("production/A"), seen("production/B"))
    stuck(world, "production/A", ledger={"failing_since": ago(HOUR)})
    stuck(world, "production/B", ledger={"failing_since": NOW})
    world.tell()
    assert world.news() == []
    world.passes(9 * MINUTE)
    world.tell()
    assert world.news() == ["warning: 2 rotations do not get on"]


def test_what_is_stuck_together_hides_no_undo(world: World) -> None:
    world.today = policies(policy("production/A"), policy("production/B"))
    world.looked(seen("production/A"), seen("production/B"))
    stuck(world, "production/A")
    stuck(world, "production/B")
    world.has(undone(NOW, secret="production/A"))
    told_when_it_lasts(world)
    assert sorted(world.news()) == [
        "warning: 2 rotations do not get on",
        "warning: A (production): rotation undone",
    ]


def test_a_closing_that_nobody_could_be_told_yet_keeps_its_time(world: World) -> None:
    world.looked(seen(unknown=("A",)))
    world.tell()
    world.looked(seen())
    with world.without("#ops"):
        for _ in range(5):
            world.tell()
            world.passes(HOUR)
    world.news()
    world.tell()
    assert [line.rpartition(" (")[2] for line in world.news()] == ["after 1 min)"]


@pytest.mark.parametrize(
    "trouble, between",
    [
        (Reason.STILL_USED, Reason.RETRYING),
        (Reason.ROLLOUT_FAILED, Reason.ROLLING_OUT),
        (Reason.AWAITING_YES, Reason.RETRYING),
    ],
)
def test_a_try_in_between_is_no_news(world: World, trouble: Reason, between: Reason) -> None:
    world.looked(seen())
    world.has(rotation(phase=Phase.FORGET, reason=trouble, ledger={"confirmed_at": NOW}))
    world.tell()
    assert len(world.news()) == 1
    for reason in (between, trouble, between, trouble):
        world.becomes("rot1", reason=reason)
        world.tell()
    assert world.news() == []


def test_what_ends_inside_group_wait_is_never_told(world: World) -> None:
    world.looked(seen(unknown=("A",)))
    keep_alerts(world)
    world.passes(timedelta(seconds=29))
    world.deliver()
    world.looked(seen())
    keep_alerts(world)
    world.passes(DAY)
    world.deliver()
    assert world.news() == []
    assert world.journal.alerts() == [], "and it is settled"


def test_severity_that_falls_and_rises_again_is_told_once(world: World) -> None:
    world.looked(seen())
    world.has(rotation(state=State.PARKED, reason=Reason.NEITHER_WORKS, sentence="both refused"))
    world.tell()
    world.news()
    (row,) = [one for one in world.journal.alerts() if one.alert.kind is AlertKind.PARKED]
    lowered = row.alert.model_copy(update={"severity": Severity.WARNING})
    world.journal.post_alert(lowered, timedelta())
    world.tell()
    assert world.news() == []


# the installation


def test_a_foreign_owner_is_one_message_and_silences_what_is_not_ours(world: World) -> None:
    world.today = policies(policy(mode=Mode.OBSERVE))
    world.looked(seen(age=101 * DAY))
    world.tell()
    world.news()
    world.journal.note_surveyed(surveyed(foreign_owner="installation b owns /taly/production", trouble="x"))
    world.tell()
    assert sorted(world.news()) == [
        "critical: production belongs to another rotator",
        "over: KEY (production): overdue: another installation answers for it (after 1 min)",
    ]
    world.journal.note_surveyed(surveyed())
    world.tell()
    assert (
        "over: production belongs to another rotator: the environment is this rotator's now (after 1 min)"
        in world.news()
    )


def test_one_is_not_spoken_of_as_many(world: World) -> None:
    world.looked(seen(trouble="the source is away", census_at=ago(3 * DAY)))
    world.journal.note_surveyed(
        surveyed(unmanaged=("/taly/production/A",), unheld="not allowed to write the owner parameter")
    )
    world.tell()
    world.passes(11 * MINUTE)
    world.tell()
    assert sorted(alert.title for _, alert in world.slack.read) == [
        "1 parameter of production is in no policy",
        "a source could not be counted for two days",
        "the store of production cannot be reached",
    ]
    (away,) = [alert for _, alert in world.slack.read if "store" in alert.title]
    assert away.facts["Impact"] == "none yet: 1 credential stays as it is, and is not rotated"


@pytest.mark.parametrize("unmanaged, told", [("alert", 1), ("fail", 1), ("ignore", 0)])
def test_parameters_in_no_policy(world: World, unmanaged: str, told: int) -> None:
    world.today = policies(policy(), unmanaged=unmanaged)
    world.looked(seen())
    world.journal.note_surveyed(surveyed(unmanaged=("/taly/production/A", "/taly/production/B")))
    world.tell()
    assert world.news() == ["info: 2 parameters of production are in no policy"][:told]
    if told:
        assert (
            world.open_alerts()[AlertKind.UNMANAGED].facts["Names"]
            == "/taly/production/A, /taly/production/B"
        )
        world.journal.note_surveyed(surveyed())
        world.tell()
        assert world.news() == [
            "over: 2 parameters of production are in no policy: none is left (after 1 min)"
        ]


@pytest.mark.parametrize(
    "trouble, census, told",
    [
        ("the source is away", DAY, False),
        ("the source is away", 3 * DAY, True),
        ("", 3 * DAY, False),
    ],
)
def test_a_census_that_sees_nothing_for_long_is_told_once(
    world: World, trouble: str, census: timedelta, told: bool
) -> None:
    world.today = policies(policy("production/A"), policy("production/B"))
    both = ("production/A", "production/B")
    world.looked(*(seen(name, trouble=trouble, census_at=NOW - census) for name in both))
    world.tell()
    assert world.news() == (["warning: sources could not be counted for two days"] if told else [])


def test_a_source_that_was_never_counted_is_told_when_that_lasts(world: World) -> None:
    world.today = policies(policy("production/A"))
    world.looked(seen("production/A", trouble="the admin login is refused"))
    world.tell()
    assert world.news() == []
    world.passes(10 * MINUTE)
    world.tell()
    assert world.news() == ["warning: a source could not be counted yet"]


def test_an_environment_that_left_the_policy_is_not_spoken_of(world: World) -> None:
    world.today = policies(policy(), environments=(environment(),))
    world.journal.note_surveyed(Surveyed(environment="gone", scanned_at=NOW, trouble="away"))
    world.looked(seen())
    world.passes(HOUR)
    world.tell()
    world.passes(HOUR)
    world.tell()
    assert world.news() == []


@pytest.mark.parametrize("restart", [False, True])
def test_a_restart_loses_nothing_and_says_nothing_twice(world: World, restart: bool) -> None:
    """All state is in the journal and the outbox: a new process goes on in the middle of a sentence."""
    world.looked(seen(unknown=("A",)))
    keep_alerts(world)
    if restart:
        world = World(world.clock, world.journal, world.today)
    world.tell()
    assert world.news() == ["warning: KEY (production): a credential that nobody knows is alive"]
