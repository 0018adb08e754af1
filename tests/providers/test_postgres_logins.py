"""What a login tells about a credential, and what it does not; how sessions are counted and ended."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from rotator.contracts.guard import CALL_SECONDS, claimed
from rotator.model.errors import CredentialRefused, LostClaim, Refused, Transient
from rotator.model.secrets import Credential, Sealed
from rotator.providers import postgres_session
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.testing.values import fresh_value, raises_silently
from tests.providers.postgres_world import PostgresWorld


def current_of(world: PostgresWorld) -> Credential:
    fields = world.predecessor()
    return Credential(f"{world.a}@first", fields)


def leading_elsewhere(credential: Credential, there: str, instead: str) -> Credential:
    return Credential(
        credential.id, {"value": Sealed(credential.fields["value"].reveal().replace(there, instead))}
    )


# The server's own word


def test_a_wrong_password_is_refused(database: PostgresWorld) -> None:
    current_of(database)
    with pytest.raises(CredentialRefused, match=f"refuses the login of {database.a} at 127.0.0.1:"):
        database.provider.verify(Credential(f"{database.a}@first", database.fields(database.a, "wrong")))


def test_a_role_that_may_not_log_in_is_refused(database: PostgresWorld) -> None:
    current = current_of(database)
    database.run("ALTER ROLE {a} NOLOGIN")
    with pytest.raises(CredentialRefused):
        database.provider.verify(current)


def test_a_role_that_does_not_exist_is_refused(database: PostgresWorld) -> None:
    with pytest.raises(CredentialRefused):
        database.provider.verify(Credential("x@first", database.unknown()))


# What says nothing about the credential


def test_a_missing_database_is_no_refusal(database: PostgresWorld) -> None:
    current = leading_elsewhere(current_of(database), "/postgres?", "/crm?")
    with pytest.raises(Transient, match="no such database"):
        database.provider.verify(current)


def test_no_connect_on_the_database_is_no_refusal(database: PostgresWorld) -> None:
    current = current_of(database)
    database.run(
        f"CREATE DATABASE {database.owner}", f"REVOKE CONNECT ON DATABASE {database.owner} FROM PUBLIC"
    )
    try:
        with pytest.raises(Transient, match="no CONNECT on the database"):
            database.provider.verify(leading_elsewhere(current, "/postgres?", f"/{database.owner}?"))
    finally:
        database.run(f"DROP DATABASE {database.owner}")


def test_a_pg_hba_line_is_no_refusal(database: PostgresWorld, newest_postgres: EmbeddedPostgres) -> None:
    current = current_of(database)
    path = Path(database.run("SHOW hba_file")[0][0])
    lines = path.read_text(encoding="utf-8")
    try:
        path.write_text(f'host all "{database.a}" 127.0.0.1/32 reject\n{lines}', encoding="utf-8")
        database.run("SELECT pg_reload_conf()")
        wait_until(lambda: not database.accepts(current.fields))
        with pytest.raises(Transient, match=r"pg_hba\.conf has no line"):
            database.provider.verify(current)
    finally:
        path.write_text(lines, encoding="utf-8")
        database.run("SELECT pg_reload_conf()")


def test_a_full_role_is_no_refusal(database: PostgresWorld) -> None:
    current = current_of(database)
    database.run("ALTER ROLE {a} CONNECTION LIMIT 0")
    with pytest.raises(Transient, match="no connection slot left"):
        database.provider.verify(current)


def test_a_name_that_does_not_resolve_is_no_refusal(database: PostgresWorld) -> None:
    current = leading_elsewhere(current_of(database), "@127.0.0.1:", "@db.invalid:")
    database.allows = lambda _host: True
    with pytest.raises(Transient, match="its name does not resolve"):
        database.provider.verify(current)


def test_a_closed_port_is_no_refusal(database: PostgresWorld) -> None:
    current = leading_elsewhere(current_of(database), f":{database.proxy.port}/", ":1/")
    with pytest.raises(Transient, match="nothing listens there"):
        database.provider.verify(current)


def test_a_refusal_by_one_host_is_none_while_another_does_not_answer(database: PostgresWorld) -> None:
    current = current_of(database)
    here = f"@127.0.0.1:{database.proxy.port}/"
    dead = Credential(current.id, database.fields(database.a, "wrong"))
    with pytest.raises(Transient):
        database.provider.verify(
            leading_elsewhere(dead, here, f"@127.0.0.1:{database.proxy.port},127.0.0.1:1/")
        )
    database.provider.verify(
        leading_elsewhere(current, here, f"@127.0.0.1:1,127.0.0.1:{database.proxy.port}/")
    )


def test_a_failing_verify_sql_is_a_verdict_but_no_refusal_of_the_credential(database: PostgresWorld) -> None:
    current = current_of(database)
    database.settings["verify_sql"] = "select count(*) from pg_authid"
    with pytest.raises(Refused, match=r"does not take the statement \(InsufficientPrivilege\)") as refusal:
        database.provider.verify(current)
    assert not isinstance(refusal.value, CredentialRefused)


# Who may edit the policy chooses `verify_sql` and the server that the template names


@pytest.mark.parametrize(
    "statement",
    [
        "delete from {owner}.kept",
        "commit; delete from {owner}.kept",
        "select setval('{owner}.kept_n_seq', 9)",
    ],
)
def test_verify_sql_changes_nothing(database: PostgresWorld, statement: str) -> None:
    current = current_of(database)
    database.run(
        "CREATE TABLE {owner}.kept (n serial)",
        "INSERT INTO {owner}.kept VALUES (1)",
        "ALTER TABLE {owner}.kept OWNER TO {owner}",
    )
    database.settings["verify_sql"] = statement.format(owner=database.owner)
    with pytest.raises(Refused):
        database.provider.verify(current)
    assert database.run("SELECT count(*) FROM {owner}.kept") == [(1,)]
    assert database.run("SELECT last_value FROM {owner}.kept_n_seq") == [(1,)]


@pytest.mark.parametrize(
    "statement",
    [
        "select '{value}'::int",
        "do $$ begin raise exception '{value}' using errcode = '42501'; end $$",
    ],
)
def test_what_the_server_says_about_verify_sql_is_not_repeated(
    database: PostgresWorld, statement: str
) -> None:
    current, value = current_of(database), "customer-data"
    database.settings["verify_sql"] = statement.format(value=value)
    with pytest.raises(Refused) as refusal:
        database.provider.verify(current)
    assert value not in str(refusal.value)


def test_a_server_that_asks_for_the_password_in_clear_does_not_get_it(database: PostgresWorld) -> None:
    current = current_of(database)
    with curious_server() as (port, heard):
        elsewhere = leading_elsewhere(current, f":{database.proxy.port}/", f":{port}/")
        with pytest.raises(Transient, match="asks for the password in clear"):
            database.provider.verify(elsewhere)
    assert not any(message.startswith(b"p") for message in heard)


@contextmanager
def curious_server() -> Iterator[tuple[int, list[bytes]]]:
    """Asks whoever connects for the password in clear (AuthenticationCleartextPassword); what it hears afterwards."""
    heard: list[bytes] = []

    def ask() -> None:
        client, _ = listening.accept()
        with client:
            client.settimeout(CALL_SECONDS)
            client.recv(4096)
            client.sendall(b"R" + struct.pack("!ii", 8, 3))
            heard.append(client.recv(4096))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        asking = threading.Thread(target=ask)
        asking.start()
        yield listening.getsockname()[1], heard
        asking.join()


@pytest.mark.slow
@pytest.mark.parametrize("frozen_from", ["the start", "the login on"])
def test_a_frozen_server_is_given_up_in_time(database: PostgresWorld, frozen_from: str) -> None:
    current = current_of(database)
    if frozen_from == "the start":
        database.proxy.silent = True
    else:
        database.settings["verify_sql"] = "select pg_sleep(30)"
    began = time.monotonic()
    with pytest.raises(Transient, match=r"(did not|no) answer within"):
        database.provider.verify(current)
    assert time.monotonic() - began < CALL_SECONDS


# Values stay unsaid


@pytest.mark.parametrize(
    "dsn", ["postgresql://app:p@ss/{value}@127.0.0.1:1/crm", "host=127.0.0.1 password={value} x", "{value}"]
)
def test_a_malformed_connection_string_is_never_quoted(database: PostgresWorld, dsn: str) -> None:
    value = fresh_value()
    fields = {"value": Sealed(dsn.format(value=value.reveal()))}
    with raises_silently(Refused, value, fields["value"]):
        database.provider.identify(fields)
    with raises_silently(Refused, value, fields["value"]):  # libpq takes the first for a host called ss
        database.provider.verify(Credential("", fields))


def test_a_template_that_leads_elsewhere_than_the_store_is_refused(database: PostgresWorld) -> None:
    current = leading_elsewhere(current_of(database), "/postgres?", "/crm?")
    with raises_silently(Refused, *database.unsayable(current.fields)) as refusal:
        database.provider.identify(current.fields)
    assert "differ in dbname" in str(refusal.value)


def test_the_server_is_never_told_a_password(database: PostgresWorld) -> None:
    current = current_of(database)
    successor = database.provider.create("ro-1", current.id)
    database.provider.activate(successor)
    database.provider.verify(successor)
    database.provider.remove(current.id)
    log = database.server.log.read_text(encoding="utf-8")
    assert f'ALTER ROLE "{database.b}" LOGIN PASSWORD \'SCRAM-SHA-256$' in log
    new_password = database.unsayable(successor.fields)[0].reveal()
    assert len(new_password) >= 40
    assert new_password not in log


def test_no_login_fails_but_the_proof(database: PostgresWorld) -> None:
    current = current_of(database)
    provider = database.provider
    provider.observe()
    provider.verify(current)
    successor = provider.create("ro-1", provider.identify(current.fields))
    provider.activate(successor)
    provider.verify(successor)
    provider.last_used(current.id)
    provider.disable(current.id)
    log = database.server.log.read_text(encoding="utf-8")
    mine = [
        line for line in log.splitlines() if "FATAL" in line and (database.a in line or database.b in line)
    ]
    assert mine == []


# Sessions


def test_sessions_are_told_with_their_number_address_and_application(database: PostgresWorld) -> None:
    database.run("GRANT pg_read_all_stats TO {admin}")
    current = current_of(database)
    with (
        database.session(current.fields),
        database.session(current.fields),
        database.session(current.fields, "cron"),
    ):
        used = database.provider.last_used(current.id)
    assert used.now
    assert used.by == "2 sessions from 127.0.0.1 (api), 1 session from 127.0.0.1 (cron)"


def test_an_admin_that_may_not_see_addresses_still_counts(database: PostgresWorld) -> None:
    current = current_of(database)
    with database.session(current.fields):
        used = database.provider.last_used(current.id)
    assert used.now
    assert used.by == "1 session from an address that rotator may not see (api)"


def test_remove_ends_the_sessions_that_are_left_also_after_a_crash_in_between(
    database: PostgresWorld,
) -> None:
    current = current_of(database)
    with database.session(current.fields) as left:
        database.lose_next_answer()  # of the change; the sessions are not ended yet
        with pytest.raises(Transient):
            database.provider.remove(current.id)
        assert left.execute("select 1").fetchone() == (1,)
        database.provider.remove(current.id)
        with pytest.raises(psycopg.OperationalError):
            left.execute("select 1")


def test_sessions_are_not_ended_without_the_claim(database: PostgresWorld) -> None:
    current = current_of(database)
    guards: list[float] = []

    def lost_after_the_first(seconds: float) -> None:
        guards.append(seconds)
        if len(guards) > 1:
            raise LostClaim("another worker has it")

    with database.session(current.fields) as left:
        with claimed(lost_after_the_first), pytest.raises(LostClaim):
            database.provider.remove(current.id)
        assert left.execute("select 1").fetchone() == (1,)


def test_a_removed_password_does_not_come_back_with_the_role(database: PostgresWorld) -> None:
    current = current_of(database)
    database.provider.remove(current.id)
    database.run("ALTER ROLE {a} LOGIN")
    assert not database.accepts(current.fields)


@pytest.mark.slow
def test_a_worker_that_froze_after_its_guard_cannot_commit_later(
    database: PostgresWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rotator.providers.postgres_server.TALK_SECONDS", 1.0)
    current = current_of(database)

    def freeze(_seconds: float) -> None:
        time.sleep(1.5)

    with claimed(freeze), pytest.raises(Transient):
        database.provider.disable(current.id)
    assert database.accepts(current.fields)
    assert postgres_session.TALK_SECONDS <= CALL_SECONDS - postgres_session.CONNECT_SECONDS


def wait_until(fact: object, seconds: float = 60.0) -> None:
    assert callable(fact)
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
