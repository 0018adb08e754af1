"""MariaDB (10.4 or newer): an account logs in by one way or another, `IDENTIFIED VIA … OR …`, each with a password.

The whole list is written in one statement, with the verifiers that the server itself keeps, so nobody's password is
needed to keep it, and the statement may be said twice.

The server asks for one way after the other, and not every connector lets itself be asked more than once (PyMySQL 1.2
answers "received multiple auth switch requests"; MariaDB's own goes on). Native passwords are tried with the greeting
and cost no question. So they come first, and two of ed25519 never stand side by side: consumers with the second one
would be locked out.

The server has no place for a note on an account, so names are kept in a table of rotator's own database. A name is
written before its password is accepted: a password without a name is never rotator's.

Columns and JSON of mysql.global_priv, and what happens at login: run against 10.11.18.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rotator.model.errors import Refused
from rotator.providers.mysql_accounts import Account, Name, Names, Password, is_nobodys, missing
from rotator.providers.mysql_verifiers import VERIFIERS, digest

if TYPE_CHECKING:
    from rotator.providers.mysql_session import Session

#: A way in by password that no password opens; `mariadb-install-db` gives it to root.
_CLOSED = "invalid"
_NATIVE = "mysql_native_password"

_CREATE = """
create table if not exists rotator.passwords (
    number bigint not null auto_increment primary key,
    user varchar(128) not null, host varchar(255) not null, verifier char(32) not null, holder varchar(128) not null,
    made_at bigint not null, made_in bigint not null, unique (user, host, verifier))
"""
_NAME = """
insert ignore into rotator.passwords (user, host, verifier, holder, made_at, made_in)
values (%s, %s, %s, %s, unix_timestamp(), connection_id())
"""
_NAMES = """
select verifier, holder, made_at, made_in from rotator.passwords where user = %s and host = %s order by number
"""
_PRIVILEGES = "select Priv from mysql.global_priv where User = %s and Host = %s"
_TABLES = "select count(*) from information_schema.tables where table_schema = 'rotator' and table_name = 'passwords'"


class MariaDb:
    """Dialect."""

    def read(self, server: Session, name: Name) -> Account:
        """The account, from the JSON in mysql.global_priv: `auth_or` lists the ways, `{}` stands for the outer one."""
        rows = server.ask(_PRIVILEGES, name)
        if not rows:
            raise missing(name)
        outer = json.loads(rows[0][0])
        ways = [
            (way.get("plugin", ""), way.get("authentication_string", ""))
            for way in (one or outer for one in outer.get("auth_or", [outer]))
        ]
        names = self._names(server, name)
        passwords = dict.fromkeys(way for way in ways if _is_password(way))  # the same one twice is one
        return Account(
            name,
            tuple(Password(plugin, verifier, names.of(verifier)) for plugin, verifier in passwords),
            names,
            locked=bool(outer.get("account_locked")),
            beside=tuple(way for way in ways if not _is_password(way)),
        )

    def add(self, server: Session, account: Account, password: str, holder: str, plugin: str | None) -> None:
        """Named first, accepted then."""
        plugin = plugin or account.passwords[0].plugin
        if _NATIVE not in {plugin, account.passwords[0].plugin}:
            raise Refused(
                f"{account} logs in by ed25519, and many connectors cannot choose between two such passwords: with "
                f"plugin: {_NATIVE} in the policy the successor's stands beside it"
            )
        verifier = VERIFIERS[plugin](password, "")
        if not server.ask(_TABLES)[0][0]:
            server.change(_CREATE)
        named = {one.verifier: one.holder for one in account.passwords} | {verifier: holder}
        for one, name in named.items():
            server.change(_NAME, (*account.name, digest(one), name))
        ways = [(one.plugin, one.verifier) for one in account.passwords]
        self._write(server, account, [*ways, (plugin, verifier)])

    def take_off(self, server: Session, account: Account, gone: Password) -> None:
        """The list without it. Its name stays written: names are never given twice."""
        self._write(server, account, [(one.plugin, one.verifier) for one in account.passwords if one != gone])

    def _write(self, server: Session, account: Account, passwords: list[tuple[str, str]]) -> None:
        first = sorted(passwords, key=lambda way: way[0] != _NATIVE)
        ways = [*first, *account.beside]
        said = " or ".join(f"{plugin} using %s" if known else plugin for plugin, known in ways)
        server.change(f"alter user %s@%s identified via {said}", (*account.name, *(k for _, k in ways if k)))

    def _names(self, server: Session, name: Name) -> Names:
        if not server.ask(_TABLES)[0][0]:
            return Names()
        rows = server.ask(_NAMES, name)
        made = [row for row in rows if not is_nobodys(row[1])]
        holders = {verifier: holder for verifier, holder, *_ in rows}
        return Names(holders, *made[-1][1:]) if made else Names(holders)


def _is_password(way: tuple[str, str]) -> bool:
    """Whether a way in is a password, known to rotator or not; `beside` are those that ask for none."""
    plugin, known = way
    return plugin not in {"unix_socket", "gssapi", "pam", ""} and known != _CLOSED
