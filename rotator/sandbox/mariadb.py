"""A real MariaDB for tests: Debian's server on data of its own, about five seconds to a login."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pymysql

from rotator.sandbox.postgres_binaries import Missing, reachable_by_all, temporary_folder, unprivileged_user
from rotator.sandbox.processes import Child, NotReady, free_port, tail

__all__ = ["EmbeddedMariaDb", "Missing"]

READY_WITHIN = 60.0
_SMALL = ("--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=0")


class EmbeddedMariaDb:
    """One server on a loopback port of the system's choice, with its log (and its data) in `folder`.

    No socket file: everybody comes by TCP and logs in. The superuser's password is generated. Raises Missing where
    MariaDB is not installed, NotReady where it did not come up.
    """

    host = "127.0.0.1"

    def __init__(self, folder: Path) -> None:
        self.port = 0
        self.log = folder / "mariadb.log"
        self.superuser_password = secrets.token_urlsafe(24)
        self._install, self._program = _found("mariadb-install-db"), _found("mariadbd")
        self._user = unprivileged_user()
        self._folder = folder.resolve()
        self._home: Path | None = None
        self._server: Child | None = None

    def __enter__(self) -> Self:
        try:
            self._home = self._make_home()
            self._make_data(self._home / "data")
            self._serve(self._home / "data")
            self._close_to_strangers()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops it, and removes the data if it had to live outside `folder`."""
        if self._server:
            self._server.stop()
        if self._home is not None and self._home != self._folder:
            shutil.rmtree(self._home)
            self._home = None

    def superuser(self) -> pymysql.connections.Connection[Any]:
        """A session that may do everything."""
        return pymysql.connect(
            host=self.host, port=self.port, user="root", password=self.superuser_password, autocommit=True
        )

    def _make_home(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return temporary_folder() if self._user and not reachable_by_all(self._folder) else self._folder

    def _make_data(self, data: Path) -> None:
        data.mkdir()
        if self._user:
            os.chown(data, *self._user)
        making = self._child(
            "mariadb-install-db",
            self._install,
            *("--no-defaults", f"--datadir={data}", "--skip-test-db", "--skip-name-resolve"),
            *("--auth-root-authentication-method=normal", *_SMALL),
        )
        if making.wait(READY_WITHIN) != 0:
            raise NotReady(
                f"mariadb-install-db failed. The end of its log {self.log}:\n{tail(self.log, lines=80)}"
            )

    def _serve(self, data: Path) -> None:
        for _attempt in range(5):
            self.port = free_port()
            self._server = self._child(
                "MariaDB",
                self._program,
                *("--no-defaults", f"--datadir={data}", f"--bind-address={self.host}", f"--port={self.port}"),
                *("--skip-name-resolve", f"--socket={data}/s", f"--pid-file={data}/pid"),
                *("--plugin-load-add=auth_ed25519", *_SMALL),
            )
            try:
                self._server.wait_until(self._says_ready, READY_WITHIN)
            except NotReady:
                if "Address already in use" not in tail(self.log):
                    raise
            else:
                return
        raise NotReady(f"five ports in a row were taken between choosing and binding them; see {self.log}")

    def _says_ready(self) -> bool:
        return "ready for connections" in tail(self.log)

    def _child(self, name: str, program: Path, *options: str) -> Child:
        return Child(name, [program, *options], log=self.log, user=self._user)

    def _close_to_strangers(self) -> None:
        """As installed, root has no password."""
        with pymysql.connect(host=self.host, port=self.port, user="root") as root, root.cursor() as cursor:
            cursor.execute(
                "delete from mysql.global_priv where Host <> %s and User <> 'mariadb.sys'", (self.host,)
            )
            cursor.execute("flush privileges")
            cursor.execute("alter user root@%s identified by %s", (self.host, self.superuser_password))


def _found(program: str) -> Path:
    """Where Debian puts it. Raises Missing."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
    if path is None:
        raise Missing("Debian's MariaDB server is not installed: apt-get install mariadb-server")
    return Path(path)
