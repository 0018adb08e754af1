"""Who reads what, while it happens: told when nobody expected it, once, and not before late records had their time."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from rotator.contracts.trail import Delivery
from rotator.engine.requests import carry_out_requests
from rotator.engine.watch import source_of
from rotator.model.access import AccessKind, Act, Asked, Outcome
from rotator.model.alerts import AlertKind, Severity
from rotator.model.errors import LostClaim, Refused, Transient
from rotator.model.policy import During, OnUnexpectedRead
from rotator.model.requests import RequestKind
from rotator.model.watch import Disposition
from tests.engine.things import DAY, HOUR, MINUTE, request
from tests.engine.watch_world import APP, HOLD, MALLORY, ROTATOR, SOURCE, WatchedWorld, role, rule

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


@pytest.fixture
def world(watched: WatchedWorld) -> WatchedWorld:
    return watched


def test_a_stranger_is_told_after_the_hold_with_all_that_a_reader_needs(world: WatchedWorld) -> None:
    world.begins()
    world.reads()
    world.watches(5 * MINUTE)
    assert world.seen() == []
    world.watches(HOLD)
    world.tell()
    alert = world.open_alerts()[AlertKind.UNKNOWN_ACTOR]
    assert alert.severity is Severity.CRITICAL
    assert alert.title == "KEY (production): read by somebody whom no rule allows"
    assert alert.facts["Who"] == str(MALLORY)
    assert alert.identity == f"unknown_actor/production/{MALLORY}/2026-06-10"
    assert set(world.open_alerts()) == {AlertKind.UNKNOWN_ACTOR}


def test_what_one_principal_does_on_one_day_is_one_message(world: WatchedWorld) -> None:
    world.begins("A", "B")
    for name in ("A", "B", "A"):
        world.reads(MALLORY, name)
    world.reads(role("eve"), "A")
    world.watches(HOLD)
    world.tell()
    alerts = {row.alert.facts["Who"]: row.alert for row in world.journal.alerts()}
    assert alerts.keys() == {str(MALLORY), str(role("eve"))}
    alert = alerts[str(MALLORY)]
    assert alert.title.startswith("A and 1 more (production)")
    assert alert.facts["When"].startswith("3 calls, ")


def test_of_many_secrets_a_message_names_ten_and_what_tells_all(world: WatchedWorld) -> None:
    names = tuple(f"KEY_{number:03}" for number in range(100))
    world.begins(*names)
    world.reads(MALLORY, *names[:60])
    world.reads(MALLORY, *names[60:])
    world.watches(HOLD)
    world.tell()
    told = world.open_alerts()[AlertKind.UNKNOWN_ACTOR].facts["Secrets"]
    assert told.startswith("KEY_000, KEY_001, ")
    assert told.endswith(" and 90 more: rotator access seen")
    (one,) = [one for one in world.seen() if one.kind is AccessKind.UNKNOWN_ACTOR]
    assert one.secrets == tuple(f"production/{name}" for name in names)


def test_a_role_that_may_read_near_a_start_is_expected_then_and_not_later(world: WatchedWorld) -> None:
    world.begins()
    world.starts()
    world.watches(MINUTE)
    world.reads(APP)
    world.watches(30 * MINUTE)
    assert world.seen() == []
    world.reads(APP)
    world.watches(HOLD)
    (one,) = world.seen()
    assert (one.kind, one.severity) == (AccessKind.ACCESS_OUTSIDE_DEPLOYMENT, Severity.WARNING)


def test_a_start_that_is_shown_late_still_counts(world: WatchedWorld) -> None:
    world.begins()
    world.reads(APP)
    world.watches(4 * MINUTE)
    world.starts(5 * MINUTE)
    world.watches(HOLD)
    assert world.seen() == []


@pytest.mark.parametrize("says", ["the policy", "the platform", "nobody"])
def test_a_workload_s_role_is_known_from_the_policy_or_its_platform_or_the_rules(
    world: WatchedWorld, says: str
) -> None:
    world.begins(readers=(rule("app", During.DEPLOYMENT), rule("other-*", During.DEPLOYMENT)))
    if says == "the policy":
        access = world.today.access.model_copy(update={"roles": {"production/api": "app"}})
        world.today = world.today.model_copy(update={"access": access})
    world.starts(known_role={"the policy": "node", "the platform": "app", "nobody": ""}[says])
    world.reads(APP)
    world.watches(HOLD)
    assert world.seen() == []


def test_while_a_platform_is_away_nobody_is_accused_and_after_an_hour_quietly(world: WatchedWorld) -> None:
    world.begins()
    world.platform.away = True
    world.reads(APP)
    world.watches(30 * MINUTE)
    assert world.seen() == []
    world.watches(45 * MINUTE)
    (one,) = world.seen()
    assert one.severity is Severity.INFO
    assert "could not be asked" in one.why


def test_what_was_read_while_nobody_watched_starts_is_told_quietly(world: WatchedWorld) -> None:
    world.begins()
    world.passes(5 * HOUR)
    missed = world.reads(APP, at=world.clock.now().replace(microsecond=0) - HOUR)
    world.watches(HOLD)
    (one,) = world.seen()
    assert (one.samples, one.severity) == ((missed,), Severity.INFO)
    assert "starts are known from" in one.why


def test_a_record_that_comes_twice_counts_once(world: WatchedWorld) -> None:
    world.begins()
    access = world.reads()
    world.delivers(access)
    world.watches(HOLD)
    world.delivers(access)
    world.watches(HOLD)
    assert [one.times for one in world.seen()] == [1]


def test_one_call_that_two_accounts_record_counts_once(world: WatchedWorld) -> None:
    world.begins()
    access = world.reads(shared_id="shared")
    world.delivers(replace(access, event_id="theirs", account="999900001111"))
    world.watches(HOLD)
    assert [one.times for one in world.seen()] == [1]


def test_nothing_is_let_go_of_before_it_is_written_down(
    world: WatchedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begins()
    world.reads()
    waiting = list(world.trail.waits)
    with monkeypatch.context() as patched:
        patched.setattr(world.journal, "note_accesses", _falls_over)
        with pytest.raises(ZeroDivisionError):
            world.turn()
    assert world.trail.waits == waiting
    world.watches(HOLD)
    assert len(world.seen()) == 1


def test_how_far_a_trail_was_read_is_kept_for_whoever_reads_on_once_its_records_are(
    world: WatchedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begins()
    asked, access = list[str](), world.reads()

    def poll(progress: str) -> Iterator[Delivery]:
        asked.append(progress)
        yield Delivery((), progress=f"{progress}1")
        yield Delivery((access,), progress=f"{progress}12")

    monkeypatch.setattr(world.trail, "poll", poll)
    world.turn()
    world.passes(3 * MINUTE)
    with monkeypatch.context() as patched:
        patched.setattr(
            world.journal, "note_accesses", lambda read, _hold: _falls_over() if list(read) else 0
        )
        with pytest.raises(ZeroDivisionError):
            world.turn("them")
    world.turn("them")
    assert asked == ["", "12", "121"], "what was not written down is read again"


def test_a_crash_while_judging_loses_nothing_and_counts_nothing_twice(
    world: WatchedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begins(on_unexpected_read=OnUnexpectedRead.ROTATE)
    world.reads()
    world.watches(6 * MINUTE)
    world.passes(4 * MINUTE)
    with monkeypatch.context() as patched:
        patched.setattr(world.journal, "note_judged", _falls_over)
        with pytest.raises(ZeroDivisionError):
            world.turn()
    world.watches(HOLD)
    assert [one.times for one in world.seen()] == [1]
    assert len(world.journal.requests()) == 1


def test_another_replica_s_turn_is_left_alone_and_taken_over_when_it_is_gone(world: WatchedWorld) -> None:
    world.begins()
    world.reads()
    waiting = len(world.trail.waits)
    world.turn("them")
    assert len(world.trail.waits) == waiting, "the turn is ours"
    world.passes(3 * MINUTE)
    world.turn("them")
    assert world.trail.waits == []
    world.reads()
    world.turn("us")
    assert len(world.trail.waits) == 1


def test_who_lost_the_turn_meanwhile_stops(world: WatchedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.begins()
    world.reads()
    monkeypatch.setattr(world.trail, "poll", lambda _progress: _slowly(world))
    with pytest.raises(LostClaim):
        world.turn()


def test_an_alert_ends_when_the_policy_allows_what_it_tells(world: WatchedWorld) -> None:
    world.begins()
    world.reads()
    world.reads(role("eve"))
    world.watches(HOLD)
    world.tell()
    world.allows(rule("mallory"))
    world.watches()
    world.tell()
    assert [one.principal for one in world.seen()] == [str(role("eve"))]
    closed = {row.alert.facts["Who"]: row.alert.closed for row in world.journal.alerts(unclosed=False)}
    assert closed == {str(MALLORY): True, str(role("eve")): False}


def test_an_alert_ends_when_a_person_has_looked_and_comes_back_when_it_gets_worse(
    world: WatchedWorld,
) -> None:
    world.begins("A", "B")
    world.reads(MALLORY, "A")
    world.watches(HOLD)
    world.tell()
    looked = request(RequestKind.ACKNOWLEDGE, world.open_alerts()[AlertKind.UNKNOWN_ACTOR].id)
    world.journal.add_request(looked)
    carry_out_requests(world)
    world.tell()
    assert [(one.disposition, one.by) for one in world.seen(unended=False)] == [
        (Disposition.ACKNOWLEDGED, "ana")
    ]
    world.reads(MALLORY, "A")
    world.watches(HOLD)
    world.tell()
    assert world.open_alerts() == {}
    world.reads(MALLORY, "B")
    world.watches(HOLD)
    world.tell()
    assert set(world.open_alerts()) == {AlertKind.UNKNOWN_ACTOR}


def learns(world: WatchedWorld, span: timedelta) -> None:
    access = world.today.access.model_copy(update={"learn_until": world.clock.now() + span})
    world.today = world.today.model_copy(update={"access": access, "version": "learns"})


def test_while_the_watch_learns_nobody_is_told_what_a_rule_could_allow_and_then_once(
    world: WatchedWorld,
) -> None:
    names = [f"KEY_{number}" for number in range(12)]
    world.begins(*names, on_unexpected_read=OnUnexpectedRead.ROTATE)
    learns(world, 2 * HOUR)
    world.reads(MALLORY, *names)
    world.reads(APP, "KEY_1")
    world.watches(HOLD)
    world.tell()
    assert [row.alert.severity for row in world.journal.alerts()] == [Severity.INFO]
    assert world.journal.requests() == []
    world.watches(2 * HOUR)
    world.tell()
    alert = world.open_alerts()[AlertKind.READS_LEARNED]
    assert (alert.severity, world.seen()) == (Severity.WARNING, [])
    assert alert.facts["What"] == "3 reads in 3 sightings would have been told"
    assert "rotator access learned" in alert.action
    world.watches(3 * MINUTE)
    world.tell()
    assert [one.severity for _, one in world.slack.read if one.kind is AlertKind.READS_LEARNED][1:] == [
        Severity.WARNING
    ]
    world.reads(APP, "KEY_1")
    world.watches(HOLD)
    world.tell()
    assert AlertKind.ACCESS_OUTSIDE_DEPLOYMENT in world.open_alerts(), "what goes on is told"
    world.allows(rule("mallory"))
    world.watches()
    world.tell()
    assert AlertKind.READS_LEARNED not in world.open_alerts()


def test_what_no_rule_could_allow_is_told_while_the_watch_learns(world: WatchedWorld) -> None:
    world.begins()
    world.watches(2 * HOUR)
    learns(world, 9 * DAY)
    world.reads(api="GetParameterHistory", act=Act.READ_HISTORY)
    world.reads(api="PutParameter", act=Act.WRITE)
    world.reads(ROTATOR, user_agent="aws-cli/2.31.4")
    world.watches(HOLD)
    world.tell()
    told = {kind for kind, alert in world.open_alerts().items() if alert.severity is Severity.CRITICAL}
    assert told == {AlertKind.HISTORY_READ, AlertKind.DRIFT, AlertKind.UNKNOWN_ACTOR}
    (one,) = [one for one in world.seen() if one.kind is AccessKind.UNKNOWN_ACTOR]
    assert one.principal == str(ROTATOR)


def test_whoever_looked_while_the_watch_learned_hears_the_end_of_it_all_the_same(world: WatchedWorld) -> None:
    world.begins()
    learns(world, 2 * HOUR)
    world.reads()
    world.watches(HOLD)
    world.tell()
    looked = request(RequestKind.ACKNOWLEDGE, world.open_alerts()[AlertKind.READS_LEARNED].id)
    world.journal.add_request(looked)
    carry_out_requests(world)
    world.watches(2 * HOUR)
    for _ in range(2):
        world.tell()
        world.watches(3 * MINUTE)
    assert len(world.journal.learned_sightings()) == 1
    again = world.open_alerts()[AlertKind.READS_LEARNED].id
    world.journal.add_request(request(RequestKind.ACKNOWLEDGE, again, id="again", at=world.clock.now()))
    carry_out_requests(world)
    world.tell()
    assert world.journal.learned_sightings() == []
    world.tell()
    assert AlertKind.READS_LEARNED not in world.open_alerts()


def test_what_a_principal_reads_for_the_first_time_in_a_month_is_a_note_in_its_alert(
    world: WatchedWorld,
) -> None:
    world.begins("A", "B")
    world.reads(MALLORY, "A")
    world.watches(HOLD)
    world.tell()
    assert "New" not in world.open_alerts()[AlertKind.UNKNOWN_ACTOR].facts, "nothing is remembered yet"
    world.passes(5 * DAY)
    world.reads(MALLORY, "A")
    world.reads(MALLORY, "B")
    world.watches(HOLD)
    world.tell()
    told = {row.alert.facts["Secrets"]: row.alert.facts.get("New") for row in world.journal.alerts()}
    assert told == {"A": None, "A, B": "their first read of B in 5 d at least"}
    world.passes(40 * DAY)
    world.reads(MALLORY, "B")
    world.watches(HOLD)
    world.tell()
    assert "their first read in 30 d at least" in [
        row.alert.facts.get("New") for row in world.journal.alerts()
    ]
    assert len(world.journal.known_reads([str(MALLORY)]).last) == 1, "the others are forgotten"


def test_an_expected_read_is_remembered_and_is_no_alert(world: WatchedWorld) -> None:
    world.begins()
    world.watches(30 * HOUR)
    world.starts()
    world.watches(MINUTE)
    world.reads(APP)
    world.watches(HOLD)
    assert world.seen() == []
    world.passes(HOUR)
    world.reads(APP)
    world.watches(HOLD)
    (one,) = world.seen()
    assert (one.kind, one.firsts) == (AccessKind.ACCESS_OUTSIDE_DEPLOYMENT, ())


def test_whoever_uses_rotator_s_role_and_is_not_rotator_is_told(world: WatchedWorld) -> None:
    world.begins(on_unexpected_read=OnUnexpectedRead.ROTATE)
    world.watches(2 * HOUR)
    world.reads(ROTATOR)
    world.reads(ROTATOR, user_agent="aws-cli/2.31.4")
    world.watches(HOLD)
    (one,) = world.seen()
    assert (one.kind, one.severity, one.rule, one.times) == (
        AccessKind.UNKNOWN_ACTOR,
        Severity.CRITICAL,
        "taly-rotator",
        1,
    )
    assert "somebody else uses rotator's role" in one.why
    assert "uncertain" not in one.why
    assert [request.about for request in world.journal.requests()] == ["production/KEY"]


def test_a_replica_of_the_version_before_says_no_id_and_is_told_quietly_while_an_upgrade_goes_on(
    world: WatchedWorld,
) -> None:
    world.begins(on_unexpected_read=OnUnexpectedRead.ROTATE)
    world.reads(ROTATOR, user_agent="Boto3/1.44.5")
    world.watches(HOLD)
    (one,) = world.seen()
    assert one.severity is Severity.INFO
    assert "an earlier version bears none" in one.why
    assert world.journal.requests() == []
    world.watches(HOUR)
    world.reads(ROTATOR, user_agent="Boto3/1.44.5")
    world.watches(HOLD)
    assert [one.severity for one in world.seen()] == [Severity.CRITICAL]


def test_before_a_record_bears_its_id_rotator_s_role_is_not_judged_and_after_an_hour_quietly(
    world: WatchedWorld,
) -> None:
    world.begins()
    world.trail.waits.clear()
    world.reads(ROTATOR, user_agent="Boto3/1.44.5")
    for span in (30 * MINUTE, 45 * MINUTE):
        for _ in range(round(span / (3 * MINUTE))):
            world.turn()
            world.passes(3 * MINUTE)
        assert [one.severity for one in world.seen()] == [Severity.INFO] * (span > 30 * MINUTE)


def test_reads_by_rotator_s_role_without_its_id_do_not_make_a_trail_speak(world: WatchedWorld) -> None:
    world.begins()
    world.trail.waits.clear()
    for _ in range(30):
        world.delivers(replace(world.own_read(), user_agent="Boto3/1.44.5"))
        world.turn()
        world.passes(3 * MINUTE)
    world.tell()
    assert AlertKind.TRAIL_SILENT in world.open_alerts()


def test_a_history_that_was_read_is_critical_for_a_known_role_too(world: WatchedWorld) -> None:
    world.begins()
    world.starts()
    world.reads(APP, api="GetParameterHistory", act=Act.READ_HISTORY)
    world.watches(HOLD)
    world.tell()
    assert world.open_alerts()[AlertKind.HISTORY_READ].severity is Severity.CRITICAL


def test_many_secrets_are_told_also_when_they_come_in_pieces(
    world: WatchedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rotator.engine.watch.judging.AT_ONCE", 3)
    names = [f"KEY_{number}" for number in range(11)]
    world.begins(*names)
    for name in names:
        world.reads(MALLORY, name)
        world.watches(MINUTE)
    world.watches(HOLD)
    found = {one.kind: one for one in world.seen()}
    assert set(found) == {AccessKind.UNKNOWN_ACTOR, AccessKind.BULK_READ}
    assert found[AccessKind.BULK_READ].severity is Severity.CRITICAL


def test_denied_reads_are_told_quietly_and_end_by_themselves(world: WatchedWorld) -> None:
    world.begins(on_unexpected_read=OnUnexpectedRead.ROTATE)
    world.reads(outcome=Outcome.DENIED, error="AccessDenied")
    world.watches(HOLD)
    world.tell()
    assert world.open_alerts()[AlertKind.DENIED_READS].severity is Severity.INFO
    assert world.journal.requests() == [], "nothing was read"
    world.passes(8 * DAY)
    world.watches()
    world.tell()
    assert AlertKind.DENIED_READS not in world.open_alerts()


def test_a_write_by_somebody_else_names_them(world: WatchedWorld) -> None:
    world.begins(on_unexpected_read=OnUnexpectedRead.ROTATE)
    world.reads(api="PutParameter", act=Act.WRITE)
    world.watches(HOLD)
    world.tell()
    alert = world.open_alerts()[AlertKind.DRIFT]
    assert (alert.severity, alert.facts["Who"]) == (Severity.CRITICAL, str(MALLORY))
    assert world.journal.requests() == []


def test_a_secret_whose_policy_says_so_is_due_at_once_and_once_a_day(world: WatchedWorld) -> None:
    world.begins(on_unexpected_read=OnUnexpectedRead.ROTATE)
    for principal in (MALLORY, MALLORY, role("eve")):
        world.reads(principal)
        world.watches(2 * MINUTE)
    world.watches(HOLD)
    (request,) = world.journal.requests()
    assert (request.kind, request.about) == (RequestKind.ROTATE, "production/KEY")
    world.tell()
    assert "a rotation was asked for" in world.open_alerts()[AlertKind.UNKNOWN_ACTOR].facts["Done"]


def test_a_policy_that_says_ask_gives_the_reader_the_command(world: WatchedWorld) -> None:
    world.begins(on_unexpected_read=OnUnexpectedRead.ASK)
    world.reads()
    world.watches(HOLD)
    world.tell()
    assert world.open_alerts()[AlertKind.UNKNOWN_ACTOR].action.startswith(
        "rotate it? rotator rotate production/KEY"
    )
    assert world.journal.requests() == []


def test_a_silent_trail_is_told_once_and_once_more_when_it_speaks(world: WatchedWorld) -> None:
    world.begins()
    world.trail.waits.clear()
    for _ in range(30):
        world.turn()
        world.tell()
    alert = world.open_alerts()[AlertKind.TRAIL_SILENT]
    assert "own reads of production do not appear" in alert.facts["What"]
    assert len([one for _, one in world.slack.read if one.kind is AlertKind.TRAIL_SILENT]) == 1
    world.watches(2 * MINUTE)
    world.tell()
    assert world.open_alerts() == {}
    assert [alert.closing.partition(" (")[0] for _, alert in world.slack.read][-1] == "records come again"


def test_a_trail_is_not_called_silent_before_it_could_speak(world: WatchedWorld) -> None:
    world.begins()
    world.passes(5 * HOUR)
    world.trail.waits.clear()
    for _ in range(20):
        world.turn()
        world.tell()
    assert world.open_alerts() == {}


def test_while_the_store_is_away_rotator_reads_nothing_and_expects_nothing(world: WatchedWorld) -> None:
    world.begins()
    world.trail.waits.clear()
    survey = world.journal.surveyed()["production"]
    world.journal.note_surveyed(survey.model_copy(update={"trouble": "SSM does not answer"}))
    for _ in range(15):
        world.turn()
        world.passes(3 * MINUTE)
    world.tell()
    assert AlertKind.TRAIL_SILENT not in world.open_alerts()


@pytest.mark.parametrize("trouble", [Transient("SQS does not answer"), Refused("there is no queue trail")])
def test_a_trail_that_cannot_be_read_is_told_once(world: WatchedWorld, trouble: Transient | Refused) -> None:
    world.begins()
    world.trail.trouble = trouble
    for _ in range(20):
        world.turn()
        world.tell()
    (told,) = [alert for _, alert in world.slack.read]
    assert (told.kind, told.facts["What"]) == (AlertKind.TRAIL_SILENT, str(trouble))
    world.trail.trouble = None
    world.watches(MINUTE)
    world.tell()
    assert world.open_alerts() == {}


def test_what_cannot_be_understood_is_told_once_and_holds_nobody_up(world: WatchedWorld) -> None:
    world.begins()
    foreign = world.reads(account="999900001111")
    world.trail.waits.pop()
    for number in range(30):
        world.delivers(
            world.reads(asked=(foreign.asked[0].__class__("/taly/production/KEY", "999900001111"),)),
            malformed=(f"a record is none ({number})",),
        )
        world.trail.waits.pop(-2)
    world.reads()
    world.watches(HOLD)
    for _ in range(3):
        world.tell()
    told = [alert for _, alert in world.slack.read if alert.kind is AlertKind.TRAIL_SILENT]
    assert [alert.facts["What"] for alert in told] == [
        "records of account 999900001111, which is not that of policies.yaml"
    ]
    assert [one.principal for one in world.seen()] == [str(MALLORY)]
    assert world.seen()[0].times == 1
    world.passes(2 * DAY)
    world.watches()
    world.tell()
    assert AlertKind.TRAIL_SILENT not in world.open_alerts()


def test_records_that_are_none_are_told_with_how_many_there_were(world: WatchedWorld) -> None:
    world.begins()
    for _ in range(30):
        world.delivers(malformed=("a record is none",))
    world.watches()
    world.tell()
    told = world.open_alerts()[AlertKind.TRAIL_SILENT].facts
    assert told["What"] == "a record is none"
    assert told["How many"].startswith("30 since ")


def test_a_record_of_another_account_says_nothing_of_how_far_the_trail_is(world: WatchedWorld) -> None:
    world.begins()
    world.turn()
    known = world.journal.watch(source_of(SOURCE))
    world.passes(MINUTE)
    world.reads(asked=(Asked("/taly/production/KEY", "999900001111"),))
    world.turn()
    looked = world.journal.watch(source_of(SOURCE))
    assert known is not None and looked is not None
    assert (looked.newest_at, looked.unread) == (known.newest_at, 1)


def test_a_flood_of_records_that_cannot_be_used_is_one_line_an_hour_of_bounded_length(
    world: WatchedWorld,
) -> None:
    world.begins()
    world.trail.waits.clear()
    flood = [
        world.reads(asked=(Asked("/taly/production/KEY", f"{number:012}"),)) for number in range(100, 120)
    ]
    world.trail.waits.clear()
    with capture_logs() as lines:
        for number in range(40):
            world.trail.waits.append(
                Delivery(tuple(flood), (f"a record cannot be understood: {number}",), str(number), "")
            )
            world.turn()
            world.passes(4 * MINUTE)
    said = [line for line in lines if line["event"] == "records cannot be used"]
    assert len(said) in {3, 4}, "160 minutes touch three or four hours"
    assert all(len(line["why"]) == 10 for line in said)
    watch = world.journal.watch(source_of(SOURCE))
    assert watch is not None and watch.unread == 40 * 21
    assert [line["before"] for line in said] == sorted(line["before"] for line in said)


def test_a_crowd_of_principals_is_one_message(world: WatchedWorld) -> None:
    world.begins()
    for number in range(30):
        world.reads(role(f"role-{number}"))
    world.watches(HOLD)
    assert world.tell() == 2
    assert world.open_alerts()[AlertKind.UNKNOWN_ACTOR].title.startswith("30 sightings (production)")


@pytest.mark.timeout(900)
def test_a_flood_of_records_is_told_once_and_fits_into_memory(
    world: WatchedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten at a time, as SQS gives them. Measured is what judging holds in memory, beside the rows of the database."""
    records, told_of = 20_000, 10  # 100,000 take 90 s, and as much memory
    world.begins("A", "B")
    monkeypatch.setattr(world.trail, "poll", lambda _progress: _flood(world, records // told_of, told_of))
    world.turn()
    while world.trail.waits or len(world.trail.forgotten) < records // told_of:
        world.turn()
    world.passes(HOLD)
    monkeypatch.setattr(world.trail, "poll", lambda _progress: iter(()))
    tracemalloc.start()
    world.turn()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    world.tell()
    (one,) = world.seen()
    assert (one.kind, one.times, len(one.samples)) == (AccessKind.UNKNOWN_ACTOR, records, 10)
    assert len(world.slack.read) == 1
    print(f"{records} records judged, {peak / 2**20:.1f} MiB at most")
    assert peak < 32 * 2**20


def _flood(world: WatchedWorld, deliveries: int, each: int) -> Iterator[Delivery]:
    for _ in range(deliveries):
        for _ in range(each):
            world.reads(MALLORY, "A")
        many = [one for delivery in world.trail.waits for one in delivery.accesses]
        world.trail.waits.clear()
        world.delivers(*many)
        yield world.trail.waits.pop()


def _falls_over(*_: object) -> int:
    return 1 // 0


def _slowly(world: WatchedWorld) -> Iterator[Delivery]:
    yield world.trail.waits[0]
    world.passes(timedelta(minutes=5))
    assert world.journal.take_watch(source_of(SOURCE), "them", HOUR)
    yield world.trail.waits[0]
