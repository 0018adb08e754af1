"""What consumers read, and where they log in with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rotator.model.errors import Refused
from rotator.model.secrets import Sealed
from rotator.providers import postgres_json
from rotator.providers.postgres_dsn import (
    MalformedDsn,
    differences,
    looks_json,
    parameters,
    place,
    render,
    written,
)

_LOGIN = frozenset({"user", "password"})
_FIELDS = _LOGIN | {"host", "port", "dbname"}


def known_form(fields: frozenset[str]) -> bool:
    """One parameter with a connection string or a JSON object; or one for each field, user and password among them."""
    return fields == {"value"} or _LOGIN <= fields <= _FIELDS


@dataclass(frozen=True, slots=True)
class Consumers:
    """The consumers of one secret.

    `template` says where they log in. Without one (fields in parameters of their own), or with one that names no host
    (a JSON object of user and password alone), they are taken to log in where the admin does, and `admin` gives that
    connection string.
    """

    secret: str
    fields: frozenset[str]
    template: str | Mapping[str, Any] | None
    admin: Callable[[], Sealed]

    def fields_for(self, user: str, password: str) -> dict[str, Sealed]:
        """What they are to read. Raises Refused when nothing says where they log in, and they read that too."""
        if self.fields == {"value"}:
            assert self.template is not None, "Postgres.check() demands a template for a single parameter"
            return {"value": Sealed(render(self.template, user, password))}
        texts = {"user": user, "password": password}
        if self.fields > _LOGIN:
            try:
                texts |= written(self._somewhere())
            except MalformedDsn as malformed:
                raise Refused(f"{self.secret}: {malformed}; say it in {self._said_by}") from None
        return {name: Sealed(texts[name]) for name in self.fields}

    def login(self, fields: Mapping[str, Sealed]) -> dict[str, str]:
        """The parameters for libpq to log in with what they read. Raises Refused when that cannot be read."""
        if "value" not in fields:
            return {**self._somewhere(), **{name: fields[name].reveal() for name in self.fields}}
        value, url = fields["value"].reveal(), isinstance(self.template, str)
        if looks_json(value) is url:
            form = "a JSON object" if url else "no JSON object"
            raise Refused(
                f"{self.secret} holds {form}, other than the template: a rotation would break what reads it"
            )
        try:
            read = parameters(value)
        except MalformedDsn as malformed:
            raise Refused(f"{self.secret}: {malformed}") from None
        return read if url else {**self._somewhere(), **read}

    def check_place(self, login: Mapping[str, str]) -> None:
        """Raises Refused when a login leads elsewhere than the template: a rotation would move consumers there."""
        moved = differences(login, self._somewhere() or login)
        if moved:
            raise Refused(
                f"{self.secret} and {self._said_by} differ in {' and '.join(moved)}: a rotation would move "
                "consumers to another database. Make the template say what is in use"
            )

    def check_members(self, fields: Mapping[str, Sealed]) -> None:
        """Raises Refused when a JSON object tells consumers more, or something else, than the template would."""
        if isinstance(self.template, str | None) or "value" not in fields:
            return
        document = postgres_json.members(fields["value"].reveal()) or {}
        if changed := postgres_json.changed(self.template, document):
            raise Refused(
                f"{self.secret} and the template in the policy differ in {' and '.join(sorted(changed))}: a rotation "
                "would change what consumers read there. Make the template say what is in use"
            )

    @property
    def place(self) -> str:
        """Where they log in, for people: from the policy, never from a stored value."""
        template = self._template()
        told = isinstance(self.template, str) or "host" in template
        return place(template) if told else "the admin's server"

    @property
    def _said_by(self) -> str:
        return "the admin's connection string" if self.template is None else "the template in the policy"

    def _somewhere(self) -> dict[str, str]:
        """Where they log in, as far as they do not read it; never with the admin's own login. Raises Refused."""
        template = self._template()
        if isinstance(self.template, str) or "host" in template:
            return template
        try:
            admin = parameters(self.admin().reveal())
        except MalformedDsn as malformed:
            raise Refused(f"{self.secret}: {malformed}") from None
        return {name: value for name, value in {**admin, **template}.items() if name not in _LOGIN}

    def _template(self) -> dict[str, str]:
        """The template's parameters; empty without one."""
        return parameters(render(self.template, "", "")) if self.template is not None else {}
