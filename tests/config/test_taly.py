"""Taly's own policies.yaml: it is usable as it is, with the adapters that are installed."""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.config.load import Loaded, load
from rotator.config.reading import load_with
from rotator.config.settings import Settings
from rotator.model.policy import Mode, Reads

ROOT = Path(__file__).parents[2]
DAY = timedelta(days=1)


def of_taly(text: str, redeployer: str = "") -> Loaded:
    """The file as Taly's settings have it read."""
    return load(
        text,
        "policies.yaml",
        redeployer=redeployer,
        allowed_hosts=["*.taly.example", "*.taly.internal", "api.stripe.com"],
    )


@pytest.fixture(scope="module")
def taly() -> Loaded:
    return of_taly((ROOT / "policies.yaml").read_text(encoding="utf-8"), redeployer="sandbox")


def test_it_has_no_errors(taly: Loaded) -> None:
    assert [str(one) for one in taly.errors] == []
    as_deployed = of_taly((ROOT / "policies.yaml").read_text(encoding="utf-8"))
    assert [str(one) for one in as_deployed.errors] == []


def test_it_holds_the_eleven_secrets_and_the_key_of_ci_in_both_environments(taly: Loaded) -> None:
    assert taly.policies is not None
    for environment in ("staging", "production"):
        names = {
            one.name
            for one in taly.policies.secrets.values()
            if one.environment == environment and not one.name.startswith("rotator/")
        }
        assert len(names) == 12


@pytest.mark.parametrize(
    "name, days",
    [
        ("JWT_SECRET", 90),
        ("STRIPE_WEBHOOK_SECRET", 60),
        ("DATABASE_URL", 180),
        ("TWILIO_API_KEY", 90),
        ("TWILIO_AUTH_TOKEN", 90),
        ("SES_SMTP_PASSWORD", 90),
    ],
)
def test_the_periods_are_those_that_taly_asked_for(taly: Loaded, name: str, days: int) -> None:
    assert taly.policies is not None
    for environment in ("staging", "production"):
        assert taly.policies.secrets[f"{environment}/{name}"].rotate_every == days * DAY


@pytest.mark.parametrize(
    "name",
    ["JWT_SECRET", "WEBHOOK_SIGNING_KEY", "DATABASE_URL", "INTERNAL_API_TOKEN", "SES_SMTP_PASSWORD"],
)
def test_what_has_an_adapter_is_rotated_where_its_consumers_can_be_restarted(taly: Loaded, name: str) -> None:
    assert taly.policies is not None
    rotated = taly.policies.secrets[f"production/{name}"]
    assert (rotated.mode, rotated.note) == (Mode.AUTO, "")
    assert rotated.recipe.deployments


@pytest.mark.parametrize(
    "name", ["STRIPE_SECRET_KEY", "GOOGLE_OAUTH_CLIENT_SECRET", "rotator/GITHUB_APP_KEY"]
)
def test_what_has_no_api_is_made_by_people_and_rotated_by_rotator(taly: Loaded, name: str) -> None:
    assert taly.policies is not None
    by_hand = taly.policies.secrets[f"production/{name}"]
    assert (by_hand.mode, by_hand.submitted, by_hand.note) == (Mode.AUTO, True, "")


def test_the_serverless_part_is_deployed_by_its_workflow() -> None:
    """What its deploy job reads is what it runs with."""
    as_deployed = of_taly((ROOT / "policies.yaml").read_text(encoding="utf-8"))
    assert as_deployed.policies is not None
    for environment in ("staging", "production"):
        restarted = as_deployed.policies.secrets[f"{environment}/SES_SMTP_PASSWORD"].recipe.deployments
        (functions,) = (one for one in restarted if one.kind == "github-workflow")
        assert functions.target == f"taly/crm/deploy-{environment}.yml"
        assert functions.reads is Reads.DEPLOY_TIME
        assert functions.settings["role"] == f"taly-{environment}-app"


