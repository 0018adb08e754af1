"""MySQL, MariaDB: an account has two passwords for a while; a rotation gives it a second one and takes the first off.

MySQL 8 keeps the current password beside a new one (RETAIN CURRENT PASSWORD), MariaDB takes one way in OR another.
So one account is enough for an overlap: its grants, the objects that it defined, and its name in every consumer stay
as they are, which two accounts in turn would have to keep equal by hand (views and routines run with the rights of
their definer, and neither server has an owner role that both could become).

The price: the server does not tell with which of its two passwords a session logged in, so use of the predecessor
cannot be seen, and there is no step between both and one that could be taken back. What can be seen is used all the
same: sessions from before the successor existed are the predecessor's for certain, and hold a rotation up.

A worker that freezes in the middle of a change cannot land it later: the server itself ends a session that has been
idle for TALK_SECONDS. Sessions go on when their password is taken off.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import StringConstraints, field_validator

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions, leads_to
from rotator.contracts.provider import LastUsed, Observation, Overlap, Sight, Traits
from rotator.model.errors import Refused
from rotator.model.numbers import counted
from rotator.model.policy import Recipe
from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed
from rotator.providers.login_fields import wrong_fields
from rotator.providers.mysql_consumers import Consumers, hosts, wrong_with
from rotator.providers.mysql_server import PROGRAM, Server

#: Both servers' password policies may ask for an upper and a lower case letter, a digit and something else.
_KINDS = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[-_]")
_SESSIONS = (
    "select id, substring_index(host, ':', 1) from information_schema.processlist where user = %s order by id"
)

Admin = Annotated[str, leads_to("DATABASE_ADMIN_URL", never="a connection string")]
Plugin = Literal["mysql_native_password", "ed25519"]
AccountName = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class Mysql:
    """One account of one application at one server: MySQL 8.0.21 or newer, MariaDB 10.4 or newer.

    What a DBA prepares:

        CREATE USER 'rotator'@'10.%' IDENTIFIED BY '…';
        GRANT CREATE USER, PROCESS ON *.* TO 'rotator'@'10.%';
        GRANT SELECT ON mysql.user TO 'rotator'@'10.%';                                  -- MySQL
        GRANT SELECT ON mysql.global_priv TO 'rotator'@'10.%';                           -- MariaDB
        CREATE DATABASE rotator;                                                         -- MariaDB
        GRANT CREATE, SELECT, INSERT ON rotator.* TO 'rotator'@'10.%';                   -- MariaDB
    """

    needs: ClassVar[str] = "an administrator's login with CREATE USER"
    tried_on: ClassVar[str] = "MariaDB 10.11; MySQL 8 as a stand-in that speaks its protocol"
    remark: ClassVar[str] = (
        "MySQL 8's dual passwords, MariaDB's two ways to log in; a session does not tell its password"
    )

    class Options(AdapterOptions):
        """`template` is needed where consumers read one connection string; it says where they log in.

        With separate parameters for user and password it is optional: rotator tries them where `admin` logs in.
        """

        user: AccountName
        admin: Admin  # reference to the connection string that rotator itself logs in with
        host: AccountName = "%"  # the account's host pattern, a part of its name
        template: str | None = None  # mysql://{user}:{password}@host:port/database?ssl-mode=REQUIRED
        plugin: Plugin | None = None  # of the successor, on MariaDB; by default the predecessor's
        verify_sql: str = "select 1"

        @field_validator("template")
        @classmethod
        def _can_be_filled_in(cls, template: str | None) -> str | None:
            if template is not None and (trouble := wrong_with(template)):
                raise ValueError(trouble)
            return template

        @field_validator("verify_sql")
        @classmethod
        def _only_reads(cls, statement: str) -> str:
            if not re.fullmatch(r"\s*select\b((?!\binto\b)[^;])*", statement, re.IGNORECASE):
                raise ValueError("must be one SELECT without INTO")
            return statement

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.PAIR,
        mints=False,
        labels=True,
        reversible=False,
        sight=Sight.NO,
        death=Death.TRIED,
    )

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        options = self._options = self.Options.taken_from(recipe.settings, recipe.secret)
        self._recipe, self._around = recipe, around
        self._name = (options.user, options.host)
        self._server = Server(options.admin, self._name, self.principal, around)
        self._consumers = Consumers(
            recipe.secret, frozenset(recipe.fields), options.template, lambda: around.resolve(options.admin)
        )

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """What is wrong with a policy that Options alone cannot see; one sentence each."""
        complaints = wrong_fields(recipe.fields, "user", "password")
        if recipe.settings.get("template") is None and "value" in recipe.fields:
            complaints.append('template is missing: "mysql://{user}:{password}@host:3306/database"')
        return complaints

    @classmethod
    def hosts(cls, recipe: Recipe) -> dict[str, list[str]]:
        """Setting -> the hosts that are sent secrets: what `policy check` holds against the allowed hosts."""
        template = cls.Options.model_validate(recipe.settings).template
        return {} if template is None else {"template": hosts(template)}

    @property
    def principal(self) -> str:
        """The account."""
        return f"mysql:{self._recipe.environment}:{self._options.user}@{self._options.host}"

    def observe(self) -> Observation:
        """The credentials that the account takes, with one slot for a successor."""
        account = self._server.account()
        return Observation(account.at_source(), max(0, 2 - len(account.passwords)), account.blocker())

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """By the password in the store: its verifier is computed and compared, nobody logs in.

        Raises Refused when the store leads to another database than the template.
        """
        login = self._consumers.login(current)
        self._consumers.check_place(login)
        if login.user != self._options.user:
            return None
        account = self._server.account()
        account.check_plugins()
        held = account.having(login.password)
        return account.credential_id(held) if held else None

    def create(self, label: str, predecessor: str | None) -> Credential:  # noqa: ARG002 - one account, whoever was there
        """A new password for the account; the server is not told yet."""
        user = self._options.user
        return Credential(f"{user}@{label}", self._consumers.fields_for(user, _password()))

    def activate(self, successor: Credential) -> None:
        """The account takes the successor's password besides the one that it has. Said once, however often called."""
        password = self._consumers.login(successor.fields).password
        with self._server.changing() as (server, dialect, account):
            account.check_plugins()
            held = account.having(password)
            if held is None and account.blocker():
                raise Refused(account.blocker())
            if held is None:
                dialect.add(server, account, password, _holder(successor.id), self._options.plugin)

    def verify(self, credential: Credential) -> None:
        """Logs in with exactly what consumers read, and runs `verify_sql` in a session that only reads."""
        from rotator.providers.mysql_session import session  # noqa: PLC0415 - PyMySQL is imported on first use

        login = self._consumers.login(credential.fields)
        who = f"{credential.id.rpartition('@')[0] or 'the user in the store'} at {self._consumers.place}"
        around = self._around
        with session(login, around.clock, who, PROGRAM, allows=around.allows, quoted=False) as consumer:
            consumer.ask("set session transaction read only")
            consumer.ask(self._options.verify_sql)

    def disable(self, credential_id: str) -> None:
        """Raises Refused: the server either takes a password or forgets it."""
        raise Refused(f"{credential_id} cannot be disabled: the server takes a password or forgets it")

    def enable(self, credential_id: str) -> None:
        """Raises Refused."""
        raise Refused(f"{credential_id} cannot be enabled: the server has forgotten it, or takes it already")

    def remove(self, credential_id: str) -> None:
        """The account takes only its other password. Open sessions go on.

        Raises Refused when the account's two passwords are both somebody else's, or when this one is its only one.
        """
        with self._server.changing() as (server, dialect, account):
            gone = account.holding(credential_id)
            if gone is None and len(account.passwords) > 1:
                raise Refused(
                    f"{account} has two passwords and neither is {credential_id}: somebody else uses them now, so "
                    "they were left as they are"
                )
            if gone is not None and len(account.passwords) == 1:
                raise Refused(
                    f"{credential_id} is the only password of {account}: without it nobody could log in, so it was "
                    "left as it is"
                )
            if gone is not None:
                account.check_plugins()
                dialect.take_off(server, account, gone)

    def last_used(self, credential_id: str) -> LastUsed:
        """Sessions from before the newest password existed, for any other credential. Else unknown."""
        with self._server.session() as (server, dialect):
            names = dialect.read(server, self._name).names
            sessions = server.ask(_SESSIONS, [self._options.user])
            uptime = int(server.ask("show global status like 'Uptime'")[0][1])
            started_at = server.ask("select unix_timestamp()")[0][0] - uptime
        # Ids begin anew when the server does, and then no session is older than the newest password. Whole seconds.
        comparable = started_at - 1 <= names.newest_at
        before = [host for id_, host in sessions if comparable and id_ < names.newest_session]
        if before and _holder(credential_id) != names.newest:
            counts = sorted((before.count(host), host) for host in set(before))
            by = ", ".join(
                f"{counted(count, 'session')} from {host}" for count, host in reversed(counts[-5:])
            )
            return LastUsed(now=True, by=f"{by}, open since before there was another password")
        return LastUsed(known=False, by=f"{counted(len(sessions), 'session')}, with either password")


def _holder(credential_id: str) -> str:
    return credential_id.rpartition("@")[2]


def _password() -> str:
    """256 random bits, and at least one character of each kind that a password policy may ask for."""
    while True:
        password = secrets.token_urlsafe(32)
        if all(re.search(kind, password) for kind in _KINDS):
            return password
