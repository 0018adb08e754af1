"""Connection strings in the forms that consumers use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rotator.model.errors import Refused
from rotator.model.secrets import Credential, Sealed
from rotator.providers.postgres import Postgres
from rotator.providers.postgres_dsn import MalformedDsn, differences, parameters, place, render, unfit
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value, raises_silently
from tests.providers.recipes import recipe_for

USER, PASSWORD = "taly app@crm", "p@ss/w:o%r?d'\\ #&="

TEMPLATES = {
    "plain": "postgresql://{user}:{password}@db.internal:5432/taly",
    "short scheme": "postgres://{user}:{password}@db.internal/taly",
    "driver": "postgresql+asyncpg://{user}:{password}@db.internal:5432/taly",
    "driver's own options": "postgresql+psycopg://{user}:{password}@db.internal/taly?pool_size=5&sslmode=require",
    "IPv6": "postgresql://{user}:{password}@[2001:db8::1]:5432/taly",
    "several hosts": "postgresql://{user}:{password}@db1:5432,db2:5433/taly?target_session_attrs=read-write",
    "JDBC": "jdbc:postgresql://db.internal/taly?user={user}&password={password}&prepareThreshold=0",
    "keywords": "host=db.internal dbname=taly user={user} password={password}",
    "quoted keywords": "host=db.internal dbname=taly user='{user}' password='{password}'",
}


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES.keys())
def test_what_is_rendered_is_read_back(template: str) -> None:
    read = parameters(render(template, USER, PASSWORD))
    assert read["user"] == USER
    assert read["password"] == PASSWORD
    assert read["dbname"] == "taly"


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES.keys())
def test_everything_but_user_and_password_is_kept_to_the_letter(template: str) -> None:
    assert render(template, "u", "p") == template.replace("{user}", "u").replace("{password}", "p")


@pytest.mark.parametrize(
    "option, mode",
    [("ssl=require", "require"), ("ssl=verify-full", "verify-full"), ("ssl=true", "require"), ("x=1", None)],
)
def test_a_drivers_word_for_tls_is_understood(option: str, mode: str | None) -> None:
    assert parameters(f"postgresql+asyncpg://u:p@db/taly?{option}").get("sslmode") == mode


@pytest.mark.parametrize(
    "dsn", ["mysql://u:a-value@db/taly", "a-value", "postgresql://u:a-value@[::1/taly", "password=a-value x"]
)
def test_what_libpq_cannot_read_is_not_quoted(dsn: str) -> None:
    with pytest.raises(MalformedDsn) as malformed:
        parameters(dsn)
    assert "a-value" not in str(malformed.value)
    assert malformed.value.__context__ is None


@pytest.mark.parametrize(
    "dsn, text",
    [
        ("postgresql://u:p@db.internal/taly", "db.internal:5432/taly"),
        ("postgresql://u:p@db1:1,db2:2/taly", "db1:1,db2:2/taly"),
        ("postgresql://u:p@db1,db2/taly", "db1:5432,db2:5432/taly"),
    ],
)
def test_a_place_for_people(dsn: str, text: str) -> None:
    assert place(parameters(dsn)) == text


def test_differences_are_those_that_lead_elsewhere() -> None:
    one = parameters("postgresql://u:p@db.internal/taly")
    assert differences(one, parameters("postgresql+asyncpg://x:y@db.internal:5432/taly?ssl=prefer")) == []
    assert differences(one, parameters("postgresql://u:p@db.example:6432/crm")) == ["host", "port", "dbname"]


@pytest.mark.parametrize(
    "option, name",
    [
        ("hostaddr=203.0.113.9", "hostaddr"),
        ("sslmode=disable", "sslmode"),
        ("sslrootcert=/tmp/ca.pem", "sslrootcert"),
        ("service=elsewhere", "service"),
    ],
)
def test_an_option_that_leads_elsewhere_or_lets_others_read_is_a_difference(option: str, name: str) -> None:
    one = parameters("postgresql://u:p@db.internal/taly?sslmode=verify-full")
    assert name in differences(
        one, parameters(f"postgresql://u:p@db.internal/taly?sslmode=verify-full&{option}")
    )


@pytest.mark.parametrize(
    "template, found",
    [
        ("postgresql://{user}:{password}@db.internal/taly", ["db.internal"]),
        ("postgresql://{user}:{password}@db1:1,db2:2/taly", ["db1", "db2"]),
        ("postgresql://{user}:{password}@db/taly?hostaddr=203.0.113.9", ["db", "203.0.113.9"]),
        ("postgresql://{user}:{password}@db/taly?host=evil.example", ["evil.example"]),
        ("postgresql://{user}:{password}@/taly?host=/run/postgresql", ["localhost"]),
        ("host=db hostaddr=::1 user={user} password={password}", ["db", "::1"]),
        (
            {
                "user": "{user}",
                "password": "{password}",
                "host": "db",
                "URL": "postgres://{user}:{password}@two/x",
            },
            ["two", "db"],
        ),
        ({"user": "{user}", "password": "{password}"}, []),
    ],
)
def test_every_host_of_a_template_is_shown_to_policy_check(template: Any, found: list[str]) -> None:
    recipe = recipe_for("DATABASE_URL", "postgres", settings={**SETTINGS, "template": template})
    assert Postgres.hosts(recipe) == {"template": found}


def test_a_host_that_settings_do_not_allow_gets_no_login() -> None:
    """Not in clear, not as a proof: nobody is even connected to."""
    fields = {"user": Sealed("taly_app_a"), "password": fresh_value()}
    for option in ("hostaddr=127.0.0.1", "hostaddr=203.0.113.9", "sslmode=disable"):
        template = f"postgresql://{{user}}:{{password}}@evil.example:1/taly?{option}"
        recipe = recipe_for(
            "DATABASE_URL", "postgres", settings={**SETTINGS, "template": template}, fields=PARTS
        )
        with raises_silently(Refused, fields["password"]) as refused:
            Postgres(recipe, surroundings()).verify(Credential("taly_app_a@first", fields))
        assert "ROTATOR_ALLOWED_HOSTS" in str(refused.value)


#: With the password of whoever wrote it, libpq would do more than log in.
UNFIT = [
    "sslkeylogfile=/var/lib/rotator/sealing.key", "service=there", "passfile=/etc/passwd", "sslkey=pkcs11:/tmp/x.so",
    "oauth_issuer=https://evil.example", "scram_client_key=QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE%3D",
]  # fmt: skip


@pytest.mark.parametrize("option", UNFIT)
def test_what_libpq_would_do_besides_is_not_done(option: str) -> None:
    """The policy's template cannot say it, and neither whoever may write what is stored."""
    template = f"postgresql://{{user}}:{{password}}@127.0.0.1:1/taly?{option}"
    with pytest.raises(ValidationError, match=f"has {option.partition('=')[0]}, and rotator does not"):
        Postgres.Options.model_validate({**SETTINGS, "template": template})
    password = fresh_value()
    stored = {"value": Sealed(render(template, "taly_app_a", password.reveal()))}
    provider = Postgres(recipe_for("DATABASE_URL", "postgres", settings=SETTINGS), surroundings())
    with raises_silently(Refused, password) as refused:
        provider.verify(Credential("taly_app_a@first", stored))
    assert f"has {option.partition('=')[0]}: rotator does not log in" in str(refused.value)


