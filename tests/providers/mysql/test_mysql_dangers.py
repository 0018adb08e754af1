"""What can go wrong with two passwords on one account, on MariaDB and on the stand-in for MySQL 8."""

from __future__ import annotations

import threading

import pytest

from rotator.contracts.guard import CALL_SECONDS, claimed
from rotator.contracts.provider import Use
from rotator.model.errors import CredentialRefused, LostClaim, Refused, Transient
from rotator.model.secrets import Credential
from rotator.providers.mysql import Mysql
from rotator.providers.mysql_verifiers import caching_sha2, digest, ed25519, native, sha256_crypt
from rotator.testing.values import raises_silently
from tests.providers.mysql.world import MariaDbWorld, MySql8World, MysqlWorld

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


@pytest.fixture(params=["mysql8", pytest.param("mariadb", marks=pytest.mark.slow)])
def world(request: pytest.FixtureRequest) -> MysqlWorld:
    found: MysqlWorld = request.getfixturevalue(request.param)
    return found


def begun(world: MysqlWorld) -> Credential:
    """The predecessor."""
    fields = world.predecessor()
    return Credential(f"{world.user}@first", fields)


def rotated(world: MysqlWorld, current: Credential, label: str) -> Credential:
    """The successor, made and accepted; both work."""
    successor = world.provider.create(label, current.id)
    world.provider.activate(successor)
    world.provider.verify(successor)
    return successor


# The trap of RETAIN CURRENT PASSWORD


def test_retain_is_said_once_however_often_activate_is_called(mysql8: MySql8World) -> None:
    current = begun(mysql8)
    successor = rotated(mysql8, current, "ro-1")
    for _again in range(3):
        mysql8.provider.activate(successor)
    assert mysql8.server.ledger["retain"] == 1
    assert mysql8.accepts(current.fields) and mysql8.accepts(successor.fields)


def test_the_stand_in_has_the_trap(mysql8: MySql8World) -> None:
    """Else the test above would show nothing."""
    current = begun(mysql8)
    for _twice in range(2):
        mysql8.server._retain(0, mysql8.user, "%", mysql8.plugin, "the successor's", "{}")
    assert not mysql8.accepts(current.fields)


def test_a_lost_answer_to_retain_drops_nobody(mysql8: MySql8World) -> None:
    current = begun(mysql8)
    successor = mysql8.provider.create("ro-1", current.id)
    mysql8.lose_next_answer()
    with pytest.raises(Transient):
        mysql8.provider.activate(successor)
    assert mysql8.provider.identify(successor.fields) == successor.id, "named by the same statement"
    mysql8.provider.activate(successor)
    assert mysql8.server.ledger["retain"] == 1
    assert mysql8.accepts(current.fields) and mysql8.accepts(successor.fields)


def test_workers_at_once_say_it_once(world: MysqlWorld) -> None:
    current = begun(world)
    successor = world.provider.create("ro-1", current.id)
    troubles: list[Exception] = []

    def work() -> None:
        try:
            world.provider.activate(successor)
        except Exception as trouble:  # noqa: BLE001 - whatever it is, the test shows it
            troubles.append(trouble)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert troubles == []
    assert world.accepts(current.fields) and world.accepts(successor.fields)
    assert len(world.provider.observe().credentials) == 2


def test_a_third_password_is_never_given(world: MysqlWorld) -> None:
    current = begun(world)
    successor = rotated(world, current, "ro-1")
    third = world.provider.create("ro-2", successor.id)
    with pytest.raises(Refused, match="two passwords already"):
        world.provider.activate(third)
    assert world.accepts(current.fields) and world.accepts(successor.fields)


@pytest.mark.slow
def test_two_ed25519_passwords_never_stand_side_by_side(mariadb: MariaDbWorld) -> None:
    """PyMySQL, for one, could not log in with the second."""
    mariadb.plugin = "ed25519"
    current = begun(mariadb)
    with pytest.raises(Refused, match="cannot choose between two such passwords"):
        mariadb.provider.activate(mariadb.provider.create("ro-1", current.id))
    mariadb.settings["plugin"] = "mysql_native_password"
    successor = rotated(mariadb, current, "ro-1")
    assert mariadb.accepts(current.fields) and mariadb.accepts(successor.fields)
    mariadb.provider.remove(current.id)
    mariadb.settings["plugin"] = "ed25519"
    third = rotated(mariadb, successor, "ro-2")
    assert mariadb.accepts(successor.fields) and mariadb.accepts(third.fields)
    assert [way["plugin"] for way in mariadb.ways()] == ["mysql_native_password", "ed25519"]


def test_mysql_keeps_two_of_one_plugin_only(mysql8: MySql8World) -> None:
    current = begun(mysql8)
    mysql8.settings["plugin"] = "mysql_native_password"
    with pytest.raises(Refused, match="of one plugin only"):
        mysql8.provider.activate(mysql8.provider.create("ro-1", current.id))
    assert mysql8.server.ledger["retain"] == 0


