"""An environment chooses its store: what is said about it, what references may lead to, and where copies may not be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from rotator.config.explain import explain
from rotator.config.load import Loaded, load
from tests.config.files import ADAPTERS, changed


def adapter(module: str, name: str) -> Callable[[], Any]:
    return lambda: getattr(import_module(module), name)


#: The real ones, where it matters what they say.
REAL = replace(
    ADAPTERS,
    stores={
        "secrets-manager": adapter("rotator.stores.aws_secrets", "AwsSecrets"),
        "vault-kv2": adapter("rotator.stores.vault_kv2", "VaultKv2"),
        "broken": lambda: import_module("nobody.has_this"),
    },
    mirrors={
        "secrets-manager": adapter("rotator.stores.aws_secrets_mirror", "AwsSecretsMirror"),
        "ssm": adapter("rotator.stores.ssm_mirror", "SsmMirror"),
        "vault-kv2": adapter("rotator.mirrors.vault_kv2", "VaultKv2Mirror"),
    },
)
STAGING = "    aws: {region: eu-central-1, kms_key: alias/staging}\n"
PRODUCTION = "    aws: {region: eu-central-1}\n"
LOGIN = "ssm:/taly/{env}/rotator/VAULT_TOKEN"
VAULT = f'{{kind: vault-kv2, path: "crm/{{env}}/{{name}}", auth: {{token: "{LOGIN}"}}}}'
MIRROR = f'{{kind: vault-kv2, of: "/taly/{{env}}", path: "PATH", auth: {{token: "{LOGIN}"}}}}'


def read(*changes: tuple[str, str], staging: str = "", production: str = "", mirror: str = "") -> Loaded:
    """The file with stores and a mirror of DATABASE_URL."""
    more = []
    if staging:
        more.append((STAGING, f"{STAGING}    store: {staging}\n"))
    if production:
        more.append((PRODUCTION, f"{PRODUCTION}    store: {production}\n"))
    if mirror:
        more.append(("deployments:\n", f"mirrors:\n  copies: {mirror}\ndeployments:\n"))
        more.append(("    type: pair\n", "    type: pair\n    mirrors: [copies]\n"))
    return load(changed(*changes, *more), "policies.yaml", adapters=REAL, allowed_hosts=("*",))


def errors(*changes: tuple[str, str], **sections: str) -> list[str]:
    return [str(one).partition(": ")[2] for one in read(*changes, **sections).errors]


def test_ssm_is_the_store_unless_an_environment_says_otherwise() -> None:
    policies = read(production=VAULT).policies
    assert policies is not None
    staging, production = policies.environments["staging"], policies.environments["production"]
    assert (staging.store, list(staging.settings)) == ("ssm", ["kubernetes"])
    assert production.store == "vault-kv2"
    token = "ssm:/taly/production/rotator/VAULT_TOKEN"
    assert production.settings["vault-kv2"] == {"path": "crm/production/{name}", "auth": {"token": token}}


def test_explain_says_which_store() -> None:
    loaded = read(production="{kind: secrets-manager}")
    said = {one.key: (one.value, one.level) for one in explain(loaded, "production/DATABASE_URL")}
    assert said["environment.store"] == ("secrets-manager", "environments.production.store")
    said = {one.key: (one.value, one.level) for one in explain(loaded, "staging/DATABASE_URL")}
    assert said["environment.store"] == ("ssm", "built in")


@pytest.mark.parametrize(
    "store, said",
    [
        ("{kind: secrets-manger}", "store.kind: unknown store 'secrets-manger' (did you mean 'secrets-manager'?)"),
        ("{kind: broken}", "store.kind: the adapter 'broken' cannot be loaded: what it needs is not there"),
        ("{kind: ssm, mount: kv}", "store.mount: unknown key (there is kind)"),
        ("{kind: secrets-manager, mount: kv}", "store.mount: unknown key (there is kind)"),
        ("{kind: vault-kv2}", "store.auth: is missing"),
        (
            "{kind: vault-kv2, auth: {token: vault:/taly/staging/rotator/T}}",
            "store.auth.token: is in the very store that it opens; write ssm:<path>/rotator/NAME",
        ),
        (
            "{kind: vault-kv2, auth: {token: ssm:/taly/production/rotator/T}}",
            "store.auth.token: a reference may only lead below ssm:<path>/rotator/ of its environment; write {env}",
        ),
        (
            '{kind: vault-kv2, path: "{team}/{name}", auth: {kubernetes: {role: rotator}}}',
            "store.path: unknown template {team}; {env} is the only one",
        ),
    ],
)  # fmt: skip
def test_a_store_that_cannot_be_used(store: str, said: str) -> None:
    assert f"environments.staging.{said}" in errors(staging=store)


@pytest.mark.parametrize("path", ["crm/{name}", "taly/staging/{name}"])
def test_two_environments_never_share_a_place(path: str) -> None:
    """A reference into one's own `rotator/` would lead into the other's."""
    shared = f'{{kind: vault-kv2, path: "{path}", auth: {{kubernetes: {{role: rotator}}}}}}'
    staging = shared if path.startswith("crm") else "{kind: vault-kv2, auth: {kubernetes: {role: rotator}}}"
    place = path.replace("{name}", "rotator/owner")
    said = (
        "environments.production.store: would stand where /taly/staging/rotator/owner stands "
        f"(Vault's secret: {place}); write {{env}} in its path"
    )
    assert said in errors(staging=staging, production=shared)


def test_a_parameter_without_a_place_in_its_store() -> None:
    tenants = '{kind: vault-kv2, path: "crm/{tenant}/{env}/{name}", auth: {kubernetes: {role: rotator}}}'
    (first, *_others) = errors(staging=tenants)
    assert first == (
        "secrets.JWT_SECRET: /taly/staging/JWT_SECRET stands in no folder, so nobody knows whose it is: put it into "
        "its tenant's, or say `tenant`"
    )


# references


def test_references_lead_into_the_environments_own_store() -> None:
    admin = "admin: ssm:/taly/{env}/rotator/ADMIN"
    into_vault = (admin, "admin: vault:/taly/{env}/rotator/ADMIN")
    assert errors(into_vault, staging=VAULT, production=VAULT) == []
    said = "secrets.DATABASE_URL.settings.admin: a reference may only lead below ssm:<path>/rotator/ of its environment"
    assert errors(into_vault, production=VAULT) == [said]
    elsewhere = (admin, "admin: vault:/taly/{env}/STRIPE_KEY")
    assert len(errors(elsewhere, staging=VAULT, production=VAULT)) == 1
    managed = (admin, "admin: secrets-manager:/taly/{env}/rotator/ADMIN")
    assert len(errors(managed, staging=VAULT, production=VAULT)) == 1


@pytest.mark.parametrize(
    "reference",
    ["ssm:/taly/{env}/STRIPE_KEY", "ssm:/taly/staging/rotator/KEY", "env:KEY", "vault:/taly/{env}/rotator/K"],
)
def test_references_of_deployments_and_mirrors_are_no_freer(reference: str) -> None:
    deployment = ("timeout: 5m}", f'timeout: 5m, settings: {{auth: "{reference}"}}}}')
    (said,) = {one.partition(" of its")[0] for one in errors(deployment)}
    assert said == "deployments.api.settings.auth: a reference may only lead below ssm:<path>/rotator/"
    mirror = f'{{kind: vault-kv2, of: "/taly/{{env}}", path: "x/{{env}}/{{name}}", auth: {{token: "{reference}"}}}}'
    said = "mirrors.copies.auth.token: a reference may only lead below ssm:<path>/rotator/ of its environment"
    assert any(one.startswith(said) or "auth.token: " in one for one in errors(mirror=mirror))


def test_references_of_deployments_may_lead_to_rotators_own() -> None:
    settings = 'timeout: 5m, settings: {auth: "ssm:/taly/{env}/rotator/KEY"}}'
    assert errors(("timeout: 5m}", settings)) == []


# mirrors


@pytest.mark.parametrize(
    "store, mirror, place",
    [
        ("", '{kind: ssm, of: "/taly/{env}", region: eu-central-1}', "SSM in eu-central-1: {name}"),
        ("{kind: secrets-manager}", "{kind: secrets-manager}", "Secrets Manager in eu-central-1: {name}"),
        (
            VAULT,
            '{kind: vault-kv2, of: "/taly/{env}", path: "crm/{env}/{name}", key: copy, auth: {kubernetes: {role: r}}}',
            "Vault's secret: crm/{env}/DATABASE_URL",
        ),
    ],
)  # fmt: skip
def test_a_mirror_never_writes_into_the_parameter_that_it_copies(store: str, mirror: str, place: str) -> None:
    found = errors(staging=store, production=store, mirror=mirror)
    assert found == [
        f"mirrors.copies: would write the copies of {environment}/DATABASE_URL into its own parameter "
        f"({place.format(env=environment, name=f'/taly/{environment}/DATABASE_URL')}); copy it elsewhere"
        for environment in ("staging", "production")
    ]


def test_a_mirror_never_writes_into_another_parameter_or_another_copy() -> None:
    shifted = '{kind: ssm, of: "/taly/{env}", path: "/taly/{env}/rotator"}'
    admin = ("    type: pair\n", "    type: pair\n    fields: {value: ADMIN}\n")
    assert errors(admin, mirror=shifted) == [
        f"mirrors.copies: would write the copy of /taly/{environment}/ADMIN where /taly/{environment}/rotator/ADMIN "
        f"stands (SSM in eu-central-1: /taly/{environment}/rotator/ADMIN)"
        for environment in ("staging", "production")
    ]
    flat = '{kind: secrets-manager, path: "copies/{env}"}'
    below = (
        "    type: pair\n",
        "    type: pair\n    torn_ok: true\n    fields: {user: a/DB, password: b/DB}\n",
    )
    assert errors(below, mirror=flat) == [
        f"mirrors.copies: would write the copy of /taly/{environment}/b/DB where the copy of /taly/{environment}/a/DB "
        f"stands (Secrets Manager in eu-central-1: copies/{environment}/DB)"
        for environment in ("staging", "production")
    ]


@pytest.mark.parametrize(
    "mirror",
    [
        '{kind: ssm, of: "/taly/{env}", region: eu-west-1}',
        '{kind: ssm, of: "/taly/{env}", path: "/copies/{env}"}',
        '{kind: ssm, of: "/taly/{env}", at: dr}',
        "{kind: secrets-manager}",
    ],
)
def test_a_mirror_elsewhere_may_copy(mirror: str) -> None:
    assert errors(mirror=mirror) == []


def test_a_copy_of_a_whole_object_is_one() -> None:
    one = "    type: pair\n    one_parameter: json\n    fields: {user: DB, password: DB}\n"
    assert errors(("    type: pair\n", one), mirror='{kind: ssm, of: "/taly/{env}", region: eu-west-1}') == []


@pytest.mark.parametrize(
    "mirror, below, place",
    [
        (
            '{kind: ssm, of: "/taly/{env}", path: "/taly/staging/copies-{env}"}',
            "/taly/staging",
            "SSM in eu-central-1: /taly/staging/copies-production/DATABASE_URL",
        ),
        (
            '{kind: ssm, of: "/taly/{env}", path: "/taly/staging/rotator/{env}"}',
            "/taly/staging",
            "SSM in eu-central-1: /taly/staging/rotator/production/DATABASE_URL",
        ),
    ],
)
def test_no_copy_stands_below_another_environments_path(mirror: str, below: str, place: str) -> None:
    """Whoever reads staging would read production's."""
    assert errors(mirror=mirror)[-1] == (
        f"mirrors.copies: would write the copy of /taly/production/DATABASE_URL below {below}, which is staging's "
        f"({place}); copy it to a path of its own"
    )


