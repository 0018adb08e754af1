"""Every kind of complaint has a case in complaints.txt: ops people read these sentences at three in the morning."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rotator.config.complaints import bounded_guesses, hint
from rotator.config.load import explain_complaints
from tests.config.files import ADAPTERS, errors, loaded, notes


def cases() -> dict[str, tuple[list[tuple[str, str]], list[str]]]:
    text = Path(__file__).with_name("complaints.txt").read_text(encoding="utf-8")
    found = {}
    for case in re.split(r"^# ", text, flags=re.MULTILINE)[1:]:
        title, *lines = [line for line in case.splitlines() if line and not line.startswith("==")]
        changes, sentences = [], []
        kinds = itertools.groupby(lines, key=lambda line: line[0] if line[0] in "-+" else ":")
        for kind, block in kinds:
            rows = list(block)
            text = "".join(f"{row[1:]}\n" for row in rows)
            if kind == "-":
                changes.append((text, ""))
            elif kind == "+":
                changes[-1] = (changes[-1][0], text)
            else:
                sentences += rows
        assert title not in found, f"two cases are called {title}"
        found[title] = (changes, sentences)
    return found


@pytest.mark.parametrize("changes, sentences", cases().values(), ids=cases())
def test_one_mistake_one_sentence(changes: list[tuple[str, str]], sentences: list[str]) -> None:
    assert errors(*changes) == [f"policies.yaml:{sentence}" for sentence in sentences]


def test_the_file_without_a_change_has_nothing_wrong() -> None:
    found = loaded()
    assert found.complaints == ()
    assert found.policies is not None
    assert explain_complaints(found) == "0 errors, 0 notes: 6 secrets in 2 environments"


def test_every_mistake_is_said_in_one_go() -> None:
    found = loaded(
        ("rotate_every: 90d", "rotate_every: 90"),
        ("format: hex", "format: octal"),
        ("type: key", "type: kye"),
        ("admin: ssm:/taly/{env}/rotator/ADMIN", "admin: env:ADMIN"),
        ('slack: "#dba", ', ""),
    )
    assert [complaint.line for complaint in found.errors] == [4, 30, 37, 47]
    assert found.policies is None
    assert explain_complaints(found).splitlines()[-1] == "4 errors, 0 notes: the file is not usable"


def test_a_syntax_error_does_not_hide_what_came_before_it() -> None:
    found = errors(("  rotate_every: 90d\n", "  rotate_every: 90d\n  rotate_every: 60d\n"), ("dba}", "dba"))
    assert [sentence.split(":")[1] for sentence in found] == ["5", "42"]


def test_a_parameter_name_that_is_too_long() -> None:
    long = f"type: pair\n    fields: {{value: {'x' * 960}}}\n"
    (sentence,) = errors(("type: pair\n", long))
    assert sentence.startswith(
        "policies.yaml:36: secrets.DATABASE_URL.fields.value: is too long; SSM allows 1011"
    )


@pytest.mark.parametrize(
    "change",
    [
        ("type: pair\n", "type: pair\n    fields: {value: a/b/c/d/e/f/g/h/i/j/k/l/m}\n"),
        ("type: pair\n", f"type: pair\n    fields: {{value: {'x' * (1011 - 47 - 17)}}}\n"),
        ("grace: 24h\n", "grace: 24h\n  retry: {backoff: 1m..1m}\n"),
        ("to: 2027-01-04", "to: 2026-12-18"),
        ("grace: 7d", "grace: 60d, quarantine: 29d"),
        ("rotate_every: 90d\n", "rotate_every: 3660d\n"),
    ],
)
def test_what_just_fits(change: tuple[str, str]) -> None:
    assert errors(change) == []


def test_one_environment_needs_no_template() -> None:
    changes = [
        ("https://api.{env}.example", "https://api.example"),
        ("timeout: 5m", "timeout: 5m, health: https://api.example/healthz"),
        ("    after: {environment: staging, soak: 24h}\n", ""),
        ("  staging:\n    path: /taly/staging\n", ""),
        (
            "    aws: {region: eu-central-1, kms_key: alias/staging}\n    kubernetes: {namespace: staging}\n",
            "",
        ),
        ("    defaults: {windows: [any-time]}\n", ""),
    ]
    assert errors(*changes) == []


@pytest.mark.parametrize(
    "written, sentence",
    [
        ("pagerduty: ssm:/taly/staging/rotator/PAGER", ""),
        (
            "pagerduty: 0123456789abcdef",
            "must lead to a routing key, which is a secret: store it, and write ssm:",
        ),
        ("webhook: ssm:/taly/staging/rotator/HOOK", ""),
        ("webhook: http://127.0.0.1:8080/x", ""),
        ("webhook: https://pages.example/x", ""),
        (
            "webhook: https://elsewhere.org/x",
            "elsewhere.org would be sent alerts; allow it in ROTATOR_ALLOWED_HOSTS",
        ),
        ("webhook: http://pages.example/x", "its address must begin with https://"),
        ("webhook: ssm:/taly/staging/HOOK", "a reference may only lead below ssm:<path>/rotator/"),
    ],
)
def test_where_a_program_is_told_is_safe_and_allowed(written: str, sentence: str) -> None:
    change = ('slack: "#dba"', f'slack: "#dba", {written}')
    found = [str(one) for one in loaded(change, allowed_hosts=("*.example",)).errors]
    if sentence:
        assert [sentence in one for one in found] == [True]
    else:
        assert found == []


def test_the_heartbeats_address_is_a_secret_and_its_times_are_some() -> None:
    written = "alerts:\n  heartbeat: {url: https://hc-ping.com/x, every: 0s, grace: 15m}\n"
    found = errors(("owners:\n", f"{written}owners:\n"))
    assert len(found) == 2
    assert "alerts.heartbeat.url: is a secret: store it, and write ssm:<path>/rotator/NAME here" in found[0]
    assert "alerts.heartbeat.every: must be more than 0" in found[1]


def test_complaints_carry_line_column_path_and_severity() -> None:
    (complaint,) = loaded(("type: key", "type: kye")).complaints
    assert (complaint.source, complaint.line, complaint.column) == ("policies.yaml", 30, 5)
    assert (complaint.path, complaint.severity) == ("secrets.JWT_SECRET.type", "error")


def test_complaints_are_in_the_order_of_the_file() -> None:
    found = errors(("owner: platform", "owner: x"), ("type: key", "type: y"), ("[api, worker]", "[z]"))
    lines = [int(sentence.split(":")[1]) for sentence in found]
    assert lines == sorted(lines)
    assert len(lines) == 3


@pytest.mark.parametrize(
    "change",
    [
        ("type: key", "type: {value}"),
        ("format: hex", "format: {value}"),
        ("admin: ssm:/taly/{env}/rotator/ADMIN", "admin: postgresql://admin:{value}@db/taly"),
        ("deploy: [api]", "deploy: {value}"),
    ],
)
def test_a_value_pasted_into_the_wrong_place_is_not_repeated(change: tuple[str, str]) -> None:
    value = "s" * 40 + "e" * 40
    found = errors((change[0], change[1].replace("{value}", value)))
    assert found
    assert not any(value[:12] in sentence for sentence in found)


def test_an_adapter_that_cannot_be_loaded_is_watched_only() -> None:
    assert notes(("provider: key", "provider: broken")) == [
        "policies.yaml:26: note: types.key.provider: the adapter 'broken' cannot be loaded: JWT_SECRET is watched only"
    ]


@pytest.mark.parametrize(
    "region, meant",
    [
        ("eu-centrl-1", " (did you mean 'eu-central-1'?)"),
        ("euu-central-1", " (did you mean 'eu-central-1'?)"),
        ("us-gov-wets-1", " (did you mean 'us-gov-west-1'?)"),
        ("qq-central-1", ""),
    ],
)
def test_a_region_that_is_like_none_is_noted_and_not_refused(region: str, meant: str) -> None:
    change = ("aws: {region: eu-central-1}", f"aws: {{region: {region}}}")
    assert errors(change) == []
    (note,) = notes(change)
    assert note.removeprefix("policies.yaml:22: note: environments.production.aws.region: ") == (
        f"'{region}' is like no AWS region that rotator knows{meant}"
    )


@pytest.mark.parametrize("region", ["ap-southeast-9", "us-gov-east-1", "eusc-de-east-1", "cn-northwest-1"])
def test_nothing_is_noted_about_a_region_that_may_exist(region: str) -> None:
    assert loaded(("aws: {region: eu-central-1}", f"aws: {{region: {region}}}")).complaints == ()


@pytest.mark.parametrize(
    "key",
    [
        "alias/taly/staging_2",
        '"alias/taly-{env}"',
        "alias/aws/ssm",
        "12345678-90ab-cdef-1234-567890abcdef",
        f"mrk-{'0f' * 16}",
        "arn:aws:kms:eu-central-1:111122223333:alias/taly",
        "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/12345678-90ab-cdef-1234-567890abcdef",
    ],
)
def test_shapes_of_a_kms_key(key: str) -> None:
    assert loaded(("kms_key: alias/staging", f"kms_key: {key}")).complaints == ()


@pytest.mark.parametrize(
    "key", ["taly", "alias/", "key/12345678", "arn:aws:kms:eu-central-1:1:alias/taly", "arn:aws:s3:::x"]
)
def test_shapes_that_are_no_kms_key(key: str) -> None:
    (sentence,) = errors(("kms_key: alias/staging", f'kms_key: "{key}"'))
    assert sentence.removeprefix("policies.yaml:17: environments.staging.aws.kms_key: ") == (
        "is no KMS key; write alias/NAME, the key's id or its ARN"
    )


def test_postgres_says_everything_in_one_go() -> None:
    settings = """\
      users: [a]
      admin: postgresql://admin@db/taly
      template: "postgresql://{usr}:{password}@db/taly"
      verify_sq: select 1
    fields: {value: DATABASE_URL, host: DATABASE_HOST}
    torn_ok: true
