"""A stand-in for MySQL 8's accounts, because no MySQL server can be installed here: dual passwords, spoken for real.

Written from the MySQL 8.0 Reference Manual: "ALTER USER Statement", "Password Management" (Dual Password Support),
"Caching SHA-2 Pluggable Authentication", "Locking Functions", "Server Error Message Reference". It keeps what makes
dual passwords dangerous: RETAIN CURRENT PASSWORD said twice drops the predecessor's without a word; DISCARD OLD
PASSWORD says nothing where there is none; setting a password without RETAIN keeps the other one.

Simplified: it knows no SQL, only the statements that rotator and the tests say, each by its form, and 1064 for all
others; an account is found by its user name alone; rights are not checked; verifiers have a fifth of MySQL's rounds, to
be quick. Where mysql.user keeps the second password is not put to the test: it answers to rotator's own question.

`python -m rotator.sandbox.sources.mysql8 --port 0` serves until its standard input ends.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from rotator.providers.mysql_verifiers import VERIFIERS
from rotator.sandbox.sources.mysql8_wire import Cell, Said, Wire, native_answer, sha2_answer

VERSION = "8.0.36"
_Q = r"'((?:[^'\\]|\\.)*)'"
_WHO = rf"alter user {_Q}@{_Q} "
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "Z": "\x1a"}


@dataclass
class Account:
    """One account; passwords are kept in plain, so that the far side of a test can be asked what it takes."""

    user: str
    host: str
    plugin: str
    password: str
    kept: str | None = None
    attribute: dict[str, Any] = field(default_factory=dict)
    locked: bool = False
    verifiers: dict[str, str] = field(default_factory=dict)

    def verifier(self, password: str | None) -> str:
        """What mysql.user keeps of a password: the same for as long as it is there."""
        if password is None:
            return ""
        salt = "".join(chr(secrets.choice(range(0x25, 0x7F))) for _ in range(20))
        return self.verifiers.setdefault(password, VERIFIERS[self.plugin](password, f"$A$001${salt}?"))

    def takes(self, plugin: str, answer: bytes, nonce: bytes) -> bool:
        """Whether the answer is that of one of its passwords."""
        made = native_answer if plugin == "mysql_native_password" else sha2_answer
        return answer in {made(one, nonce) for one in (self.password, self.kept) if one is not None}


class MySql8:
    """A server on a loopback port of the system's choice; `accounts` are open to whoever plays the world."""

    host = "127.0.0.1"

    def __init__(self, port: int = 0) -> None:
        self.accounts: dict[str, Account] = {}
        self.ledger: Counter[str] = Counter()  # statement's kind, or `login` and `refused`
        self.sessions: dict[int, tuple[str, socket.socket]] = {}
        self._listener = socket.create_server((self.host, port))
        self._changing = threading.Condition()
        self._locks: dict[str, int] = {}
        self._started, self._ids = time.monotonic(), iter(range(8, 1_000_000))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._forms: Sequence[tuple[str, Callable[..., Sequence[Sequence[Cell]] | None]]] = (
            (r"set .*|start transaction.*|rollback", lambda _me: None),
            (r"select 1", lambda _me: [[1]]),
            (r"select version\(\)", lambda _me: [[VERSION]]),
            (rf"select get_lock\({_Q}, (\d+)\)", self._lock),
            (r"select unix_timestamp\(\), connection_id\(\)", lambda me: [[int(time.time()), me]]),
            (r"select unix_timestamp\(\)", lambda _me: [[int(time.time())]]),
            (rf"select plugin, hex\(.* from mysql.user u where u.User = {_Q} and u.Host = {_Q}", self._read),  # noqa: S608 - a pattern, no statement
            (rf"{_WHO}identified with (\w+) by {_Q} retain current password attribute {_Q}", self._retain),
            (rf"{_WHO}identified with (\w+) as 0x([0-9a-f]+)", self._set_verifier),
            (rf"{_WHO}discard old password", self._discard),
            (rf"{_WHO}attribute {_Q}", self._attribute),
            (rf"select id, .* from information_schema.processlist where user = {_Q} order by id", self._list),  # noqa: S608 - a pattern, no statement
            (r"show global status like 'Uptime'", lambda _me: [["Uptime", str(self._uptime())]]),
        )

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for _user, connection in list(self.sessions.values()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    # Connections

    def _accept(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, next(self._ids)), daemon=True).start()

    def _serve(self, connection: socket.socket, me: int) -> None:
        wire = Wire(connection, me, VERSION)
        with connection, suppress(OSError):
            try:
                self.sessions[me] = (wire.let_in(self._find), connection)
                self.ledger["login"] += 1
                while True:
                    self._answer(wire, wire.query())
            except Said as said:
                self.ledger["refused"] += 1
                wire.no(said)
            finally:
                self.sessions.pop(me, None)
                with self._changing:
                    self._locks = {name: holder for name, holder in self._locks.items() if holder != me}
                    self._changing.notify_all()

    def _find(self, user: str) -> tuple[str, Callable[[str, bytes, bytes], bool]]:
        account = self.accounts.get(user)
        if account is None:
            return "caching_sha2_password", lambda *_answer: False
        if account.locked:
            raise Said(3118, "HY000", f"Access denied for user '{user}'@'127.0.0.1'. Account is locked.")
        return account.plugin, account.takes

    def _answer(self, wire: Wire, statement: str) -> None:
        text = " ".join(statement.split())
        for form, act in self._forms:
            if found := re.fullmatch(form, text, re.IGNORECASE | re.DOTALL):
                try:
                    rows = act(wire.id, *map(_unescaped, found.groups()))
                except Said as said:
                    wire.no(said)
                else:
                    _tell(wire, rows)
                return
        wire.no(Said(1064, "42000", f"You have an error in your SQL syntax near '{text[:80]}'"))

    # Statements

    def _lock(self, me: int, name: str, seconds: str) -> Sequence[Sequence[Cell]]:
        with self._changing:
            got = self._changing.wait_for(lambda: self._locks.get(name, me) == me, float(seconds))
            if got:
                self._locks[name] = me
        return [[int(got)]]

    def _read(self, _me: int, user: str, host: str) -> Sequence[Sequence[Cell]]:
        account = self.accounts.get(user)
        if account is None or account.host != host:
            return []
        current, kept = (
            account.verifier(one).encode().hex().upper() for one in (account.password, account.kept)
        )
        return [[account.plugin, current, kept, int(account.locked), account.attribute.get("rotator")]]

    def _retain(self, _me: int, user: str, host: str, plugin: str, password: str, attribute: str) -> None:
        account = self._known(user, host)
        self.ledger["retain"] += 1
        # The trap: whatever is current becomes the kept one, also when it is the very same.
        account.kept = account.password if plugin == account.plugin else None
        account.password, account.plugin = password, plugin
        account.attribute.update(json.loads(attribute))

    def _set_verifier(self, _me: int, user: str, host: str, plugin: str, verifier: str) -> None:
        account = self._known(user, host)
        wanted = bytes.fromhex(verifier).decode("latin-1")
        known = {one: password for password, one in account.verifiers.items()}
        self.ledger["set"] += 1
        if plugin != account.plugin or wanted not in known:
            raise Said(1827, "HY000", "The password hash doesn't have the expected format.")
        account.password = known[wanted]

    def _discard(self, _me: int, user: str, host: str) -> None:
        self._known(user, host).kept = None
        self.ledger["discard"] += 1

    def _attribute(self, _me: int, user: str, host: str, attribute: str) -> None:
        self._known(user, host).attribute.update(json.loads(attribute))
        self.ledger["attribute"] += 1

    def _list(self, _me: int, user: str) -> Sequence[Sequence[Cell]]:
        return [
            [id_, "127.0.0.1"] for id_, (who, _connection) in sorted(self.sessions.items()) if who == user
        ]

    def _known(self, user: str, host: str) -> Account:
        account = self.accounts.get(user)
        if account is None or account.host != host:
            raise Said(1396, "HY000", f"Operation ALTER USER failed for '{user}'@'{host}'")
        return account

    def _uptime(self) -> int:
        return int(time.monotonic() - self._started)


def _tell(wire: Wire, rows: Sequence[Sequence[Cell]] | None) -> None:
    if rows is None:
        wire.ok()
    else:
        wire.rows(rows)


def _unescaped(literal: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), literal, flags=re.DOTALL)


def main() -> None:
    """Serves until standard input ends, and says at the end what it did."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    with MySql8(options.parse_args().port) as server:
        print(json.dumps({"host": server.host, "port": server.port}), flush=True)
        sys.stdin.read()
        print(json.dumps(server.ledger))


if __name__ == "__main__":
    main()
