"""Rds-master: the password of the master user of an RDS instance, or of an Aurora or Multi-AZ cluster.

There is one password. RDS is told the next one, says yes at once and applies it some time later; from then on the
old one is refused. While it is applied the status may still read `available`, so what RDS shows proves nothing: the
only proof is a login, and nothing is written to the store before one has worked. Sessions that are open go on.

Where RDS itself manages the password (`MasterUserSecret`) rotator declines: RDS rotates it, in Secrets Manager.
Prefer two login roles (`postgres`) for applications: they overlap, and the master user is for people and rotator.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, ClassVar
from urllib.parse import SplitResult, quote, unquote, urlsplit

from pydantic import StringConstraints, field_validator

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions
from rotator.contracts.provider import LastUsed, Observation, Overlap, Sight, Traits
from rotator.model.errors import CredentialRefused, NotYet, Refused
from rotator.model.policy import Recipe
from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed
from rotator.providers.login_fields import wrong_fields

if TYPE_CHECKING:
    from rotator.providers.rds_master_database import Database, Rds

#: 32 letters, digits, - and _: every engine takes them (MySQL and Aurora up to 41), and a URL needs no escapes.
_PASSWORD_BYTES = 24
_POLL = timedelta(seconds=5)

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,62}$")]


class RdsMaster:
    """The master user of one database, by the name of its instance or cluster."""

    needs: ClassVar[str] = "rds:Describe… and rds:Modify… of the one instance or cluster"
    tried_on: ClassVar[str] = "a stand-in for RDS; logins to PostgreSQL"
    remark: ClassVar[str] = "of an instance or a cluster"

    class Options(AdapterOptions):
        """Where the database is, rotator asks RDS; a policy names no host.

        `template` is needed where consumers read a URL; its host is theirs, and only compared with what they read now.
        """

        instance: Identifier | None = None  # DBInstanceIdentifier; or:
        cluster: Identifier | None = None  # DBClusterIdentifier, of Aurora and Multi-AZ clusters
        database: str | None = None  # what to log in to; by default the one that RDS made
        template: str | None = None  # postgresql://{user}:{password}@host:port/database
        ca_file: str | None = None  # PEM file of the authorities of RDS; MySQL and MariaDB need it

        @field_validator("template")
        @classmethod
        def _can_be_filled_in(cls, template: str | None) -> str | None:
            if template is not None and not _is_url_of_both(template):
                raise ValueError('must be a URL such as "postgresql://{user}:{password}@host:5432/database"')
            return template

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.NONE,
        mints=False,
        labels=False,
        reversible=False,
        sight=Sight.NO,
        death=Death.TRIED,
        propagation=timedelta(minutes=10),
    )

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        self._options = self.Options.taken_from(recipe.settings, recipe.secret)
        self._recipe, self._around = recipe, around
        self._made: Rds | None = None

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """What is wrong with a policy that Options alone cannot see; one sentence each."""
        complaints = []
        if bool(recipe.settings.get("instance")) is bool(recipe.settings.get("cluster")):
            complaints.append("instance or cluster must be there, and not both: whose master user it is")
        complaints += wrong_fields(recipe.fields, "user", "password")
        if recipe.settings.get("template") and set(recipe.fields) != {"value"}:
            complaints.append("template is for consumers that read one parameter (value)")
        return complaints

    @property
    def principal(self) -> str:
        """The database: it has one master user."""
        kind = "cluster" if self._options.cluster else "instance"
        return f"rds:{self._recipe.environment}:{kind}:{self._options.cluster or self._options.instance}"

    def observe(self) -> Observation:
        """Nothing is listed: RDS shows no password, nor when it was set. Raises Refused where RDS manages it."""
        self._rds.described().must_be_ours()
        return Observation(())

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """None: a password has no name. Raises Refused when consumers log in elsewhere than the template does."""
        self._login(current)
        if self._options.template and _place(current["value"].reveal()) != _place(self._options.template):
            raise Refused(
                f"{self._recipe.secret} and the template in the policy differ in host, port or database: a rotation "
                "would move consumers to another database. Make the template say what is in use"
            )
        return None

    def create(self, label: str, predecessor: str | None) -> Credential:  # noqa: ARG002 - there is no other kind
        """A new password; RDS is not told yet."""
        user, password = self._rds.described().user, secrets.token_urlsafe(_PASSWORD_BYTES)
        return Credential(
            f"{self._options.cluster or self._options.instance}@{label}", self._fields(user, password)
        )

    def activate(self, successor: Credential) -> None:
        """Tells RDS, and is done when a login works. Raises NotYet as long as RDS applies it."""
        _user, password = self._login(successor.fields)
        database = self._rds.described()
        database.must_be_ours()
        if self._accepts(database, successor):
            return
        if not database.applying:
            database.must_be_ready()
            self._rds.tell(database, Sealed(password))
            if self._accepts(database, successor):
                return
        raise NotYet(
            f"{database.what} is taking over its master password; a login shows when it has",
            self._around.clock.now() + _POLL,
        )

    def verify(self, credential: Credential) -> None:
        """Logs in as the master user, where RDS says the database is."""
        database = self._rds.described()
        if not self._accepts(database, credential):
            raise CredentialRefused(
                f"{database.what} refuses its master user's login with {credential.id or 'it'}"
            )

    def disable(self, credential_id: str) -> None:
        """Raises Refused: a password cannot rest."""
        raise Refused(f"{credential_id}: RDS cannot disable a password, only set another one")

    def enable(self, credential_id: str) -> None:
        """Raises Refused: what was replaced is gone."""
        raise Refused(f"{credential_id}: RDS keeps no earlier password")

    def remove(self, credential_id: str) -> None:
        """Nothing: the next password takes the place of this one, and one that RDS was not told is nowhere."""

    def last_used(self, credential_id: str) -> LastUsed:  # noqa: ARG002 - about none
        """RDS does not tell."""
        return LastUsed(known=False)

    def _accepts(self, database: Database, credential: Credential) -> bool:
        from rotator.providers.rds_master_login import accepts  # noqa: PLC0415 - a policy check must not load drivers

        user, password = self._login(credential.fields)
        name, ca_file = self._options.database, self._options.ca_file
        return accepts(database, user or database.user, Sealed(password), name, ca_file, self._around.clock)

    def _fields(self, user: str, password: str) -> dict[str, Sealed]:
        if "password" in self._recipe.fields:
            return {"user": Sealed(user), "password": Sealed(password)}
        template = self._options.template or "{password}"
        filled = template.replace("{user}", quote(user, safe="")).replace(
            "{password}", quote(password, safe="")
        )
        return {"value": Sealed(filled)}

    def _login(self, fields: Mapping[str, Sealed]) -> tuple[str, str]:
        """User and password of what consumers read; the user is empty where they read a password alone."""
        if "password" in fields:
            return fields["user"].reveal(), fields["password"].reveal()
        value = fields["value"].reveal()
        if not self._options.template:
            return "", value
        url = _split(value)
        if url is None or not url.username or url.password is None:
            raise Refused(
                f"{self._recipe.secret} is no URL with user and password in it (are they percent-encoded?)"
            )
        return unquote(url.username), unquote(url.password)

    @property
    def _rds(self) -> Rds:
        from rotator.providers.rds_master_database import Rds  # noqa: PLC0415 - a policy check must not load boto3

        self._made = self._made or Rds(self._options.instance, self._options.cluster, self._around)
        return self._made


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:  # a bracket or a port that is none; what it says quotes the URL
        return None


def _place(url: str) -> str:
    """Host, port and database, as they are written."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + parts.path


def _is_url_of_both(template: str) -> bool:
    url = _split(template)
    return url is not None and "://" in template and (url.username, url.password) == ("{user}", "{password}")
