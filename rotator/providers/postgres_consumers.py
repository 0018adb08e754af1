"""What consumers read, and where they log in with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rotator.model.errors import Refused
from rotator.model.secrets import Sealed
from rotator.providers.postgres_dsn import MalformedDsn, differences, parameters, place, render

#: One parameter with a connection string, or one for the user and one for the password.
FORMS = ({"value"}, {"user", "password"})


@dataclass(frozen=True, slots=True)
class Consumers:
    """The consumers of one secret.

    `template` says where they log in. Without one (user and password in parameters of their own, the rest configured
    elsewhere) they are taken to log in where the admin does, and `admin` gives that connection string.
    """

    secret: str
    fields: frozenset[str]
    template: str | None
    admin: Callable[[], Sealed]

    def fields_for(self, user: str, password: str) -> dict[str, Sealed]:
        """What they are to read."""
        if self.fields == {"value"}:
            assert self.template is not None, "Postgres.check() demands a template for a single parameter"
            return {"value": Sealed(render(self.template, user, password))}
        return {"user": Sealed(user), "password": Sealed(password)}

    def login(self, fields: Mapping[str, Sealed]) -> dict[str, str]:
        """The parameters for libpq to log in with what they read. Raises Refused when that cannot be read."""
        try:
            if "value" in fields:
                return parameters(fields["value"].reveal())
            somewhere = self._template() or parameters(self.admin().reveal())
        except MalformedDsn as malformed:
            raise Refused(f"{self.secret}: {malformed}") from None
        return {**somewhere, **{name: fields[name].reveal() for name in ("user", "password")}}

    def check_place(self, login: Mapping[str, str]) -> None:
        """Raises Refused when a login leads elsewhere than the template: a rotation would move consumers there."""
        moved = differences(login, self._template() or login)
        if moved:
            raise Refused(
                f"{self.secret} and the template in the policy differ in {' and '.join(moved)}: a rotation would move "
                "consumers to another database. Make the template say what is in use"
            )

    @property
    def place(self) -> str:
        """Where they log in, for people: from the policy, never from a stored value."""
        template = self._template()
        return place(template) if template else "the admin's server"

    def _template(self) -> dict[str, str]:
        """The template's parameters; empty without one."""
        return parameters(render(self.template, "", "")) if self.template is not None else {}
