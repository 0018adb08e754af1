"""What people are told: every kind, its severity, its words, and the message that closes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.engine.alerts.about_rotations import about_rotation
from rotator.engine.alerts.finding import about_recipe, identity, listed
from rotator.engine.alerts.impact import impact
from rotator.engine.outages import stuck
from rotator.model.alerts import Alert, AlertKind, Severity
from rotator.model.observations import History, Observed, Pause
from rotator.model.policy import Mode, Policies
from rotator.model.rotation import Phase, Reason, State
from rotator.model.windows import Freeze
from tests.engine.things import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    ago,
    done,
    environment,
    policies,
    policy,
    recipe,
    rotation,
    seen,
    undone,
)
from tests.engine.world import World

NAME = "/taly/production/KEY"
PAGE_OF_PARKED = Path(__file__).parents[2] / "docs" / "how-to" / "alerts" / "parked.md"
WATCHED = policies(policy(mode=Mode.OBSERVE, warn_before=(14 * DAY, 3 * DAY), note="the adapter is missing"))
APPROVED = policies(policy(mode=Mode.APPROVE))
BY_HAND = policies(policy(submitted=True, runbook="https://runbooks.example/key"))


def active(**changes: Any) -> Callable[[World], None]:
    def begin(world: World) -> None:
        world.looked(seen())
        world.has(rotation(**changes))

    return begin


def goes_on(**changes: Any) -> Callable[[World], None]:
    return lambda world: world.becomes("rot1", reason=None, **changes)


def looks(*observed: Observed, today: Policies | None = None) -> Callable[[World], None]:
    def look(world: World) -> None:
        world.today = today or world.today
        world.looked(*observed)

    return look


def pause(world: World) -> None:
    held = Pause(secret="production/KEY", until=NOW + 30 * DAY, by="ana", because="release")
    world.journal.note_pause("production/KEY", held)


def both(*steps: Callable[[World], Any]) -> Callable[[World], None]:
    def each(world: World) -> None:
        for step in steps:
            step(world)

    return each


def ended(**changes: Any) -> Callable[[World], None]:
    """It is done; the store holds what it wrote."""

    def end(world: World) -> None:
        world.becomes(
            "rot1",
            state=State.DONE,
            reason=None,
            ended_at=world.clock.now(),
            sentence="done; the old one is dead",
            **changes,
        )

    return end


@dataclass(frozen=True)
class Told:
    """A state, the message it makes, and how it ends."""

    state: Callable[[World], Any]
    kind: AlertKind
    severity: Severity
    title: str
    facts: dict[str, str]
    action: str
    ends: Callable[[World], Any]
    closing: str
    after: timedelta = timedelta()  # how long it stands before it is told


CASES = {
    "watched, due soon": Told(
        looks(seen(age=90 * DAY), today=WATCHED),
        AlertKind.DUE_SOON,
        Severity.INFO,
        "KEY (production): due soon",
        {
            "Age": "90 d by the store, which any put resets (policy 100 d)",
            "Due": "in 10 d",
            "Impact": "none yet",
            "Done": "nothing that changes anything",
            "Next": "nothing by itself: the adapter is missing",
        },
        "rotate it by hand, and write the new value into the store",
        looks(seen(version=2), today=WATCHED),
        "the store holds a newer one",
    ),
    "watched, overdue": Told(
        looks(seen(age=101 * DAY), today=policies(policy(mode=Mode.OBSERVE, runbook="https://runbooks/key"))),
        AlertKind.OVERDUE,
        Severity.WARNING,
        "KEY (production): overdue",
        {
            "Age": "101 d by the store, which any put resets (policy 100 d)",
            "Overdue": "1 d",
            "Impact": "none yet: the credential is too old, and works as before",
            "Done": "nothing that changes anything",
            "Next": "nothing by itself: its policy says mode: observe",
            "Runbook": "https://runbooks/key",
        },
        "https://runbooks/key",
        looks(seen(version=2)),
        "the store holds a newer one",
    ),
    "held by a pause, overdue": Told(
        both(looks(seen(age=101 * DAY)), pause),
        AlertKind.OVERDUE,
        Severity.WARNING,
        "KEY (production): overdue",
        {
            "Age": "101 d by the store, which any put resets (policy 100 d)",
            "Overdue": "1 d",
            "Impact": "none yet: the credential is too old, and works as before",
            "Done": "nothing that changes anything",
            "Next": "paused by ana until 2026-07-10 12:00 UTC: release",
        },
        "rotator resume production/KEY",
        both(lambda world: world.has(done(NOW + MINUTE)), looks(seen(version=2))),
        "rotated: done; the old one is dead (tried)",
    ),
    "a yes is wanted to begin": Told(
        looks(seen(age=99 * DAY), today=APPROVED),
        AlertKind.APPROVAL_WANTED,
        Severity.WARNING,
        "KEY (production): due, and waits for a yes",
        {
            "Age": "99 d by the store, which any put resets (policy 100 d)",
            "Impact": "none yet",
            "Done": "nothing that changes anything",
            "Next": "nothing until somebody says yes; due, waiting for: rotator approve production/KEY --reason …",
            "No": "rotator reject production/KEY --reason …: nobody is asked again about this one",
        },
        "rotator approve production/KEY --reason …",
        lambda world: world.has(rotation(opened_at=NOW)),
        "being rotated: plan: doing it",
    ),
    "a person has to make it": Told(
        looks(seen(age=99 * DAY), today=BY_HAND),
        AlertKind.BY_HAND,
        Severity.WARNING,
        "KEY (production): due, and waits for a new one",
        {
            "Age": "99 d by the store, which any put resets (policy 100 d)",
            "Impact": "none yet",
            "Done": "nothing that changes anything",
            "Next": "nothing until a person has made a new one; due, waiting for a person: make a new one, then: "
            "rotator submit production/KEY. Leave the old one alive: rotator says when to end it",
            "Runbook": "https://runbooks.example/key",
        },
        "rotator submit production/KEY",
        lambda world: world.has(rotation(opened_at=NOW)),
        "being rotated: plan: doing it",
    ),
    "a person has to end it": Told(
        active(
            phase=Phase.PROVE,
            reason=Reason.AWAITING_END,
            run_at=NOW + HOUR,
            sentence="a person has to end it",
            ledger={"confirmed_at": NOW, "submitted_by": "ana"},
        ),
        AlertKind.BY_HAND,
        Severity.WARNING,
        "KEY (production): the old one is to be ended by hand",
        {
            "Step": "prove: a person has to end it",
            "Impact": "none yet: consumers use the new credential, the old one is still valid",
            "Done": "consumers seen on it",
            "Next": "it is tried again 2026-06-10 13:00 UTC, and done once it is refused",
        },
        "end the old one at the source",
        ended(),
        "done; the old one is dead",
    ),
    "attempts fail": Told(
        active(
            phase=Phase.CREATE, reason=Reason.RETRYING, attempt=3, sentence="KMS is away", run_at=NOW + HOUR
        ),
        AlertKind.ROTATION_FAILED,
        Severity.WARNING,
        "KEY (production): rotation does not get past create",
        {
            "Step": "create: KMS is away",
            "Impact": "none yet: the old credential is valid",
            "Done": "nothing that changes anything",
            "Next": "tries again 2026-06-10 13:00 UTC",
            "Attempts": "3",
        },
        "rotator history production/KEY",
        goes_on(phase=Phase.GRACE, sentence="the old one lives until tomorrow"),
        "it goes on: grace: the old one lives until tomorrow",
        after=10 * MINUTE,
    ),
    "a rotation is undone": Told(
        active(
            phase=Phase.DISCARD,
            reason=Reason.NOT_ACCEPTED,
            sentence="the source refuses the successor",
            ledger={"undo_reason": Reason.NOT_ACCEPTED, "undo_from": Phase.VERIFY},
        ),
        AlertKind.ROTATION_FAILED,
        Severity.WARNING,
        "KEY (production): rotation failed, going back",
        {
            "Step": "discard: the source refuses the successor",
            "Impact": "none yet: the old credential is valid",
            "Done": "nothing that changes anything",
            "Reason": "not_accepted at verify",
            "Next": "the old value is put back, consumers are restarted, the new credential is removed",
        },
        "rotator history production/KEY",
        goes_on(
            state=State.UNDONE, ended_at=NOW + MINUTE, sentence="undone; the old one is current and works"
        ),
        "undone; the old one is current and works",
    ),
    "a rollout failed": Told(
        active(
            phase=Phase.RECONFIRM,
            sentence="api: not ready after 10 min",
            ledger={"undo_reason": Reason.ROLLOUT_FAILED, "undo_from": Phase.CONFIRM},
        ),
        AlertKind.ROLLOUT_FAILED,
        Severity.WARNING,
        "KEY (production): rollout failed, going back",
        {
            "Step": "reconfirm: api: not ready after 10 min",
            "Impact": "none yet: the old credential is valid",
            "Done": "nothing that changes anything",
            "Reason": "rollout_failed at confirm",
            "Next": "the old value is put back, consumers are restarted, the new credential is removed",
        },
        "rotator history production/KEY",
        goes_on(
            state=State.UNDONE, ended_at=NOW + MINUTE, sentence="undone; the old one is current and works"
        ),
        "undone; the old one is current and works",
    ),
    "verifiers do not restart": Told(
        active(
            phase=Phase.FORGET,
            reason=Reason.ROLLOUT_FAILED,
            sentence="trying again: api is not ready",
            run_at=NOW + HOUR,
            ledger={"confirmed_at": NOW},
        ),
        AlertKind.ROLLOUT_FAILED,
        Severity.WARNING,
        "KEY (production): rollout failed",
        {
            "Step": "forget: trying again: api is not ready",
            "Impact": "none yet: consumers use the new credential, the old one is still valid",
            "Done": "consumers seen on it",
            "Next": "tries again 2026-06-10 13:00 UTC",
        },
        "rotator history production/KEY",
        ended(phase=Phase.PROVE),
        "done; the old one is dead",
    ),
    "undone": Told(
        both(looks(seen()), lambda world: world.has(undone(NOW))),
        AlertKind.UNDONE,
        Severity.WARNING,
        "KEY (production): rotation undone",
        {
            "Reason": "rollout_failed at confirm",
            "Impact": "none: the old credential is current",
            "Done": "undone; the old one is current and works",
            "Next": "tried again 2026-06-10 18:00 UTC, if it is still due; sooner: rotator retry production/KEY",
        },
        "rotator history production/KEY",
        lambda world: world.has(done(world.clock.now(), opened_at=world.clock.now())),
        "a later attempt succeeded: done; the old one is dead (tried)",
    ),
    "parked": Told(
        active(state=State.PARKED, reason=Reason.NO_FREE_SLOT, sentence="every slot is taken"),
        AlertKind.PARKED,
        Severity.WARNING,
        "KEY (production): rotation parked at plan: no free slot",
        {
            "Step": "plan: every slot is taken",
            "Impact": "none yet: the old credential is valid",
            "Done": "nothing that changes anything",
            "Reason": "no_free_slot",
            "Next": "nothing by itself. When you have looked: rotator approve rot1 --reason …, and it goes on",
        },
        "remove a credential that nobody uses, as the step says; then: rotator approve rot1 --reason …",
        lambda world: setattr(world, "today", policies(policy("production/OTHER"))),
        "",
    ),
    "parked, consumers locked out": Told(
        active(
            state=State.PARKED, phase=Phase.ACTIVATE, reason=Reason.NEITHER_WORKS, sentence="both are refused"
        ),
        AlertKind.PARKED,
        Severity.CRITICAL,
        "KEY (production): consumers are locked out, rotation parked",
        {
            "Step": "activate: both are refused",
            "Impact": "consumers are locked out: neither the old nor the new credential works",
            "Done": "nothing that changes anything",
            "Reason": "neither_works",
            "Next": "nothing by itself. When you have looked: rotator approve rot1 --reason …, and it goes on",
        },
        "make a credential at the source by hand, write it, restart consumers; then: rotator approve rot1 --reason …",
        lambda world: setattr(world, "today", policies(policy("production/OTHER"))),
        "",
    ),
    "the old one does not die": Told(
        active(
            state=State.PARKED,
            phase=Phase.PROVE,
            reason=Reason.STILL_ALIVE,
            sentence="k1 still works after it was invalidated",
            ledger={"confirmed_at": NOW},
        ),
        AlertKind.STILL_ALIVE,
        Severity.CRITICAL,
        "KEY (production): a credential that should be dead still works",
        {
            "Step": "prove: k1 still works after it was invalidated",
            "Impact": "consumers work; a credential that should be dead is still accepted",
            "Done": "consumers seen on it",
            "Reason": "still_alive",
            "Next": "nothing by itself. When you have looked: rotator approve rot1 --reason …, and it goes on",
        },
        "find out why the source still accepts it; then: rotator approve rot1 --reason …",
        lambda world: setattr(world, "today", policies(policy("production/OTHER"))),
        "",
    ),
    "the old one is used": Told(
        active(
            phase=Phase.GRACE,
            reason=Reason.STILL_USED,
            sentence="the old one is still in use: 3 sessions from 10.0.4.7",
            run_at=NOW + HOUR,
            ledger={"confirmed_at": NOW},
        ),
        AlertKind.STILL_USED,
        Severity.CRITICAL,
        "KEY (production): the old one is still in use",
        {
            "Step": "grace: the old one is still in use: 3 sessions from 10.0.4.7",
            "Impact": "none yet: consumers use the new credential, the old one is still valid",
            "Done": "consumers seen on it",
            "Next": "it stays alive until nobody uses it, and is looked at again 2026-06-10 13:00 UTC",
        },
        "rotator history production/KEY",
        goes_on(phase=Phase.DISABLE, sentence="nobody is seen using it"),
        "it goes on: disable: nobody is seen using it",
    ),
    "a yes is wanted to end": Told(
        active(
            phase=Phase.FORGET,
            reason=Reason.AWAITING_YES,
            sentence="waiting for a yes",
            ledger={"confirmed_at": NOW},
        ),
        AlertKind.APPROVAL_WANTED,
        Severity.WARNING,
        "KEY (production): the last step waits for a yes",
        {
            "Step": "forget: waiting for a yes",
            "Impact": "none yet: consumers use the new credential, the old one is still valid",
            "Done": "consumers seen on it",
            "Next": "nothing until somebody says yes; both credentials live until then",
        },
        "rotator approve rot1 --reason …",
        goes_on(sentence="the accepted set holds the old one no more"),
        "it goes on: forget: the accepted set holds the old one no more",
    ),
    "drift": Told(
        both(lambda world: world.has(done(ago(DAY))), looks(seen(version=3, modified_by="ana"))),
        AlertKind.DRIFT,
        Severity.CRITICAL,
        "KEY (production): changed by someone else",
        {
            "What": "/taly/production/KEY is at version 3, we wrote 2",
            "By": "ana",
            "Impact": "rotator does not know whether this value works",
            "Done": "nothing that changes anything: what was written stays",
            "Next": "its age counts from that write; the next rotation, due 2026-09-15, replaces it",
        },
        "rotator rotate production/KEY",
        both(
            lambda world: world.has(done(NOW + MINUTE, version=4, id="rot9")),
            looks(seen(version=4, observed_at=NOW + HOUR)),
        ),
        "rotated: done; the old one is dead (tried)",
    ),
    "a credential nobody knows": Told(
        looks(seen(unknown=("AKID1",))),
        AlertKind.UNKNOWN_CREDENTIAL,
        Severity.WARNING,
        "KEY (production): a credential that nobody knows is alive",
        {
            "Which": "AKID1",
            "Impact": "somebody can log in with a credential that rotator did not make",
            "Done": "nothing that changes anything: it stays alive",
            "Next": "nothing by itself: rotator never removes what it does not know",
        },
        "find out who uses it, or remove it at the source",
        looks(seen()),
        "it is no longer alive at the source, or known by now",
    ),
    "many credentials nobody knows": Told(
        looks(seen(unknown=tuple(f"K{number}" for number in range(12)))),
        AlertKind.UNKNOWN_CREDENTIAL,
        Severity.WARNING,
        "KEY (production): 12 credentials that nobody knows are alive",
        {
            "Which": "K0, K1, K2, K3, K4, K5, K6, K7, K8, K9 and 2 more",
            "Impact": "somebody can log in with a credential that rotator did not make",
            "Done": "nothing that changes anything: it stays alive",
            "Next": "nothing by itself: rotator never removes what it does not know",
        },
        "find out who uses it, or remove it at the source",
        looks(seen()),
        "it is no longer alive at the source, or known by now",
    ),
    "written again, never rotated": Told(
        looks(seen(age=3 * DAY, created_at=ago(90 * DAY), census_at=NOW)),
        AlertKind.WRITTEN_NOT_ROTATED,
        Severity.WARNING,
        "KEY (production): written again, never rotated",
        {
            "Store": "written 3 d ago by terraform",
            "Source": "made 90 d ago",
            "Impact": "the parameter looks younger than the credential in it",
            "Done": "nothing that changes anything",
            "Next": "its age counts by the source: its period ends in 10 d",
        },
        "rotator rotate production/KEY",
        looks(seen(version=2)),
        "its age is known by a better source now",
    ),
    "never put there": Told(
        looks(seen(present=False, versions={}, modified_at=None)),
        AlertKind.MISSING,
        Severity.WARNING,
        "KEY (production): not in the store",
        {
            "What": "not in the store: /taly/production/KEY",
            "Impact": "nothing of it is rotated or watched",
            "Done": "nothing that changes anything",
            "Next": "nothing by itself: rotator makes no parameter that was not there",
        },
        "put the parameter back, or take the secret out of policies.yaml",
        looks(seen()),
        "it is in the store",
        after=10 * MINUTE,
    ),
    "deleted": Told(
        both(
            lambda world: world.has(done(ago(DAY))), looks(seen(present=False, versions={}, modified_at=None))
        ),
        AlertKind.MISSING,
        Severity.CRITICAL,
        "KEY (production): not in the store",
        {
            "What": "not in the store: /taly/production/KEY",
            "Impact": "consumers that start now do not find it",
            "Done": "nothing that changes anything",
            "Next": "nothing by itself: rotator makes no parameter that was not there",
        },
        "put the parameter back, or take the secret out of policies.yaml",
        looks(seen(version=2)),
        "it is in the store",
        after=10 * MINUTE,
    ),
    "the policy is rejected": Told(
        lambda world: setattr(world, "rejected", "policies.yaml:55: unknown type"),
        AlertKind.POLICY_REJECTED,
        Severity.WARNING,
        "policies.yaml was rejected",
        {
            "What": "policies.yaml:55: unknown type",
            "Impact": "none yet: the last good policy stays in force, and this change is not",
            "Done": "the file was read, and nothing of it taken over",
            "Next": "rotator reads the file again as soon as it changes",
        },
        "rotator policy check",
        lambda world: setattr(world, "rejected", ""),
        "policies.yaml is valid again, and in force",
    ),
    "the policy waits for a yes": Told(
        lambda world: world.holds("2 of 8 secrets would no longer be managed", "policy:3f9c2a1b0d4e"),
        AlertKind.POLICY_REJECTED,
        Severity.WARNING,
        "policies.yaml waits for a yes",
        {
            "What": "2 of 8 secrets would no longer be managed",
            "Impact": "none yet: the last good policy stays in force, and this change is not",
            "Done": "the file was read, and nothing of it taken over",
            "Next": "rotator reads the file again as soon as it changes. If it is wanted as it is: "
            "rotator approve policy:3f9c2a1b0d4e --reason …",
        },
        "rotator policy diff",
        lambda world: world.holds("", ""),
        "policies.yaml is valid again, and in force",
    ),
}


def current(world: World, kind: AlertKind) -> Alert:
    return world.open_alerts()[kind]


@pytest.mark.parametrize("case", CASES)
def test_people_are_told(world: World, case: str) -> None:
    told = CASES[case]
    told.state(world)
    world.tell()
    if told.after:
        assert not world.slack.read, "not before it stood for a while"
        world.passes(told.after)
        world.tell()
    ((address, alert),) = world.slack.read
    assert address == "#ops"
    assert (alert.kind, alert.severity, alert.title) == (told.kind, told.severity, told.title)
    assert (alert.facts, alert.action) == (told.facts, told.action)
    assert alert.owner == "platform"

    for _ in range(5):
        world.tell()
    assert len(world.slack.read) == 1, "once"

    world.slack.read.clear()
    told.ends(world)
    world.tell()
    if not told.closing:
        assert not world.slack.read, "a parked rotation stays parked, whatever the policy says"
        return
    closings = [alert for _, alert in world.slack.read if alert.closed]
    assert [(one.kind, one.title) for one in closings] == [(told.kind, told.title)]
    minutes = 17 if told.after else 6
    assert closings[0].closing == f"{told.closing} (after {minutes} min)"


def test_every_kind_has_a_case_here_or_in_the_other_files() -> None:
    elsewhere = {
        AlertKind.UNREACHABLE,
        AlertKind.UNMANAGED,
        AlertKind.FOREIGN_OWNER,
        AlertKind.DELIVERY_FAILED,
        AlertKind.JOURNAL_AWAY,
        AlertKind.AUDIT_BROKEN,
        AlertKind.DIGEST,
        AlertKind.PAGES_HELD,
        AlertKind.UNKNOWN_ACTOR,
        AlertKind.ACCESS_OUTSIDE_DEPLOYMENT,
        AlertKind.HISTORY_READ,
        AlertKind.OLD_VERSION_READ,
        AlertKind.BULK_READ,
        AlertKind.DENIED_READS,
        AlertKind.READS_LEARNED,
        AlertKind.TRAIL_SILENT,
        AlertKind.MIRROR_OUT_OF_SYNC,
        AlertKind.STUCK,
    }
    assert {told.kind for told in CASES.values()} | elsewhere == set(AlertKind)


def test_no_sentence_shows_a_placeholder_or_a_traceback(world: World) -> None:
    for told in CASES.values():
        text = f"{told.title} {told.facts} {told.action}"
        assert "None" not in text and "{" not in told.title and "Traceback" not in text


# the same thing keeps its name


def test_identities_are_stable_distinct_and_short() -> None:
    long = "production/" + "K" * 240
    names = {identity(AlertKind.PARKED, long, about) for about in ("a", "b")}
    assert len(names) == 2
    assert all(len(name) <= 255 for name in names)
    assert identity(AlertKind.PARKED, "production/KEY", "r1") == "parked/production/KEY/r1"


def test_names_are_listed_up_to_ten() -> None:
    assert listed(("a", "b")) == "a, b"
    assert listed(tuple("abcdefghijk")) == "a, b, c, d, e, f, g, h, i, j and 1 more"


# what gets worse is told again


def test_overdue_is_told_again_when_it_pages_and_never_in_between(world: World) -> None:
    world.today = policies(policy(mode=Mode.OBSERVE, page_after=7 * DAY))
    world.looked(seen(age=101 * DAY))
    world.tell()
    assert world.news() == ["warning: KEY (production): overdue"]
    world.passes(5 * DAY + 23 * HOUR)
    with_repeats = world.tell()
    assert with_repeats == 2, "a repeat, on both channels"
    world.news()
    world.passes(2 * HOUR)
    world.tell()
    assert world.news() == ["critical: KEY (production): overdue"]


def test_of_what_a_person_has_to_make_and_is_long_overdue_one_message_is_enough(world: World) -> None:
    world.today = BY_HAND
    world.looked(seen(age=99 * DAY))
    world.tell()
    assert world.news() == ["warning: KEY (production): due, and waits for a new one"]
    world.passes(9 * DAY)
    world.looked(seen(age=99 * DAY))
    world.tell()
    assert world.news() == ["critical: KEY (production): overdue"]
    (woken,) = (row.alert for row in world.journal.alerts() if row.alert.severity is Severity.CRITICAL)
    assert woken.action == "rotator submit production/KEY"


@pytest.mark.parametrize("age, severity", [(149, "warning"), (151, "critical")])
def test_what_is_older_than_it_may_ever_be_pages_before_its_time(
    world: World, age: int, severity: str
) -> None:
    world.today = policies(policy(mode=Mode.OBSERVE, page_after=365 * DAY, max_age=150 * DAY))
    world.looked(seen(age=age * DAY))
    world.tell()
    assert world.news() == [f"{severity}: KEY (production): overdue"]


@pytest.mark.parametrize("gapped, minutes", [(True, 15), (False, 60)])
def test_not_yet_is_believed_for_less_where_consumers_may_be_locked_out(
    world: World, gapped: bool, minutes: int
) -> None:
    world.looked(seen())
    of = recipe(accept_gap=gapped)
    waits = rotation(
        phase=Phase.STORE, recipe=of, reason=Reason.RETRYING, run_at=NOW + DAY, ledger={"failing_since": NOW}
    )
    world.has(waits)
    world.passes((minutes - 2) * MINUTE)
    world.tell()
    assert AlertKind.STUCK not in world.open_alerts()
    world.passes(2 * MINUTE)
    world.tell()
    told = world.open_alerts()[AlertKind.STUCK]
    assert told.severity is (Severity.CRITICAL if gapped else Severity.WARNING)


def test_every_message_about_a_secret_has_its_runbook(world: World) -> None:
    world.today = policies(policy(runbook="https://runbooks.example/key"))
    world.looked(seen(unknown=("A",)))
    world.has(rotation(state=State.PARKED, reason=Reason.NO_FREE_SLOT))
    world.tell()
    told = [alert.facts["Runbook"] for alert in world.open_alerts().values()]
    assert told == ["https://runbooks.example/key"] * 2


def test_whoever_says_yes_for_verifiers_outside_is_told_who_they_are(world: World) -> None:
    waits = rotation(
        phase=Phase.FORGET,
        reason=Reason.AWAITING_YES,
        recipe=recipe(external_consumers=True),
        ledger={"confirmed_at": NOW},
    )
    today = policies(policy(notify={"customers": "https://notice.taly.example"}))
    told = {
        one.alert.kind: one.alert
        for one in about_rotation(about_recipe(today, waits.recipe, NOW), History(active=waits))
    }
    assert told[AlertKind.APPROVAL_WANTED].facts["Tell first"] == "customers: https://notice.taly.example"


def test_due_soon_is_told_again_at_the_last_call_and_closes_only_when_rotated(world: World) -> None:
    world.today = WATCHED
    world.looked(seen(age=86 * DAY))
    world.tell()
    assert world.news() == ["info: KEY (production): due soon"]
    world.passes(10 * DAY)
    world.tell()
    assert world.news() == []
    world.passes(DAY + MINUTE)
    world.tell()
    assert world.news() == ["warning: KEY (production): due soon"]
    world.passes(3 * DAY)
    world.tell()
    assert world.news() == ["warning: KEY (production): overdue"], "due soon is not resolved by being overdue"
    world.looked(seen(version=2, modified_at=world.clock.now(), observed_at=world.clock.now()))
    world.tell()
    assert sorted(line.partition(" (after")[0] for line in world.news()) == [
        "over: KEY (production): due soon: the store holds a newer one",
        "over: KEY (production): overdue: the store holds a newer one",
    ]


def test_more_unknown_credentials_are_more_news_and_each_ends_by_itself(world: World) -> None:
    world.looked(seen(unknown=("A",)))
    world.tell()
    world.news()
    world.looked(seen(unknown=("A", "B")))
    world.tell()
    ((_, alert),) = world.slack.read
    assert alert.facts["Which"] == "B"
    world.news()
    world.looked(seen(unknown=("B",)))
    world.tell()
    ((_, alert),) = world.slack.read
    assert (alert.facts["Which"], alert.closed) == ("A", True)


def test_a_second_drift_is_told_too(world: World) -> None:
    world.has(done(ago(DAY)))
    world.looked(seen(version=3))
    world.tell()
    world.news()
    world.looked(seen(version=4))
    world.tell()
    assert [alert.facts["What"] for _, alert in world.slack.read if not alert.closed] == [
        "/taly/production/KEY is at version 4, we wrote 2"
    ]


# drift, and what is none


@pytest.mark.parametrize(
    "describes, rows, observed",
    [
        ("what we wrote", (done(ago(DAY)),), seen(version=2)),
        ("a look from before we wrote", (done(NOW),), seen(version=1, observed_at=ago(HOUR))),
        (
            "what our undo wrote",
            (
                done(ago(9 * DAY)),
                undone(ago(DAY), ledger={"before": {NAME: 2}, "restored": {NAME: 4}, "origin": {NAME: 2}}),
                done(ago(DAY / 2), id="superseding", version=5),
            ),
            seen(version=5),
        ),
        (
            "what a rotation under way writes",
            (done(ago(9 * DAY)), rotation(ledger={"before": {NAME: 2}, "wrote": {NAME: 3}})),
            seen(version=3),
        ),
    ],
)
def test_no_drift(world: World, describes: str, rows: tuple[Any, ...], observed: Observed) -> None:
    for number, row in enumerate(rows):
        world.has(row.model_copy(update={"id": f"rot{number}"}))
    world.looked(observed)
    world.tell()
    assert world.news() == []


@pytest.mark.parametrize(
    "name, severity",
    [("prod", "critical"), ("live-eu", "critical"), ("main", "critical"), ("staging", "warning")],
)
def test_drift_is_critical_in_production_whatever_that_is_called(
    world: World, name: str, severity: str
) -> None:
    secret = f"{name}/KEY"
    world.today = policies(policy(secret))
    world.has(done(ago(9 * DAY), secret=secret))
    world.looked(seen(secret, version=3))
    world.tell()
    assert world.news() == [f"{severity}: KEY ({name}): changed by someone else"]


def test_an_undo_is_no_drift(world: World) -> None:
    world.has(done(ago(9 * DAY)))
    ledger = {"before": {NAME: 2}, "restored": {NAME: 4}, "origin": {NAME: 2}}
    world.has(undone(ago(DAY), ledger={**ledger, "undo_reason": Reason.NOT_SEEN, "undo_from": Phase.CONFIRM}))
    world.looked(seen(version=4))
    world.tell()
    assert world.news() == ["warning: KEY (production): rotation undone"]


def test_drift_lasts_while_a_rotation_replaces_it_and_through_its_undo(world: World) -> None:
    world.has(done(ago(9 * DAY)))
    world.looked(seen(version=3))
    world.tell()
    assert world.news() == ["critical: KEY (production): changed by someone else"]
    world.has(rotation(id="rot7", ledger={"before": {NAME: 3}, "wrote": {NAME: 4}}))
    world.looked(seen(version=4))
    world.tell()
    assert world.news() == []
    undo = {
        "before": {NAME: 3},
        "wrote": {NAME: 4},
        "restored": {NAME: 5},
        "origin": {NAME: 3},
        "undo_reason": Reason.NOT_SEEN,
    }
    world.becomes(
        "rot7", state=State.UNDONE, ended_at=NOW, ledger=rotation(ledger=undo).ledger, sentence="undone"
    )
    world.looked(seen(version=5))
    world.tell()
    assert world.news() == ["warning: KEY (production): rotation undone"], (
        "the stranger's value is back: drift"
    )
    assert AlertKind.DRIFT in world.open_alerts()


# what it means for the credential in use

GAPPED = recipe(accept_gap=True)
WRITTEN_BY_OTHERS = (
    "unknown: what runs keeps the value that it has read; what starts now reads what somebody else wrote, "
    "and rotator does not know whether that works"
)
LOCKED_OUT = "consumers may be locked out until they read the new credential: the source keeps only one"


@pytest.mark.parametrize(
    "changes", [{"state": State.PARKED, "reason": Reason.RACED}, {"reason": Reason.RETRYING, "attempt": 3}]
)
@pytest.mark.parametrize("gapped, severity", [(True, "critical"), (False, "warning")])
def test_what_stops_where_the_source_keeps_one_credential_is_critical(
    world: World, changes: dict[str, Any], gapped: bool, severity: str
) -> None:
    world.looked(seen())
    world.has(rotation(phase=Phase.STORE, recipe=recipe(accept_gap=gapped), **changes))
    world.tell()
    if "attempt" in changes and not gapped:
        assert world.news() == [], "it mostly passes"
        world.passes(10 * MINUTE)
        world.tell()
    (line,) = world.news()
    title = line.removeprefix(f"{severity}: KEY (production): ")
    if "attempt" not in changes:
        assert title == "rotation parked at store: raced"
    else:
        locked = "consumers may be locked out: " if gapped else ""
        assert title == f"{locked}rotation does not get past store"


FREEZE = Freeze(name="year-end", begins=ago(DAY), ends=NOW + DAY, reason="release freeze")
HELD_BACK: dict[str, tuple[Callable[[World], Any], Policies, str]] = {
    "cooling down": (
        lambda world: world.has(undone(NOW)),
        policies(policy()),
        "rotator retry production/KEY",
    ),
    "a yes": (lambda _: None, APPROVED, "rotator approve production/KEY --reason …"),
    "a freeze": (
        lambda _: None,
        policies(policy(), environments=(environment(freezes=(FREEZE,)),)),
        "nothing, if that may wait; else: rotator rotate production/KEY",
    ),
    "a person who makes it": (lambda _: None, BY_HAND, "rotator submit production/KEY"),
}


@pytest.mark.parametrize("held", HELD_BACK)
def test_what_ends_the_wait_of_one_that_is_overdue(world: World, held: str) -> None:
    begin, world.today, action = HELD_BACK[held]
    begin(world)
    world.looked(seen(age=120 * DAY))
    world.tell()
    assert current(world, AlertKind.OVERDUE).action == action


@pytest.mark.parametrize(
    "changes, following",
    [
        (
            {"reason": Reason.RETRYING, "attempt": 3},
            "tries again 2026-06-10 13:00 UTC, and goes on back from there",
        ),
        (
            {"reason": Reason.STILL_USED},
            "waits until nobody uses the new one any more, and looks again 2026-06-10 13:00 UTC",
        ),
    ],
)
@pytest.mark.parametrize("gapped", [True, False])
def test_an_undo_says_what_holds_it(
    world: World, changes: dict[str, Any], following: str, *, gapped: bool
) -> None:
    ledger = {"undo_reason": Reason.NOT_SEEN, "undo_from": Phase.CONFIRM, "wrote": {NAME: 2}}
    one = rotation(
        phase=Phase.RESTORE, run_at=NOW + HOUR, recipe=recipe(accept_gap=gapped), ledger=ledger, **changes
    )
    world.looked(seen())
    world.has(one)
    world.tell()
    told = current(world, AlertKind.ROLLOUT_FAILED)
    assert told.facts["Next"] == following
    back = "consumers may be locked out until they read the old credential again: the source keeps only one"
    assert told.facts["Impact"] == (back if gapped else "none yet: the old credential is valid")
    assert told.severity is (Severity.CRITICAL if gapped else Severity.WARNING)


@pytest.mark.parametrize(
    "environment, severity", [("production", Severity.CRITICAL), ("staging", Severity.WARNING)]
)
def test_what_somebody_wrote_during_a_rotation_is_as_grave_as_at_any_other_time(
    environment: str, severity: Severity
) -> None:
    about = about_recipe(policies(), recipe(f"{environment}/KEY"), NOW)
    parked = rotation(
        f"{environment}/KEY",
        phase=Phase.FORGET,
        state=State.PARKED,
        reason=Reason.DRIFT,
        ledger={"confirmed_at": NOW},
    )
    (finding,) = about_rotation(about, History(active=parked))
    assert finding.alert.severity is severity


@pytest.mark.parametrize(
    "reason", [reason for reason in Reason if f"`{reason}`" in PAGE_OF_PARKED.read_text()]
)
def test_whoever_is_told_that_it_is_parked_is_told_what_to_do(reason: Reason) -> None:
    parked = rotation(state=State.PARKED, phase=Phase.PLAN, reason=reason)
    (finding,) = about_rotation(about_recipe(policies(), recipe(), NOW), History(active=parked))
    assert finding.alert.action.endswith("; then: rotator approve rot1 --reason …")


@pytest.mark.parametrize(
    "changes, ledger, means",
    [
        ({}, {}, "none yet: the old credential is valid"),
        (
            {},
            {"predecessor_works": False},
            "the source refused the old credential before rotator began: whoever uses it is locked out",
        ),
        ({}, {"confirmed_at": NOW}, "none yet: consumers use the new credential, the old one is still valid"),
        (
            {},
            {"confirmed_at": NOW, "disabled_at": NOW},
            "none yet: consumers use the new credential, the old one is disabled",
        ),
        (
            {},
            {"confirmed_at": NOW, "removed_at": NOW},
            "none yet: consumers use the new credential, the old one is disabled",
        ),
        ({"phase": Phase.RESTORE}, {"confirmed_at": NOW}, "none yet: the old credential is valid"),
        (
            {"reason": Reason.NEITHER_WORKS},
            {"confirmed_at": NOW},
            "consumers are locked out: neither the old nor the new credential works",
        ),
        (
            {"reason": Reason.SUCCESSOR_DEAD},
            {"confirmed_at": NOW},
            "the credential in use is refused by its source",
        ),
        ({"phase": Phase.STORE}, {}, "none yet: the old credential is valid"),
        ({"reason": Reason.DRIFT}, {"confirmed_at": NOW}, WRITTEN_BY_OTHERS),
        ({"reason": Reason.DRIFT}, {}, WRITTEN_BY_OTHERS),
        ({"reason": Reason.DRIFT, "phase": Phase.STORE, "recipe": GAPPED}, {}, LOCKED_OUT),
        ({"phase": Phase.STORE, "recipe": GAPPED}, {}, LOCKED_OUT),
        ({"phase": Phase.STORE, "recipe": GAPPED}, {"predecessor_works": False}, LOCKED_OUT),
        ({"phase": Phase.PLAN, "recipe": GAPPED}, {}, "none yet: the old credential is valid"),
        (
            {"phase": Phase.PROVE, "recipe": GAPPED},
            {"confirmed_at": NOW},
            "none yet: consumers use the new credential, the old one is still valid",
        ),
    ],
)
def test_what_it_means(changes: dict[str, Any], ledger: dict[str, Any], means: str) -> None:
    assert impact(rotation(ledger=ledger, **changes)) == means


@pytest.mark.parametrize(
    "changes, told",
    [
        ({}, True),
        ({"attempt": 0, "ledger": {"mints_lost": 3}}, True),
        ({"attempt": 2}, False),
        ({"state": State.PARKED}, False),
        ({"reason": Reason.GRACE}, False),
    ],
)
def test_when_a_rotation_is_stuck(changes: dict[str, Any], told: bool) -> None:
    assert stuck(rotation(**{"attempt": 3, "reason": Reason.RETRYING, **changes})) is told


@pytest.mark.parametrize("changes", [{"approved_by": "ana"}, {"state": State.PARKED}])
def test_a_yes_that_was_given_or_helps_nobody_is_not_wanted(world: World, changes: dict[str, Any]) -> None:
    world.looked(seen())
    world.has(rotation(phase=Phase.FORGET, reason=Reason.AWAITING_YES, **changes))
    world.tell()
    assert AlertKind.APPROVAL_WANTED not in world.open_alerts()


# who left the policy


def test_a_parked_rotation_of_a_secret_that_left_the_policy_is_told_to_the_default_owner(
    world: World,
) -> None:
    world.has(
        rotation("production/GONE", state=State.PARKED, sentence="GONE is not in policies.yaml any more")
    )
    world.tell()
    ((_, alert),) = world.slack.read
    assert (alert.title, alert.owner) == (
        "GONE (production): rotation parked at plan",
        "platform",
    )


def test_what_leaves_the_policy_is_no_alert_any_more(world: World) -> None:
    world.today = policies(policy(mode=Mode.OBSERVE), policy("production/OTHER"))
    world.looked(seen(age=101 * DAY), seen("production/OTHER"))
    world.tell()
    world.news()
    world.today = policies(policy("production/OTHER"))
    world.tell()
    assert world.news() == [
        "over: KEY (production): overdue: it is not in policies.yaml any more (after 1 min)"
    ]


def test_an_exemption_closes_what_it_excuses(world: World) -> None:
    world.today = policies(policy(mode=Mode.OBSERVE))
    world.looked(seen(age=101 * DAY))
    world.tell()
    world.news()
    world.today = policies(
        policy(mode=Mode.OBSERVE, exempt_until=NOW + DAY, exempt_reason="the contract ends")
    )
    world.tell()
    assert world.news() == [
        "over: KEY (production): overdue: exempt until 2026-06-11: the contract ends (after 1 min)"
    ]


def test_alerts_that_no_secret_is_about_go_to_the_default_owner(world: World) -> None:
    world.today = policies(policy(), environments=(environment(),))
    world.looked(seen())
    world.rejected = "bad"
    world.tell()
    ((_, alert),) = world.slack.read
    assert alert.owner == "platform"
