"""The master password of an RDS database: told, taken over later, and proved by a login at a real server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rotator.contracts.guard import claimed
from rotator.contracts.provider import Use
from rotator.model.errors import CredentialRefused, LostClaim, NotYet, Refused, Transient
from rotator.model.secrets import Credential, Sealed
from rotator.providers.rds_master import RdsMaster
from rotator.providers.rds_master_database import Database
from rotator.providers.rds_master_login import accepts
from rotator.sandbox.mariadb import EmbeddedMariaDb, Missing
from rotator.testing.provider_contract import ProviderContract
from rotator.testing.values import fresh_value, raises_silently
from rotator.testing.virtual_clock import VirtualClock
from tests.providers.rds_world import INSTANCE, RdsWorld
from tests.providers.recipes import recipe_for

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

Make = Callable[..., RdsWorld]


@pytest.mark.slow
class TestRdsMaster(ProviderContract):
    """What the suite asks about a credential's id does not apply: a password has none."""

    @pytest.fixture
    def world(self, rds: Make) -> RdsWorld:
        return rds()


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [False, True])
def test_a_rotation_ends_with_the_login_that_rds_has_applied(rds: Make, cluster: bool) -> None:
    world = rds(cluster=cluster)
    current = Credential("", world.predecessor())
    world.provider.verify(current)
    assert world.provider.identify(current.fields) is None
    successor = world.provider.create("ro-1", None)
    assert set(successor.fields) == set(current.fields)
    assert world.accepts(current.fields)
    assert world.calls("ModifyDBCluster" if cluster else "ModifyDBInstance") == 0

    world.activated(successor)

    world.provider.verify(successor)
    with raises_silently(CredentialRefused, *world.unsayable(current.fields)):
        world.provider.verify(current)
    assert world.calls("ModifyDBCluster" if cluster else "ModifyDBInstance") == 1


def test_a_status_of_available_proves_nothing(rds: Make) -> None:
    """RDS has said yes and reads `available`: the old one is still the one that works."""
    world = rds()
    current = world.predecessor()
    successor = world.provider.create("ro-1", None)
    with pytest.raises(NotYet):
        world.provider.activate(successor)
    assert world.server.status == "available"
    assert world.accepts(current)
    with pytest.raises(CredentialRefused):
        world.provider.verify(successor)


@pytest.mark.slow
def test_once_more_and_after_a_lost_answer_it_ends_in_the_same_place(rds: Make) -> None:
    world = rds()
    world.predecessor()
    successor = world.provider.create("ro-1", None)
    world.lose_next_answer()
    with raises_silently(Transient, *world.unsayable(successor.fields)):
        world.provider.activate(successor)
    world.activated(successor)
    world.provider.activate(successor)
    assert world.server.applied == ["MasterUserPassword"]
    assert world.accepts(successor.fields)


def test_no_password_is_told_without_the_claim(rds: Make) -> None:
    world = rds()
    current = world.predecessor()
    successor = world.provider.create("ro-1", None)

    def lost(_seconds: float) -> None:
        raise LostClaim("another worker has it")

    with claimed(lost), pytest.raises(LostClaim):
        world.provider.activate(successor)
    world.settle()
    assert world.accepts(current)
    assert not world.accepts(successor.fields)


@pytest.mark.parametrize("cluster", [False, True])
def test_rotator_declines_where_rds_manages_the_password(rds: Make, cluster: bool) -> None:
    world = rds(cluster=cluster)
    world.predecessor()
    successor = world.provider.create("ro-1", None)
    world.server.managed = True
    for ask in (world.provider.observe, lambda: world.provider.activate(successor)):
        with pytest.raises(Refused, match="Secrets Manager"):
            ask()
    assert world.calls("ModifyDBCluster" if cluster else "ModifyDBInstance") == 0


def test_a_password_that_only_the_status_tells_of_is_waited_for(rds: Make) -> None:
    """Somebody's, or ours after a lost answer: another one now would be one more, and RDS takes none."""
    world = rds()
    world.predecessor()
    successor = world.provider.create("ro-1", None)
    world.server.status = "resetting-master-credentials"
    with pytest.raises(NotYet):
        world.provider.activate(successor)
    assert world.calls("ModifyDBInstance") == 0


def test_a_member_of_a_cluster_is_told_apart(rds: Make) -> None:
    world = rds()
    world.server.member_of = "taly-staging-aurora"
    with pytest.raises(Refused, match="write cluster"):
        world.provider.observe()


def test_what_waits_for_the_maintenance_window_is_not_applied_by_the_way(rds: Make) -> None:
    """ApplyImmediately applies everything that is pending, a restart included."""
    world = rds()
    world.predecessor()
    successor = world.provider.create("ro-1", None)
    world.server.pending = {"DBInstanceClass": "db.r6g.xlarge"}
    with pytest.raises(Transient, match="DBInstanceClass"):
        world.provider.activate(successor)
    assert world.server.applied == []
    world.server.pending.clear()
    world.activated(successor)


