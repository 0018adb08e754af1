"""The alert rules: each is tested by promtool, and speaks only of metrics that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from rotator.web.metrics import METRICS
from tests.kubernetes.rendered import ROOT

STORIES = Path(__file__).parent / "alerts"
RULES: dict[str, Any] = yaml.safe_load((ROOT / "k8s/components/monitoring/alerts.yaml").read_text())["spec"]
NAMES = [rule["alert"] for group in RULES["groups"] for rule in group["rules"]]


@pytest.fixture
def promtool(tmp_path: Path) -> Path:
    """promtool, and a folder with the rules as a Prometheus has them."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian's package prometheus has it)")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(RULES))
    return Path(found)


def run(*words: str | Path) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_rules(promtool: Path, tmp_path: Path) -> None:
    run(promtool, "check", "rules", tmp_path / "rules.yaml")


@pytest.mark.parametrize("name", NAMES)
def test_each_fires_when_it_should_and_not_before(name: str, promtool: Path, tmp_path: Path) -> None:
    story = tmp_path / f"{name}.yaml"
    shutil.copy(STORIES / story.name, story)
    run(promtool, "test", "rules", story)


def test_each_has_a_story_in_which_it_is_silent_and_one_in_which_it_fires() -> None:
    assert sorted(path.stem for path in STORIES.glob("*.yaml")) == sorted(NAMES)
    for name in NAMES:
        story = yaml.safe_load((STORIES / f"{name}.yaml").read_text())
        looks = [look for test in story["tests"] for look in test["alert_rule_test"]]
        assert {look["alertname"] for look in looks} == {name}
        assert {bool(look["exp_alerts"]) for look in looks} == {True, False}


def test_they_speak_of_metrics_that_there_are() -> None:
    told = {one.name: set(one.labels) for one in METRICS}
    for group in RULES["groups"]:
        for rule in group["rules"]:
            names = re.findall(r"\brotator_\w+", rule["expr"])
            assert names or "up{" in rule["expr"]
            labels = {
                word.strip() for by in re.findall(r"by \(([^)]*)\)", rule["expr"]) for word in by.split(",")
            }
            assert all(labels <= told[name] for name in names), rule["alert"]