"""
    found = errors(
        ("key: {provider: key,", "key: {provider: token,"),
        ("pair: {provider: pair,", "pair: {provider: postgres,"),
        ("      admin: ssm:/taly/{env}/rotator/ADMIN\n", settings),
        (
            '  rotator/ADMIN: {type: pair, mode: observe, settings: {admin: "ssm:/taly/{env}/rotator/ADMIN"}}\n',
            "",
        ),
        adapters=None,
    )
    said = [one.removeprefix("policies.yaml:").replace("secrets.DATABASE_URL.", "") for one in found]
    needed = "needs two different roles, one in use and one waiting: [app_a, app_b]"
    reference = "must be a reference (ssm:/…/DATABASE_ADMIN_URL), never a connection string"
    assert said == [
        f"37: settings.users: {needed}",
        f"38: settings.admin: {reference}",
        "39: settings.template: lacks {user}; has {usr}, which nobody fills in",
        "40: settings.verify_sq: unknown key (did you mean 'verify_sql'?)",
        "41: fields: fields must be one parameter (value), or user and password and any of host, port and dbname",
    ]


def test_hosts_that_settings_do_not_allow() -> None:
    assert errors(allowed_hosts=["*.example"]) == []
    (sentence,) = errors(allowed_hosts=["api.staging.*"])
    assert sentence.removeprefix("policies.yaml:32: secrets.JWT_SECRET.probe: ") == (
        "api.production.example is not among the allowed hosts (ROTATOR_ALLOWED_HOSTS: api.staging.*)"
    )


def test_a_line_in_the_policy_is_not_enough_to_carry_away_what_a_credential_makes() -> None:
    found = errors(allowed_hosts=[])
    assert [one.removeprefix("policies.yaml:32: secrets.JWT_SECRET.probe: ") for one in found] == [
        "api.staging.example would be sent what a credential makes; allow it in ROTATOR_ALLOWED_HOSTS",
        "api.production.example would be sent what a credential makes; allow it in ROTATOR_ALLOWED_HOSTS",
    ]
    here = ("https://api.{env}.example/accepts", "http://127.0.0.1:8080/{env}/accepts")
    assert errors(here, allowed_hosts=[]) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test?.example",
        "https://evil.test#.example",
        "https://a.example@evil.test/",
        "ftp://a.example/",
        "https:///x.example",
    ],
)
def test_a_host_is_what_the_parser_that_sends_makes_of_the_address(url: str) -> None:
    change = ("https://api.{env}.example/accepts", f"{url}/{{env}}")
    assert errors(change, allowed_hosts=["*.example"]) != []


def test_a_mirror_s_own_template_is_no_host() -> None:
    mirror = "mirrors:\n  there: {kind: vault, address: 'https://{name}.evil.test', mount: kv, path: '{env}/{name}'}\n"
    adapters = replace(
        ADAPTERS, mirrors={"vault": lambda: cast("Any", SimpleNamespace(placeholders=frozenset({"{name}"})))}
    )
    (said,) = [
        one for one in errors(("owners:\n", f"{mirror}owners:\n"), adapters=adapters) if "address" in one
    ]
    assert "unknown template {name}" in said


def test_prefixes_that_settings_allow_references() -> None:
    change = ("admin: ssm:/taly/{env}/rotator/ADMIN", "admin: file:/etc/rotator/admin")
    assert errors(change, reference_prefixes=["file:/etc/rotator/"]) == []
    (sentence,) = errors(change, reference_prefixes=["file:/run/"])
    assert sentence.endswith("may only lead below ssm:<path>/rotator/ of its environment or file:/run/")


def test_a_file_full_of_mistakes_gets_guesses_for_the_first_of_them_and_is_told_all() -> None:
    known = frozenset(f"workload-number-{number}" for number in range(990))
    with bounded_guesses():
        hints = [hint(f"workload-numbre-{number}", known) for number in range(50)]
    assert "did you mean" in hints[0]
    assert "did you mean" not in hints[-1]
    assert "there is workload-number-0" in hints[-1]
    assert "did you mean" in hint("workload-numbre-7", known), "what is asked for by itself is not counted"