# Undo


def test_the_successor_can_be_taken_off_again(world: MysqlWorld) -> None:
    current = begun(world)
    successor = rotated(world, current, "ro-1")
    world.provider.remove(successor.id)
    world.provider.remove(successor.id)
    with pytest.raises(CredentialRefused):
        world.provider.verify(successor)
    world.provider.verify(current)
    assert [one.id for one in world.provider.observe().credentials] == [current.id]
    again = rotated(world, current, "ro-2")
    world.provider.remove(current.id)
    assert not world.accepts(current.fields) and world.accepts(again.fields)


def test_an_undo_that_was_cut_off_in_the_middle_is_finished(mysql8: MySql8World) -> None:
    current = begun(mysql8)
    successor = rotated(mysql8, current, "ro-1")
    guarded = iter([None])

    def lost_at_the_second(_seconds: float) -> None:
        if next(guarded, "lost") == "lost":
            raise LostClaim("another worker has it")

    with claimed(lost_at_the_second), pytest.raises(LostClaim):
        mysql8.provider.remove(successor.id)
    assert (mysql8.server.ledger["set"], mysql8.server.ledger["discard"]) == (1, 0)
    mysql8.provider.remove(successor.id)
    assert not mysql8.accepts(successor.fields) and mysql8.accepts(current.fields)
    assert mysql8.provider.observe().free_slots == 1


def test_the_only_password_is_never_taken_off(world: MysqlWorld) -> None:
    current = begun(world)
    with pytest.raises(Refused, match="is the only password"):
        world.provider.remove(current.id)
    assert world.accepts(current.fields)


# People


def test_what_people_set_by_hand_is_nobodys_and_has_a_new_id(world: MysqlWorld) -> None:
    current = begun(world)
    successor = rotated(world, current, "ro-1")
    world.provider.remove(current.id)
    world.person_sets("somebody's own")
    by_hand = world.fields(world.user, "somebody's own")
    assert world.provider.identify(successor.fields) is None
    assert world.provider.identify(by_hand) == f"{world.user}@after-ro-1"
    assert world.provider.observe().credentials[0].label is None
    rotated(world, Credential(f"{world.user}@after-ro-1", by_hand), "ro-2")
    assert {one.id for one in world.provider.observe().credentials} == {
        f"{world.user}@after-ro-1",
        f"{world.user}@ro-2",
    }


def test_a_locked_account_is_refused_and_listed_as_disabled(world: MysqlWorld) -> None:
    current = begun(world)
    if isinstance(world, MariaDbWorld):
        world.run("alter user %s account lock", world.user)
    elif isinstance(world, MySql8World):
        world.account.locked = True
    with pytest.raises(CredentialRefused):
        world.provider.verify(current)
    assert [one.liveness for one in world.provider.observe().credentials] == ["disabled"]


@pytest.mark.slow
def test_other_ways_in_stay_as_they_are(mariadb: MariaDbWorld) -> None:
    current = begun(mariadb)
    known = mariadb.ways()[0]["authentication_string"]
    mariadb.run(
        "alter user %s identified via unix_socket using 'dba' or mysql_native_password using %s or unix_socket",
        mariadb.user,
        known,
    )
    rotated(mariadb, current, "ro-1")
    mariadb.provider.remove(current.id)
    others = [(way["plugin"], way.get("authentication_string", "")) for way in mariadb.ways()[1:]]
    assert others == [("unix_socket", "dba"), ("unix_socket", "")]


@pytest.mark.slow
def test_an_account_without_a_password_is_left_alone(mariadb: MariaDbWorld) -> None:
    current = begun(mariadb)
    mariadb.run("alter user %s identified via mysql_native_password using ''", mariadb.user)
    with pytest.raises(Refused, match="with an empty password"):
        mariadb.provider.activate(mariadb.provider.create("ro-1", current.id))
    mariadb.run("alter user %s identified via unix_socket", mariadb.user)
    with pytest.raises(Refused, match="has no password"):
        mariadb.provider.activate(mariadb.provider.create("ro-1", current.id))


def test_an_account_that_is_not_there_is_a_verdict(world: MysqlWorld) -> None:
    begun(world)
    world.settings["host"] = "10.%"
    with pytest.raises(Refused, match="its host pattern is part of its name"):
        world.provider.observe()


# Sight


def test_sessions_from_before_the_successor_are_the_predecessors(world: MysqlWorld) -> None:
    current = begun(world)
    moment = world.clock.now()
    with world.in_use(current.fields):
        successor = rotated(world, current, "ro-1")
        used = world.provider.last_used(current.id)
        assert used.since(moment) is Use.USED
        assert used.by.startswith("1 session from 127.0.0.1")
        assert world.provider.last_used(successor.id).since(moment) is Use.UNKNOWN


