"""What Taly's parameters held before rotator came: values made now, and ages so that some are fresh, due or overdue."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

import psycopg
from psycopg import sql

from rotator.sandbox.aws import Parameter
from rotator.sandbox.postgres import EmbeddedPostgres

ENVIRONMENTS = ("staging", "production")
ACCEPTED = {
    "JWT_SECRET": "JWT_SECRET_ACCEPTED",
    "INTERNAL_API_TOKEN": "INTERNAL_API_TOKENS_ACCEPTED",
    "WEBHOOK_SIGNING_KEY": "WEBHOOK_SIGNING_KEYS_ACTIVE",
    "STRIPE_WEBHOOK_SECRET": "STRIPE_WEBHOOK_SECRETS_ACCEPTED",
    "TWILIO_AUTH_TOKEN": "TWILIO_AUTH_TOKENS_ACCEPTED",
}
#: Age in days at the start: some are overdue, some are due soon, some are fresh, so that not all come at once.
AGES = {
    "JWT_SECRET": 70,
    "DATABASE_URL": 190,
    "INTERNAL_API_TOKEN": 60,
    "WEBHOOK_SIGNING_KEY": 55,
    "STRIPE_SECRET_KEY": 62,
    "STRIPE_WEBHOOK_SECRET": 30,
    "TWILIO_API_KEY_SID": 70,
    "TWILIO_API_KEY_SECRET": 70,
    "TWILIO_AUTH_TOKEN": 78,
    "ci/AWS_ACCESS_KEY_ID": 95,
    "ci/AWS_SECRET_ACCESS_KEY": 95,
    "SES_SMTP_USERNAME": 60,
    "SES_SMTP_PASSWORD": 60,
    "GOOGLE_OAUTH_CLIENT_SECRET": 195,
    "FEATURE_FLAG_SALT": 700,
    "rotator/DATABASE_ADMIN_URL": 50,
    "rotator/STRIPE_ADMIN_KEY": 55,
    "rotator/GITHUB_APP_KEY": 45,
    "rotator/TWILIO_MAIN_KEY": 50,
    "rotator/VAULT_TOKEN": 10,
}
#: What only production has.
_OF_PRODUCTION = {"rotator/PAGERDUTY_ROUTING_KEY": 60, "rotator/HEARTBEAT_URL": 65}
OWNER, USERS, ADMIN = "taly_app", ("taly_app_a", "taly_app_b"), "rotator_admin"


def prepare_database(server: EmbeddedPostgres) -> tuple[str, str]:
    """An owner role, two login roles and an administrator that is no superuser.

    Returns the connection strings of the role in use and of the administrator.
    """
    password, name = secrets.token_urlsafe(24), sql.Identifier
    with psycopg.connect(server.superuser_dsn(), autocommit=True) as session:
        session.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name(OWNER)))
        for role in USERS:
            session.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name(role)))
            session.execute(sql.SQL("GRANT {} TO {}").format(name(OWNER), name(role)))
            session.execute(sql.SQL("ALTER ROLE {} SET role = {}").format(name(role), sql.Literal(OWNER)))
        session.execute(
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(name(USERS[0]), sql.Literal(password))
        )
        session.execute(sql.SQL("CREATE DATABASE taly OWNER {}").format(name(OWNER)))
    with psycopg.connect(server.superuser_dsn("taly"), autocommit=True) as session:
        session.execute(sql.SQL("SET ROLE {}").format(name(OWNER)))
        session.execute("CREATE TABLE visit (at timestamptz DEFAULT now())")
        session.execute("CREATE TABLE stripe_event (id text PRIMARY KEY, at timestamptz DEFAULT now())")
    return _address(server, USERS[0], password), make_admin(server, ADMIN)


def make_admin(server: EmbeddedPostgres, role: str) -> str:
    """An administrator of the two login roles, who is no superuser; its connection string."""
    password, name = secrets.token_urlsafe(24), sql.Identifier
    with psycopg.connect(server.superuser_dsn(), autocommit=True) as session:
        session.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}").format(name(role), sql.Literal(password))
        )
        session.execute(sql.SQL("GRANT pg_read_all_stats, pg_signal_backend TO {}").format(name(role)))
        for user in USERS:
            session.execute(sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(name(user), name(role)))
    return _address(server, role, password)


def _address(server: EmbeddedPostgres, role: str, password: str) -> str:
    return f"postgresql://{role}:{password}@{server.host}:{server.port}/taly"


def parameters(
    environment: str, values: Mapping[str, str], twilio_account: str, day: float
) -> list[Parameter]:
    """Everything under /taly/<environment>. `values`: what others accept already, by name; the rest is made up here.

    `day` is the length of a calendar day in seconds.
    """
    path, key = f"/taly/{environment}", f"alias/taly-{environment}"
    ages = AGES | (_OF_PRODUCTION if environment == "production" else {})
    held = {**{name: secrets.token_hex(32) for name in ages}, **values}
    seeded = [
        Parameter(
            f"{path}/{name}",
            held[name],
            key_id=key,
            description=f"{name} of Taly",
            age_seconds=age * day,
        )
        for name, age in ages.items()
    ]
    for name, accepted in ACCEPTED.items():
        members = json.dumps([held[name]])
        seeded.append(Parameter(f"{path}/{accepted}", members, key_id=key, age_seconds=ages[name] * day))
    seeded.append(Parameter(f"{path}/rotator/TWILIO_ACCOUNT_SID", twilio_account, type="String"))
    return seeded
