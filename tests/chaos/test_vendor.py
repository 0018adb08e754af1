"""What the vendor of chaos shows to those who judge."""

from __future__ import annotations

from datetime import UTC, datetime

from rotator.model.rotation import State
from rotator.sandbox.sources.twilio import Held
from tests.chaos.history import Invalidated
from tests.chaos.judgement import is_stray
from tests.chaos.vendor import Vendor
from tests.engine.things import rotation

KEY = "staging/TWILIO_API_KEY"


def opened() -> tuple[Vendor, str, Held]:
    """A vendor, what consumers of staging read, and a key that nobody of ours knows."""
    vendor = Vendor(["staging", "production"], seed=1)
    value, _own = vendor.logins("staging")
    return vendor, value, vendor.twilio.somebody_makes(vendor.accounts["staging"])


def test_the_key_in_use_and_rotator_s_own_are_no_orphans() -> None:
    vendor, value, stranger = opened()
    assert vendor.beside("staging", value) == [stranger.id]
    vendor.twilio.somebody_deletes(stranger.id)
    assert vendor.beside("staging", value) == []


def test_what_was_deleted_is_told_with_its_rotation() -> None:
    vendor, _value, made = opened()
    made.name = "rotator:r1"
    assert list(vendor.deleted("staging")) == []
    vendor.twilio.somebody_deletes(made.id)
    (gone,) = vendor.deleted("staging")
    assert (gone.sid, gone.label) == (made.id, "r1")
    assert abs(gone.at - datetime.now(UTC).timestamp()) < 60
    assert list(vendor.deleted("production")) == []


def test_consumers_are_let_in_until_their_key_is_deleted() -> None:
    vendor, value, _stranger = opened()
    assert vendor.lets_in(value)
    vendor.twilio.somebody_deletes(vendor.sid(value))
    assert not vendor.lets_in(value)


def test_only_what_its_rotation_never_knew_is_a_stray() -> None:
    row = rotation(KEY, {"predecessor_id": "SK0", "successor_id": "SK1"}, state=State.DONE)
    assert is_stray(Invalidated(KEY, "SK2", 1.0, row.id), [row])
    assert not is_stray(Invalidated(KEY, "SK1", 1.0, row.id), [row]), "its successor"
    assert not is_stray(Invalidated(KEY, "SK0", 1.0, ""), [row]), "made by nobody"
    assert not is_stray(Invalidated(KEY, "SK2", 1.0, "of nobody"), [row])
