"""An outage is one message, not twenty-two; what has another cause comes through, and what is left is told after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from rotator.daemon.installation import Installation
from rotator.daemon.journal_watch import JournalWatch
from rotator.engine.alerts import keep_alerts
from rotator.journal import MemoryJournal
from rotator.journal.place import journal_place
from rotator.model.errors import JournalAway
from rotator.model.policy import Mode
from rotator.model.rotation import Phase, Reason, State
from tests.engine.things import (
    DAY,
    FAR_AHEAD,
    HOUR,
    MINUTE,
    policies,
    policy,
    recipe,
    rotation,
    seen,
    surveyed,
)
from tests.engine.world import World

NAMES = tuple(f"production/KEY_{number:02}" for number in range(22))
HALF = len(NAMES) // 2
AWAY = "warning: the store of production cannot be reached"
STUCK = {
    "reason": Reason.RETRYING,
    "attempt": 4,
    "sentence": "KMS does not answer",
    "run_at": FAR_AHEAD,
}
LIVES_ON = {
    "reason": None,
    "attempt": 0,
    "phase": Phase.GRACE,
    "sentence": "the old one lives",
    "run_at": FAR_AHEAD,
}


@pytest.fixture
def many(world: World) -> World:
    """Twenty-two secrets in one environment, all of them fresh."""
    world.today = policies(*(policy(name, page_after=7 * DAY) for name in NAMES))
    world.looked(*map(seen, NAMES))
    return world


def fails(world: World, *names: str, **changes: Any) -> None:
    for name in names:
        row = rotation(name, id=f"r-{name}", principal=name, **{**STUCK, **changes})
        world.has(row)


def goes_on(world: World, *names: str) -> None:
    for name in names:
        world.becomes(f"r-{name}", **LIVES_ON)


def store(world: World, trouble: str) -> None:
    world.journal.note_surveyed(surveyed(trouble=trouble, scanned_at=world.clock.now()))


def lasts(world: World) -> list[str]:
    """What people read within the hour in which this goes on."""
    for _ in range(4):
        world.tell()
        world.passes(14 * MINUTE)
    return world.news()


def starts(said: list[str]) -> list[str]:
    """Without how long it took."""
    return sorted(line.partition(" (after")[0] for line in said)


# SSM


def overdue(world: World, *names: str, days: int = 101) -> None:
    """They are watched, not rotated: only their age speaks."""
    watched = (policy(name, mode=Mode.OBSERVE, page_after=7 * DAY) for name in names)
    others = (policy(name, page_after=7 * DAY) for name in NAMES if name not in names)
    world.today = policies(*watched, *others)
    world.looked(*(seen(name, age=days * DAY if name in names else DAY) for name in NAMES))


def test_a_store_that_is_away_is_one_message_for_all_that_are_overdue_or_fail(many: World) -> None:
    overdue(many, *NAMES[:HALF])
    fails(many, *NAMES[HALF:])
    store(many, "SSM does not answer")
    assert lasts(many) == [AWAY]
    many.passes(12 * HOUR)
    assert lasts(many) == [], "and it is not told again the same day"


def test_what_is_still_so_is_told_in_one_message_once_the_store_answers_again(many: World) -> None:
    overdue(many, *NAMES[:HALF])
    fails(many, *NAMES[HALF:])
    store(many, "SSM does not answer")
    assert lasts(many) == [AWAY]
    goes_on(many, *NAMES[HALF:])
    store(many, "")
    assert starts(lasts(many)) == [
        "over: the store of production cannot be reached: it answers again, and what waited goes on",
        "warning: 11 secrets (production): overdue",
    ]


def test_what_was_told_before_stays_told_and_is_neither_ended_nor_told_again(many: World) -> None:
    overdue(many, *NAMES[:HALF])
    assert lasts(many) == ["warning: 11 secrets (production): overdue"]
    store(many, "SSM does not answer")
    assert lasts(many) == [AWAY]
    store(many, "")
    (over,) = lasts(many)
    assert over.startswith("over: the store of production")


def test_what_pages_makes_the_outage_critical_instead_of_paging_one_by_one(many: World) -> None:
    overdue(many, *NAMES, days=120)
    store(many, "SSM does not answer")
    assert lasts(many) == ["critical: the store of production cannot be reached"]


@pytest.mark.parametrize(
    "changes, told",
    [
        (
            {"state": State.PARKED, "reason": Reason.NEITHER_WORKS, "sentence": "both are refused"},
            "critical: KEY_00 (production): consumers are locked out, rotation parked",
        ),
        (
            {**STUCK, "phase": Phase.STORE, "recipe": recipe(NAMES[0], accept_gap=True)},
            "critical: KEY_00 (production): consumers may be locked out: rotation does not get past store",
        ),
    ],
    ids=["parked and locked out", "stuck with consumers locked out"],
)
def test_a_lockout_comes_through_while_the_store_is_away(
    many: World, changes: dict[str, Any], told: str
) -> None:
    fails(many, *NAMES[1:])
    store(many, "SSM does not answer")
    assert lasts(many) == [AWAY]
    fails(many, NAMES[0], **changes)
    assert lasts(many) == [told]


def test_a_credential_that_nobody_knows_comes_through_while_the_store_is_away(many: World) -> None:
    fails(many, *NAMES[1:])
    many.looked(*(seen(name, unknown=("A",) if name == NAMES[0] else ()) for name in NAMES))
    store(many, "SSM does not answer")
    assert starts(lasts(many)) == [
        "warning: KEY_00 (production): a credential that nobody knows is alive",
        AWAY,
    ]


def test_another_environment_is_not_silenced(many: World) -> None:
    elsewhere = policy("staging/KEY", mode=Mode.OBSERVE)
    many.today = policies(*many.today.secrets.values(), elsewhere)
    many.looked(*map(seen, NAMES), seen("staging/KEY", age=101 * DAY))
    store(many, "SSM does not answer")
    assert starts(lasts(many)) == ["warning: KEY (staging): overdue", AWAY]


# KMS, a source: nobody looks at them but the rotations themselves


def test_kms_away_is_one_message_that_is_critical_once_it_holds_up_what_pages(many: World) -> None:
    """Not one for each secret that is far too old, and whose rotation has been under way for longer than that."""
    fails(many, *NAMES)
    assert lasts(many) == ["warning: 22 rotations do not get on"]
    many.passes(8 * DAY)
    many.looked(*(seen(name, age=120 * DAY) for name in NAMES))
    assert lasts(many) == ["critical: 22 rotations do not get on"]
    goes_on(many, *NAMES)
    many.looked(*map(seen, NAMES))
    (over,) = lasts(many)
    assert over.startswith("over: 22 rotations do not get on")


def test_a_source_that_is_away_silences_its_own_secrets_only(many: World) -> None:
    fails(many, *NAMES[:3], sentence="Stripe does not answer")
    overdue(many, NAMES[3])
    assert starts(lasts(many)) == [
        "warning: 3 rotations do not get on",
        "warning: KEY_03 (production): overdue",
    ]
    fails(many, NAMES[4], state=State.PARKED, reason=Reason.NEITHER_WORKS, sentence="both are refused")
    assert lasts(many) == ["critical: KEY_04 (production): consumers are locked out, rotation parked"]


def test_one_that_fails_on_after_the_source_is_back_is_told_as_itself(many: World) -> None:
    fails(many, *NAMES[:3], sentence="Stripe does not answer")
    assert lasts(many) == ["warning: 3 rotations do not get on"]
    goes_on(many, *NAMES[:3])
    (over,) = lasts(many)
    assert over.startswith("over: 3 rotations do not get on")
    many.becomes(f"r-{NAMES[0]}", phase=Phase.PROVE, **STUCK)
    assert lasts(many) == ["warning: KEY_00 (production): rotation does not get past prove"]


# the journal: every other alert lives in it


@dataclass
class Daemon:
    """What the watch of the journal needs of an installation: all but the journal is in memory."""

    world: World
    journal: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def channels(self, *, unpaced: bool) -> dict[str, Any]:
        assert unpaced
        return {"slack": self.world.slack, "email": self.world.email}


class Away:
    """A journal that gives no answer while `trouble` says so."""

    def __init__(self, journal: MemoryJournal) -> None:
        self.behind, self.trouble = journal, "no answer"

    def __getattr__(self, name: str) -> Any:
        if self.trouble:
            raise JournalAway(self.trouble)
        return getattr(self.behind, name)


def test_a_journal_that_is_away_is_one_message_and_what_became_so_is_told_after_it(many: World) -> None:
    away = Away(many.journal)
    place = journal_place("sqlite:////data/journal.sqlite")
    watch = JournalWatch(cast(Installation, Daemon(many, away)), place, 10 * MINUTE, "pod-a")
    overdue(many, *NAMES)  # they became so meanwhile
    real, many.journal = many.journal, cast(MemoryJournal, away)
    try:
        for _ in range(12):
            with pytest.raises(JournalAway):
                watch.look()
            with pytest.raises(JournalAway):
                keep_alerts(many)
            with pytest.raises(JournalAway):
                many.deliver()
            many.passes(5 * MINUTE)
    finally:
        many.journal = real
    assert many.news() == ["critical: rotator's journal cannot be written"]
    away.trouble = ""
    watch.look()
    assert starts(lasts(many)) == [
        "over: rotator's journal cannot be written: it can be written again, and what waited goes on",
        "warning: 22 secrets (production): overdue",
    ]
