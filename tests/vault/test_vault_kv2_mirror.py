"""Copies in Vault: the same value is no change, nobody's change is lost, and a lifetime is not wiped; on OpenBao."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pydantic import ValidationError

from rotator.contracts.guard import claimed
from rotator.contracts.store import Mirror
from rotator.mirrors.vault_kv2 import VaultKv2Mirror
from rotator.model.errors import LostClaim, Refused, Transient
from rotator.model.secrets import Sealed
from rotator.sandbox.openbao import EmbeddedOpenBao
from rotator.testing.mirror_contract import MirrorContract
from rotator.testing.values import fresh_value, raises_silently
from tests.vault.kv2_world import LIFETIME, TOKEN, Kv2MirrorWorld, Kv2World

pytestmark = pytest.mark.slow


class TestVaultKv2Mirror(MirrorContract):
    @pytest.fixture
    def world(self, openbao: EmbeddedOpenBao) -> Iterator[Kv2MirrorWorld]:
        with Kv2MirrorWorld(openbao) as world:
            yield world


def test_it_is_a_mirror(kv2: Kv2World) -> None:
    assert isinstance(kv2.mirror(), Mirror)


def test_a_copy_is_written_and_marked(kv2: Kv2World) -> None:
    value, name = fresh_value(), f"{kv2.path}/NAME"
    kv2.mirror().write(name, value)
    assert kv2.copy("NAME") == {"value": value.reveal()}
    assert kv2.facts("NAME")["custom_metadata"] == {"managed_by": "rotator", "mirror_of": name}


def test_custom_metadata_that_has_no_room_for_our_marks_keeps_no_copy_from_being_written(
    kv2: Kv2World,
) -> None:
    full = {f"note-{number}": "theirs" for number in range(64)}
    kv2.kv.update_metadata(f"{kv2.folder}/NAME", custom_metadata=full)
    value, name = fresh_value(), f"{kv2.path}/{'long/' * 110}NAME"
    for _again in range(2):
        kv2.mirror().write(f"{kv2.path}/NAME", value)
        kv2.mirror().write(name, value)
    assert kv2.facts("NAME")["custom_metadata"] == full
    assert kv2.copy(f"{'long/' * 110}NAME") == {"value": value.reveal()}
    assert kv2.facts(f"{'long/' * 110}NAME")["custom_metadata"]["mirror_of"] == name[:512]


def test_the_same_value_again_is_no_new_version_and_not_stale_any_more(kv2: Kv2World) -> None:
    """An undo puts back what a copy may hold still: it must not look stale for ever after that."""
    value, name = fresh_value(), f"{kv2.path}/NAME"
    kv2.mirror().write(name, value)
    since = kv2.clock.now()
    assert kv2.mirror().stale(name, since)
    kv2.mirror().write(name, value)
    assert kv2.facts("NAME")["current_version"] == 1
    assert not kv2.mirror().stale(name, since)
    kv2.kv.update_metadata(f"{kv2.folder}/NAME", custom_metadata={"copied_at": "yesterday"})
    assert kv2.mirror().stale(name, since)


def test_a_lifetime_and_what_people_wrote_down_stay(kv2: Kv2World) -> None:
    kv2.kv.update_metadata(
        f"{kv2.folder}/NAME",
        max_versions=5,
        cas_required=True,
        delete_version_after=LIFETIME,
        custom_metadata={"team": "payments"},
    )
    kv2.mirror().write(f"{kv2.path}/NAME", fresh_value())
    facts = kv2.facts("NAME")
    assert (facts["max_versions"], facts["cas_required"], facts["delete_version_after"]) == (
        5,
        True,
        LIFETIME,
    )
    value = fresh_value()
    for _again in range(2):
        kv2.mirror().write(f"{kv2.path}/NAME", value)
    facts = kv2.facts("NAME")
    assert (facts["max_versions"], facts["cas_required"], facts["delete_version_after"]) == (
        5,
        True,
        LIFETIME,
    )
    assert facts["custom_metadata"]["team"] == "payments"
    assert facts["custom_metadata"]["managed_by"] == "rotator"
    assert kv2.facts("NAME")["versions"]["2"]["deletion_time"], "the lifetime holds for the next version, too"


def test_custom_metadata_that_somebody_changes_at_the_same_moment_is_not_lost(kv2: Kv2World) -> None:
    """OpenBao counts the metadata's own versions; Vault does not, and there the window is one round trip."""
    name, value = f"{kv2.path}/NAME", fresh_value()
    kv2.kv.create_or_update_secret(f"{kv2.folder}/NAME", {"value": value.reveal()})
    kv2.front.before_next = lambda: kv2.kv.update_metadata(
        f"{kv2.folder}/NAME", custom_metadata={"team": "payments"}
    )
    with pytest.raises(Transient, match="somebody is changing"):
        kv2.mirror().write(name, value)
    kv2.mirror().write(name, value)
    assert set(kv2.facts("NAME")["custom_metadata"]) == {"team", "managed_by", "mirror_of", "copied_at"}


