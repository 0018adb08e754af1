"""Static roles of OpenBao's database engine, two users of a PostgreSQL in turn; and what may go wrong."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from rotator.contracts.guard import claimed
from rotator.model.errors import CredentialRefused, LostClaim, Refused, Transient
from rotator.model.secrets import Credential
from rotator.providers.vault_database import VaultDatabase
from rotator.testing.provider_contract import ProviderContract
from rotator.testing.surroundings import surroundings
from rotator.testing.values import raises_silently
from tests.providers.recipes import recipe_for
from tests.vault.database_world import TOKEN, VaultDatabaseWorld

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


@pytest.mark.slow
class TestVaultDatabase(ProviderContract):
    @pytest.fixture
    def world(self, held: VaultDatabaseWorld) -> VaultDatabaseWorld:
        return held

    def test_remove_refuses_a_foreign_label(self, world: Any) -> None:
        """A static role cannot get another name. What is somebody else's is one that they have rotated since."""
        successor = world.provider.create("ro-contract-1", begun(world).id)
        name = successor.id.partition("@")[0]
        world.database.rotate_static_role_credentials(name, mount_point=world.mount)
        with pytest.raises(Refused):
            world.provider.remove(successor.id)
        assert name in world.names()


def begun(world: VaultDatabaseWorld) -> Credential:
    fields = world.predecessor()
    known = world.provider.identify(fields)
    assert known is not None
    return Credential(known, fields)


@pytest.mark.slow
def test_users_take_turns_and_roles_come_and_go(held: VaultDatabaseWorld) -> None:
    current, seen = begun(held), []
    for label in ("ro-1", "ro-2", "ro-3"):
        successor = held.provider.create(label, current.id)
        held.provider.verify(successor)
        held.provider.verify(current)
        held.provider.remove(current.id)
        with pytest.raises(CredentialRefused):
            held.provider.verify(current)
        assert held.names() == [f"{held.role}-rotator-{label}"]
        seen.append(held.provider._roles.role(held.names()[0]))
        current = successor
    assert [role.user for role in seen if role] == [held.users[1], held.users[0], held.users[1]]


@pytest.mark.slow
def test_what_rotator_makes_is_never_rotated_by_vault_itself(held: VaultDatabaseWorld) -> None:
    begun(held)
    held.provider.create("ro-1", None)
    made = held.database.get_static_credentials(f"{held.role}-rotator-ro-1", mount_point=held.mount)["data"]
    assert made["ttl"] > 9 * 365 * 24 * 3600


@pytest.mark.slow
def test_a_lost_answer_is_found_by_the_roles_name(held: VaultDatabaseWorld) -> None:
    current = begun(held)
    held.lose_next_answer()
    with pytest.raises(Transient):
        held.provider.create("ro-1", current.id)
    (stray,) = (one for one in held.provider.observe().credentials if one.label == "ro-1")
    again = held.provider.create("ro-1", current.id)
    assert again.id == stray.id
    held.provider.verify(again)


@pytest.mark.slow
@pytest.mark.parametrize("effects", [1, 2])
def test_a_removal_that_was_cut_off_is_finished(held: VaultDatabaseWorld, effects: int) -> None:
    """After the mark, and after the rotation: the role holds a credential with another id by then."""
    current = begun(held)
    successor = held.provider.create("ro-1", current.id)
    allowed = iter(range(effects))

    def lost_after_some(_seconds: float) -> None:
        if next(allowed, None) is None:
            raise LostClaim("another worker has it")

    with claimed(lost_after_some), pytest.raises(LostClaim):
        held.provider.remove(current.id)
    assert held.accepts(current.fields) == (effects == 1)
    held.provider.remove(current.id)
    assert not held.accepts(current.fields)
    assert [one.id for one in held.provider.observe().credentials] == [successor.id]
    held.provider.remove(current.id)


@pytest.mark.slow
def test_a_role_that_somebody_rotated_by_hand_is_left_alone(held: VaultDatabaseWorld) -> None:
    current = begun(held)
    held.database.rotate_static_role_credentials(held.role, mount_point=held.mount)
    held.provider.create("ro-1", current.id)
    with pytest.raises(Refused, match="somebody has rotated"):
        held.provider.remove(current.id)
    assert held.role in held.names()
    assert held.provider.identify(current.fields) is None


