"""An alert is told when there is something to tell, by one worker at a time, until its closing has been told."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rotator.contracts.journal import Journal
from rotator.model.alerts import (
    REOPENS_WITHIN,
    TOLD_CLOSED,
    TOLD_CLOSED_BEFORE,
    Alert,
    AlertKind,
    AlertRow,
    AlertState,
    Hush,
    Receipt,
    Severity,
)
from rotator.model.errors import LostClaim
from rotator.testing.journal_contract.rows import HOUR, KEY, MINUTE, NO_TIME, at_once

SLACK, MAIL = "slack:#platform", "smtp:platform@taly.example"


def an_alert(journal: Journal, **changes: Any) -> Alert:
    """Something that people should know."""
    alert = Alert(
        identity="overdue production/A",
        kind=AlertKind.OVERDUE,
        severity=Severity.WARNING,
        secret=KEY,
        title="A is overdue",
        facts={"Age": "97 days"},
        opened_at=journal.now(),
    )
    return alert.model_copy(update=changes)


def closing(journal: Journal, alert: Alert) -> Alert:
    """The message that closes it."""
    return alert.model_copy(update={"closed_at": journal.now(), "closing": "rotated"})


def an_answer(journal: Journal, **changes: Any) -> Hush:
    """What somebody said to it."""
    hush = Hush(
        state=AlertState.ACKNOWLEDGED,
        by="ana",
        because="on it",
        at=journal.now(),
        severity=Severity.WARNING,
    )
    return hush.model_copy(update=changes)


def taken(journal: Journal, *, lease: timedelta = MINUTE, owner: str = "one") -> AlertRow:
    """The one alert whose delivery is due, held by `owner`."""
    (row,) = journal.claim_alerts(owner, 9, lease)
    return row


def told(journal: Journal, row: AlertRow, severity: int, *where: str) -> None:
    """Writes down that an alert has been told, and that it is looked at again in an hour."""
    changes = {
        "told": dict.fromkeys(where, severity),
        "receipts": {place: Receipt(data={"ts": f"{place} {severity}"}) for place in where},
        "last_told_at": journal.now(),
        "run_at": journal.now() + HOUR,
    }
    journal.checkpoint_alerts([(row, row.model_copy(update=changes))])


def nothing_is_due(journal: Journal) -> bool:
    """No delivery is due."""
    return journal.claim_alerts("one", 9, MINUTE) == []


class AlertsContract:
    """The outbox."""

    def test_a_new_alert_is_due_after_due(self, journal: Journal, other: Journal) -> None:
        alert = an_alert(journal)
        journal.post_alert(alert, NO_TIME)
        journal.post_alert(an_alert(journal, identity="later"), HOUR)
        row = taken(other)
        assert row.alert == alert
        assert (row.told, row.receipts, row.repeats, row.last_told_at, row.attempt) == ({}, {}, 0, None, 0)
        assert {row.alert.identity for row in journal.alerts()} == {alert.identity, "later"}

    def test_alerts_the_loudest_first(self, journal: Journal) -> None:
        for severity in (Severity.INFO, Severity.CRITICAL, Severity.WARNING):
            journal.post_alert(an_alert(journal, identity=severity.name, severity=severity), HOUR)
        assert [row.alert.identity for row in journal.alerts()] == ["CRITICAL", "WARNING", "INFO"]

    def test_a_claimed_alert_is_not_claimed_again_while_the_claim_lasts(
        self, journal: Journal, other: Journal
    ) -> None:
        for number in range(12):
            journal.post_alert(an_alert(journal, identity=f"alert {number}"), NO_TIME)
        handles = (journal, other)
        claims = at_once(lambda number: handles[number % 2].claim_alerts(f"worker {number}", 2, MINUTE))
        identities = [row.alert.identity for rows in claims for row in rows]
        identities += [row.alert.identity for row in journal.claim_alerts("last", 99, MINUTE)]
        assert len(identities) == len(set(identities)) == 12

    def test_a_checkpoint_writes_how_far_an_alert_has_been_told_and_releases_it(
        self, journal: Journal, other: Journal
    ) -> None:
        journal.post_alert(an_alert(journal), NO_TIME)
        row = taken(journal)
        later = {
            "told": {SLACK: 2, MAIL: 0},
            "receipts": {SLACK: Receipt(data={"ts": "1"})},
            "repeats": 3,
            "last_told_at": journal.now(),
            "attempt": 1,
            "run_at": journal.now(),
        }
        journal.checkpoint_alerts([(row, row.model_copy(update=later))])
        again = taken(other, owner="two")
        kept = {name: getattr(again, name) for name in later if name != "run_at"}
        assert kept == {name: value for name, value in later.items() if name != "run_at"}
        assert again.fence == row.fence + 1

    def test_company_is_claimed_where_it_is_due_soon_and_nobody_holds_it(
        self, journal: Journal, other: Journal
    ) -> None:
        due = {"held": NO_TIME, "now": NO_TIME, "soon": MINUTE / 2, "later": HOUR, "of others": NO_TIME}
        for identity, when in due.items():
            journal.post_alert(an_alert(journal, identity=identity), when)
        journal.claim_company("two", ["held"], MINUTE, MINUTE)
        named = ["held", "now", "soon", "later", "unknown"]
        company = other.claim_company("one", named, MINUTE, MINUTE)
        assert {row.alert.identity for row in company} == {"now", "soon"}
        assert journal.claim_company("three", named, MINUTE, MINUTE) == []
        assert journal.claim_company("three", [], MINUTE, MINUTE) == []

    def test_who_was_told_is_written_without_giving_the_claim_back(
        self, journal: Journal, other: Journal
    ) -> None:
        for identity in ("a", "b"):
            journal.post_alert(an_alert(journal, identity=identity), NO_TIME)
        rows = journal.claim_company("one", ["a", "b"], MINUTE, MINUTE)
        noted = [(row, row.model_copy(update={"told": {SLACK: 2}})) for row in rows]
        journal.checkpoint_alerts(noted, release=False)
        assert {row.alert.identity: row.told for row in other.alerts()} == {"a": {SLACK: 2}, "b": {SLACK: 2}}
        assert other.claim_company("two", ["a", "b"], MINUTE, MINUTE) == []
        journal.checkpoint_alerts(
            [(row, changed.model_copy(update={"run_at": journal.now()})) for row, changed in noted]
        )
        assert len(other.claim_company("two", ["a", "b"], MINUTE, MINUTE)) == 2
        with pytest.raises(LostClaim, match=r"a, b|b, a"):
            journal.checkpoint_alerts(noted, release=False)

    def test_a_checkpoint_of_an_alert_whose_claim_was_lost_raises_lost_claim(
        self, journal: Journal, other: Journal
    ) -> None:
        journal.post_alert(an_alert(journal), NO_TIME)
        frozen = taken(journal, lease=NO_TIME)
        told(other, taken(other, owner="two"), 2, SLACK)
        with pytest.raises(LostClaim):
            told(journal, frozen, 1, MAIL)
        (row,) = journal.alerts()
        assert row.told == {SLACK: 2}

    def test_an_update_without_news_changes_the_alert_and_delivers_nothing(self, journal: Journal) -> None:
        journal.post_alert(an_alert(journal), NO_TIME)
        told(journal, taken(journal), 2, SLACK)
        quieter = an_alert(journal, facts={"Age": "98 days"}, severity=Severity.INFO)
        journal.post_alert(quieter, NO_TIME)
        assert nothing_is_due(journal)
        (row,) = journal.alerts()
        assert (row.alert, row.told) == (quieter, {SLACK: 2})

    def test_a_rise_of_severity_is_delivered(self, journal: Journal) -> None:
        journal.post_alert(an_alert(journal), NO_TIME)
        told(journal, taken(journal), 2, SLACK)
        journal.post_alert(an_alert(journal, severity=Severity.CRITICAL), NO_TIME)
        row = taken(journal)
        assert row.alert.severity is Severity.CRITICAL
        assert row.told == {SLACK: 2}
        assert row.receipts == {SLACK: Receipt(data={"ts": f"{SLACK} 2"})}

    def test_news_never_put_a_delivery_off(self, journal: Journal) -> None:
        journal.post_alert(an_alert(journal), NO_TIME)
        journal.post_alert(an_alert(journal, severity=Severity.CRITICAL), HOUR)
        assert taken(journal).alert.severity is Severity.CRITICAL

    def test_news_that_meet_a_claimed_alert_are_delivered_after_it(self, journal: Journal) -> None:
        journal.post_alert(an_alert(journal), NO_TIME)
        row = taken(journal)
        journal.post_alert(an_alert(journal, severity=Severity.CRITICAL), NO_TIME)
        assert nothing_is_due(journal)
        told(journal, row, 2, SLACK)
        again = taken(journal)
        assert (again.alert.severity, again.told) == (Severity.CRITICAL, {SLACK: 2})

    def test_a_closing_is_delivered_until_it_has_been_told_everywhere(self, journal: Journal) -> None:
        alert = an_alert(journal)
        journal.post_alert(alert, NO_TIME)
        told(journal, taken(journal), 2, SLACK, MAIL)
        journal.post_alert(closing(journal, alert), NO_TIME)
        row = taken(journal)
        half = row.model_copy(update={"told": {SLACK: TOLD_CLOSED, MAIL: 2}, "run_at": journal.now()})
        journal.checkpoint_alerts([(row, half)])
        assert len(journal.alerts()) == 1
        told(journal, taken(journal), TOLD_CLOSED, SLACK, MAIL)
        assert journal.alerts() == []
        (settled,) = journal.alerts(unclosed=False)
        assert settled.alert.closed

    def test_a_settled_alert_is_never_due_again(self, journal: Journal) -> None:
        alert = an_alert(journal)
        journal.post_alert(alert, NO_TIME)
        journal.post_alert(closing(journal, alert), NO_TIME)
        row = taken(journal)
        journal.checkpoint_alerts([(row, row.model_copy(update={"run_at": journal.now()}))])
        journal.post_alert(closing(journal, alert), NO_TIME)
        assert nothing_is_due(journal)
        assert journal.alerts() == []

    def test_an_alert_that_opens_again_is_told_anew_where_its_closing_was_told(
        self, journal: Journal
    ) -> None:
        alert = an_alert(journal)
        journal.post_alert(alert, NO_TIME)
        told(journal, taken(journal), 2, SLACK, MAIL)
        journal.post_alert(closing(journal, alert), NO_TIME)
        row = taken(journal)
        half = {"told": {SLACK: TOLD_CLOSED, MAIL: 2}, "repeats": 2, "run_at": journal.now() + HOUR}
        journal.checkpoint_alerts([(row, row.model_copy(update=half))])
        journal.post_alert(alert, NO_TIME)
        again = taken(journal)
        assert again.told == {SLACK: TOLD_CLOSED_BEFORE, MAIL: 2}
        assert (set(again.receipts), again.repeats) == ({SLACK, MAIL}, 2), (
            "the same conversation, as old as it is"
        )
        assert len(journal.alerts()) == 1

    def test_an_alert_that_opens_again_within_a_day_is_the_same_alert(self, journal: Journal) -> None:
        first = an_alert(journal, opened_at=journal.now() - 3 * REOPENS_WITHIN)
        journal.post_alert(first, NO_TIME)
        told(journal, taken(journal), 2, SLACK)
        journal.post_alert(closing(journal, first), NO_TIME)
        told(journal, taken(journal), TOLD_CLOSED, SLACK)
        journal.post_alert(an_alert(journal), NO_TIME)
        again = taken(journal)
        assert again.alert.opened_at == first.opened_at
        assert (again.told, set(again.receipts)) == ({SLACK: TOLD_CLOSED_BEFORE}, {SLACK})

    def test_an_alert_that_opens_again_after_a_day_is_another_conversation(self, journal: Journal) -> None:
        alert = an_alert(journal)
        journal.post_alert(alert, NO_TIME)
        told(journal, taken(journal), 2, SLACK)
        ended = closing(journal, alert).model_copy(
            update={"closed_at": journal.now() - REOPENS_WITHIN - HOUR}
        )
        journal.post_alert(ended, NO_TIME)
        row = taken(journal)
        journal.checkpoint_alerts(
            [
                (
                    row,
                    row.model_copy(
                        update={"told": {SLACK: TOLD_CLOSED}, "repeats": 2, "run_at": journal.now()}
                    ),
                )
            ]
        )
        journal.post_alert(alert, NO_TIME)
        again = taken(journal)
        assert (again.alert, again.told, again.receipts, again.repeats) == (alert, {}, {}, 0)

    def test_an_alert_that_opens_again_while_its_closing_is_told_is_told_anew(self, journal: Journal) -> None:
        alert = an_alert(journal)
        journal.post_alert(alert, NO_TIME)
        told(journal, taken(journal), 2, SLACK)
        journal.post_alert(closing(journal, alert), NO_TIME)
        row = taken(journal)
        journal.post_alert(alert, NO_TIME)
        told(journal, row, TOLD_CLOSED, SLACK)
        again = taken(journal)
        assert (again.alert, again.told, set(again.receipts)) == (alert, {SLACK: TOLD_CLOSED_BEFORE}, {SLACK})

    def test_an_answer_is_kept_and_wakes_the_alert_so_that_its_messages_show_it(
        self, journal: Journal, other: Journal
    ) -> None:
        alert = an_alert(journal)
        journal.post_alert(alert, NO_TIME)
        told(journal, taken(journal), 2, SLACK)
        hush = an_answer(journal)
        assert other.hush_alert(alert.identity, hush)
        row = taken(journal)
        assert (row.hush, row.told) == (hush, {SLACK: 2})
        changed = row.model_copy(update={"shown": {SLACK: hush.at}, "run_at": journal.now() + HOUR})
        journal.checkpoint_alerts([(row, changed)])
        (kept,) = journal.alerts()
        assert (kept.hush, kept.shown) == (hush, {SLACK: hush.at})

    def test_why_an_address_has_not_heard_it_is_kept(self, journal: Journal) -> None:
        journal.post_alert(an_alert(journal), NO_TIME)
        row = taken(journal)
        assert row.failures == {}
        changed = row.model_copy(update={"failures": {SLACK: "it refuses the token"}})
        journal.checkpoint_alerts([(row, changed)])
        (kept,) = journal.alerts()
        assert kept.failures == {SLACK: "it refuses the token"}

    def test_an_answer_that_meets_a_claimed_alert_is_shown_after_it(self, journal: Journal) -> None:
        alert = an_alert(journal)
        journal.post_alert(alert, NO_TIME)
        row = taken(journal)
        assert journal.hush_alert(alert.identity, an_answer(journal))
        told(journal, row, 2, SLACK)
        assert taken(journal).hush is not None

    def test_nobody_answers_an_alert_that_is_over_or_is_none(self, journal: Journal) -> None:
        alert = an_alert(journal)
        journal.post_alert(alert, NO_TIME)
        journal.post_alert(closing(journal, alert), NO_TIME)
        assert not journal.hush_alert(alert.identity, an_answer(journal))
        assert not journal.hush_alert("no such alert", an_answer(journal))
        assert [row.hush for row in journal.alerts()] == [None]

    def test_posting_an_alert_again_leaves_the_answer_to_it(self, journal: Journal) -> None:
        journal.post_alert(an_alert(journal), NO_TIME)
        hush = an_answer(journal)
        journal.hush_alert(an_alert(journal).identity, hush)
        journal.post_alert(an_alert(journal, severity=Severity.CRITICAL), NO_TIME)
        (row,) = journal.alerts()
        assert row.hush == hush

    @pytest.mark.parametrize("state", [AlertState.ACKNOWLEDGED, AlertState.SNOOZED])
    def test_of_an_alert_that_opens_again_only_a_snooze_goes_on(
        self, journal: Journal, state: AlertState
    ) -> None:
        alert = an_alert(journal)
        journal.post_alert(alert, NO_TIME)
        told(journal, taken(journal), 2, SLACK)
        hush = an_answer(journal, state=state, until=journal.now() + HOUR)
        journal.hush_alert(alert.identity, hush)
        journal.post_alert(closing(journal, alert), NO_TIME)
        journal.post_alert(alert, NO_TIME)
        (row,) = journal.alerts()
        assert row.hush == (hush if state is AlertState.SNOOZED else None)

    @pytest.mark.parametrize("vanished", [True, False])
    def test_an_alert_that_opens_again_is_told_anew_where_its_closing_may_have_been_told(
        self,
        journal: Journal,
        vanished: bool,  # noqa: FBT001 - pytest passes it by name
    ) -> None:
        """Else people go on believing that it is over."""
        alert = an_alert(journal)
        journal.post_alert(alert, NO_TIME)
        told(journal, taken(journal), 2, SLACK)
        journal.post_alert(closing(journal, alert), NO_TIME)
        row = taken(journal, lease=NO_TIME)
        if not vanished:  # no answer: it is tried again later
            journal.checkpoint_alerts(
                [(row, row.model_copy(update={"attempt": 1, "run_at": journal.now() + HOUR}))]
            )
        journal.post_alert(alert, NO_TIME)
        again = taken(journal, owner="two")
        assert again.told == {}, "nobody knows whether they have heard the end"
        assert again.receipts == {SLACK: Receipt(data={"ts": f"{SLACK} 2"})}, "the same conversation"

    def test_one_identity_is_one_alert_also_when_eight_post_it_at_once(
        self, journal: Journal, other: Journal
    ) -> None:
        handles = (journal, other)
        alerts = [an_alert(journal, facts={"From": str(number)}) for number in range(8)]
        at_once(lambda number: handles[number % 2].post_alert(alerts[number], NO_TIME))
        (row,) = journal.alerts()
        assert row.alert in alerts
