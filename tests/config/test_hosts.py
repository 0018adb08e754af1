"""A line in the policy is not enough to send a credential away: whatever adapter it is for, settings name the hosts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rotator.config.load import load
from rotator.model.errors import Refused
from rotator.providers.vault_database import VaultDatabase
from rotator.testing.surroundings import surroundings
from tests.providers.recipes import recipe_for

ALLOWED = ["*.taly.example"]
REFERENCE = "ssm:/taly/staging/rotator/ADMIN"
PARTS = {"user": "DATABASE_USER", "password": "DATABASE_PASSWORD"}


def complaints(provider: str, settings: dict[str, Any], allowed: list[str], **more: Any) -> list[str]:
    """About one secret of that kind, in a policy that is right otherwise."""
    kind = {"provider": provider, "rotate_every": "90d", "grace": "1d", "accept_unseen": True}
    policy = {
        "apiVersion": "rotator/v1",
        "kind": "RotationPolicies",
        "environments": {"staging": {"path": "/taly/staging", "aws": {"region": "eu-central-1"}}},
        "owners": {"platform": {"slack": "#platform"}},
        "types": {"kind": kind},
        "defaults": {"owner": "platform"},
        "secrets": {"SECRET": {"type": "kind", "settings": settings, "deploy": [], **more}},
    }
    found = load(json.dumps(policy), "policies.yaml", allowed_hosts=allowed).errors
    return [str(one) for one in found]


def mysql(there: str, **more: Any) -> list[str]:
    template = f"mysql://{{user}}:{{password}}@{there}"
    settings = {"user": "app", "admin": REFERENCE, "template": template}
    return complaints("mysql", settings, ALLOWED, fields=PARTS, torn_ok=True, **more)


def postgres(there: str) -> list[str]:
    template = f"postgresql://{{user}}:{{password}}@{there}"
    return complaints("postgres", {"users": ["a", "b"], "admin": REFERENCE, "template": template}, ALLOWED)


@pytest.mark.parametrize("there", ["db.taly.example/x", "127.0.0.1:3306/x", "DB.taly.example/x"])
def test_databases_at_allowed_hosts_are_fine(there: str) -> None:
    assert mysql(there) == []
    assert postgres(there) == []


@pytest.mark.parametrize("there", ["evil.example/x", "evil.example:3306/x?ssl-mode=VERIFY_IDENTITY"])
def test_a_mysql_template_leads_to_no_other_host(there: str) -> None:
    (said,) = mysql(there)
    assert "evil.example is not among the allowed hosts" in said
    assert "template" in said


@pytest.mark.parametrize(
    "there",
    [
        "evil.example/x",
        "db.taly.example/x?hostaddr=203.0.113.9&sslmode=disable",
        "db.taly.example/x?host=evil.example",
        "db.taly.example,evil.example/x",
    ],
)
def test_a_postgres_template_leads_to_no_other_host(there: str) -> None:
    (said,) = postgres(there)
    assert "is not among the allowed hosts (ROTATOR_ALLOWED_HOSTS" in said


def test_without_the_setting_a_database_is_on_this_machine() -> None:
    settings = {"users": ["a", "b"], "admin": REFERENCE}
    here = settings | {"template": "postgresql://{user}:{password}@localhost/x"}
    assert complaints("postgres", here, []) == []
    (said,) = complaints(
        "postgres", settings | {"template": "postgresql://{user}:{password}@db.example/x"}, []
    )
    assert "allow it in ROTATOR_ALLOWED_HOSTS" in said


def vault_held(host: str) -> dict[str, Any]:
    return {
        "role": "app",
        "connection": "crm",
        "users": ["a", "b"],
        "template": f"postgresql://{{user}}:{{password}}@{host}/x",
        "auth": {"kubernetes": {"role": "rotator"}},
    }


def test_a_vault_held_login_leads_to_no_other_host() -> None:
    settings = vault_held("evil.example")
    assert any(
        "evil.example is not among" in said for said in complaints("vault-database", settings, ALLOWED)
    )


def test_the_sql_that_vault_runs_is_no_choice_of_the_policys() -> None:
    settings = vault_held("db.taly.example")
    assert complaints("vault-database", settings, ALLOWED) == []
    evil = ["ALTER ROLE mallory SUPERUSER"]
    (said,) = complaints("vault-database", settings | {"rotation_statements": evil}, ALLOWED)
    assert "settings.rotation_statements: is written in the policy" in said
    recipe = recipe_for("DB", "vault-database", settings=settings | {"rotation_statements": evil})
    with pytest.raises(Refused, match="ROTATOR_OWN_RECIPES"):
        VaultDatabase(recipe, surroundings())
    VaultDatabase(recipe, surroundings(own_recipes=True))


@pytest.mark.parametrize("behind", ["?", "#", "\\", "@", "%2f", "/?@"])
def test_an_assisted_secret_is_tried_at_no_other_host(behind: str) -> None:
    verify = {"url": f"https://evil.example{behind}.taly.example", "basic": {"user": "${value}"}}
    assert complaints("assisted", {"verify": verify}, ALLOWED, runbook="https://wiki.taly.example/x") != []


def test_an_assisted_secret_is_tried_at_an_allowed_host() -> None:
    verify = {"url": "https://api.taly.example/?limit=1", "basic": {"user": "${value}"}}
    assert complaints("assisted", {"verify": verify}, ALLOWED, runbook="https://wiki.taly.example/x") == []