@pytest.mark.slow
def test_both_users_held_is_said(held: VaultDatabaseWorld) -> None:
    current = begun(held)
    held.foreign()
    with pytest.raises(Refused, match="neither waits for a successor"):
        held.provider.create("ro-1", current.id)
    assert held.provider.observe().free_slots == 0


@pytest.mark.slow
def test_other_roles_are_nobodys_business(held: VaultDatabaseWorld) -> None:
    current = begun(held)
    held._superuser.execute("CREATE ROLE reports_of_somebody LOGIN")
    try:
        held.person_makes(f"{held.role}-reports", "reports_of_somebody")
        assert [one.id for one in held.provider.observe().credentials] == [current.id]
        with pytest.raises(Refused, match="none of ours"):
            held.provider.remove(f"{held.role}-reports@2026-01-01T00:00:00Z")
        held.database.delete_static_role(f"{held.role}-reports", mount_point=held.mount)
    finally:
        held._superuser.execute("DROP ROLE reports_of_somebody")


@pytest.mark.slow
def test_the_database_away_from_vault_is_no_verdict(held: VaultDatabaseWorld) -> None:
    current = begun(held)
    held.database.configure(
        "crm",
        "postgresql-database-plugin",
        verify_connection=False,
        allowed_roles=[f"{held.role}*"],
        mount_point=held.mount,
        connection_url="postgresql://{{username}}:{{password}}@127.0.0.1:1/postgres?sslmode=disable",
        username="postgres",
        password="x",
    )
    with raises_silently(Transient, *held.unsayable(current.fields)) as caught:
        held.provider.create("ro-1", current.id)
    assert "InternalServerError" in str(caught.value)
    assert caught.value.__context__ is None
    assert held.accepts(current.fields)
    assert [one.id for one in held.provider.observe().credentials] == [current.id]


@pytest.mark.slow
def test_a_store_that_leads_elsewhere_is_refused(held: VaultDatabaseWorld) -> None:
    fields = held.predecessor()
    held.settings["template"] = held.template.replace("/postgres?", "/other?")
    with pytest.raises(Refused, match="differ in dbname"):
        held.provider.identify(fields)


# The policy


def options(**more: Any) -> dict[str, Any]:
    written = {
        "role": "app",
        "connection": "crm",
        "users": ["app_a", "app_b"],
        "template": "postgresql://{user}:{password}@db/crm",
        "auth": {"token": TOKEN},
    }
    return {**written, **more}


@pytest.mark.parametrize(
    "more,said",
    [
        ({"users": ["app", "app"]}, "two different users"),
        ({"template": "postgresql://app@db/crm"}, "lacks {user} and {password}"),
        ({"template": "mysql://{user}@db/crm"}, "lacks {password}"),
        ({"template": "oracle://{user}:{password}@db/crm"}, "should begin with mysql://"),
        ({"auth": {}}, "one way to log in"),
        ({"auth": {"token": TOKEN, "kubernetes": {"role": "rotator"}}}, "one way to log in"),
        ({"auth": {"token": "hvs.looks-like-a-token"}}, "must be a reference"),
        ({"mount": "../sys"}, "should match pattern"),
        ({"role": "app/../x"}, "should match pattern"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        VaultDatabase.Options.model_validate(options(**more))
    assert said in str(caught.value)
    assert "looks-like" not in str(caught.value)


def test_fields_must_fit() -> None:
    assert VaultDatabase.check(recipe_for("D", "vault-database", settings=options())) == []
    odd = recipe_for("D", "vault-database", settings=options(), fields={"user": "D"})
    assert VaultDatabase.check(odd) == ["fields must be one parameter (value) or two (user and password)"]


@pytest.mark.parametrize(
    "template", ["mysql://{user}:{password}@db/crm", "jdbc:postgresql://{user}:{password}@db/crm"]
)
def test_other_databases_by_their_template(template: str) -> None:
    recipe = recipe_for("D", "vault-database", settings=options(template=template))
    provider = VaultDatabase(recipe, surroundings())
    assert provider._logins.read(provider._logins.fields_for("app_a", "p@ss"))[0] == "app_a"
