"""Who read what: each record is kept and judged once, and everything about it has an end."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

import pytest

from rotator.contracts.access_log import Seen
from rotator.contracts.journal import Journal
from rotator.contracts.redeployer import Start
from rotator.model.access import Access, AccessFinding, AccessKind, Act, Asked, Outcome, Principal
from rotator.model.alerts import Severity
from rotator.model.errors import LostClaim
from rotator.model.watch import MOST_SAMPLES, MOST_SECRETS, Disposition, Sighting
from rotator.testing.journal_contract.rows import HOUR, MINUTE, NO_TIME

MALLORY = Principal("arn:aws:iam::111122223333:role/mallory", "AssumedRole", "111122223333", "mallory")
SOURCE, DAY = "sqs queue", timedelta(days=1)


def an_access(journal: Journal, ago: timedelta = HOUR, **changes: Any) -> Access:
    """A read of one parameter, so long ago."""
    said: dict[str, Any] = {
        "event_id": secrets.token_hex(8),
        "at": _seconds(journal.now() - ago),
        "api": "GetParameter",
        "act": Act.READ,
        "outcome": Outcome.DONE,
        "principal": MALLORY,
        "asked": (Asked("/taly/production/KEY", "111122223333"),),
    }
    return Access(**{**said, **changes})


def a_sighting(access: Access, *names: str, severity: Severity = Severity.WARNING) -> Seen:
    """What was seen in it."""
    secrets_ = tuple(f"production/{name}" for name in names or ("KEY",))
    finding = AccessFinding(
        access.event_id, access.at, AccessKind.UNKNOWN_ACTOR, severity, access.principal, secrets_, "", "why"
    )
    return Seen(access.event_id, Sighting.of(finding, access))


def _seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


class AccessesContract:
    """Records, starts, sightings, and whose turn it is."""

    def test_a_record_is_kept_once_and_given_when_its_hold_is_over(
        self, journal: Journal, other: Journal
    ) -> None:
        late, early, held = an_access(journal, HOUR), an_access(journal, 2 * HOUR), an_access(journal, MINUTE)
        assert journal.note_accesses([late, early, held], 10 * MINUTE) == 3
        assert other.note_accesses([early, an_access(journal)], 10 * MINUTE) == 1
        assert other.held_accesses(2) == [early, late]
        assert held not in journal.held_accesses(10)

    def test_what_is_judged_is_judged_once_whoever_judges_it(self, journal: Journal, other: Journal) -> None:
        one = an_access(journal)
        journal.note_accesses([one], NO_TIME)
        assert journal.note_judged([one.event_id], [a_sighting(one)]) == 1
        assert other.note_judged([one.event_id], [a_sighting(one)]) == 0
        assert journal.held_accesses(10) == []
        assert [(each.times, each.samples) for each in other.sightings()] == [(1, (one,))]
        assert journal.note_accesses([one], NO_TIME) == 0

    def test_what_is_held_longer_waits(self, journal: Journal) -> None:
        one = an_access(journal)
        journal.note_accesses([one], NO_TIME)
        journal.hold_longer([one.event_id], HOUR)
        assert journal.held_accesses(10) == []

    def test_one_principal_of_one_day_is_one_sighting_of_bounded_size(self, journal: Journal) -> None:
        same = _seconds(journal.now())
        many = [an_access(journal, at=same) for _ in range(MOST_SAMPLES + 5)]
        journal.note_accesses(many, NO_TIME)
        seen = [
            a_sighting(one, *(f"KEY_{number}_{way}" for way in range(MOST_SECRETS // 9)))
            for number, one in enumerate(many)
        ]
        journal.note_judged([one.event_id for one in many[:3]], seen[:3])
        journal.note_judged([one.event_id for one in many[3:]], seen[3:])
        (sighting,) = journal.sightings()
        assert (sighting.times, len(sighting.samples)) == (len(many), MOST_SAMPLES)
        assert len(sighting.secrets) == MOST_SECRETS

    def test_what_a_person_has_looked_at_stays_ended_until_it_gets_worse(
        self, journal: Journal, other: Journal
    ) -> None:
        same = _seconds(journal.now())
        first, again, worse = (an_access(journal, at=same) for _ in range(3))
        journal.note_accesses([first, again, worse], NO_TIME)
        journal.note_judged([first.event_id], [a_sighting(first)])
        (sighting,) = other.sightings()
        assert other.end_sightings([sighting.identity], Disposition.ACKNOWLEDGED, "ana") == 1
        assert journal.end_sightings([sighting.identity], Disposition.ALLOWED) == 0
        journal.note_judged([again.event_id], [a_sighting(again)])
        assert journal.sightings() == []
        (kept,) = journal.sightings(unended=False)
        assert (kept.disposition, kept.by, kept.times) == (Disposition.ACKNOWLEDGED, "ana", 2)
        journal.note_judged([worse.event_id], [a_sighting(worse, "ANOTHER")])
        assert [one.disposition for one in journal.sightings()] == [Disposition.OPEN]

    def test_of_what_a_principal_did_lately_calls_that_ask_for_the_same_are_one(
        self, journal: Journal
    ) -> None:
        other_name = (Asked("/taly/production/OTHER", "111122223333"),)
        eve = Principal("arn:aws:iam::111122223333:user/eve", "IAMUser", "111122223333")
        ancient, before, newest = (an_access(journal, hours * HOUR) for hours in (9, 2, 1))
        another = an_access(journal, 2 * HOUR, asked=other_name)
        hers = an_access(journal, principal=eve)
        journal.note_accesses([ancient, before, newest, another, hers], NO_TIME)
        since, until = journal.now() - 4 * HOUR, journal.now()
        recent = journal.recent_accesses([str(MALLORY)], since, until, 10)
        assert recent == [newest, another]
        assert journal.recent_accesses([str(MALLORY)], since, until, 1) == [newest]

    def test_of_what_a_principal_did_later_only_what_is_judged_is_given(
        self, journal: Journal, other: Journal
    ) -> None:
        other_name = (Asked("/taly/production/OTHER", "111122223333"),)
        before, first, again = (an_access(journal, hours * HOUR) for hours in (4, 3, 2))
        another, waits = (
            an_access(journal, HOUR, asked=other_name),
            an_access(journal, HOUR, api="GetParameters"),
        )
        journal.note_accesses([before, first, again, another, waits], NO_TIME)
        journal.note_judged([one.event_id for one in (before, first, again, another)], [])
        assert other.later_accesses([str(MALLORY)], before.at, another.at, 10) == [first, another]
        assert other.later_accesses([str(MALLORY)], before.at, another.at, 1) == [first]
        assert other.later_accesses([str(MALLORY)], before.at, again.at, 10) == [first]
        assert other.later_accesses(["eve"], before.at, another.at, 10) == []

    def test_starts_are_kept_once_oldest_first(self, journal: Journal, other: Journal) -> None:
        now = _seconds(journal.now())
        late, early = Start("production/api", "app", now), Start("production/api", "app", now - HOUR)
        journal.note_starts([late, early, late])
        other.note_starts([early])
        assert other.starts(now - 2 * HOUR, now) == [early, late]
        assert other.starts(now - MINUTE, now) == [late]

    def test_everything_has_an_end(self, journal: Journal) -> None:
        judged, waits = an_access(journal), an_access(journal)
        journal.note_accesses([judged, waits], NO_TIME)
        journal.note_judged([judged.event_id], [a_sighting(judged)])
        journal.note_starts([Start("production/api", "app", _seconds(journal.now()) - 2 * DAY)])
        journal.forget_accesses(DAY, DAY, DAY, DAY)
        assert journal.note_accesses([judged], NO_TIME) == 0
        assert journal.starts(journal.now() - 9 * DAY, journal.now()) == []
        journal.forget_accesses(-DAY, DAY, -DAY, DAY)
        assert journal.held_accesses(10) == [waits]
        assert journal.note_accesses([judged], NO_TIME) == 1
        (still,) = journal.sightings()
        journal.end_sightings([still.identity], Disposition.PASSED)
        journal.forget_accesses(DAY, DAY, -DAY, DAY)
        assert journal.sightings(unended=False) == []

    def test_what_learning_keeps_quiet_is_not_open_and_can_be_ended(
        self, journal: Journal, other: Journal
    ) -> None:
        same = _seconds(journal.now())
        first, again, later = (an_access(journal, at=same) for _ in range(3))
        journal.note_accesses([first, again, later], NO_TIME)
        for one in (first, again):
            seen = a_sighting(one)
            kept = seen.sighting.model_copy(update={"disposition": Disposition.LEARNED})
            journal.note_judged([one.event_id], [seen._replace(sighting=kept)])
        assert other.sightings() == []
        assert [one.times for one in other.learned_sightings()] == [2]
        journal.note_judged([later.event_id], [a_sighting(later)])
        assert other.learned_sightings() == []
        (told,) = journal.sightings()
        assert told.times == 3, "what goes on after learning is open"
        kept = told.model_copy(update={"identity": "another", "disposition": Disposition.LEARNED})
        another = an_access(journal, at=same)
        journal.note_accesses([another], NO_TIME)
        journal.note_judged([another.event_id], [Seen(another.event_id, kept)])
        assert journal.end_sightings(["another"], Disposition.ALLOWED) == 1
        assert journal.learned_sightings() == []

    def test_who_has_read_what_is_remembered_as_far_as_there_is_room_and_for_so_long(
        self, journal: Journal, other: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("rotator.journal.sightings.MOST_KNOWN", 3)
        now, who = _seconds(journal.now()), ("mallory", "eve")
        events = [an_access(journal) for _ in range(3)]
        journal.note_accesses(events, NO_TIME)
        journal.note_judged(
            [events[0].event_id], [], {("mallory", "a"): now - 3 * DAY, ("eve", "a"): now - 9 * DAY}
        )
        known = other.known_reads(who)
        assert known.last == {("mallory", "a"): now - 3 * DAY, ("eve", "a"): now - 9 * DAY}
        assert known.complete
        news = {("mallory", "a"): now, ("eve", "a"): now - 10 * DAY, ("eve", "b"): now, ("eve", "c"): now}
        other.note_judged([events[1].event_id], [], news)
        known = journal.known_reads(["eve"])
        assert known.last == {("eve", "a"): now - 9 * DAY, ("eve", "b"): now}, "older ones change nothing"
        assert not known.complete
        journal.forget_accesses(DAY, DAY, DAY, 5 * DAY)
        assert journal.known_reads(who).last == {("mallory", "a"): now, ("eve", "b"): now}
        assert journal.known_reads(who).complete

    def test_one_replica_at_a_time_reads_a_source(self, journal: Journal, other: Journal) -> None:
        assert journal.watch(SOURCE) is None
        taken = journal.take_watch(SOURCE, "one", HOUR)
        assert taken is not None
        assert other.take_watch(SOURCE, "two", HOUR) is None
        journal.note_watch(taken, "one")
        assert journal.take_watch(SOURCE, "one", NO_TIME) == taken
        noted = taken.model_copy(update={"progress": "as far as this", "own": {"production": taken.since}})
        journal.note_watch(noted, "one")
        assert other.take_watch(SOURCE, "two", HOUR) == noted
        assert other.watch(SOURCE) == noted
        with pytest.raises(LostClaim):
            journal.note_watch(taken, "one")
