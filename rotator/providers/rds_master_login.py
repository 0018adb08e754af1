"""A login as the master user: the only thing that tells whether RDS has applied a password.

The address is what RDS said. Beyond this machine the connection is encrypted. PostgreSQL is never sent the password
itself, so encryption is enough; MySQL may be, so the server must show a certificate of the authorities in `ca_file`.
Oracle, SQL Server and Db2 have no driver here.
"""

from __future__ import annotations

import ssl
from ipaddress import ip_address

from rotator.contracts.clock import Clock
from rotator.model.errors import CredentialRefused, Refused, Transient
from rotator.model.secrets import Sealed
from rotator.providers.postgres_session import CONNECT_SECONDS, TALK_SECONDS, transaction
from rotator.providers.rds_master_database import Database

_VERIFYING = "rotator verify"
_POSTGRES, _MYSQL = ("postgres", "aurora-postgresql"), ("mysql", "mariadb", "aurora-mysql", "aurora")
#: ER_ACCESS_DENIED_ERROR, in MySQL and MariaDB.
_ACCESS_DENIED = 1045


def accepts(
    database: Database, user: str, password: Sealed, name: str | None, ca_file: str | None, clock: Clock
) -> bool:
    """Whether the server lets the user in. Raises Transient for network trouble, Refused where nobody can log in."""
    if database.engine in _POSTGRES:
        return _postgres(database, user, password, name, ca_file, clock)
    if database.engine in _MYSQL:
        return _mysql(database, user, password, ca_file)
    raise Refused(
        f"{database.what} is {database.engine}: rotator has no driver to log in to it, and nothing else proves that a "
        "password was applied"
    )


def _postgres(
    database: Database, user: str, password: Sealed, name: str | None, ca_file: str | None, clock: Clock
) -> bool:
    encrypted = {"sslmode": "verify-full", "sslrootcert": ca_file} if ca_file else {"sslmode": "require"}
    login = {
        "host": database.host,
        "port": str(database.port),
        "user": user,
        "password": password.reveal(),
        "dbname": name or database.name or "postgres",
        "require_auth": "!password",
        **({"sslmode": "prefer"} if _is_here(database.host) else encrypted),
    }
    try:
        who = f"the master user of {database.what}"
        # RDS has said where it is, and not the policy.
        with transaction(login, clock, who, _VERIFYING, allows=lambda host: host == database.host):
            return True
    except CredentialRefused:
        return False


def _mysql(database: Database, user: str, password: Sealed, ca_file: str | None) -> bool:
    import pymysql  # noqa: PLC0415 - only who has a MySQL loads its driver

    here = _is_here(database.host)
    if not here and not ca_file:
        raise Refused(
            f"{database.what} is {database.engine}, which may be sent the password itself: set ca_file to the "
            "authorities of RDS, so that nobody else gets it; nothing was sent"
        )
    try:
        pymysql.connect(
            host=database.host,
            port=database.port,
            user=user,
            password=password.reveal(),
            connect_timeout=CONNECT_SECONDS,
            read_timeout=TALK_SECONDS,
            write_timeout=TALK_SECONDS,
            ssl_disabled=here,
            ssl=None if here else ssl.create_default_context(cafile=ca_file),
        ).close()
    except (pymysql.MySQLError, OSError) as failed:
        trouble = failed
    else:
        return True
    if isinstance(trouble, pymysql.OperationalError) and trouble.args[:1] == (_ACCESS_DENIED,):
        return False
    code = f" {trouble.args[0]}" if trouble.args and isinstance(trouble.args[0], int) else ""
    raise Transient(
        f"no login of the master user of {database.what} ({type(trouble).__name__}{code}); asked again"
    )


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
