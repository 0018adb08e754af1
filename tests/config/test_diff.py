"""What another policy would change: by meaning, not by text."""

from __future__ import annotations

from pathlib import Path

import pytest

from rotator.config.diff import Changed, difference
from rotator.config.load import load
from tests.config.test_resolution import policies

ROOT = Path(__file__).parents[2]
API = "deployments.production/api"
PROBE = "https://api.production.example/accepts"


def changed(*changes: tuple[str, str]) -> dict[str, set[tuple[str, str, str]]]:
    found = difference(policies(), policies(*changes))
    return {
        secret: {(one.key, one.before, one.after) for one in values}
        for secret, values in found.changed.items()
    }


def shared(*changes: tuple[str, str]) -> list[Changed]:
    found = difference(policies(), policies(*changes))
    assert not found.changed
    return list(found.shared)


def test_the_same_is_no_difference_and_a_remark_neither() -> None:
    assert difference(policies(), policies()).nothing
    assert difference(policies(), policies(("defaults:\n", "# moved\n\ndefaults:\n"))).nothing


def test_one_line_of_a_type_changes_what_has_no_word_of_its_own() -> None:
    assert changed(("rotate_every: 180d", "rotate_every: 60d")) == {
        f"{environment}/{name}": {("rotate_every", "180d", "60d")}
        for environment in ("staging", "production")
        for name in ("DATABASE_URL", "rotator/ADMIN")
    }


@pytest.mark.parametrize(
    "before, after, key, values",
    [
        ("    deploy: [api]\n", "    deploy: [api]\n    runbook: https://r\n", "runbook", ("", "https://r")),
        ("settings: {format: hex}", "settings: {format: hex, bits: 512}", "settings.bits", ("", "512")),
        ("settings: {format: hex}", "settings: {}", "settings.format", ("hex", "")),
        ("https://api.{env}.example/accepts", "https://{env}", "probe", (f"[{PROBE}]", "[https://production]")),
        ("    deploy: [api]\n", "    deploy: [worker]\n", "deploy", ("[api]", "[worker]")),
        ("    deploy: [api]\n", "    deploy: [api]\n    mode: observe\n", "mode", ("auto", "observe")),
        ("    deploy: [api]\n", "    deploy: [api]\n    retry: {attempts: 9}\n", "retry.attempts", ("5", "9")),
    ],
)  # fmt: skip
def test_a_key_that_comes_goes_or_changes(before: str, after: str, key: str, values: tuple[str, str]) -> None:
    assert changed((before, after))["production/JWT_SECRET"] == {(key, *values)}


def test_settings_may_be_lists() -> None:
    text = (ROOT / "policies.yaml").read_text(encoding="utf-8")
    before = load(text, "policies.yaml", allowed_hosts=["*"]).policies
    other = text.replace("[taly_app_a, taly_app_b]", "[taly_app_b, taly_app_a]")
    after = load(other, "policies.yaml", allowed_hosts=["*"]).policies
    assert before is not None
    assert after is not None
    change = Changed("settings.users", "[taly_app_a, taly_app_b]", "[taly_app_b, taly_app_a]")
    assert difference(before, after).changed == {
        "staging/DATABASE_URL": (change,),
        "production/DATABASE_URL": (change,),
    }


def test_secrets_that_come_and_go() -> None:
    found = difference(policies(), policies(("  JWT_SECRET:\n", "  OTHER:\n")))
    assert found.added == ("staging/OTHER", "production/OTHER")
    assert found.removed == ("staging/JWT_SECRET", "production/JWT_SECRET")
    assert not found.changed


@pytest.mark.parametrize(
    "before, after, told",
    [
        ('to: "16:00"', 'to: "17:00"', ("windows.office-hours", "16:00", "17:00")),
        ("timeout: 5m", "timeout: 9m", (API, "timeout 5m", "timeout 9m")),
        ("deployment/api", "statefulset/api", (API, "deployment/api", "statefulset/api")),
        ("soak: 24h", "soak: 48h", ("environments.production.after", "soaking 1d", "soaking 2d")),
        (
            "to: 2027-01-04",
            "to: 2027-01-09",
            ("environments.production.freezes.year-end", "2027-01-05", "2027-01-10"),
        ),
        ("ops@taly.example", "sec@taly.example", ("owners.platform", "ops@taly.example", "sec@taly.example")),
        ("owners:\n", "unmanaged: ignore\nowners:\n", ("unmanaged", "alert", "ignore")),
        ("owners:\n", "alerts: {repeat: [2d]}\nowners:\n", ("alerts.repeat", "[1d, 3d, 7d]", "[2d]")),
    ],
)
def test_what_secrets_share_is_told_once(before: str, after: str, told: tuple[str, str, str]) -> None:
    key, was, becomes = told
    matching = [one for one in shared((before, after)) if one.key == key]
    assert len(matching) == 1
    assert was in matching[0].before
    assert becomes in matching[0].after
