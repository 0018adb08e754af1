"""What tests of several parts share: one AWS of the sandbox for each worker, and one PostgreSQL of each kind.

They start when the first test asks for them. Fast tests start no server of their own: a PostgreSQL costs a second.
"""

from __future__ import annotations

import gc
import os
import ssl
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from httpx import _config
from httpx._transports import default

from rotator.journal import sqlite
from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.postgres import EmbeddedPostgres, Missing, from_debian, from_wheel
from tests.skips import pytest_report_teststatus, pytest_terminal_summary

__all__ = ["pytest_report_teststatus", "pytest_terminal_summary"]  # pytest finds its hooks here


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Of the time of slow tests more than a third is waiting for servers and for clocks that cannot be held, so three
    workers share two processors. Fast tests only calculate."""
    processors = len(os.sched_getaffinity(0))
    return processors if config.option.markexpr == "not slow" else processors + processors // 2


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays to the end: the garbage collector need not go through it each time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def durable_pragmas() -> Iterator[tuple[str, ...]]:
    """Journals in files that this process opens need not survive a power cut: waiting for the disk is most of what
    they cost. What they are opened with outside of tests."""
    shipped = sqlite._PRAGMAS
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sqlite, "_PRAGMAS", (*shipped, "synchronous = OFF"))
        yield shipped


@pytest.fixture(scope="session", autouse=True)
def authorities() -> Iterator[None]:
    """Each client of httpx reads the world's certificate authorities, in 20 ms, and tests make thousands of clients:
    those that want nothing else share what was read once."""
    read = _config.create_ssl_context
    everybodys = read(trust_env=False)

    def shared(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        own = trust_env and {"SSL_CERT_FILE", "SSL_CERT_DIR"} & os.environ.keys()
        return read(verify, cert, trust_env) if own or cert or verify is not True else everybodys

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(default, "create_ssl_context", shared)
        yield


@pytest.fixture(scope="session")
def running_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsWorld]:
    with AwsWorld(tmp_path_factory.mktemp("aws")) as world:
        yield world


@pytest.fixture
def aws(running_aws: AwsWorld, monkeypatch: pytest.MonkeyPatch) -> AwsWorld:
    """The running world in good weather, without quotas; every AWS SDK in this process is led there."""
    running_aws.control.set_faults([])
    running_aws.control.set_outages({})
    running_aws.control.set_quotas({})
    for name, value in running_aws.environment("rotator").items():
        monkeypatch.setenv(name, value)
    return running_aws


@pytest.fixture
def aws_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """The login of every test that asks a played AWS from this process, and the same for all: rotator's session keeps
    the first that it finds, so another test's would be whoever comes next."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "rotator")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def serving(folder: Path, binaries: Callable[[], Path], *, tls: bool = False) -> Iterator[EmbeddedPostgres]:
    """A server whose log holds every statement."""
    try:
        server = EmbeddedPostgres(folder, binaries=binaries, tls=tls)
    except Missing as missing:
        pytest.skip(str(missing))
    with server:
        with psycopg.connect(server.superuser_dsn(), autocommit=True) as superuser:
            superuser.execute("ALTER SYSTEM SET log_statement = 'all'")
            superuser.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture(scope="session")
def newest_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """PostgreSQL 18, where CREATEROLE needs ADMIN on every role that it changes (since 16)."""
    yield from serving(tmp_path_factory.mktemp("postgres"), from_wheel)


@pytest.fixture(scope="session")
def debian_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Debian's PostgreSQL: another major version, with TLS."""
    yield from serving(tmp_path_factory.mktemp("debian-postgres"), from_debian, tls=True)
