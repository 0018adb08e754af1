"""The witness: says what the source, the store and the journal show of one secret, in the ids that create() gave."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence

import psycopg

from rotator.contracts.journal import Journal
from rotator.contracts.provider import Traits
from rotator.providers.jwt import Jwt
from rotator.providers.postgres import Postgres
from rotator.providers.token import Token
from rotator.sandbox.demo.seeds import USERS
from rotator.sandbox.postgres import EmbeddedPostgres
from tests.company.consumers import Consumers, Reading
from tests.company.secret import Held, UsedSecret, logs_in
from tests.crash.made import Made, Minted
from tests.crash.reckoning import STRANGE, Scene

TRAITS: Mapping[str, Traits] = {"jwt": Jwt.traits, "token": Token.traits, "postgres": Postgres.traits}
_MARK = re.compile(r"\[rotator:([^\]\s]+)")


class Witness:
    """Of one secret. `read` reads the store."""

    def __init__(
        self, used: UsedSecret, consumers: Consumers, read: Callable[[str], Reading], made: Made
    ) -> None:
        self._used, self._consumers, self._read, self._made = used, consumers, read, made
        self._server: EmbeddedPostgres | None = None
        self._first = f"{USERS[0]}@first" if used.source == "postgres" else f"before-{used.id}"

    def begin(self, own: Sequence[str], server: EmbeddedPostgres | None) -> None:
        """Before the first rotation. `own`: what rotator logs in with; `server`: the source, where it is one."""
        self._server = server
        self._made.note(Minted("", self._first, self._values()[self._used.parameter]))
        for login in own:
            self._made.note(Minted("", "rotator's own login", login))

    def stored(self) -> str:
        """What the store names."""
        return self._names().get(self._values()[self._used.parameter], STRANGE)

    def scene(self, journal: Journal, before: str) -> Scene:
        """Now, in the rotation that began with `before` in the store, or after it.

        A row that has ended keeps no sealed values: its word for a credential is all that is left of it.
        """
        rows = journal.rotations(secret=self._used.id)
        recorded = {row.ledger.successor_id for row in rows if row.sealed_successor or row.ended_at}
        recorded |= {before for row in rows[:1] if row.sealed_predecessor or row.ended_at}
        return Scene(
            alive=frozenset(self._accepted({before, *(row.id for row in rows[:1])})),
            stored=self.stored(),
            recorded=frozenset(one for one in recorded if one),
            labels=frozenset(row.id for row in rows) if TRAITS[self._used.source].labels else frozenset(),
        )

    def _accepted(self, trying: set[str]) -> set[str]:
        """Ids of what the source accepts: by its own list, and where it knows logins by trying those, too.

        `trying`: credentials, or the rotations that made them.
        """
        names = self._names()
        if self._server is None:
            living = self._consumers.living(self._used.environment)
            sets = [self._values(), *(instance.held for instance in living)]
            members = {member for held in sets for member in json.loads(held[self._used.accepted or ""])}
            return {names.get(member, STRANGE) for member in members}
        with psycopg.connect(self._server.superuser_dsn()) as session:
            rows = session.execute(
                "select rolname, coalesce(shobj_description(oid, 'pg_authid'), '') from pg_roles "
                "where rolcanlogin and rolname = any(%s)",
                [[*USERS]],
            ).fetchall()
        listed = {
            f"{name}@{mark[1] if (mark := _MARK.search(comment)) else 'first'}" for name, comment in rows
        }
        tried = (one for one in self._made.all() if {one.id, one.rotation} & trying)
        return listed | {one.id for one in tried if logs_in(one.value)}

    def _names(self) -> dict[str, str]:
        return {one.value: one.id for one in self._made.all()}

    def _values(self) -> Held:
        return self._read(self._used.environment).values
