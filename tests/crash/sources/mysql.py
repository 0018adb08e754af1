"""One account with two passwords: at the stand-in for MySQL 8, and at Debian's MariaDB."""

from __future__ import annotations

import json
import secrets
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pymysql

from rotator.providers.mysql_consumers import parsed, render
from rotator.providers.mysql_verifiers import digest, is_of
from rotator.sandbox.mariadb import EmbeddedMariaDb, Missing
from rotator.sandbox.sources.mysql8 import Account, MySql8
from tests.company.secret import Held
from tests.crash.made import Minted
from tests.crash.sources.source import PATH, Known, Login, There

_USER, _ADMIN, _PLUGIN = "taly_app", "rotator", "caching_sha2_password"
_NATIVE = "mysql_native_password"
_REFUSED = 1045


class Server(NamedTuple):
    """Where consumers and rotator log in."""

    host: str
    port: int


class MysqlSource(Login):
    """Whichever server it is; none of them speaks TLS here."""

    adapter = "mysql"
    rules = ("accept_unseen",)

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        first, self._own = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self._server = self.serves(folder, around, first, self._own)
        place = f"{self._server.host}:{self._server.port}"
        self._template = f"mysql://{{user}}:{{password}}@{place}/?ssl-mode=DISABLED"
        return {"value": render(self._template, _USER, first)}

    @abstractmethod
    def serves(self, folder: Path, around: ExitStack, first: str, own: str) -> Server:
        """Begins to serve, with the password of the account and that of rotator's own."""

    def settings(self) -> Mapping[str, Any]:
        admin = f"ssm:{PATH}/rotator/DATABASE_ADMIN_URL"
        return {"user": _USER, "admin": admin, "template": self._template}

    def own(self) -> Mapping[str, str]:
        return {"DATABASE_ADMIN_URL": render(self._template, _ADMIN, self._own)}

    def takes(self, fields: Mapping[str, str]) -> bool:
        password = parsed(fields["value"]).password
        try:
            pymysql.connect(
                host=self._server.host,
                port=self._server.port,
                user=_USER,
                password=password,
                connect_timeout=5,
                ssl_disabled=True,
            ).close()
        except pymysql.OperationalError as refusal:
            if refusal.args[0] == _REFUSED:
                return False
            raise ConnectionError(str(refusal)) from refusal
        return True


class MysqlAccount(MysqlSource):
    """MySQL 8's two passwords."""

    def serves(self, folder: Path, around: ExitStack, first: str, own: str) -> Server:
        self._played = around.enter_context(MySql8())
        self._played.accounts[_USER] = Account(_USER, "%", _PLUGIN, first)
        self._played.accounts[_ADMIN] = Account(_ADMIN, "%", _PLUGIN, own)
        return Server(self._played.host, self._played.port)

    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        account = self._played.accounts[_USER]
        marks = json.dumps(account.attribute)
        passwords = dict(_passwords(known))
        for password in filter(None, (account.password, account.kept)):
            one = passwords.get(password)
            label = one.rotation if one and one.rotation in marks else ""
            yield There(one.id if one else known.id_of(password), label)


class MariaDbAccount(MysqlSource):
    """MariaDB's two ways to log in, at a real server."""

    @classmethod
    def lacking(cls) -> str:
        try:
            EmbeddedMariaDb(Path())
        except Missing as missing:
            return str(missing)
        return ""

    def serves(self, folder: Path, around: ExitStack, first: str, own: str) -> Server:
        server = around.enter_context(EmbeddedMariaDb(folder))
        self._root = around.enter_context(server.superuser())
        self._ask("create database rotator")
        self._ask("create user %s identified by %s", _ADMIN, own)
        self._ask("grant create user, process on *.* to %s", _ADMIN)
        self._ask("grant select on mysql.global_priv to %s", _ADMIN)
        self._ask("grant create, select, insert on rotator.* to %s", _ADMIN)
        self._ask(f"create user %s identified via {_NATIVE} using password(%s)", _USER, first)
        return Server(server.host, server.port)

    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        """The account's ways to log in; rotator's table says for which rotation each was made."""
        outer = json.loads(self._ask("select Priv from mysql.global_priv where User = %s", _USER)[0][0])
        made, holders = dict(_passwords(known)), self._holders()
        for way in (one or outer for one in outer.get("auth_or", [outer])):
            verifier = way["authentication_string"]
            password = next((one for one in made if is_of(one, way["plugin"], verifier)), verifier)
            one, holder = made.get(password), holders.get(digest(verifier), "")
            label = one.rotation if one and one.rotation in holder else ""
            yield There(one.id if one else known.id_of(verifier), label)

    def _holders(self) -> Mapping[str, str]:
        there = "select 1 from information_schema.tables where table_schema = 'rotator'"
        return dict(self._ask("select verifier, holder from rotator.passwords")) if self._ask(there) else {}

    def _ask(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        with self._root.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())


def _passwords(known: Known) -> Iterator[tuple[str, Minted]]:
    """Every password that was ever made, and what it is of."""
    for one in known.made:
        if "://" in one.value:
            yield parsed(one.value).password, one
