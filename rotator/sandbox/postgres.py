"""A real PostgreSQL for tests and the demo, without installing one: about half a second from nothing to a login."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from rotator.sandbox.certificates import self_signed
from rotator.sandbox.postgres_binaries import (
    Missing,
    from_debian,
    from_wheel,
    reachable_by_all,
    temporary_folder,
    unprivileged_user,
)
from rotator.sandbox.processes import Child, NotReady, free_port, tail

__all__ = ["EmbeddedPostgres", "Missing", "from_debian", "from_wheel"]

SUPERUSER = "postgres"
READY_WITHIN = 90.0
LONGEST_SOCKET_FOLDER = (
    80  # a socket's path has 108 bytes (unix(7)), and PostgreSQL adds "/.s.PGSQL.65535.lock"
)


class EmbeddedPostgres:
    """One database cluster, on a loopback port of the system's choice, with its log (and its data) in `folder`.

    Every connection logs in with a password (scram-sha-256); the superuser's is generated. Without `fsync` it is
    fast and still keeps all that it acknowledged when it is killed; only a crash of the machine may lose data. With
    `tls` it takes TLS connections too, with a self-signed certificate; that needs `binaries=from_debian`.

    After `stop()` or `kill()`, `start()` comes back on the same data and port. Raises Missing where PostgreSQL cannot
    run at all, NotReady where it did not come up.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        folder: Path,
        *,
        binaries: Callable[[], Path] = from_wheel,
        fsync: bool = False,
        tls: bool = False,
        max_connections: int = 100,
    ) -> None:
        self.port = 0
        self.log = folder / "postgres.log"
        self.certificate = folder / "server.crt"  # for `sslrootcert`
        self.superuser_password = secrets.token_urlsafe(24)
        self._binaries = binaries()
        self._user = unprivileged_user()
        self._folder = folder
        self._home: Path | None = (
            None  # holds the data; not `folder` where the server's user cannot reach that
        )
        self._server: Child | None = None
        self._tls = tls
        self._settings = {
            "listen_addresses": self.host,
            "max_connections": str(max_connections),
            "fsync": "on" if fsync else "off",
            "ssl": "on" if tls else "off",
        }

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> Self:
        """Makes the cluster if this is the first start; returns when it takes connections."""
        if self._home is None:
            self._home = self._make_home()
            self._make_cluster(self._home)
        if self.port:
            self._serve(self.port)
        else:
            self.port = self._serve_on_a_free_port()
        return self

    def stop(self) -> None:
        """Ends it in order: sessions are cut off, data is written out."""
        if self._server:
            self._server.stop(asking=signal.SIGINT)  # "fast shutdown", which does not wait for clients

    def kill(self) -> None:
        """Ends it as a crash would; the next start recovers.

        By SIGQUIT ("immediate shutdown"), because a postmaster that gets SIGKILL leaves shared memory behind.
        """
        if self._server:
            self._server.stop(asking=signal.SIGQUIT)

    def close(self) -> None:
        """Stops it for good, and removes the data if it had to live outside `folder`."""
        self.stop()
        if self._home is not None and self._home != self._folder.resolve():
            shutil.rmtree(self._home)
            self._home = None

    @property
    def running(self) -> bool:
        return self._server is not None and self._server.running

    @property
    def pid(self) -> int:
        """The process id of the server. Raises NotReady before the first start."""
        if self._server is None:
            raise NotReady("PostgreSQL has not been started")
        return self._server.pid

    def superuser_dsn(self, dbname: str = "postgres") -> str:
        """A URL for libpq and SQLAlchemy. It holds the password: for the sandbox's own use only."""
        return f"postgresql://{SUPERUSER}:{self.superuser_password}@{self.host}:{self.port}/{dbname}"

    def _make_home(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        home = self._folder.resolve()
        return temporary_folder() if self._user and not reachable_by_all(home) else home

    def _make_cluster(self, home: Path) -> None:
        (home / "data").mkdir()
        self._give_to_server(home / "data")
        password = self._server_file(home / "superuser-password", self.superuser_password.encode())
        initdb = Child(
            "initdb",
            [
                *(self._binaries / "initdb", "--pgdata", home / "data", "--username", SUPERUSER),
                *("--auth", "scram-sha-256", "--pwfile", password, "--encoding", "UTF8", "--locale", "C"),
                *("--no-sync", "--no-instructions"),
            ],
            log=self.log,
            user=self._user,
        )
        if initdb.wait(READY_WITHIN) != 0:
            raise NotReady(f"initdb failed. The end of its log {self.log}:\n{tail(self.log)}")
        password.unlink()
        if self._tls:
            certificate, key = self_signed()
            self.certificate.write_bytes(certificate)
            self._server_file(home / "data" / "server.crt", certificate)
            self._server_file(home / "data" / "server.key", key)

    def _server_file(self, path: Path, content: bytes) -> Path:
        """A file that only the server can read, in a folder that only we and the server can."""
        path.touch(mode=0o600)
        path.write_bytes(content)
        self._give_to_server(path)
        return path

    def _give_to_server(self, path: Path) -> None:
        if self._user:
            os.chown(path, *self._user)

    def _serve_on_a_free_port(self) -> int:
        for _attempt in range(5):
            port = free_port()
            try:
                self._serve(port)
            except NotReady:
                if "could not create any TCP/IP sockets" not in tail(self.log):
                    raise
            else:
                return port
        raise NotReady(f"five ports in a row were taken between choosing and binding them; see {self.log}")

    def _serve(self, port: int) -> None:
        data = self._data
        sockets = str(data) if len(str(data)) <= LONGEST_SOCKET_FOLDER else ""
        options = {**self._settings, "port": str(port), "unix_socket_directories": sockets}
        self._server = Child(
            "PostgreSQL",
            [
                *(self._binaries / "postgres", "-D", data),
                *(word for name, value in options.items() for word in ("-c", f"{name}={value}")),
            ],
            log=self.log,
            user=self._user,
            death_signal=signal.SIGQUIT,
        )
        self._server.wait_until(self._says_ready, READY_WITHIN)

    def _says_ready(self) -> bool:
        """As pg_ctl knows it: line 1 of postmaster.pid is the process id, line 8 the state."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    @property
    def _data(self) -> Path:
        if self._home is None:
            raise NotReady("PostgreSQL has not been started")
        return self._home / "data"
