"""One account with two passwords, at the stand-in for MySQL 8."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pymysql

from rotator.providers.mysql_consumers import parsed, render
from rotator.sandbox.sources.mysql8 import Account, MySql8
from tests.company.secret import Held
from tests.crash.sources.source import PATH, Known, Login, There

_USER, _ADMIN, _PLUGIN = "taly_app", "rotator", "caching_sha2_password"
_REFUSED = 1045


class MysqlAccount(Login):
    """The stand-in speaks no TLS."""

    adapter = "mysql"
    rules = ("accept_unseen",)

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        self._server = around.enter_context(MySql8())
        place = f"{self._server.host}:{self._server.port}"
        self._template = f"mysql://{{user}}:{{password}}@{place}/?ssl-mode=DISABLED"
        first, self._own = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self._server.accounts[_USER] = Account(_USER, "%", _PLUGIN, first)
        self._server.accounts[_ADMIN] = Account(_ADMIN, "%", _PLUGIN, self._own)
        return {"value": render(self._template, _USER, first)}

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

    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        account = self._server.accounts[_USER]
        marks = json.dumps(account.attribute)
        passwords = {parsed(one.value).password: one for one in known.made if "://" in one.value}
        for password in filter(None, (account.password, account.kept)):
            one = passwords.get(password)
            label = one.rotation if one and one.rotation in marks else ""
            yield There(one.id if one else known.id_of(password), label)
