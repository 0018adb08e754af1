"""policies.yaml as JSON Schema: what is right fits, what is wrong does not, and every key is explained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from rotator.config import strict_yaml
from rotator.config.complaints import Complaints
from rotator.config.json_schema import json_schema
from tests.config.files import ADAPTERS, FILE, changed

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "reference" / "policies.schema.json"
SCHEMA = json_schema(ADAPTERS)
VALIDATOR = Draft7Validator(SCHEMA)


def read(text: str) -> Any:
    values = strict_yaml.read(text, Complaints("policies.yaml"))
    assert values is not None
    return values


def complaints(*changes: tuple[str, str]) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(read(changed(*changes)))]


def test_it_is_a_schema_of_draft_7_which_every_editor_knows() -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("file", ["policies.yaml", "k8s/overlays/staging/policies.yaml"])
def test_policies_that_are_used_fit(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert [error.message for error in Draft7Validator(json_schema()).iter_errors(read(text))] == []


def test_the_root_file_tells_editors_where_the_schema_is() -> None:
    first = (ROOT / "policies.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={KEPT.relative_to(ROOT)}"


def test_the_kept_schema_is_the_one_that_is_made() -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    assert kept == json_schema(), f"rotator policy schema > {KEPT.relative_to(ROOT)}"


def test_what_fits() -> None:
    assert complaints() == []
    assert read(FILE)["secrets"]["JWT_SECRET"]["probe"], "one page stands for a list of one"
    assert (
        complaints(
            ("probe: https://api.{env}.example/accepts", "probe: [https://a.example, https://b.example]")
        )
        == []
    )
    assert complaints(("    type: key\n", "    exempt: {reason: none, until: 2027-01-31}\n")) == []
    assert complaints(("grace: 24h", "grace: 24h\n  retry: {attempts: 3, backoff: 1s..1d12h}")) == []


@pytest.mark.parametrize(
    "change, path",
    [
        (("rotate_every: 90d", "rotate_every: 90"), "$.defaults.rotate_every"),
        (("rotate_every: 90d", 'rotate_every: "90"'), "$.defaults.rotate_every"),
        (("rotate_every: 90d", "rotate_every: 12h90d"), "$.defaults.rotate_every"),
        (("rotate_every: 90d", 'rotate_every: ""'), "$.defaults.rotate_every"),
        (("grace: 24h", "graze: 24h"), "$.defaults"),
        (("grace: 24h", "grace: 24h\n  retry: {attempts: 0}"), "$.defaults.retry.attempts"),
        (("grace: 24h", "grace: 24h\n  retry: {backoff: 5s}"), "$.defaults.retry.backoff"),
        (("grace: 24h", "grace: 24h\n  mode: automatic"), "$.defaults.mode"),
        (("warn_before: [14d, 3d]", "warn_before: 14d"), "$.defaults.warn_before"),
        (("apiVersion: rotator/v1", "apiVersion: rotator/v2"), "$.apiVersion"),
        (("kind: RotationPolicies\n", ""), "$"),
        (("[mon, tue]", "[mon, tuesday]"), "$.windows['office-hours'].days[1]"),
        (('from: "09:30"', 'from: "9:30"'), "$.windows['office-hours'].from"),
        ((", timezone: Europe/Warsaw", ""), "$.windows['office-hours']"),
        (("from: 2026-12-18", "from: 18.12.2026"), "$.freezes[0].from"),
        (("region: eu-central-1, ", "region: Frankfurt, "), "$.environments.staging.aws.region"),
        (("    path: /taly/staging\n", ""), "$.environments.staging"),
        (("staging, soak: 24h}", "staging, soak: day}"), "$.environments.production.after.soak"),
        (("provider: key", "provider: kye"), "$.types.key.provider"),
        (("    type: key\n", ""), "$.secrets.JWT_SECRET"),
        (("    deploy: [api]\n", "    deploy: api\n"), "$.secrets.JWT_SECRET.deploy"),
        (("    deploy: [api]\n", "    deploy: [api]\n    torn_ok: yes\n"), "$.secrets.JWT_SECRET.torn_ok"),
        (("probe: https://api", "probe: ftp://api"), "$.secrets.JWT_SECRET.probe"),
        (("production: {owner: dba}", "production: {type: key}"), "$.secrets.DATABASE_URL.environments.production"),
        (("worker: {kubernetes: deployment/worker}", "worker: {reads: ssm}"), "$.deployments.worker"),
        (("kubernetes: deployment/worker", "kubernetes: a, lambda: b"), "$.deployments.worker"),
        (("kubernetes: deployment/worker", "nomad: worker"), "$.deployments.worker"),
        (('dba: {slack: "#dba", escalate_to: platform}', "dba: {escalate_to: platform}"), "$.owners.dba"),
        (('slack: "#ops"', 'slak: "#ops"'), "$.owners.platform"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_underlined_where_it_is(change: tuple[str, str], path: str) -> None:
    assert path in complaints(change)


def keys(part: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, below in part.get("properties", {}).items():
        yield f"{place}.{key}", below


def test_every_key_is_explained_to_who_writes_it() -> None:
    parts = {"the file": SCHEMA, **SCHEMA["definitions"]}
    silent = [
        place
        for name, part in parts.items()
        for place, below in keys(part, name)
        if "description" not in below and "description" not in SCHEMA["definitions"].get(_named(below), {})
    ]
    assert silent == []


def _named(below: dict[str, Any]) -> str:
    return str(below.get("$ref", "")).removeprefix("#/definitions/")


def test_nothing_of_our_own_making_shows_through() -> None:
    text = json.dumps(SCHEMA)
    for word in ('"null"', "PT", "$defs", 'SecretRules", "title', '"format": "duration"'):
        assert word not in text
