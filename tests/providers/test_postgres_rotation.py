"""Whole rotations as consumers see them: objects keep one owner, nobody is ever refused, TLS as they use it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from rotator.model.errors import CredentialRefused, Transient
from rotator.model.secrets import Credential
from rotator.sandbox.certificates import self_signed
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.testing.source_world import Fields
from tests.providers.postgres_world import PostgresWorld


def rotated(world: PostgresWorld, current: Credential, label: str) -> Credential:
    """The successor, made and accepted; both work."""
    successor = world.provider.create(label, current.id)
    world.provider.activate(successor)
    world.provider.verify(successor)
    return successor


def ended(world: PostgresWorld, current: Credential) -> None:
    world.provider.disable(current.id)
    with pytest.raises(CredentialRefused):
        world.provider.verify(current)
    world.provider.remove(current.id)


def test_objects_keep_one_owner_and_both_roles_can_alter_them(database: PostgresWorld) -> None:
    schema = database.owner
    a = Credential(f"{database.a}@first", database.predecessor())
    with database.session(a.fields) as session:
        session.execute(f"CREATE TABLE {schema}.made_by_a (id int)")
    b = rotated(database, a, "ro-1")
    with database.session(b.fields) as session:
        session.execute(f"CREATE TABLE {schema}.made_by_b (id int)")
        session.execute(f"ALTER TABLE {schema}.made_by_a ADD COLUMN by_b int")
    ended(database, a)
    again_a = rotated(database, b, "ro-2")
    with database.session(again_a.fields) as session:
        session.execute(f"ALTER TABLE {schema}.made_by_b ADD COLUMN by_a int")
    ended(database, b)
    owners = database.run(
        "SELECT tablename::text, tableowner::text FROM pg_tables WHERE tablename LIKE 'made_by_%' ORDER BY 1"
    )
    assert owners == [("made_by_a", database.owner), ("made_by_b", database.owner)]


class Consumers:
    """Consumers that log in anew all the time with what the store says, and count."""

    def __init__(self, world: PostgresWorld, fields: Fields) -> None:
        self.stored = fields
        self.refused = 0
        self._world = world
        self._stopping = threading.Event()
        self._logins = [0, 0]  # of each of them
        self._lock = threading.Lock()

    @contextmanager
    def busy(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._work, args=(who,)) for who in range(len(self._logins))]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join()

    @property
    def logins(self) -> int:
        return sum(self._logins)

    def wait_for(self, more: int) -> None:
        """Returns when each of them has logged in that many times more."""
        until = [so_far + more for so_far in self._logins]
        while any(so_far < wanted for so_far, wanted in zip(self._logins, until, strict=True)):
            self._stopping.wait(0.005)

    def _work(self, who: int) -> None:
        while not self._stopping.is_set():
            accepted = self._world.accepts(self.stored)
            with self._lock:
                self._logins[who] += 1
                self.refused += not accepted


@pytest.mark.slow
@pytest.mark.timeout(600)  # hundreds of logins
def test_nobody_is_refused_through_a_whole_alternation(database: PostgresWorld) -> None:
    current = Credential(f"{database.a}@first", database.predecessor())
    consumers = Consumers(database, current.fields)
    with consumers.busy():
        for label in ("ro-1", "ro-2"):
            consumers.wait_for(25)
            successor = rotated(database, current, label)
            consumers.wait_for(25)
            consumers.stored = successor.fields
            consumers.wait_for(2)  # the first may have been on its way with the old one
            ended(database, current)
            current = successor
        consumers.wait_for(25)
    assert consumers.logins >= 250
    assert consumers.refused == 0


def test_two_workers_at_once_end_in_one_place(database: PostgresWorld) -> None:
    current = Credential(f"{database.a}@first", database.predecessor())
    successor = database.provider.create("ro-1", current.id)
    troubles: list[Exception] = []

    def work() -> None:
        try:
            database.provider.activate(successor)
        except Exception as trouble:  # noqa: BLE001 - whatever it is, the test shows it
            troubles.append(trouble)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert troubles == []
    assert database.accepts(successor.fields)


def test_an_open_session_outlives_disable_and_not_remove(database: PostgresWorld) -> None:
    current = Credential(f"{database.a}@first", database.predecessor())
    rotated(database, current, "ro-1")
    with database.session(current.fields) as session:
        database.provider.disable(current.id)
        assert session.execute("select 1").fetchone() == (1,)
        database.provider.remove(current.id)
        with pytest.raises(psycopg.OperationalError):
            session.execute("select 1")


@pytest.mark.slow
def test_consumers_that_verify_the_servers_certificate(debian_postgres: EmbeddedPostgres) -> None:
    with PostgresWorld(debian_postgres) as world:
        current = Credential(f"{world.a}@first", world.predecessor())
        world.tls = f"sslmode=verify-full&sslrootcert={debian_postgres.certificate}"
        successor = rotated(world, current, "ro-1")
        with world.session(successor.fields) as session:
            assert session.pgconn.ssl_in_use
        ended(world, current)


@pytest.mark.slow
def test_rotator_verifies_the_servers_certificate_as_consumers_do(
    debian_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    """A login that works without it would prove nothing about theirs, and would show the network who logs in."""
    others = tmp_path / "others.crt"
    others.write_bytes(self_signed().certificate)
    with PostgresWorld(debian_postgres) as world:
        current = Credential(f"{world.a}@first", world.predecessor())
        world.tls = f"sslmode=verify-full&sslrootcert={others}"
        successor = world.provider.create("ro-1", current.id)
        world.provider.activate(successor)
        with pytest.raises(Transient, match="no TLS connection"):
            world.provider.verify(successor)
