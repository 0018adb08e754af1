"""What Taly's parameters held before rotator came: values made now, and ages so that some are fresh, due or overdue."""

from __future__ import annotations

import json
import secrets

import psycopg
from psycopg import sql

from rotator.sandbox.aws import Parameter
from rotator.sandbox.postgres import EmbeddedPostgres

ENVIRONMENTS = ("staging", "production")
#: The secrets that rotator rotates today, by what consumers do with them.
ROTATED = ("JWT_SECRET", "DATABASE_URL", "INTERNAL_API_TOKEN", "WEBHOOK_SIGNING_KEY")
ACCEPTED = {
    "JWT_SECRET": "JWT_SECRET_ACCEPTED",
    "INTERNAL_API_TOKEN": "INTERNAL_API_TOKENS_ACCEPTED",
    "WEBHOOK_SIGNING_KEY": "WEBHOOK_SIGNING_KEYS_ACTIVE",
}
#: Age in days at the start.
_AGES = {
    "JWT_SECRET": 97,
    "DATABASE_URL": 190,
    "INTERNAL_API_TOKEN": 88,
    "WEBHOOK_SIGNING_KEY": 55,
    "STRIPE_SECRET_KEY": 80,
    "STRIPE_WEBHOOK_SECRET": 70,
    "TWILIO_API_KEY_SID": 20,
    "TWILIO_API_KEY_SECRET": 20,
    "TWILIO_AUTH_TOKEN": 85,
    "ci/AWS_ACCESS_KEY_ID": 30,
    "ci/AWS_SECRET_ACCESS_KEY": 30,
    "SES_SMTP_USERNAME": 40,
    "SES_SMTP_PASSWORD": 40,
    "GOOGLE_OAUTH_CLIENT_SECRET": 170,
    "FEATURE_FLAG_SALT": 700,
}
#: What rotator itself logs in with, besides the database's administrator.
_OWN = (
    "STRIPE_ADMIN_KEY",
    "GITHUB_APP_KEY",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_MAIN_KEY",
    "PAGERDUTY_ROUTING_KEY",
    "HEARTBEAT_URL",
)
OWNER, USERS, ADMIN = "taly_app", ("taly_app_a", "taly_app_b"), "rotator_admin"


def prepare_database(server: EmbeddedPostgres) -> tuple[str, str]:
    """An owner role, two login roles and an administrator that is no superuser.

    Returns the connection strings of the role in use and of the administrator.
    """
    passwords = {role: secrets.token_urlsafe(24) for role in (USERS[0], ADMIN)}
    name = sql.Identifier
    with psycopg.connect(server.superuser_dsn(), autocommit=True) as session:
        session.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name(OWNER)))
        session.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}").format(
                name(ADMIN), sql.Literal(passwords[ADMIN])
            )
        )
        session.execute(sql.SQL("GRANT pg_read_all_stats, pg_signal_backend TO {}").format(name(ADMIN)))
        for role in USERS:
            session.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name(role)))
            session.execute(sql.SQL("GRANT {} TO {}").format(name(OWNER), name(role)))
            session.execute(sql.SQL("ALTER ROLE {} SET role = {}").format(name(role), sql.Literal(OWNER)))
            session.execute(sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(name(role), name(ADMIN)))
        session.execute(
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                name(USERS[0]), sql.Literal(passwords[USERS[0]])
            )
        )
        session.execute(sql.SQL("CREATE DATABASE taly OWNER {}").format(name(OWNER)))
    with psycopg.connect(server.superuser_dsn("taly"), autocommit=True) as session:
        session.execute(sql.SQL("SET ROLE {}").format(name(OWNER)))
        session.execute("CREATE TABLE visit (at timestamptz DEFAULT now())")
    place = f"{server.host}:{server.port}/taly"
    return (
        f"postgresql://{USERS[0]}:{passwords[USERS[0]]}@{place}",
        f"postgresql://{ADMIN}:{passwords[ADMIN]}@{place}",
    )


def parameters(environment: str, database_url: str, admin_url: str, day: float) -> list[Parameter]:
    """Everything under /taly/<environment>; `day` is the length of a calendar day in seconds."""
    path, key = f"/taly/{environment}", f"alias/taly-{environment}"
    values = {name: secrets.token_urlsafe(40) for name in _AGES}
    values["DATABASE_URL"] = database_url
    values["INTERNAL_API_TOKEN"], values["WEBHOOK_SIGNING_KEY"] = secrets.token_hex(32), secrets.token_hex(32)
    seeded = [
        Parameter(
            f"{path}/{name}", value, key_id=key, description=f"{name} of Taly", age_seconds=_AGES[name] * day
        )
        for name, value in values.items()
    ]
    for name, accepted in ACCEPTED.items():
        members = json.dumps([values[name]])
        seeded.append(Parameter(f"{path}/{accepted}", members, key_id=key, age_seconds=_AGES[name] * day))
    seeded.append(
        Parameter(f"{path}/rotator/DATABASE_ADMIN_URL", admin_url, key_id=key, age_seconds=30 * day)
    )
    return seeded
