"""A secret as its consumers use it: what they read, what they make with it, and what counts as a refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import jwt
import psycopg

from rotator.sandbox.logins import refuses_login

#: Parameter name -> value, as an instance read them when it started.
Held = Mapping[str, str]
#: Sources that refuse or accept by themselves, and the parameter below rotator/ with what rotator logs in with there.
OWN_LOGINS = {"postgres": "DATABASE_ADMIN_URL", "twilio-api-key": "TWILIO_MAIN_KEY"}


@dataclass(frozen=True, slots=True)
class UsedSecret:
    """One secret of one environment; `source` is its provider: jwt, token, postgres or twilio-api-key."""

    environment: str
    name: str
    source: str

    @property
    def id(self) -> str:
        """As the journal calls it."""
        return f"{self.environment}/{self.name}"

    @property
    def parameter(self) -> str:
        """Where the value in use is."""
        return f"/taly/{self.environment}/{self.name}"

    @property
    def accepted(self) -> str | None:
        """Where its accepted set is; what others verify needs none."""
        return None if self.source in OWN_LOGINS else f"{self.parameter}_ACCEPTED"

    @property
    def own_login(self) -> str:
        """Where rotator finds what it logs in with at the secret's source."""
        return f"/taly/{self.environment}/rotator/{OWN_LOGINS[self.source]}"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Everything that consumers read for it."""
        return (self.parameter, self.accepted) if self.accepted else (self.parameter,)

    def bearer(self, held: Held) -> str:
        """What an instance shows to others."""
        value = held[self.parameter]
        return jwt.encode({"iss": "company"}, value, algorithm="HS256") if self.source == "jwt" else value

    def accepts(self, held: Held, bearer: str) -> bool:
        """Whether an instance that holds `held` lets the bearer in."""
        members = json.loads(held[self.accepted or ""])
        if self.source == "jwt":
            return any(_signed(bearer, member) for member in members)
        return bearer in members


def logs_in(dsn: str, **elsewhere: object) -> bool:
    """Whether the server lets the login in; `elsewhere` leads to it by another way than the connection string says.

    Raises psycopg.OperationalError where the server said neither yes nor no.
    """
    try:
        psycopg.connect(dsn, connect_timeout=5, **elsewhere).close()  # type: ignore[arg-type]  # libpq's own words
    except psycopg.OperationalError as refusal:
        if refuses_login(str(refusal)):
            return False
        raise
    return True


def _signed(bearer: str, key: str) -> bool:
    try:
        jwt.decode(bearer, key, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return False
    return True
