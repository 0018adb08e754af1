"""What was recorded is signed within the hour, by whichever key the sealer gives."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from rotator.contracts.sealer import DataKey, Sealer
from rotator.engine.alerts.about_record import tell_of_record
from rotator.engine.record import faults_in_record, sign_record
from rotator.model.alerts import AlertKind
from rotator.model.errors import Refused, RotatorError, Transient
from rotator.model.record import Broken
from rotator.sealers.envelope import EnvelopeKey
from tests.engine.things import HOUR, MINUTE, rotation
from tests.engine.world import World


class Vault:
    """A sealer whose keys are bound to their context, and that can be away or be another one than before."""

    def __init__(self) -> None:
        self.keys: dict[str, tuple[DataKey, Mapping[str, str]]] = {}
        self.trouble: RotatorError | None = None  # with keys that are there
        self.makes_none: RotatorError | None = None

    def new_key(self, context: Mapping[str, str]) -> DataKey:
        if self.makes_none is not None:
            raise self.makes_none
        key = EnvelopeKey(secrets.token_bytes(32), f"wrapped-{len(self.keys)}", context)
        self.keys[key.wrapped] = key, dict(context)
        return key

    def open_key(self, wrapped: str, context: Mapping[str, str]) -> DataKey:
        if self.trouble is not None:
            raise self.trouble
        key, bound = self.keys.get(wrapped, (None, {}))
        if key is None or bound != context:
            raise Refused("it was sealed by another sealer")
        return key


class Sealing(World):
    """A world that can seal."""

    vault: Vault

    @property
    def sealer(self) -> Sealer:
        return self.vault


@pytest.fixture
def sealing(world: World) -> Sealing:
    sealing = Sealing(world.clock, world.journal, world.today)
    sealing.vault = Vault()
    return sealing


def recorded(world: World, name: str) -> None:
    """Something happened."""
    world.has(rotation(f"production/{name}", id=name, principal=name))


def signed(world: World) -> int:
    newest = world.journal.newest_head()
    return newest.number if newest else 0


def test_what_was_recorded_is_signed_once_an_hour(sealing: Sealing) -> None:
    sign_record(sealing)
    assert signed(sealing) == 0, "there is nothing to sign, and the sealer is not asked"
    assert not sealing.vault.keys
    recorded(sealing, "A")
    sign_record(sealing)
    assert signed(sealing) == 1
    recorded(sealing, "B")
    sealing.passes(HOUR - MINUTE)
    sign_record(sealing)
    assert signed(sealing) == 1, "the newest is not an hour old"
    sealing.passes(MINUTE)
    sign_record(sealing)
    assert signed(sealing) == 2
    sealing.passes(HOUR)
    sign_record(sealing)
    assert signed(sealing) == 2, "nothing has grown"
    ((_, context),) = sealing.vault.keys.values()
    assert context == {"app": "rotator", "heads": sealing.journal.installation()}, "one key is made, and kept"
    assert faults_in_record(sealing) == []


def test_a_head_is_logged_so_that_it_can_be_kept_elsewhere(sealing: Sealing) -> None:
    recorded(sealing, "A")
    with capture_logs() as lines:
        sign_record(sealing)
    head = sealing.journal.newest_head()
    assert head is not None
    (line,) = lines
    assert (line["event"], line["number"], line["digest"], line["mac"]) == (
        "head signed",
        1,
        head.digest,
        head.mac,
    )


def test_without_the_sealer_nothing_is_signed_and_later_all_is(sealing: Sealing) -> None:
    recorded(sealing, "A")
    sealing.vault.makes_none = Transient("KMS does not answer")
    with pytest.raises(Transient):
        sign_record(sealing)
    assert signed(sealing) == 0
    sealing.vault.makes_none = None
    sign_record(sealing)
    sealing.passes(HOUR)
    recorded(sealing, "B")
    sealing.vault.trouble = Transient("KMS does not answer")
    with pytest.raises(Transient):
        sign_record(sealing)
    sealing.vault.trouble = None
    sign_record(sealing)
    assert signed(sealing) == 2
    assert len(sealing.vault.keys) == 1, "trouble is no reason for another key"


def test_another_sealer_signs_on_with_a_key_of_its_own(sealing: Sealing) -> None:
    recorded(sealing, "A")
    sign_record(sealing)
    sealing.passes(HOUR)
    recorded(sealing, "B")
    former, sealing.vault = sealing.vault, Vault()
    sealing.vault.keys["wrapped-0"] = former.keys["wrapped-0"][0], {"of": "a rotation"}
    with capture_logs() as lines:
        sign_record(sealing)
    assert [line["event"] for line in lines] == ["heads get another key", "head signed"]
    assert [one.sentence for one in faults_in_record(sealing)] == [
        "head 1 cannot be checked: it was sealed by another sealer"
    ]


# people are told of it


CHANGED = Broken("rot1", 2, "event 2 was changed")
FORGED = Broken("", 3, "head 3 is not signed by its key")
OF_ANOTHER = Broken("", 1, "head 1 cannot be checked: it was sealed by another sealer", unchecked=True)


def test_what_was_changed_is_told_once_until_a_later_look_finds_it_whole(world: World) -> None:
    tell_of_record(world, [CHANGED, FORGED])
    world.tell()
    ((_, alert),) = world.slack.read
    assert (alert.kind, alert.title) == (
        AlertKind.AUDIT_BROKEN,
        "rotator's record is not as it was written",
    )
    assert alert.facts == {
        "What": "2 places of the record: event 2 was changed",
        "Which": "rot1, the signed heads",
        "Impact": "none on credentials; who did what, and when, cannot be proved from here on",
        "Done": "all of the record was read and compared, and nothing of it repaired",
        "Next": "rotator goes on, and looks again within a day",
    }
    assert world.news() == ["critical: rotator's record is not as it was written"]
    for _ in range(3):  # each replica looks once a day, and finds the same
        world.passes(HOUR)
        tell_of_record(world, [CHANGED, FORGED])
        world.tell()
    assert world.news() == []
    tell_of_record(world, [])
    world.tell()
    (over,) = world.news()
    assert over.startswith(
        "over: rotator's record is not as it was written: all of it is as it was written, by a later look"
    )


def test_another_sealers_heads_are_a_warning_that_gets_worse(world: World) -> None:
    tell_of_record(world, [OF_ANOTHER])
    world.tell()
    assert world.news() == ["warning: a part of rotator's record cannot be checked"]
    tell_of_record(world, [OF_ANOTHER, CHANGED])
    world.tell()
    assert world.news() == ["critical: rotator's record is not as it was written"]


def test_a_whole_record_is_no_news(world: World) -> None:
    tell_of_record(world, [])
    world.tell()
    assert world.news() == []
