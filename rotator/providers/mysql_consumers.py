"""What consumers of a MySQL or MariaDB account read, and where they log in with it.

A URL as drivers take it: `mysql://`, `mariadb://`, with a driver's name behind a plus, or `jdbc:mysql://…?user=…`. User
and password are percent-encoded in it, wherever they stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from rotator.model.errors import Refused
from rotator.model.secrets import Sealed

PORT = 3306

_SCHEME = re.compile(r"(jdbc:)?(mysql|mysql2|mariadb)(\+\w+)?$")
_TLS_MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
_TLS_OPTIONS = {"sslmode": "mode", "sslca": "authority"}


class MalformedDsn(ValueError):
    """A connection string that is none; the message never shows it."""


@dataclass(frozen=True, slots=True)
class Login:
    """Where somebody logs in, and as whom. The names of TLS modes are those of MySQL's own client."""

    host: str
    port: int
    database: str
    tls: str = "PREFERRED"
    authority: str | None = None  # the file of the certificate authority
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        """Where it leads, for people."""
        return f"{self.host}:{self.port}/{self.database}"

    @property
    def way(self) -> dict[str, object]:
        """All that a connection is made of, user and password aside."""
        return {
            "host": self.host,
            "port": self.port,
            "database": self.database,
            "ssl-mode": self.tls,
            "ssl-ca": self.authority,
        }


def render(template: str, user: str, password: str) -> str:
    """The template with `{user}` and `{password}` filled in, percent-encoded."""
    return template.replace("{user}", quote(user, safe="")).replace("{password}", quote(password, safe=""))


def parsed(dsn: str) -> Login:
    """The login of a connection string. Raises MalformedDsn."""
    scheme, found, rest = dsn.strip().partition("://")
    if not found or not _SCHEME.match(scheme):
        raise MalformedDsn("it is not a MySQL URL: it should begin with mysql:// or mariadb://")
    try:
        return _login(urlsplit(f"mysql://{rest}"))
    except MalformedDsn as malformed:
        trouble = str(malformed)
    except ValueError:  # it may quote what it cannot read
        trouble = "it cannot be read as a URL (are user and password percent-encoded?)"
    raise MalformedDsn(trouble)


def hosts(template: str) -> list[str]:
    """The hosts that readers of a template log in at. Raises MalformedDsn."""
    return [parsed(render(template, "user", "password")).host]


def wrong_with(template: str) -> str:
    """What is wrong with a template; empty when it makes a connection string."""
    blanks, needed = set(re.findall(r"\{\w*\}", template)), {"{user}", "{password}"}
    troubles = []
    if lacking := sorted(needed - blanks):
        troubles.append(f"lacks {' and '.join(lacking)}")
    if strange := sorted(blanks - needed):
        troubles.append(f"has {' and '.join(strange)}, which nobody fills in")
    if not troubles:
        try:
            filled = parsed(render(template, "user", "password"))
        except MalformedDsn as malformed:
            troubles.append(str(malformed))
        else:
            if (filled.user, filled.password) != ("user", "password"):
                troubles.append("has {user} and {password} where no driver looks for them")
    return "; ".join(troubles)


def _login(url: SplitResult) -> Login:
    options = dict(parse_qsl(url.query.replace("+", "%2B"), keep_blank_values=True))
    tls = {
        _TLS_OPTIONS[plain]: value
        for name, value in options.items()
        if (plain := re.sub(r"[-_]", "", name.lower())) in _TLS_OPTIONS
    }
    mode = re.sub("-", "_", tls.get("mode", "PREFERRED").upper())
    if mode not in _TLS_MODES:
        raise MalformedDsn(f"its ssl-mode is none of {', '.join(_TLS_MODES)}")
    if not url.hostname:
        raise MalformedDsn("it names no host")
    return Login(
        host=url.hostname,
        port=url.port or PORT,
        database=unquote(url.path.lstrip("/")),
        tls=mode,
        authority=tls.get("authority"),
        user=unquote(url.username) if url.username is not None else options.get("user", ""),
        password=unquote(url.password) if url.password is not None else options.get("password", ""),
    )


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
            assert self.template is not None, "Mysql.check() demands a template for a single parameter"
            return {"value": Sealed(render(self.template, user, password))}
        return {"user": Sealed(user), "password": Sealed(password)}

    def login(self, fields: Mapping[str, Sealed]) -> Login:
        """Where and how they log in with what they read. Raises Refused when that cannot be read."""
        try:
            if "value" in fields:
                return parsed(fields["value"].reveal())
            there = self._there() or parsed(self.admin().reveal())
        except MalformedDsn as malformed:
            raise Refused(f"{self.secret}: {malformed}") from None
        user, password = fields["user"].reveal(), fields["password"].reveal()
        return Login(there.host, there.port, there.database, there.tls, there.authority, user, password)

    def check_place(self, login: Login) -> None:
        """Raises Refused when a login leads elsewhere than the template, or is encrypted otherwise on its way."""
        there = self._there() or login
        if moved := [name for name, value in login.way.items() if there.way[name] != value]:
            raise Refused(
                f"{self.secret} and the template in the policy lead to different places or ways there: they differ in "
                f"{' and '.join(moved)}, and a rotation would move consumers. Make the template say what is in use"
            )

    @property
    def place(self) -> str:
        """Where they log in, for people: from the policy, never from a stored value."""
        there = self._there()
        return there.place if there else "the admin's server"

    def _there(self) -> Login | None:
        return parsed(render(self.template, "", "")) if self.template is not None else None
