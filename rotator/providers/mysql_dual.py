"""MySQL (8.0.21 or newer): an account keeps its current password beside a new one, `RETAIN CURRENT PASSWORD`.

Said twice, that statement would keep the new password beside itself and drop the predecessor's without a word. So it
is said only to an account that has one password, which is not ours, under a lock, and in a session that the server
ends when its client freezes. Nobody has to log in for that look: the verifiers tell.

Names stand in the account's own ATTRIBUTE, and a new one is written by the statement that gives the password, so no
crash can part them. Which verifier it belongs to is only known afterwards (the server chooses the salt): until that
is written down, the newest name is the current password's, unless that is somebody else's by name.

MySQL documentation: "ALTER USER Statement", "Password Management" (Dual Password Support), "The INFORMATION_SCHEMA
USER_ATTRIBUTES Table"; where mysql.user keeps the second password is [M]. There is no MySQL server among Debian's
packages: all of this has been run against a stand-in of ours only, and wants confirming against a real one; on RDS the
privileges, too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rotator.model.errors import Refused
from rotator.providers.mysql_accounts import Account, Name, Names, Password, missing
from rotator.providers.mysql_verifiers import digest

if TYPE_CHECKING:
    from rotator.providers.mysql_session import Session

# In hex, because the salt's bytes need not be characters.
_READ = """
select plugin, hex(authentication_string),
       hex(coalesce(json_unquote(json_extract(User_attributes, '$.additional_password')), '')),
       account_locked = 'Y',
       (select json_unquote(json_extract(ATTRIBUTE, '$.rotator')) from information_schema.user_attributes a
        where a.USER = u.User and a.HOST = u.Host)
from mysql.user u where u.User = %s and u.Host = %s
"""


class MySqlDual:
    """Dialect."""

    def read(self, server: Session, name: Name) -> Account:
        """The account, from mysql.user. The current password first; one that stands in both places is one."""
        rows = server.ask(_READ, name)
        if not rows:
            raise missing(name)
        plugin, current, kept, locked, note = rows[0]
        names = Names(**json.loads(note)) if note else Names()
        verifiers = dict.fromkeys(bytes.fromhex(one).decode("latin-1") for one in (current, kept) if one)
        unbound = names.newest if names.newest not in names.holders.values() else ""
        passwords = tuple(
            Password(plugin, verifier, names.of(verifier, unbound if place == 0 else ""))
            for place, verifier in enumerate(verifiers)
        )
        return Account(name, passwords, names, locked=bool(locked))

    def add(self, server: Session, account: Account, password: str, holder: str, plugin: str | None) -> None:
        """The new one becomes current, the present one is kept; then the new one's name is bound to its verifier."""
        if len(account.passwords) != 1:
            raise Refused(account.blocker())
        present = account.passwords[0]
        if plugin not in {None, present.plugin}:
            raise Refused(
                f"{account} logs in by {present.plugin}: MySQL keeps two passwords of one plugin only"
            )
        now, session = server.ask("select unix_timestamp(), connection_id()")[0]
        names = Names({digest(present.verifier): present.holder}, holder, now, session)
        server.change(
            f"alter user %s@%s identified with {present.plugin} by %s retain current password attribute %s",
            (*account.name, password, _note(names)),
        )
        self._bind(server, self.read(server, account.name))

    def take_off(self, server: Session, account: Account, gone: Password) -> None:
        """The kept one is discarded. If the current one has to go, the kept one is made current before that."""
        self._bind(server, account)
        current, *kept = account.passwords
        if gone == current:
            verifier = kept[0].verifier.encode("latin-1").hex()
            server.change(f"alter user %s@%s identified with {gone.plugin} as 0x{verifier}", account.name)
        server.change("alter user %s@%s discard old password", account.name)

    def _bind(self, server: Session, account: Account) -> None:
        holders = {digest(one.verifier): one.holder for one in account.passwords}
        names = account.names
        if names.newest in holders.values() and names.newest not in names.holders.values():
            bound = Names(holders, names.newest, names.newest_at, names.newest_session)
            server.change("alter user %s@%s attribute %s", (*account.name, _note(bound)))


def _note(names: Names) -> str:
    """One string under one key: the server merges objects key by key, and a string is replaced as a whole."""
    written: dict[str, Any] = {
        "holders": dict(names.holders),
        "newest": names.newest,
        "newest_at": names.newest_at,
        "newest_session": names.newest_session,
    }
    return json.dumps({"rotator": json.dumps(written)})
