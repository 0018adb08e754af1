"""One table of all kinds of alerts: how loud each can be, what it says, whom it is told to, and when again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from typing import Any, NamedTuple, cast

import pytest

from rotator.daemon.journal_watch import JournalWatch
from rotator.engine.alerts.about_ages import about_age
from rotator.engine.alerts.about_installation import (
    Deaf,
    Installation,
    about_channels,
    about_clicks,
    about_environment,
    about_pages,
)
from rotator.engine.alerts.about_learning import about_learning
from rotator.engine.alerts.about_reads import about_sightings
from rotator.engine.alerts.about_record import tell_of_record
from rotator.engine.alerts.about_rotations import about_rotation
from rotator.engine.alerts.about_stores import about_contents
from rotator.engine.alerts.about_trail import about_trail
from rotator.engine.alerts.finding import Finding, about_recipe
from rotator.engine.standing import Decision, Standing
from rotator.journal.place import Place
from rotator.model.access import AccessKind
from rotator.model.alerts import TOLD_LATER, TOLD_NOTHING, Alert, AlertKind, AlertRow, Severity
from rotator.model.hours import DigestTimes
from rotator.model.observations import Behind, History
from rotator.model.policy import AlertPolicy, Mode, OwnerPolicy
from rotator.model.record import Broken
from rotator.model.rotation import Phase, Priority, Reason
from rotator.model.watch import Sighting, Watch
from tests.engine.test_alerts import CASES
from tests.engine.things import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    PERIOD,
    gathered,
    policies,
    policy,
    recipe,
    rotation,
    seen,
    surveyed,
)
from tests.engine.world import World

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL
ALWAYS = {"Impact", "Done", "Next"}
OF_ROTATIONS = {"Step", *ALWAYS}
USUAL = "1d 3d 7d"


class Row(NamedTuple):
    """What docs and code promise of one kind."""

    severities: set[Severity]
    says: set[str] = ALWAYS  # facts that each message has
    again: str = USUAL  # after how long it is told again; the last one again and again


TABLE = {
    AlertKind.DUE_SOON: Row({INFO, WARNING}),
    AlertKind.OVERDUE: Row({WARNING, CRITICAL}),
    AlertKind.ROTATION_FAILED: Row({WARNING, CRITICAL}, OF_ROTATIONS),
    AlertKind.STUCK: Row({WARNING, CRITICAL}, OF_ROTATIONS, "1h 1d 3d 7d"),
    AlertKind.ROLLOUT_FAILED: Row({WARNING, CRITICAL}, OF_ROTATIONS, "1h 1d 3d 7d"),
    AlertKind.UNDONE: Row({WARNING}, {"Reason", *ALWAYS}),
    AlertKind.PARKED: Row({WARNING, CRITICAL}, {"Reason", *OF_ROTATIONS}),
    AlertKind.DRIFT: Row({CRITICAL, WARNING}),
    AlertKind.UNKNOWN_CREDENTIAL: Row({WARNING}),
    AlertKind.POLICY_REJECTED: Row({WARNING}),
    AlertKind.APPROVAL_WANTED: Row({WARNING}),
    AlertKind.BY_HAND: Row({WARNING, CRITICAL}),
    AlertKind.STILL_USED: Row({CRITICAL}, OF_ROTATIONS, "4h 1d 3d 7d"),
    AlertKind.STILL_ALIVE: Row({CRITICAL}, {"Reason", *OF_ROTATIONS}),
    AlertKind.WRITTEN_NOT_ROTATED: Row({WARNING}),
    AlertKind.UNMANAGED: Row({INFO}),
    AlertKind.MIRROR_OUT_OF_SYNC: Row({WARNING}),
    AlertKind.UNREACHABLE: Row({WARNING, CRITICAL}),
    AlertKind.FOREIGN_OWNER: Row({CRITICAL}),
    AlertKind.MISSING: Row({WARNING, CRITICAL}),
    AlertKind.DELIVERY_FAILED: Row({CRITICAL}),
    AlertKind.UNKNOWN_ACTOR: Row({CRITICAL}),
    AlertKind.ACCESS_OUTSIDE_DEPLOYMENT: Row({WARNING}),
    AlertKind.HISTORY_READ: Row({CRITICAL}),
    AlertKind.OLD_VERSION_READ: Row({WARNING}),
    AlertKind.BULK_READ: Row({CRITICAL}),
    AlertKind.DENIED_READS: Row({INFO}),
    AlertKind.READS_LEARNED: Row({INFO, WARNING}),
    AlertKind.TRAIL_SILENT: Row({WARNING, CRITICAL}),
    AlertKind.JOURNAL_AWAY: Row({CRITICAL}),
    AlertKind.AUDIT_BROKEN: Row({WARNING, CRITICAL}),
    AlertKind.PAGES_HELD: Row({CRITICAL}),
}
#: How loud the judge finds what it finds, as test_judge.py has it.
READS = {
    AccessKind.UNKNOWN_ACTOR: CRITICAL,
    AccessKind.ACCESS_OUTSIDE_DEPLOYMENT: WARNING,
    AccessKind.HISTORY_READ: CRITICAL,
    AccessKind.OLD_VERSION_READ: WARNING,
    AccessKind.BULK_READ: CRITICAL,
    AccessKind.DENIED_READ: INFO,
    AccessKind.DRIFT: WARNING,
}


def test_every_kind_is_in_the_table() -> None:
    assert TABLE.keys() == set(AlertKind) - {AlertKind.DIGEST}, "which is no alert but a table of them"


def sighting(kind: AccessKind, severity: Severity) -> Sighting:
    return Sighting(
        identity=f"{kind}/production/ana/2026-06-10", kind=kind, severity=severity, environment="production",
        principal="ana", secrets=("production/KEY",), why="no rule", first_at=NOW, last_at=NOW,
    )  # fmt: skip


def findings(world: World) -> Iterator[Finding]:
    """What the cases of test_alerts.py have no message of."""
    here = Installation(world.today, NOW)
    about = about_recipe(world.today, recipe(), NOW)
    for survey in (
        surveyed(foreign_owner="another"), surveyed(unmanaged=("/taly/production/X",)), surveyed(trouble="away"),
    ):  # fmt: skip
        yield from about_environment(here, survey, ())
        yield from about_environment(here, survey, ("production/KEY",))
    yield from about_clicks(here, Deaf("no answer", NOW))
    alert = Alert(
        identity="a", kind=AlertKind.PARKED, severity=CRITICAL, owner="platform", title="t", opened_at=NOW
    )
    yield from about_channels(
        here, [AlertRow(alert=alert, told={"slack:#ops": TOLD_NOTHING}, attempt=9, run_at=NOW)], 6
    )
    yield from about_pages(here, [AlertRow(alert=alert, told={"email:on@call": TOLD_LATER}, run_at=NOW)])
    yield from about_sightings(here, [sighting(kind, severity) for kind, severity in READS.items()], {})
    yield from about_learning(here, [sighting(AccessKind.UNKNOWN_ACTOR, CRITICAL)])
    learning = world.today.access.model_copy(update={"learn_until": NOW + DAY})
    yield from about_learning(Installation(world.today.model_copy(update={"access": learning}), NOW), [])
    for since in (HOUR, 2 * DAY):
        watch = Watch(
            source="sqs", since=NOW - 9 * DAY, looked_at=NOW, answered_at=NOW, trouble="no", trouble_since=NOW - since,
            judged_all_at=NOW - 2 * since, unread=1, unread_at=NOW, unread_said="malformed",
        )  # fmt: skip
        yield from about_trail(here, watch)
    behind = seen(behind={"vault": Behind(sentence="sealed", since=NOW)})
    copied = policy(how={"mirrors": ("vault",)})
    fresh = Decision(Standing.FRESH, "fresh")
    yield from about_contents(about, gathered(policy=copied, observed=behind), fresh)
    watched = policy(mode=Mode.OBSERVE, warn_before=(14 * DAY, 3 * DAY), page_after=7 * DAY)
    for age in (PERIOD - 2 * DAY, PERIOD + 8 * DAY):
        at = gathered(age, policy=watched)
        yield from about_age(about, at, fresh, explained=False, told_for_all=False)
    locked_out: dict[str, Any] = {"recipe": recipe(accept_gap=True), "reason": Reason.RETRYING, "attempt": 3}
    undo = {"undo_reason": Reason.ROLLOUT_FAILED, "undo_from": Phase.CONFIRM, "wrote": {"p": 2}}
    for row in (
        rotation(phase=Phase.ACTIVATE, **locked_out),
        rotation(phase=Phase.RECONFIRM, ledger=undo, **locked_out),
        rotation(
            phase=Phase.PROVE,
            reason=Reason.AWAITING_END,
            priority=Priority.EMERGENCY,
            ledger={"submitted_by": "ana"},
        ),
    ):
        yield from about_rotation(about, History(active=row))
    for gapped in (False, True):
        waits = rotation(
            phase=Phase.ACTIVATE, reason=Reason.RETRYING, recipe=recipe(accept_gap=gapped),
            ledger={"failing_since": NOW - 2 * HOUR},
        )  # fmt: skip
        yield from about_rotation(about, History(active=waits))


class Message(NamedTuple):
    """What of an alert is held to the table."""

    severity: Severity
    title: str
    facts: Mapping[str, str]
    action: str


def messages(world: World) -> dict[AlertKind, list[Message]]:
    """A message of every kind that any state of these tests makes."""
    found: dict[AlertKind, list[Message]] = {kind: [] for kind in TABLE}
    for told in CASES.values():
        found[told.kind].append(Message(told.severity, told.title, told.facts, told.action))
    alerts = [one.alert for one in findings(world) if not one.quiet]
    place = Place("postgresql", "psql")
    alerts.append(JournalWatch(cast(Any, world), place, MINUTE, "us")._alert("no answer", NOW))
    for unchecked in (True, False):
        tell_of_record(world, [Broken("rot1", 3, "changed", unchecked)])
        alerts += [row.alert for row in world.journal.alerts()]
    for alert in alerts:
        found[alert.kind].append(Message(alert.severity, alert.title, alert.facts, alert.action))
    return found


def spans(words: str) -> list[timedelta]:
    return [int(word[:-1]) * {"h": HOUR, "d": DAY}[word[-1]] for word in words.split()]


@pytest.fixture
def escalating(world: World) -> World:
    world.today = policies(
        policy(),
        owners={
            "platform": OwnerPolicy(name="platform", addresses={"slack": "#ops"}, escalate_to="oncall"),
            "oncall": OwnerPolicy(name="oncall", addresses={"email": "on@call"}),
        },
        alerts=AlertPolicy(group_wait=timedelta(), digest=DigestTimes(at=time(9), timezone="UTC")),
    )
    return world


def test_each_message_is_as_loud_as_the_table_says_and_answers_its_questions(escalating: World) -> None:
    for kind, made in messages(escalating).items():
        assert {one.severity for one in made} == TABLE[kind].severities, kind
        of_one = [one for one in made if "Step" in one.facts or "Step" not in TABLE[kind].says]
        assert of_one, kind
        for one in of_one:
            assert set(one.facts) >= TABLE[kind].says, kind
        for one in made:
            assert all(one.facts.values()), one
            assert [name for name in one.facts if name in ALWAYS] == ["Impact", "Done", "Next"], one
            assert one.title and one.action, one


@pytest.mark.parametrize(
    "kind, severity",
    [(kind, severity) for kind, row in TABLE.items() for severity in sorted(row.severities)],
)
def test_it_is_told_to_its_owner_again_as_the_table_says_and_then_further_up(
    escalating: World, kind: AlertKind, severity: Severity
) -> None:
    world = escalating
    alert = Alert(identity="a", kind=kind, severity=severity, owner="platform", title="t", opened_at=NOW)
    world.journal.post_alert(alert, timedelta())
    again = spans(TABLE[kind].again)
    everybody = kind is AlertKind.DELIVERY_FAILED
    for number, wait in enumerate([timedelta(), *again, again[-1]]):
        world.passes(max(wait - 2 * MINUTE, timedelta()))
        if number:
            assert world.deliver() == 0, "not before its time"
        world.passes(4 * MINUTE)
        world.deliver()
        told = [address for channel in (world.slack, world.email) for address, _alert in channel.read]
        up = severity is CRITICAL or number >= len(again)
        wanted = ["#ops", *(["on@call"] if up or everybody else [])]
        assert told == ([] if severity is INFO else wanted), number
        for channel in (world.slack, world.email):
            channel.read.clear()