def test_no_copy_stands_among_what_rotator_reads_itself() -> None:
    said = errors(mirror='{kind: ssm, of: "/taly/{env}", path: "/taly/{env}/rotator/copies"}')
    assert [one.partition(", which is ")[2].partition(" ")[0] for one in said] == [
        "staging's",
        "production's",
    ]
    assert errors(mirror='{kind: ssm, of: "/taly/{env}", path: "/taly/{env}/copies"}') == []


@pytest.mark.parametrize(
    "store, mirror",
    [
        ("{kind: secrets-manager}", '{kind: secrets-manager, path: "/taly/staging/copies-{env}"}'),
        (VAULT, MIRROR.replace("PATH", "crm/staging/of-{env}/{name}")),
        (VAULT.replace("{env}", "{tenant}/{env}"), MIRROR.replace("PATH", "crm/a/staging/of-{env}/{name}")),
    ],
)
def test_every_store_tells_where_its_parameters_could_stand(store: str, mirror: str) -> None:
    said = errors(staging=store, production=store, mirror=mirror)
    assert [one for one in said if "would write the copy of /taly/production/DATABASE_URL below" in one], said
    assert not [one for one in said if "the copy of /taly/staging/DATABASE_URL" in one], said


def test_what_opens_another_store_is_in_ssm_and_is_closed_too() -> None:
    vault = f'{{kind: vault-kv2, path: "crm/{{env}}/{{name}}", auth: {{token: "{LOGIN}"}}}}'
    mirror = '{kind: ssm, of: "/taly/{env}", path: "/taly/staging/rotator/of-{env}"}'
    assert any(
        "the copy of /taly/production/DATABASE_URL below" in one
        for one in errors(staging=vault, mirror=mirror)
    )


def test_the_same_path_in_another_region_is_another_place() -> None:
    assert (
        errors(mirror='{kind: ssm, of: "/taly/{env}", path: "/taly/staging/{env}", region: eu-west-1}') == []
    )
