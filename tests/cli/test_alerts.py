"""alerts, ack, snooze, reject: what is listed, what is asked for, and what is refused at once with how it stands."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from rotator.model.alerts import Alert, AlertKind, AlertState, Hush, Receipt, Severity
from rotator.model.requests import Request, RequestKind
from tests.cli.beside import DAY, Beside
from tests.cli.test_asking import requests

TITLE = "PARKED (production): rotation parked"


def posted(beside: Beside, **changes: Any) -> Alert:
    """One alert, told nowhere yet."""
    with beside.journal() as journal:
        filled: dict[str, Any] = {
            "identity": "parked/production/PARKED/rparked",
            "kind": AlertKind.PARKED,
            "severity": Severity.WARNING,
            "environment": "production",
            "secret": "production/PARKED",
            "rotation": "rparked",
            "title": TITLE,
            "opened_at": journal.now() - timedelta(hours=3),
        }
        alert = Alert(**{**filled, **changes})
        journal.post_alert(alert, timedelta())
    return alert


def over(beside: Beside, alert: Alert) -> None:
    with beside.journal() as journal:
        ended = {"closed_at": journal.now(), "closing": "it goes on"}
        journal.post_alert(alert.model_copy(update=ended), timedelta())


def answered(beside: Beside, alert: Alert, by: str = "bea") -> None:
    with beside.journal() as journal:
        hush = Hush(
            state=AlertState.ACKNOWLEDGED, by=by, because="on it", at=journal.now(), severity=Severity.WARNING
        )
        assert journal.hush_alert(alert.identity, hush)


def test_open_alerts_are_listed_with_who_is_on_them(story: Beside) -> None:
    alert = posted(story)
    over(story, posted(story, identity="overdue/production/OLD", title="OLD: overdue"))
    said = story("alerts")
    assert said.code == 0
    assert f"{alert.id}  warning" in said.out
    assert TITLE in said.out
    assert "OLD" not in said.out
    answered(story, alert)
    (told,) = story("alerts", "--json").json()["alerts"]
    assert (told["id"], told["state"], told["answered_by"]) == (alert.id, "acknowledged", "bea")
    assert {one["state"] for one in story("alerts", "--all", "--json").json()["alerts"]} == {
        "acknowledged",
        "resolved",
    }
    assert story("alerts", "--env", "staging").err == "nothing is open\n"


def test_an_answer_is_asked_for_by_the_beginning_of_an_id(story: Beside) -> None:
    alert = posted(story)
    for typed in (alert.id, alert.id[:8], alert.id.removeprefix("al_")[:5], alert.identity):
        assert story("ack", typed, "--reason", "looking").code == 0
    assert requests(story) == [(RequestKind.ACKNOWLEDGE, alert.identity, "looking")] * 4


def test_a_snooze_has_its_end(story: Beside) -> None:
    alert = posted(story)
    with story.journal() as journal:
        now = journal.now()
    (told,) = story("snooze", alert.id, "--for", "4h", "--json").json()["requests"]
    assert timedelta(hours=4) <= datetime.fromisoformat(told["until"]) - now < timedelta(hours=4, minutes=5)
    (told,) = story("snooze", alert.id, "--until", f"{(now + 3 * DAY).date()}", "--json").json()["requests"]
    assert datetime.fromisoformat(told["until"]).hour == 0


@pytest.mark.parametrize(
    "words, why",
    [
        ((), "say how long: --for 4h, or --until 2027-01-31"),
        (("--for", "4h", "--until", "2027-01-31"), "say how long"),
        (("--for", "8d"), "--for 8d: a snooze ends within 7 days from now"),
        (("--for", "soon"), "--for soon is neither a duration"),
        (("--until", "2020-01-01"), "--until 2020-01-01: a snooze ends within 7 days"),
    ],
)
def test_a_snooze_without_an_end_is_none(story: Beside, words: tuple[str, ...], why: str) -> None:
    said = story("snooze", posted(story).id, *words)
    assert said.code == 2
    assert why in said.err
    assert requests(story) == []


def test_an_alert_that_is_none_or_several(story: Beside) -> None:
    posted(story)
    assert story("ack", "al_nothing").err == (
        "rotator: there is no alert al_nothing; `rotator alerts` lists what is open\n"
    )
    posted(story, identity="another")
    said = story("ack", "al_")
    assert said.code == 2
    assert "al_ begins the ids of several alerts: say which" in said.err


def test_whoever_comes_late_hears_how_it_stands(story: Beside) -> None:
    alert = posted(story)
    answered(story, alert)
    said = story("ack", alert.id)
    assert said.code == 4
    assert f"{alert.id} is already acknowledged by bea at" in said.err
    assert said.err.endswith(": on it\n")
    other = posted(story, identity="another")
    over(story, other)
    said = story("ack", alert.id, other.id)
    assert said.code == 4
    assert f"{other.id} is over since" in said.err
    assert requests(story) == []
    third = posted(story, identity="third")
    assert story("ack", alert.id, third.id).code == 3, "some of several"
    assert [about for _, about, _ in requests(story)] == [third.identity]


def test_how_often_people_were_paged(story: Beside) -> None:
    told = story("alerts", "--stats", "--json").json()["stats"]
    assert (told["alerts"], told["acknowledged_share"]) == (0, None)
    loud = posted(story, severity=Severity.CRITICAL)
    posted(story, identity="another")
    with story.journal() as journal:
        for row in journal.claim_alerts("us", 9, timedelta(minutes=1)):
            journal.checkpoint_alerts([(row, row.model_copy(update={"last_told_at": journal.now()}))])
    answered(story, loud)
    told = story("alerts", "--stats", "--json").json()["stats"]
    assert (told["alerts"], told["critical"], told["pages_a_week"]) == (2, 1, 0.2)
    assert told["acknowledged_share"] == 0.5
    said = story("alerts", "--stats").out
    assert "answered by a person: 50%" in said
    assert "acted on by a person: 0%" in said


def test_what_was_critical_and_is_no_more_counts_as_critical(story: Beside) -> None:
    for number, critical in enumerate((True, False)):
        posted(story, identity=f"parked/{number}", severity=Severity.WARNING)
        with story.journal() as journal:
            (row,) = journal.claim_alerts("us", 9, timedelta(minutes=1))
            changes = {"last_told_at": journal.now(), "receipts": {"email:ops": Receipt(critical=critical)}}
            journal.checkpoint_alerts([(row, row.model_copy(update=changes))])
    told = story("alerts", "--stats", "--json").json()["stats"]
    assert (told["alerts"], told["critical"]) == (2, 1)
    assert "critical at any time: 1, that is 0.2 a week" in story("alerts", "--stats").out


@pytest.mark.parametrize(
    "kind, about, hours, acted_on",
    [
        (RequestKind.RETRY, "rparked", 1, 1),
        (RequestKind.ROTATE, "production/PARKED", 1, 1),
        (RequestKind.ROTATE, "production/HEALTHY", 1, 0),
        (RequestKind.ROTATE, "production/PARKED", 9, 0),
        (RequestKind.SNOOZE, "production/PARKED", 1, 0),
    ],
)
def test_what_somebody_did_about_it_while_it_was_open(
    story: Beside, kind: RequestKind, about: str, hours: int, acted_on: int
) -> None:
    posted(story)
    with story.journal() as journal:
        (row,) = journal.claim_alerts("us", 9, timedelta(minutes=1))
        journal.checkpoint_alerts([(row, row.model_copy(update={"last_told_at": journal.now()}))])
        at = journal.now() - timedelta(hours=hours)
        journal.add_request(Request(id="q", kind=kind, about=about, by="ana", at=at))
    told = story("alerts", "--stats", "--json").json()["stats"]
    assert (told["acted_on"], told["acted_on_share"]) == (acted_on, float(acted_on))


def test_status_and_history_tell_what_people_did(story: Beside) -> None:
    alert = posted(story)
    said = story("status", "production/PARKED").out
    assert TITLE in said
    assert alert.id in said
    story("ack", alert.id, "--reason", "looking")
    answered(story, alert)
    assert "acknowledged by bea at" in story("status", "production/PARKED").out
    told = story("history", "production/PARKED")
    assert "What people did" in told.out
    assert f"acknowledge of {alert.id} by " in told.out
    assert ": looking; waiting" in told.out
    (deed,) = story("history", "rparked", "--json").json()["people"]
    assert (deed["kind"], deed["because"]) == ("acknowledge", "looking")


@pytest.mark.parametrize(
    "typed, why",
    [
        ("production/HEALTHY", "waits for no yes: its policy does not say mode: approve"),
        ("rparked", "rparked has begun: without a yes both credentials stay alive"),
        ("policy:0123", "take the change out of policies.yaml"),
    ],
)
def test_a_no_that_nobody_waits_for(story: Beside, typed: str, why: str) -> None:
    said = story("reject", typed, "--reason", "no")
    assert said.code == 4
    assert why in said.err
    assert requests(story) == []
