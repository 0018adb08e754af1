"""Connection strings in the forms that consumers use: rendered for them, read back, handed to libpq.

Reading is left to libpq itself, so that several hosts, IPv6 addresses and escapes mean to rotator what they mean to a
consumer. Only what libpq does not know is taken off first: a driver's name in the scheme, and a driver's own options.
A JSON object is read by the names of its members (postgres_json).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from rotator.providers import postgres_json

#: What a connection string may say to libpq: where the server is, how the way there is made safe, who logs in, and how
#: the session begins. All else is left out, and so is what libpq has yet to learn: `sslkeylogfile` writes into any
#: file, a `service` leads wherever a file says, `oauth_issuer` asks another host, `scram_client_key` is no password.
_FITTING = frozenset(
    {
        "application_name", "channel_binding", "client_encoding", "connect_timeout", "dbname",
        "fallback_application_name", "gssdelegation", "gssencmode", "host", "hostaddr", "keepalives",
        "keepalives_count", "keepalives_idle", "keepalives_interval", "krbsrvname", "load_balance_hosts",
        "max_protocol_version", "min_protocol_version", "options", "password", "port", "require_auth", "requirepeer",
        "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcertmode", "sslcompression", "sslcrl",
        "sslcrldir", "sslkey", "sslmode", "sslnegotiation", "sslpassword", "sslrootcert", "sslsni",
        "target_session_attrs", "tcp_user_timeout", "user",
    }
)  # fmt: skip


class MalformedDsn(ValueError):
    """A connection string that libpq cannot read; the message never shows it."""


def render(template: str | Mapping[str, Any], user: str, password: str) -> str:
    """The template with `{user}` and `{password}` filled in, escaped for its form.

    A URL, libpq's `key=value`, or a map: a JSON object, of which a member may be a URL.
    """
    if not isinstance(template, str):
        return postgres_json.render(template, lambda url: render(url, user, password), user, password)
    escaped = _for_url if "://" in template else _for_keywords
    return template.replace("{user}", escaped(user)).replace("{password}", escaped(password))


def parameters(dsn: str) -> dict[str, str]:
    """The parameters for libpq (`host`, `user`, `sslmode`, …) of a connection string. Raises MalformedDsn."""
    if looks_json(dsn):
        return _of_json(dsn)
    try:
        return {name: str(value) for name, value in conninfo_to_dict(_for_libpq(dsn)).items()}
    except psycopg.Error:
        pass  # libpq quotes the string in its complaint, so the complaint goes no further than this
    raise MalformedDsn("libpq cannot read the connection string (are user and password percent-encoded?)")


def looks_json(text: str) -> bool:
    """Whether it is meant as a JSON object; no connection string begins like one."""
    return text.lstrip().startswith("{")


def place(read: Mapping[str, str]) -> str:
    """Where parameters lead, for people: `db.internal:5432/taly`."""
    addresses = zip(_hosts(read), _ports(read), strict=False)
    return f"{','.join(f'{host}:{port}' for host, port in addresses)}/{read.get('dbname', '')}"


def hosts(dsn: str) -> list[str]:
    """Every host that one of its readers may log in at. Raises MalformedDsn."""
    if not looks_json(dsn):
        return leads_to(parameters(dsn))
    members = postgres_json.members(dsn) or {}
    reads = (*map(parameters, postgres_json.urls(members)), postgres_json.named(members))
    return [host for read in reads for host in leads_to(read)]


def leads_to(read: Mapping[str, str]) -> list[str]:
    """The hosts that libpq may connect to: several, names and addresses. A socket's path is this machine."""
    named = f"{read.get('host', '')},{read.get('hostaddr', '')}".split(",")
    return ["localhost" if host.startswith(("/", "@")) else host for host in named if host]


def unfit(read: Mapping[str, str]) -> list[str]:
    """Options that rotator does not log in with: libpq would do more than talk to the server.

    A key that is not in a file comes out of a library that OpenSSL loads (libpq's `sslkey` with a colon in it).
    """
    strange = [name for name in read if name not in _FITTING]
    return [*strange, *(["sslkey"] if ":" in read.get("sslkey", "") else [])]


def differences(one: Mapping[str, str], two: Mapping[str, str]) -> list[str]:
    """What is not the same, user and password aside: each option may lead elsewhere, or let others read on the way."""
    plain, other = _in_full(one), _in_full(two)
    return [name for name in {**plain, **other} if plain.get(name) != other.get(name)]


def written(read: Mapping[str, str]) -> dict[str, str]:
    """Host, port and dbname as consumers read them in parameters of their own. Raises MalformedDsn."""
    if lacking := [name for name in ("host", "dbname") if not read.get(name)]:
        raise MalformedDsn(f"the connection string does not say {' and '.join(lacking)}")
    return {"host": read["host"], "port": ",".join(_ports(read)), "dbname": read["dbname"]}


def _of_json(text: str) -> dict[str, str]:
    members = postgres_json.members(text)
    if members is None:
        raise MalformedDsn("it begins like a JSON object and is none")
    urls = [parameters(url) for url in postgres_json.urls(members)]
    return {name: value for read in (*urls, postgres_json.named(members)) for name, value in read.items()}


def _in_full(read: Mapping[str, str]) -> dict[str, str]:
    """With what libpq takes for host, port and TLS where nothing is said, and without the login."""
    plain = {"host": "localhost", "port": "", "dbname": "", "sslmode": "prefer"}
    return {**plain, **read, "port": ",".join(_ports(read)), "user": "", "password": ""}


def _hosts(read: Mapping[str, str]) -> list[str]:
    return read.get("host", "localhost").split(",")


def _ports(read: Mapping[str, str]) -> list[str]:
    """One a host; libpq takes a single one for all, and an empty one for 5432."""
    ports = read.get("port", "").split(",")
    hosts = len(_hosts(read))
    return [port or "5432" for port in (ports * hosts if len(ports) == 1 else ports)]


def _for_url(text: str) -> str:
    return quote(text, safe="")


def _for_keywords(text: str) -> str:
    return re.sub(r"([\\'\s])", r"\\\1", text)


def _for_libpq(dsn: str) -> str:
    """`postgresql+asyncpg://…?ssl=require&command_timeout=5` as `postgresql://…?sslmode=require`."""
    found = re.fullmatch(r"([\w+.-]+)://(.*)", dsn.removeprefix("jdbc:"), re.DOTALL)
    if found is None:  # a password may hold :// too
        return dsn
    scheme, rest = found.groups()
    if scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise MalformedDsn("it is not a PostgreSQL URL: it should begin with postgresql://")
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    location, _, query = rest.partition("?")
    options = (re.sub(r"^ssl=(?!true$)", "sslmode=", option) for option in query.split("&"))
    kept = [option for option in options if option.partition("=")[0] in {*known, "ssl"}]
    return f"postgresql://{location}?{'&'.join(kept)}"
