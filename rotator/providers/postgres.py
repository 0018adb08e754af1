"""Postgres: one of two login roles is in use, the other waits; a rotation gives the waiting one a new password.

A PostgreSQL role has one password, so two roles make the overlap. The server is told a SCRAM-SHA-256 verifier that is
computed here (RFC 5802), so its log never sees a password, and login attempts that must fail are made for one purpose
only: to prove that a credential is dead.

A worker that freezes in the middle of a change cannot land it later: the server itself ends a transaction that has
been idle for TALK_SECONDS. Sessions of a role that can no longer log in go on until remove() ends them; sessions on
replicas are not seen from the primary.

To be confirmed in a sandbox account [M]: what rotator's login needs on RDS where `rds.restrict_password_commands` is
on, and that a pgbouncer with an auth_file of its own goes on with the verifier that it has.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from psycopg import sql
from pydantic import StringConstraints, field_validator

from rotator.contracts.adapter import Surroundings
from rotator.contracts.guard import guard
from rotator.contracts.options import AdapterOptions, leads_to
from rotator.contracts.provider import LastUsed, Observation, Overlap, Sight, Traits
from rotator.model.errors import Refused
from rotator.model.numbers import counted
from rotator.model.policy import Recipe
from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed
from rotator.providers.postgres_consumers import Consumers, known_form
from rotator.providers.postgres_dsn import hosts, render
from rotator.providers.postgres_roles import check_twins, find_pair, split
from rotator.providers.postgres_server import Server
from rotator.providers.postgres_session import transaction
from rotator.providers.postgres_template import wrong_with

_VERIFYING = "rotator verify"  # sessions of its own that rotator does not take for a consumer's
_END_SESSIONS = "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s"

Admin = Annotated[str, leads_to("DATABASE_ADMIN_URL", never="a connection string")]
RoleName = Annotated[str, StringConstraints(min_length=1, max_length=63)]  # the server cuts off longer ones


class Postgres:
    """The two login roles of one application at one PostgreSQL server (11 or newer).

    What a DBA prepares, besides the owner role that owns the schema (before 16: `WITH ADMIN OPTION`):

        CREATE ROLE app_a LOGIN PASSWORD '…' IN ROLE app;  ALTER ROLE app_a SET role = app;
        CREATE ROLE app_b NOLOGIN IN ROLE app;             ALTER ROLE app_b SET role = app;
        CREATE ROLE rotator LOGIN PASSWORD '…' CREATEROLE;
        GRANT app_a, app_b TO rotator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
        GRANT pg_signal_backend, pg_read_all_stats TO rotator;
    """

    needs: ClassVar[str] = "an administrator's login that may alter both roles"
    tried_on: ClassVar[str] = "PostgreSQL 18, and Debian's with TLS"
    remark: ClassVar[str] = "two login roles, one owner role; open sessions are seen"

    class Options(AdapterOptions):
        """`template` is needed where consumers read one parameter; it says where they log in.

        A text is a connection string, a map is a JSON object. With separate parameters (`user` and `password`, and any
        of `host`, `port` and `dbname`) it is optional: rotator tries them where `admin` logs in.
        """

        users: tuple[RoleName, RoleName]
        admin: Admin  # reference to the connection string that rotator itself logs in with
        template: str | dict[str, Any] | None = None  # postgresql://{user}:{password}@host:port/database
        owner_role: RoleName | None = None  # by default the one that both roles become at login
        verify_sql: str = "select 1"

        @field_validator("users", mode="before")
        @classmethod
        def _take_turns(cls, users: object) -> object:
            if isinstance(users, list | tuple) and (len(users) != 2 or users[0] == users[1]):
                raise ValueError("needs two different roles, one in use and one waiting: [app_a, app_b]")
            return users

        @field_validator("template", mode="before")
        @classmethod
        def _can_be_filled_in(cls, template: object) -> object:
            if template is not None and (trouble := wrong_with(template)):
                raise ValueError(trouble)
            return template

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.PAIR,
        mints=False,
        labels=True,
        reversible=True,
        sight=Sight.YES,
        death=Death.TRIED,
    )

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        options = self._options = self.Options.taken_from(recipe.settings, recipe.secret)
        self._recipe, self._around = recipe, around
        self._server = Server(options.admin, options.users, self.principal, around)
        self._consumers = Consumers(
            recipe.secret, frozenset(recipe.fields), options.template, lambda: around.resolve(options.admin)
        )

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """What is wrong with a policy that Options alone cannot see; one sentence each."""
        complaints = []
        if not known_form(frozenset(recipe.fields)):
            complaints.append(
                "fields must be one parameter (value), or user and password and any of host, port and dbname"
            )
        if recipe.settings.get("template") is None and "value" in recipe.fields:
            complaints.append('template is missing: "postgresql://{user}:{password}@host:5432/database"')
        return complaints

    @classmethod
    def hosts(cls, recipe: Recipe) -> dict[str, list[str]]:
        """Setting -> the hosts that are sent secrets: what `policy check` holds against the allowed hosts."""
        template = cls.Options.model_validate(recipe.settings).template
        return {} if template is None else {"template": hosts(render(template, "user", "password"))}

    @property
    def principal(self) -> str:
        """The pair of roles, in whichever order the policy names them."""
        return f"postgres:{self._recipe.environment}:{'+'.join(sorted(self._options.users))}"

    def observe(self) -> Observation:
        """The credentials that the two roles hold. A role that cannot log in is a free slot."""
        pair = self._server.pair()
        listed = tuple(role.at_source() for role in pair.roles.values() if role.held)
        return Observation(listed, free_slots=len(pair.waiting()), blocker=pair.blocker())

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """By the user in the store, and whose credential that role holds. None for a user that is not of the pair.

        Raises Refused when the store leads to another database than the template, or says more than it.
        """
        login = self._consumers.login(current)
        self._consumers.check_place(login)
        self._consumers.check_members(current)
        role = self._server.pair().roles.get(login.get("user", ""))
        return role.credential_id if role is not None and role.held else None

    def create(self, label: str, predecessor: str | None) -> Credential:
        """A new password for the role that is not the predecessor's; the server is not told yet."""
        name = self._turn_after(predecessor)
        return Credential(f"{name}@{label}", self._consumers.fields_for(name, secrets.token_urlsafe(32)))

    def activate(self, successor: Credential) -> None:
        """The role can log in with the successor's password, for as long as nobody says otherwise."""
        name, holder = split(successor.id)
        password = self._consumers.login(successor.fields)["password"]
        with self._server.changing() as (admin, pair):
            role = pair.receiving(successor.id)
            check_twins(admin, self._options.users, self._options.owner_role)
            verifier = admin.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
            admin.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {} VALID UNTIL 'infinity'").format(
                    role.identifier, sql.Literal(verifier.decode())
                )
            )
            admin.execute(role.remarked(holder))

    def verify(self, credential: Credential) -> None:
        """Logs in with exactly what consumers read, and runs `verify_sql`.

        The policy chose both the statement and, by its template, the server. So the statement is one, and only reads;
        what the server says about it is not repeated, since it may quote data; and to whoever asks for the password in
        clear it is not sent.
        """
        login = {**self._consumers.login(credential.fields), "require_auth": "!password"}
        where = f"{split(credential.id)[0] or 'the user in the store'} at {self._consumers.place}"
        around = self._around
        with transaction(
            login, around.clock, where, _VERIFYING, allows=around.allows, quoted=False
        ) as consumer:
            consumer.read_only = True
            # In binary the server takes one statement at a time: none can end the transaction and begin another.
            consumer.execute(self._options.verify_sql, binary=True)

    def disable(self, credential_id: str) -> None:
        """NOLOGIN: the password stays, so enable() brings the same credential back. Open sessions go on."""
        with self._server.changing() as (admin, pair):
            role = pair.holding(credential_id)
            if role is not None:
                admin.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(role.identifier))
                admin.execute(role.remarked(role.holder))

    def enable(self, credential_id: str) -> None:
        """LOGIN again. Raises Refused when the credential was removed."""
        with self._server.changing() as (admin, pair):
            role = pair.holding(credential_id)
            if role is None:
                raise Refused(f"{credential_id} was removed: its password is gone, nothing can enable it")
            admin.execute(sql.SQL("ALTER ROLE {} LOGIN").format(role.identifier))

    def remove(self, credential_id: str) -> None:
        """NOLOGIN, no password, and the end of its sessions; the role itself stays for the next rotation."""
        with self._server.changing() as (admin, pair):
            role = pair.holding(credential_id)
            if role is not None:
                admin.execute(sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(role.identifier))
                admin.execute(role.remarked(role.holder, removed=True))
        self._end_sessions(credential_id)

    def last_used(self, credential_id: str) -> LastUsed:
        """Sessions that are open right now; the server keeps no record of past ones.

        Without pg_read_all_stats rotator sees how many there are, and not from where.
        """
        with self._server.transaction() as admin:
            role = find_pair(admin, self._options.users).holding(credential_id)
            if role is None:
                return LastUsed(known=False)
            rows = admin.execute(
                """select count(*), coalesce(host(client_addr), 'an address that rotator may not see'),
                          coalesce(nullif(application_name, ''), 'unnamed')
                   from pg_stat_activity where usename = %s and application_name <> %s
                   group by 2, 3 order by 1 desc, 2, 3 limit 5""",
                [role.name, _VERIFYING],
            ).fetchall()
        by = [f"{counted(count, 'session')} from {address} ({name})" for count, address, name in rows]
        return LastUsed(now=bool(rows), by=", ".join(by))

    def _turn_after(self, predecessor: str | None) -> str:
        """Whose turn it is. Where nobody knows the predecessor, whichever role waits."""
        in_use = split(predecessor)[0] if predecessor else ""
        if in_use in self._options.users:
            return next(name for name in self._options.users if name != in_use)
        pair = self._server.pair()
        if not pair.waiting():
            raise Refused(pair.blocker())
        return pair.waiting()[0].name

    def _end_sessions(self, credential_id: str) -> None:
        """Only after the role was closed to new ones; a crash in between is made good by the next remove()."""
        name, holder = split(credential_id)
        with self._server.changing() as (admin, pair):
            if name in pair.roles and pair.roles[name].was_removed_as(holder):
                guard()  # this takes effect at once, not at the commit
                admin.execute(_END_SESSIONS, [name])