def test_other_keys_stay(kv2: Kv2World) -> None:
    kv2.kv.create_or_update_secret(f"{kv2.folder}/NAME", {"value": "x", "url": "https://db"})
    value = fresh_value()
    kv2.mirror().write(f"{kv2.path}/NAME", value)
    assert kv2.copy("NAME") == {"value": value.reveal(), "url": "https://db"}


def test_nobodys_change_is_overwritten_unseen(kv2: Kv2World) -> None:
    name, value = f"{kv2.path}/NAME", fresh_value()
    kv2.mirror().write(name, fresh_value())
    kv2.front.before_next = lambda: kv2.kv.create_or_update_secret(f"{kv2.folder}/NAME", {"value": "theirs"})
    with raises_silently(Transient, value) as caught:
        kv2.mirror().write(name, value)
    assert caught.value.__context__ is None
    assert kv2.copy("NAME") == {"value": "theirs"}
    kv2.mirror().write(name, value)
    assert kv2.copy("NAME") == {"value": value.reveal()}


def test_a_lost_answer_is_found_by_the_next_attempt(kv2: Kv2World) -> None:
    name, value = f"{kv2.path}/NAME", fresh_value()
    kv2.front.lose_next = True
    with raises_silently(Transient, value):
        kv2.mirror().write(name, value)
    kv2.mirror().write(name, value)
    assert kv2.facts("NAME")["current_version"] == 1


def test_a_deleted_copy_is_stale_and_written_again(kv2: Kv2World) -> None:
    name, since = f"{kv2.path}/NAME", kv2.clock.now() - timedelta(minutes=1)
    mirror = kv2.mirror()
    assert mirror.stale(name, since)
    mirror.write(name, fresh_value())
    assert not mirror.stale(name, since)
    assert mirror.stale(name, kv2.clock.now() + timedelta(minutes=1))
    kv2.kv.delete_latest_version_of_secret(f"{kv2.folder}/NAME")
    assert mirror.stale(name, since)
    mirror.write(name, fresh_value())
    assert not mirror.stale(name, since)


def test_tenants_are_kept_apart(kv2: Kv2World) -> None:
    mirror = kv2.mirror(path=f"{kv2.folder}/{{tenant}}/staging/{{name}}", tenant="taly")
    mirror.write(f"{kv2.path}/acme/KEY", Sealed("acme's"))
    mirror.write(f"{kv2.path}/KEY", Sealed("taly's"))
    assert kv2.copy("acme/staging/KEY")["value"] == "acme's"
    assert kv2.copy("taly/staging/KEY")["value"] == "taly's"


def test_what_does_not_fit_is_refused(kv2: Kv2World) -> None:
    mirror = kv2.mirror()
    for value in (Sealed(""), fresh_value(kv2.largest + 1)):
        with pytest.raises(Refused, match="does not fit"):
            mirror.write(f"{kv2.path}/NAME", value)
    with pytest.raises(Refused, match="has no place"):
        mirror.write("/taly/elsewhere/NAME", fresh_value())


def test_nothing_is_written_without_the_claim(kv2: Kv2World) -> None:
    def lost(_seconds: float) -> None:
        raise LostClaim("another worker has it")

    with claimed(lost), pytest.raises(LostClaim):
        kv2.mirror().write(f"{kv2.path}/NAME", fresh_value())
    assert kv2.mirror().stale(f"{kv2.path}/NAME", kv2.clock.now())


@pytest.mark.parametrize("of", ["taly/staging", "/taly/staging/"])
def test_the_prefix_is_one(of: str) -> None:
    with pytest.raises(ValidationError, match="must be the parameters' prefix"):
        VaultKv2Mirror.Options.model_validate({"of": of, "path": "{name}", "auth": {"token": TOKEN}})
