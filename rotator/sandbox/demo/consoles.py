"""What people make and end by hand, in the consoles of services that have no API for it: the far side of `assisted`.

Stripe's keys, a Main key of Twilio's, a key of the GitHub App and the databases' administrator are checked by whoever
takes them. What is left (Google's client, PagerDuty, the heartbeat) nobody here checks: a list says what was ended.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from rotator.model.policy import SecretPolicy
from rotator.sandbox.demo.seeds import ADMIN, make_admin
from rotator.sandbox.demo.vendors import Vendors
from rotator.sandbox.postgres import EmbeddedPostgres


class Console(NamedTuple):
    """How a person makes one and ends one there, and whether the service takes one now."""

    make: Callable[[], str]
    end: Callable[[str], None]
    takes: Callable[[str], bool]


@dataclass(frozen=True)
class Consoles:
    """Everybody's. `made`: secret -> every value that a person made for it, the one that was there at first too."""

    databases: Mapping[str, EmbeddedPostgres]
    vendors: Vendors = field(repr=False)
    made: dict[str, list[str]] = field(default_factory=dict, repr=False)
    _ended: set[str] = field(default_factory=set, repr=False)
    _numbers: count[int] = field(default_factory=lambda: count(2), repr=False)

    def make(self, secret: SecretPolicy, first: str) -> str:
        """A new credential; `first` is the one in use until now."""
        made = self._of(secret).make()
        self.made.setdefault(secret.secret, [first]).append(made)
        return made

    def end(self, secret: SecretPolicy, keep: str) -> None:
        """Ends every one but `keep`, which is in use."""
        for value, taken in self.takes(secret).items():
            if taken and value != keep:
                self._of(secret).end(value)

    def takes(self, secret: SecretPolicy) -> dict[str, bool]:
        """Every one there was -> whether the service takes it now."""
        return {value: self._of(secret).takes(value) for value in self.made.get(secret.secret, ())}

    def _of(self, secret: SecretPolicy) -> Console:
        stripe, github = self.vendors.stripe, self.vendors.github
        match secret.name:
            case "STRIPE_SECRET_KEY" | "rotator/STRIPE_ADMIN_KEY":
                return Console(
                    stripe.somebody_makes_a_key, lambda key: _drop(stripe.keys, key), stripe.keys.__contains__
                )
            case "rotator/GITHUB_APP_KEY":
                return Console(
                    github.somebody_makes_a_key,
                    lambda key: _drop(github.app_keys, key),
                    github.app_keys.__contains__,
                )
            case "rotator/TWILIO_MAIN_KEY":
                return self._main_key(secret.environment)
            case "rotator/DATABASE_ADMIN_URL":
                return self._administrator(self.databases[secret.environment])
        beginning = "GOCSPX-" if secret.name.startswith("GOOGLE") else ""
        return Console(
            lambda: beginning + secrets.token_urlsafe(24),
            self._ended.add,
            lambda value: value not in self._ended,
        )

    def _main_key(self, environment: str) -> Console:
        twilio, account = self.vendors.twilio, self.vendors.accounts[environment].twilio

        def make() -> str:
            key = twilio.somebody_makes(account, kind="main")
            return f"{key.id}:{key.secret}"

        def end(value: str) -> None:
            twilio.somebody_deletes(value.partition(":")[0])

        def takes(value: str) -> bool:
            user, _, secret = value.partition(":")
            return twilio.accepts(user, secret) is not None

        return Console(make, end, takes)

    def _administrator(self, server: EmbeddedPostgres) -> Console:
        def make() -> str:
            return make_admin(server, f"{ADMIN}_{next(self._numbers)}")

        def end(value: str) -> None:
            role = sql.Identifier(urlsplit(value).username or "")
            with psycopg.connect(server.superuser_dsn(), autocommit=True) as session:
                session.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(role))

        def takes(value: str) -> bool:
            with psycopg.connect(server.superuser_dsn()) as session:
                wanted = "select rolcanlogin from pg_roles where rolname = %s"
                found = session.execute(wanted, [urlsplit(value).username]).fetchone()
            return found is not None and bool(found[0])

        return Console(make, end, takes)


def _drop(there: MutableMapping[str, Any], key: str) -> None:
    del there[key]
