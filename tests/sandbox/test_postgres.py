"""The embedded PostgreSQL is a real one, comes back where it was, and leaves nothing behind."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import stat
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from rotator.sandbox import postgres_binaries
from rotator.sandbox.postgres import EmbeddedPostgres, Missing, from_debian, from_wheel
from rotator.sandbox.processes import NotReady, free_port
from tests.sandbox.parents import has_ended, parent_process


@pytest.fixture(scope="module", autouse=True)
def _binaries() -> None:
    try:
        from_wheel()
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def server(newest_postgres: EmbeddedPostgres) -> EmbeddedPostgres:
    """The one that is shared. Tests that need one of their own are slow: it costs more than a second."""
    return newest_postgres


def ask(server: EmbeddedPostgres, question: str, **login: str) -> object:
    with psycopg.connect(make_conninfo(server.superuser_dsn(), connect_timeout=60, **login)) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def test_the_superuser_logs_in_to_a_postgresql_18(server: EmbeddedPostgres) -> None:
    assert str(ask(server, "SHOW server_version")).startswith("18.")
    assert ask(server, "SHOW max_connections") == "100"
    assert ask(server, "SHOW fsync") == "off"


def test_nobody_logs_in_without_the_password(server: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        ask(server, "SELECT 1", password="a guess")


def test_passwords_are_kept_as_scram_verifiers(server: EmbeddedPostgres) -> None:
    verifier = ask(server, "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'")
    assert str(verifier).startswith("SCRAM-SHA-256$")


def test_every_kind_of_connection_needs_a_password(server: EmbeddedPostgres) -> None:
    assert ask(server, "SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules") == ["scram-sha-256"]


def content(path: Path) -> bytes:
    """Of a file that the server may have removed by now."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


@pytest.mark.slow
def test_the_password_is_in_no_file_and_no_process_argument(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as server:
        password = server.superuser_password.encode()
        assert server._home is not None
        files = [
            path for folder in (server._home, server._folder) for path in folder.rglob("*") if path.is_file()
        ]
        assert len(files) > 100
        assert [path for path in files if password in content(path)] == []
        assert password not in Path(f"/proc/{server.pid}/cmdline").read_bytes()


def test_it_does_not_run_as_root(server: EmbeddedPostgres) -> None:
    assert Path(f"/proc/{server.pid}").stat().st_uid != 0


@pytest.mark.slow
def test_the_callers_folder_keeps_its_mode_and_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    with EmbeddedPostgres(folder) as server:
        home = server._home
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.stat().st_uid == os.geteuid()
    assert home is not None
    assert home == folder or not home.exists(), "data outside the folder is removed at the end"


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_after_an_end_it_comes_back_with_its_data_on_its_port(tmp_path: Path, ending: str) -> None:
    with EmbeddedPostgres(tmp_path, fsync=True) as server:
        port = server.port
        with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
            getattr(server, ending)()
            assert not server.running
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            ask(server, "SELECT 1")
        server.start()
        assert server.port == port
        assert ask(server, "SELECT answer FROM kept") == 42
        assert ask(server, "SHOW fsync") == "on"


@pytest.mark.slow
def test_a_port_that_was_taken_meanwhile_is_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        choices = iter([taken.getsockname()[1]])
        monkeypatch.setattr("rotator.sandbox.postgres.free_port", lambda: next(choices, None) or free_port())
        with EmbeddedPostgres(tmp_path) as server:
            assert server.port != taken.getsockname()[1]
            assert ask(server, "SELECT 1") == 1


@pytest.mark.slow
def test_a_cluster_that_cannot_be_made_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, max_connections=-1)
    with pytest.raises(NotReady, match=r"(?s)PostgreSQL ended with exit code 1.*max_connections"), server:
        pytest.fail("it started with a setting that PostgreSQL refuses")
    assert server._home is None or server._home == tmp_path


def test_a_package_that_is_not_installed_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(Missing, match="pip install"):
        from_wheel.__wrapped__()


def test_binaries_that_do_not_run_here_are_missing(tmp_path: Path) -> None:
    program = tmp_path / "postgres"
    program.write_bytes(b"\x7fELF for another processor")
    program.chmod(0o755)
    with pytest.raises(Missing, match="does not run on this machine"):
        postgres_binaries.proved(tmp_path)


@pytest.mark.slow
def test_with_tls_a_client_can_check_whom_it_talks_to(tmp_path: Path) -> None:
    try:
        from_debian()
    except Missing as missing:
        pytest.skip(f"TLS: {missing}")
    with EmbeddedPostgres(tmp_path, binaries=from_debian, tls=True) as server:
        checked = {"sslmode": "verify-full", "sslrootcert": str(server.certificate)}
        assert ask(server, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", **checked) is True


@pytest.mark.slow
def test_killing_the_parent_leaves_no_postgres(tmp_path: Path) -> None:
    parent = parent_process(
        f"""
        from rotator.sandbox.postgres import EmbeddedPostgres
        server = EmbeddedPostgres(Path({str(tmp_path)!r})).start()
        print(server.pid, server._home, server._binaries.parents[2], flush=True)
        time.sleep(600)
        """
    )
    with parent:
        assert parent.stdout is not None
        pid, *folders = parent.stdout.readline().split()
        server = int(pid)
        its_own = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        assert len(its_own) >= 3, "a server has processes of its own: checkpointer, writers"
        processes = [os.pidfd_open(pid) for pid in (server, *map(int, its_own))]
        parent.kill()
    assert [has_ended(process, within=60) for process in processes] == [True] * len(processes)
    for folder in map(Path, folders):
        if folder.name.startswith("rotator-postgres-"):
            shutil.rmtree(folder)  # as root its data is outside tmp_path, and nobody was left to remove it