def test_sessions_from_after_it_are_anybodys(world: MysqlWorld) -> None:
    current = begun(world)
    rotated(world, current, "ro-1")
    with world.in_use(current.fields):
        assert world.provider.last_used(current.id).since(world.clock.now()) is Use.UNKNOWN


# rotator's own login, and what is said


def test_rotators_own_login_refused_is_no_verdict_about_the_credential(world: MysqlWorld) -> None:
    current = begun(world)
    world._admin_password = "wrong"
    with pytest.raises(Transient, match="rotator's own login"):
        world.provider.observe()
    world.provider.verify(current)


@pytest.mark.slow
def test_a_missing_right_is_said_without_the_statement(mariadb: MariaDbWorld) -> None:
    current = begun(mariadb)
    mariadb.run("revoke create user on *.* from %s", mariadb.admin)
    successor = mariadb.provider.create("ro-1", current.id)
    with raises_silently(Refused, *mariadb.unsayable(successor.fields)) as caught:
        mariadb.provider.activate(successor)
    assert "lacks the right to change accounts" in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.slow
def test_no_password_and_no_verifier_is_in_the_servers_log_of_statements(mariadb: MariaDbWorld) -> None:
    mariadb.run("set global general_log = 1, global log_output = 'TABLE'")
    try:
        current = begun(mariadb)
        successor = rotated(mariadb, current, "ro-1")
        said = "\n".join(
            row[0].decode() if isinstance(row[0], bytes) else row[0]
            for row in mariadb.run(
                "select argument from mysql.general_log where user_host like %s", f"{mariadb.admin}%"
            )
        )
    finally:
        mariadb.run("set global general_log = 0")
    assert "identified via" in said
    assert mariadb.password_in(successor.fields) not in said
    assert mariadb.password_in(current.fields) not in said


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement", ["select * from rotator.kept into outfile '/tmp/x'", "delete from rotator.kept"]
)
def test_verify_sql_only_reads(mariadb: MariaDbWorld, statement: str) -> None:
    mariadb.settings["verify_sql"] = statement
    with pytest.raises(Refused, match="cannot be used: verify_sql"):
        _ = mariadb.provider


def test_a_refused_statement_is_no_refusal_of_the_credential(world: MysqlWorld) -> None:
    current = begun(world)
    world.settings["verify_sql"] = "select secret from nowhere.at_all"
    with pytest.raises(Refused, match="does not take the statement") as caught:
        world.provider.verify(current)
    assert not isinstance(caught.value, CredentialRefused)


def test_a_password_is_never_sent_in_clear(mysql8: MySql8World) -> None:
    current = begun(mysql8)
    mysql8.account.plugin = "mysql_clear_password"
    with raises_silently(Transient, *mysql8.unsayable(current.fields)) as caught:
        mysql8.provider.verify(current)
    assert "asks for the password in clear, which was not sent" in str(caught.value)


@pytest.mark.slow
def test_a_server_that_falls_silent_is_given_up_in_time(mysql8: MySql8World) -> None:
    current = begun(mysql8)
    mysql8.proxy.silent = True
    began = mysql8.clock.monotonic()
    with pytest.raises(Transient):
        mysql8.provider.verify(current)
    assert mysql8.clock.monotonic() - began < CALL_SECONDS


# Verifiers


def test_verifiers_are_what_the_servers_keep() -> None:
    """SHA-256 crypt as `openssl passwd -5` has it; the others as MariaDB's PASSWORD() said."""
    assert sha256_crypt("x" * 70, "0123456789abcdef", 5000) == "PtktarChupU2HspS5L2tzUZeyI7SEI/LGbCZCyq.ic5"
    assert sha256_crypt("Hello world!", "saltstring", 5000) == "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"
    assert native("one") == "*74445CD742AF268FD22866DA0D12758951D638F7"
    assert ed25519("sec ret") == "LQNFxF8Yb6wYN4/5c6l5hFsdM1++GL6do/u04lCMksU"
    assert len(digest(native("one"))) == 32


@pytest.mark.parametrize("nonsense", ["", "*", "$", "$A$", "$A$005$short", "$B$005$" + "x" * 63])
def test_nonsense_is_nobodys_verifier(nonsense: str) -> None:
    assert caching_sha2("one", nonsense) == ""


def test_it_needs_a_server_that_keeps_two() -> None:
    from rotator.providers.mysql_server import dialect_of

    for version in ("8.0.20", "5.7.44-log", "10.3.39-MariaDB"):
        with pytest.raises(Refused, match=r"from MySQL 8\.0\.21 and MariaDB 10\.4 on"):
            dialect_of(version)
    assert Mysql.traits.labels
