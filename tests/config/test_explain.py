"""policy explain: each value in force, the level and the line that it came from, and what it is instead of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rotator.config.explain import BUILT_IN, Known, explain
from rotator.config.load import load
from tests.config.files import changed, loaded
from tests.config.test_resolution import LEVELS

ROOT = Path(__file__).parents[2]


def known(secret: str, *changes: tuple[str, str], **settings: Any) -> dict[str, Known]:
    return {one.key: one for one in explain(loaded(*changes, **settings), secret)}


def line_of(text: str, *changes: tuple[str, str]) -> int:
    """The line of the file where `text` begins."""
    return changed(*changes).split(text)[0].count("\n") + 1


@pytest.mark.parametrize("height", range(len(LEVELS)))
def test_the_level_that_wins_is_named_with_its_line(height: int) -> None:
    names = (
        "defaults", "environments.staging.defaults", "types.pair", "secrets.DATABASE_URL",
        "secrets.DATABASE_URL.environments.staging",
    )  # fmt: skip
    changes = [change for _name, change in LEVELS[: height + 1]]
    cooldown = known("staging/DATABASE_URL", *changes)["cooldown"]
    assert (cooldown.value, cooldown.level) == (f"{height + 1}h", names[height])
    assert cooldown.line == line_of(f"cooldown: {height + 1}h", *changes)
    lower = [f"{place + 1}h ({names[place]}, line" for place in reversed(range(height))]
    assert [part for part in lower if part not in cooldown.why] == []
    assert cooldown.why.count(", line ") == height


def test_what_nobody_says_is_built_in() -> None:
    told = known("production/DATABASE_URL")
    for key, value in {"cooldown": "6h", "quarantine": "1d", "retry.attempts": "5", "mode": "auto"}.items():
        assert (told[key].value, told[key].level, told[key].line) == (value, BUILT_IN, None)
    assert told["retry.backoff"].value == "5s..15m"
    assert known("production/JWT_SECRET")["quarantine"].value == "0s", "both ends are ours"


def test_the_same_said_twice_is_instead_of_nothing() -> None:
    told = known("production/JWT_SECRET", ("grace: 7d", "grace: 7d, rotate_every: 90d"))
    assert (told["rotate_every"].level, told["rotate_every"].why) == ("types.key", "")


def test_maps_are_explained_key_by_key() -> None:
    change = ("    deploy: [api]\n", "    deploy: [api]\n    settings: {bits: 512}\n")
    told = known("production/JWT_SECRET", change)
    assert (told["settings.format"].value, told["settings.format"].level) == ("hex", "types.key")
    assert (told["settings.bits"].value, told["settings.bits"].level) == ("512", "secrets.JWT_SECRET")
    admin = known("production/DATABASE_URL")["settings.admin"]
    assert admin.value == "ssm:/taly/production/rotator/ADMIN"
    assert admin.line == line_of("      admin: ssm")


def test_a_mode_says_who_is_so_careful() -> None:
    ceiling = (
        "    kubernetes: {namespace: production}\n",
        "    kubernetes: {namespace: production}\n    mode: approve\n",
    )
    mode = known("production/JWT_SECRET", ceiling)["mode"]
    assert (mode.value, mode.level, mode.why) == (
        "approve", "environments.production", "the environment's mode is a ceiling",
    )  # fmt: skip
    assert mode.line == line_of("    mode: approve", ceiling)
    own = ("    deploy: [api]\n", "    deploy: [api]\n    mode: observe\n")
    mode = known("production/JWT_SECRET", ceiling, own)["mode"]
    assert (mode.value, mode.level) == ("observe", "secrets.JWT_SECRET")
    broken = known("production/JWT_SECRET", ("provider: key", "provider: broken"))["mode"]
    assert (broken.value, broken.level) == ("observe", "types.key")
    assert broken.why == "the adapter 'broken' cannot be loaded: watched only"


def test_what_binds_the_environment_and_what_is_named_is_explained_too() -> None:
    more = ("soak: 24h}", "soak: 24h}\n    max_concurrent: 2")
    told = known("production/DATABASE_URL", more)
    values = {key: one.value for key, one in told.items()}
    assert values["environment.path"] == "/taly/production"
    assert values["environment.after"] == "staging, soaking 1d"
    assert values["environment.max_concurrent"] == "2"
    assert values["freezes.year-end"] == "2026-12-18 00:00 UTC to 2027-01-05 00:00 UTC"
    assert values["windows.office-hours"] == "mon tue, 09:30 to 16:00 Europe/Warsaw"
    assert values["deployments.api"] == (
        "kubernetes deployment/api, reads ssm, timeout 5m, settings {namespace: production}"
    )
    assert values["owners.dba"] == "slack #dba, escalate_to platform"
    assert told["owners.dba"].line == line_of('  dba: {slack: "#dba"', more)
    assert "freezes.year-end" not in known("staging/DATABASE_URL")
    assert known("staging/DATABASE_URL")["windows.any-time"].value == "always"


def test_what_nothing_acts_on_yet_is_shown_where_it_is_said() -> None:
    assert "verify" not in known("production/JWT_SECRET")
    told = known("production/JWT_SECRET", ("type: key\n", "type: key\n    verify: {sql: select 1}\n"))
    assert told["verify"].value == "{sql: select 1}"


def test_whom_to_tell_before_the_last_step_is_shown() -> None:
    told = known("production/JWT_SECRET", ("type: key\n", "type: key\n    notify: {us: https://x.example}\n"))
    assert (told["notify.us"].value, told["notify.us"].level) == ("https://x.example", "secrets.JWT_SECRET")


def test_the_oldest_that_it_may_be_and_who_may_say_yes() -> None:
    assert "approvers" not in known("production/JWT_SECRET")
    told = known("production/JWT_SECRET", ("  grace: 24h\n", "  grace: 24h\n  overdue: {max_age: 1.5x}\n"))
    assert told["overdue.max_age"].level == "defaults"
    assert told["overdue.page_after"].level == BUILT_IN


def test_every_value_of_every_secret_of_taly_is_found_in_its_line() -> None:
    text = (ROOT / "policies.yaml").read_text(encoding="utf-8")
    found = load(text, "policies.yaml", allowed_hosts=["*"])
    assert found.policies is not None
    lines = text.splitlines()
    for secret, policy in found.policies.secrets.items():
        told = {one.key: one for one in explain(found, secret)}
        assert told["rotate_every"].value == f"{policy.rotate_every.days}d"
        for key, one in told.items():
            if one.line is not None:
                word = key.rsplit(".", 1)[-1]
                named = "name: year-end" if key.startswith("freezes.") else f"{word}:"
                held = key == "mode" and one.why
                assert held or named in lines[one.line - 1], (secret, key)