def test_productions_credentials_stay_out_of_builds(taly: Loaded) -> None:
    assert taly.policies is not None
    token = taly.policies.secrets["production/INTERNAL_API_TOKEN"].recipe
    assert token.mirrors == ("vault",)
    text = (ROOT / "policies.yaml").read_text(encoding="utf-8")
    (error,) = of_taly(
        text.replace("    mirrors: [vault]\n", "    mirrors: [vault, github-actions]\n")
    ).errors
    assert error.path == "secrets.INTERNAL_API_TOKEN"
    assert "allow_production" in error.sentence


def test_every_reference_is_to_a_credential_whose_age_is_watched(taly: Loaded) -> None:
    assert not [note for note in taly.notes if "nobody watches" in note.sentence]


def test_the_adapters_own_checks_are_asked() -> None:
    text = (ROOT / "policies.yaml").read_text(encoding="utf-8")
    short = text.replace("grace: 7d ", "grace: 4d ")
    assert short != text
    (error,) = of_taly(short).errors
    assert error.path == "types.jwt-signing.grace"
    assert "token_ttl (5d)" in error.sentence
    assert error.sentence.endswith("write grace: 5d or longer")


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_ci_deploys_with_a_key_of_aws_that_is_an_actions_secret(taly: Loaded, environment: str) -> None:
    assert taly.policies is not None
    key = taly.policies.secrets[f"{environment}/CI_DEPLOY_KEY"]
    assert (key.mode, key.recipe.provider) == (Mode.AUTO, "aws-access-key")
    assert {field: name.rpartition("/")[2] for field, name in key.recipe.fields.items()} == {
        "access_key_id": "AWS_ACCESS_KEY_ID",
        "secret_access_key": "AWS_SECRET_ACCESS_KEY",
    }
    (copied,) = (taly.policies.mirrors[f"{environment}/{name}"] for name in key.recipe.mirrors)
    assert (copied.kind, copied.settings["environment"]) == ("github-actions", environment)


def test_what_would_remove_the_key_of_ci_is_said_where_it_is_copied(taly: Loaded) -> None:
    text = (ROOT / "policies.yaml").read_text(encoding="utf-8")
    (note,) = [note for note in taly.notes if "OIDC" in note.sentence]
    assert note.path == "secrets.CI_DEPLOY_KEY.mirrors"
    assert text.splitlines()[note.line - 1] == "    mirrors: [github-deploy]"
    elsewhere = of_taly(text.replace("    mirrors: [github-deploy]\n", "    mirrors: [vault]\n"))
    assert elsewhere.errors == ()
    assert not [note for note in elsewhere.notes if "OIDC" in note.sentence]


def test_where_nobody_says_how_long_tokens_live_it_is_said_that_grace_is_not_checked(taly: Loaded) -> None:
    assert not [note for note in taly.notes if "token_ttl" in note.sentence]
    text = (ROOT / "policies.yaml").read_text(encoding="utf-8")
    silent = of_taly(text.replace("grace: 7d ", "grace: 1h ").replace(", token_ttl: 5d", ""))
    assert silent.errors == ()
    (note,) = [note for note in silent.notes if "token_ttl" in note.sentence]
    assert note.path == "types.jwt-signing.settings"
    gap = text.replace(", token_ttl: 5d", "").replace(
        "    accepted_as: JWT_SECRET_ACCEPTED        # verifiers accept every key in it; signers use JWT_SECRET\n"
        "    probe: https://api.{env}.taly.example/internal/accepts-token\n",
        "    accept_gap: true\n",
    )
    gapped = of_taly(gap)
    assert gapped.policies and gapped.policies.secrets["staging/JWT_SECRET"].recipe.accept_gap
    assert not [note for note in gapped.notes if "token_ttl" in note.sentence], "nothing outlives a gap"


