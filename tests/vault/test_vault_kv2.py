"""Vault's key-value store keeps the promises of a store, and what it promises besides; on OpenBao."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pydantic import ValidationError

from rotator.contracts.store import SecretStore
from rotator.model.errors import Drifted, Refused, Transient
from rotator.model.secrets import Owner, Sealed
from rotator.sandbox.openbao import EmbeddedOpenBao
from rotator.stores.vault_kv2 import VaultKv2
from rotator.testing.store_contract import StoreContract
from rotator.testing.values import fresh_value, raises_silently
from rotator.vault.placement import Placement, wrong_with
from tests.vault.kv2_world import LIFETIME, Kv2World

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


@pytest.mark.slow
class TestVaultKv2(StoreContract):
    compares = True

    @pytest.fixture
    def world(self, kv2: Kv2World) -> Kv2World:
        return kv2


@pytest.mark.slow
class TestVaultKv2WithTenants(StoreContract):
    compares = True

    @pytest.fixture
    def world(self, openbao: EmbeddedOpenBao) -> Iterator[Kv2World]:
        with Kv2World(openbao, path="<folder>/{tenant}/staging/{name}", tenant="shared") as world:
            yield world


@pytest.mark.slow
def test_it_is_a_secret_store(kv2: Kv2World) -> None:
    assert isinstance(kv2.store, SecretStore)


@pytest.mark.slow
def test_other_keys_and_a_lifetime_stay(kv2: Kv2World) -> None:
    name = f"{kv2.path}/NAME"
    kv2.seed(name, fresh_value())
    kv2.store.write(name, fresh_value(), after=1)
    kept = kv2.metadata(name)
    assert (kept["beside"], kept["delete_version_after"], kept["max_versions"]) == ("stays", LIFETIME, "7")


@pytest.mark.slow
def test_a_deleted_parameter_is_gone_and_may_be_made_again(kv2: Kv2World) -> None:
    name, ours = f"{kv2.path}/NAME", fresh_value()
    kv2.seed(name, fresh_value())
    kv2.kv.delete_latest_version_of_secret(kv2.placement.place(name))
    assert list(kv2.store.ages(kv2.path)) == []
    assert kv2.store.look([name]) == {}
    with pytest.raises(Refused):
        kv2.store.read(name)
    with pytest.raises(Refused):
        kv2.store.check_writable(name, 1)
    with pytest.raises(Drifted):
        kv2.store.write(name, ours, after=1)
    assert kv2.store.write(name, ours, after=None) == 2


@pytest.mark.slow
def test_a_lifetime_ahead_is_no_deletion(kv2: Kv2World) -> None:
    name = f"{kv2.path}/NAME"
    kv2.seed(name, fresh_value())
    (age,) = kv2.store.ages(kv2.path)
    assert age.name == name
    assert abs(kv2.clock.now() - age.modified_at) < timedelta(minutes=1)


@pytest.mark.slow
def test_a_secret_of_another_form_is_not_rotators(kv2: Kv2World) -> None:
    name = f"{kv2.path}/NAME"
    for data in ({"user": "x", "password": "y"}, {"value": 7}, {"value": {"deep": "er"}}):
        kv2.kv.create_or_update_secret(kv2.placement.place(name), data)
        with pytest.raises(Refused, match="has no text under the key value"):
            kv2.store.read(name)
        with pytest.raises(Refused):
            kv2.store.write(name, fresh_value(), after=1)


@pytest.mark.slow
def test_a_claim_at_the_same_moment_is_noticed(kv2: Kv2World) -> None:
    ours, theirs = Owner("installation-a", kv2.clock.now()), Owner("installation-b", kv2.clock.now())
    kv2.store.claim_owner(kv2.path, ours, instead_of=None)
    replica = kv2.as_seen_by("installation-a")
    kv2.front.before_next = lambda: replica.claim_owner(kv2.path, ours, instead_of=None)
    kv2.store.claim_owner(kv2.path, ours, instead_of=None)  # a heartbeat of a replica is no quarrel
    kv2.front.before_next = lambda: kv2.as_seen_by("installation-b").claim_owner(kv2.path, theirs, ours)
    with pytest.raises(Refused, match="installation-b owns"):
        kv2.store.claim_owner(kv2.path, ours, instead_of=ours)
    assert kv2.store.owner(kv2.path) == theirs


@pytest.mark.slow
def test_the_owner_is_marked_as_no_secret(kv2: Kv2World) -> None:
    kv2.store.claim_owner(kv2.path, Owner("installation-a", kv2.clock.now()), instead_of=None)
    assert {age.name: age.kind for age in kv2.store.ages(kv2.path)} == {f"{kv2.path}/rotator/owner": "String"}


@pytest.mark.slow
def test_vault_away_is_transient(kv2: Kv2World) -> None:
    ours = fresh_value()
    kv2.front.away = True
    with raises_silently(Transient, ours):
        kv2.store.write(f"{kv2.path}/NAME", ours, after=None)
    with pytest.raises(Transient):
        list(kv2.store.ages(kv2.path))


# Placement


@pytest.mark.parametrize(
    "path,tenant,name,place",
    [
        ("{name}", None, "/taly/production/DATABASE_URL", "DATABASE_URL"),
        ("taly/production/{name}", None, "/taly/production/acme/KEY", "taly/production/acme/KEY"),
        ("crm/{tenant}/production/{name}", None, "/taly/production/acme/KEY", "crm/acme/production/KEY"),
        (
            "crm/{tenant}/production/{name}",
            None,
            "/taly/production/acme/deep/KEY",
            "crm/acme/production/deep/KEY",
        ),
        ("crm/{tenant}/production/{name}", "taly", "/taly/production/KEY", "crm/taly/production/KEY"),
        ("{tenant}/{name}", None, "/taly/production/rotator/owner", "rotator/owner"),
    ],
)
def test_a_parameter_has_one_place_and_a_place_one_parameter(
    path: str, tenant: str | None, name: str, place: str
) -> None:
    placement = Placement("/taly/production", path, tenant)
    assert placement.place(name) == place
    assert placement.reader()(place) == name
    assert place.startswith(placement.folder)


@pytest.mark.parametrize(
    "name",
    ["/taly/staging/KEY", "/taly/production/../staging/KEY", "/taly/production/a?b", "/taly/production/KEY"],
)
def test_a_name_without_a_place_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        Placement("/taly/production", "crm/{tenant}/{name}").place(name)


@pytest.mark.parametrize(
    "tenant, path", [(None, "crm/acme/a key"), (None, "elsewhere/acme/KEY"), ("acme", "crm/acme/a/../KEY")]
)
def test_a_place_where_no_parameter_can_stand_is_nobodys(tenant: str | None, path: str) -> None:
    assert Placement("/taly/production", "crm/{tenant}/{name}", tenant).reader()(path) is None


def test_two_parameters_never_share_a_place() -> None:
    """`shared/KEY` in a folder of that name would stand where `KEY` does."""
    placement = Placement("/taly/production", "crm/{tenant}/{name}", "shared")
    assert placement.place("/taly/production/KEY") == "crm/shared/KEY"
    with pytest.raises(Refused, match="is what parameters in no folder have"):
        placement.place("/taly/production/shared/KEY")


@pytest.mark.parametrize(
    "path,said",
    [
        ("crm/{tenant}", "must end with /{name}"),
        ("crm/{team}/{name}", "has {team}"),
        ("crm/x{name}", "must end with /{name}"),
        ("{tenant}/{tenant}/{name}", "at most once"),
        ("../{name}", "must be folders"),
        ("crm//{name}", "must be folders"),
    ],
)
def test_a_path_that_cannot_be_filled_in_is_refused(path: str, said: str) -> None:
    assert said in wrong_with(path)
    with pytest.raises(ValidationError):
        VaultKv2.Options.model_validate({"auth": {"token": "ssm:/x/TOKEN"}, "path": path})


@pytest.mark.slow
def test_a_value_is_in_no_repr(kv2: Kv2World) -> None:
    name, value = f"{kv2.path}/NAME", fresh_value()
    kv2.seed(name, value)
    assert value.reveal() not in repr(kv2.store._secret(name))
    assert isinstance(kv2.store.read(name).value, Sealed)