def test_a_key_in_a_file_is_one(tmp_path: Path) -> None:
    read = parameters(
        f"postgresql://u:p@db/taly?sslmode=verify-full&sslcert={tmp_path}/c&sslkey={tmp_path}/k"
    )
    assert unfit(read) == []


def test_rotators_own_login_goes_to_allowed_hosts_only() -> None:
    password = fresh_value()
    admin = Sealed(f"postgresql://rotator:{password.reveal()}@evil.example/taly")
    around = surroundings(references={SETTINGS["admin"]: admin})
    with raises_silently(Refused, password) as refused:
        Postgres(recipe_for("DATABASE_URL", "postgres", settings=SETTINGS), around).observe()
    assert "ROTATOR_ALLOWED_HOSTS" in str(refused.value)
    assert "evil.example" not in str(refused.value), "a mistyped connection string has its password there"


SETTINGS: dict[str, Any] = {
    "users": ["taly_app_a", "taly_app_b"],
    "admin": "ssm:/taly/staging/rotator/DATABASE_ADMIN_URL",
    "template": "postgresql://{user}:{password}@db.staging.internal:5432/taly?sslmode=verify-full",
}
PARTS = {"user": "DATABASE_USER", "password": "DATABASE_PASSWORD"}


@pytest.mark.parametrize(
    "changes, fields, complaint",
    [
        ({}, {"value": "DATABASE_URL"}, None),
        ({}, PARTS, None),
        ({"template": None}, PARTS, None),
        ({"template": None}, {"value": "DATABASE_URL"}, "template is missing"),
        ({}, {"value": "A", "host": "B"}, "fields must be"),
    ],
)
def test_check(changes: dict[str, object], fields: dict[str, str], complaint: str | None) -> None:
    recipe = recipe_for("DATABASE_URL", "postgres", settings={**SETTINGS, **changes}, fields=fields)
    complaints = Postgres.check(recipe)
    assert len(complaints) == (complaint is not None)
    assert all(complaint in found for found in complaints if complaint)


@pytest.mark.parametrize(
    "changes, complaint",
    [
        ({"template": "postgresql://app:{password}@db/taly"}, "lacks {user}"),
        ({"template": "postgresql://@db/taly"}, "lacks {password} and {user}"),
        ({"template": "mysql://{user}:{password}@db/taly"}, "is neither a postgresql:// URL"),
        ({"template": "postgresql://{user}:{password}@{host}/taly"}, "has {host}, which nobody fills in"),
        ({"template": "postgresql://{usr}:{password}@db/taly"}, "lacks {user}; has {usr}, which nobody"),
        ({"users": ["taly_app", "taly_app"]}, "needs two different roles"),
        ({"users": ["taly_app"]}, "needs two different roles"),
        ({"users": ["a", "b", "c"]}, "needs two different roles"),
        ({"admin": "postgresql://admin@db/taly"}, "never a connection string"),
        ({"admin": "host=db user=admin"}, "never a connection string"),
    ],
)
def test_options_say_what_is_wrong(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        Postgres.Options.model_validate({**SETTINGS, **changes})
    (error,) = wrong.value.errors()
    assert complaint in error["msg"]
    assert error["loc"] == tuple(changes)


@pytest.mark.parametrize(
    "changes",
    [{"users": ["one"]}, {"users": ["a", "b" * 64]}, {"password": "x"}, {"admin": 5}, {"users": ["", "b"]}],
)
def test_options_are_strict(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error") as wrong:
        Postgres.Options.model_validate({**SETTINGS, **changes})
    assert "input_value" not in str(wrong.value)