def test_where_nobody_says_whether_an_endpoint_is_one_of_connect_it_is_said_what_its_clone_loses(
    taly: Loaded,
) -> None:
    assert not [note for note in taly.notes if "connected accounts" in note.sentence]
    text = (ROOT / "policies.yaml").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines(keepends=True) if line.startswith("      connect: false"))
    silent = of_taly(text.replace(line, ""))
    assert silent.errors == ()
    (note,) = [note for note in silent.notes if "connected accounts" in note.sentence]
    assert note.path == "secrets.STRIPE_WEBHOOK_SECRET.settings"
    assert note.sentence.endswith("write connect: true if it does, else connect: false")
    destination = of_taly(text.replace(line, "      api: v2\n"))
    assert not [note for note in destination.notes if "connected accounts" in note.sentence]


def test_an_endpoint_that_is_deleted_while_stripe_still_tries_again_is_told(taly: Loaded) -> None:
    assert not [note for note in taly.notes if "quarantine" in note.sentence]
    text = (ROOT / "policies.yaml").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines(keepends=True) if line.startswith("    quarantine: 3d "))
    for shorter in ("    quarantine: 71h\n", ""):  # by default it is a day
        (note, *of_production) = [
            one for one in of_taly(text.replace(line, shorter)).notes if "quarantine" in one.sentence
        ]
        assert note.sentence.startswith("quarantine is shorter than 3d: ")
        assert of_production == []


@pytest.mark.parametrize(
    "reference, path",
    [
        ("ssm:/taly/{env}/rotator/GITHUB_APP_KEY", "deployments.functions.settings.auth"),
        ("ssm:/taly/{env}/rotator/STRIPE_ADMIN_KEY", "secrets.STRIPE_WEBHOOK_SECRET.settings.auth"),
        ("ssm:/taly/{env}/rotator/TWILIO_MAIN_KEY", "secrets.TWILIO_API_KEY.settings.auth"),
        ('"ssm:/taly/{env}/rotator/DATABASE_ADMIN_URL"', "secrets.DATABASE_URL.settings.admin"),
    ],
)
def test_a_value_where_a_reference_belongs_is_refused_and_not_repeated(reference: str, path: str) -> None:
    text, value = (ROOT / "policies.yaml").read_text(encoding="utf-8"), secrets.token_hex(20)
    (error,) = of_taly(text.replace(reference, value, 1)).errors
    assert error.path == path
    name = reference.strip('"').rpartition("/")[2]
    assert error.sentence.startswith(f"must be a reference (ssm:/…/{name}), never a")
    assert value not in str(error)


def test_a_vault_that_settings_do_not_know_is_said() -> None:
    text = (ROOT / "policies.yaml").read_text(encoding="utf-8")

    def said(**known: Any) -> list[str]:
        notes = load_with(Settings(**known), text).notes
        return [f"{note.path}: {note.sentence}" for note in notes if "Vault" in note.sentence]

    assert said(endpoints={}) == [
        "mirrors.vault: settings do not say where Vault is; set ROTATOR_ENDPOINT_VAULT"
    ]
    assert said(endpoints={"vault": "https://vault.taly.internal:8200"}) == []


def test_a_misspelt_provider_is_a_mistake_and_no_adapter_to_come() -> None:
    text = (ROOT / "policies.yaml").read_text(encoding="utf-8")
    loaded = of_taly(text.replace("provider: jwt", "provider: jtw"))
    (error,) = loaded.errors
    assert "did you mean 'jwt'?" in error.sentence
    assert not [note for note in loaded.notes if "jtw" in note.sentence]


def test_one_user_in_two_environments_or_of_two_adapters_is_refused() -> None:
    """A rotation in staging would take production's key for nobody's."""
    text = (ROOT / "policies.yaml").read_text(encoding="utf-8")
    for mine, theirs in (('"taly-{env}-ci"', "taly-ci"), ('"taly-{env}-ci"', '"taly-{env}-ses"')):
        changed = text.replace(mine, theirs)
        assert changed != text
        errors = of_taly(changed).errors
        assert errors
        for error in errors:
            assert error.path == "secrets.CI_DEPLOY_KEY.settings.iam_user"
            assert "give each its own" in error.sentence