def test_what_rds_says_about_a_value_is_not_repeated(rds: Make) -> None:
    world = rds()
    fields = {**world.predecessor(), "password": Sealed("sl/ash")}
    with raises_silently(Refused, fields["password"]):
        world.provider.activate(Credential("x@ro-1", fields))


def test_trouble_on_the_way_is_never_a_refusal(rds: Make) -> None:
    world = rds()
    current = Credential("", world.predecessor())
    port = world.server.port
    world.server.port = 1
    with raises_silently(Transient, *world.unsayable(current.fields)):
        world.provider.verify(current)
    world.server.port = port
    world.provider.verify(current)


def test_use_is_unknown_and_a_password_cannot_rest(rds: Make) -> None:
    world = rds()
    assert world.provider.last_used("x").since(world.clock.now()) is Use.UNKNOWN
    for step in (world.provider.disable, world.provider.enable):
        with pytest.raises(Refused):
            step("x")
    world.provider.remove("x")


@pytest.mark.slow
def test_a_url_is_made_from_the_template_and_compared_with_it(rds: Make) -> None:
    world = rds()
    password = world.predecessor()["password"].reveal()
    world.fields_read = ("value",)
    world.settings["template"] = "postgresql://{user}:{password}@db.internal:5432/taly"
    current = {"value": Sealed(f"postgresql://{world.user}:{password}@db.internal:5432/taly")}
    world.provider.verify(Credential("", current))
    successor = world.provider.create("ro-1", None)
    assert successor.fields["value"].reveal().startswith(f"postgresql://{world.user}:")
    world.activated(successor)
    elsewhere = {"value": Sealed(current["value"].reveal().replace("db.internal", "db.other"))}
    with raises_silently(Refused, elsewhere["value"]):
        world.provider.identify(elsewhere)
    garbage = Sealed(f"//[{fresh_value().reveal()}")
    with raises_silently(Refused, garbage):
        world.provider.identify({"value": garbage})


def test_a_parameter_may_hold_the_password_alone(rds: Make) -> None:
    world = rds()
    password = world.predecessor()["password"]
    world.fields_read = ("value",)
    world.provider.verify(Credential("", {"value": password}))
    assert len(world.provider.create("ro-1", None).fields["value"].reveal()) == 32


@pytest.mark.parametrize("engine, said", [("oracle-ee", "no driver"), ("mysql", "ca_file")])
def test_where_nobody_can_log_in_safely_nothing_is_told(engine: str, said: str) -> None:
    database = Database(
        "the RDS instance x", engine, "admin", "db.example", 3306, "", "available", False, frozenset(), ""
    )
    with pytest.raises(Refused, match=said):
        accepts(database, "admin", Sealed("secret"), None, None, VirtualClock())


@pytest.mark.slow
def test_a_mariadb_is_logged_in_to_as_well(tmp_path: Path) -> None:
    try:
        server = EmbeddedMariaDb(tmp_path)
    except Missing as missing:
        pytest.skip(str(missing))
    password = fresh_value()
    with server:
        with server.superuser() as root, root.cursor() as cursor:
            cursor.execute("create user master@'%%' identified by %s", (password.reveal(),))
        database = Database(
            "the RDS instance x",
            "mariadb",
            "master",
            server.host,
            server.port,
            "",
            "available",
            False,
            frozenset(),
            "",
        )
        assert accepts(database, "master", password, None, None, VirtualClock()) is True
        assert accepts(database, "master", fresh_value(), None, None, VirtualClock()) is False
    with raises_silently(Transient, password):
        accepts(database, "master", password, None, None, VirtualClock())


@pytest.mark.parametrize(
    "settings, fields, keys",
    [
        ({"instance": INSTANCE}, ("value",), []),
        ({"cluster": INSTANCE}, ("user", "password"), []),
        ({}, ("value",), ["instance"]),
        ({"instance": INSTANCE, "cluster": "x"}, ("value",), ["instance"]),
        ({"instance": INSTANCE}, ("password",), ["fields"]),
        ({"instance": INSTANCE, "template": "x"}, ("user", "password"), ["template"]),
    ],
)
def test_what_a_policy_says_wrongly_is_told(
    settings: dict[str, Any], fields: tuple[str, ...], keys: list[str]
) -> None:
    recipe = recipe_for("DB", "rds-master", settings=settings, fields={field: field for field in fields})
    assert [sentence.split()[0] for sentence in RdsMaster.check(recipe)] == keys


@pytest.mark.parametrize(
    "template",
    ["{user}:{password}@host/db", "postgresql://{user}@host/db", "postgresql://{password}:{user}@host/db"],
)
def test_a_template_is_a_url_with_both(template: str) -> None:
    with pytest.raises(ValueError):
        RdsMaster.Options.model_validate({"instance": INSTANCE, "template": template})
