"""Where the journal is, as people may be told: from its address, and never anything of a login."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL, make_url


class Place(NamedTuple):
    """A journal's place: its name, and the command that shows whether it is well."""

    name: str
    look: str


def journal_place(address: str) -> Place:
    """The place of the journal at an address that `open_journal` takes."""
    url = make_url(address)
    if url.get_backend_name() == "postgresql":
        return _server(url)
    path = Path(str(url.database)).absolute()
    return Place(str(path), f"df -h {path.parent}")


def _server(url: URL) -> Place:
    """A server may also be named by parameters, and there may be several (libpq, "Specifying Multiple Hosts")."""
    servers = [_split(one) for one in _all(url, "host")] or [(url.host or "localhost", str(url.port or ""))]
    port = next(iter(_all(url, "port")), "5432")
    hosts = [(host.rpartition("@")[2], own or port) for host, own in servers]
    named = ",".join(f"{host}:{own}" for host, own in hosts)
    return Place(f"database {url.database} at {named}", "pg_isready -h {} -p {}".format(*hosts[0]))


def _split(server: str) -> tuple[str, str]:
    host, _, port = server.partition(":")
    return host, port


def _all(url: URL, name: str) -> tuple[str, ...]:
    said = url.query.get(name, ())
    return (said,) if isinstance(said, str) else said
