"""The Grafana dashboard: it asks for what /metrics really tells, in a language that Prometheus understands."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from rotator.journal import open_memory_journal
from rotator.testing.virtual_clock import VirtualClock
from rotator.web.metrics import METRICS, Figures
from tests.engine.things import NOW, environment, policies
from tests.engine.world import World
from tests.kubernetes.rendered import ROOT, the
from tests.web.scenery import company

FILE = ROOT / "k8s/components/monitoring/dashboard.json"
BOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = BOARD["panels"]
#: What Prometheus itself knows of every target.
ITS_OWN = {"job", "pod", "instance", "le"}


def asked() -> Iterator[str]:
    """Every expression, with its variables filled in."""
    for panel in PANELS:
        for target in panel["targets"]:
            yield target["expr"].replace("$environment", ".*")


@pytest.fixture(scope="module")
def scraped() -> Iterator[dict[str, set[str]]]:
    """Every metric that a daemon with such a company tells, with its labels."""
    clock = VirtualClock(NOW)
    with closing(open_memory_journal(now=clock.now)) as journal:
        world = World(clock, journal, policies(environments=(environment("production"),)))
        company(world)
        world.tell()
        figures = Figures(journal, world.policies, lambda: "", clock)
        figures._ever._moment = figures._whole._moment = 60
        registry = CollectorRegistry()
        registry.register(figures)
        ProcessCollector(registry=registry)
        found: dict[str, set[str]] = {}
        for family in text_string_to_metric_families(generate_latest(registry).decode()):
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
        yield found


def test_every_metric_and_label_that_it_asks_for_is_told(scraped: dict[str, set[str]]) -> None:
    described = {one.name: set(one.labels) for one in METRICS}
    seldom = {
        "rotator_alerts_undelivered",  # only while something cannot be delivered
        *("rotator_trail_lag_seconds", "rotator_findings"),  # where policies.yaml names a trail
        *("rotator_heartbeat_last_success_timestamp_seconds", "rotator_heartbeat_silent"),  # ... a heartbeat
    }
    names = {name for text in asked() for name in re.findall(r"\b(?:rotator|process)_\w+", text)}
    assert names - scraped.keys() <= seldom <= described.keys()
    for text in asked():
        told = set().union(
            *(
                scraped.get(name, described.get(name, set()))
                for name in names
                if re.search(rf"\b{name}\b", text)
            )
        )
        grouped = {word.strip() for group in re.findall(r"by \(([^)]*)\)", text) for word in group.split(",")}
        matched = {
            word for group in re.findall(r"\{([^}]*)\}", text) for word in re.findall(r"(\w+)\s*[=!]", group)
        }
        assert grouped | matched <= told | ITS_OWN, text
    legends = {word for panel in PANELS for target in panel["targets"] for word in _words(target)}
    assert legends <= set().union(*described.values()) | ITS_OWN


def _words(target: dict[str, Any]) -> list[str]:
    return re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])


def test_all_that_matters_of_metrics_is_on_it() -> None:
    shown = {name for text in asked() for name in re.findall(r"\brotator_[a-z_]+", text)}
    left_out = {one.name for one in METRICS} - {name.removesuffix("_bucket") for name in shown}
    assert left_out == {
        "rotator_rotation_last_success_timestamp_seconds",
        "rotator_clock_ahead_seconds",  # nobody watches it: rotator itself tells when it matters
    }


def test_prometheus_understands_every_expression(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian's package prometheus has it)")
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(asked())]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(
        [promtool, "check", "rules", tmp_path / "rules.yaml"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_panels_say_what_they_show_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in PANELS}) == len({panel["title"] for panel in PANELS}) == len(PANELS)
    assert all(panel["description"].endswith(".") for panel in PANELS)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)
    for one, other in combinations([panel["gridPos"] for panel in PANELS], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below


def test_it_names_no_grafana_and_no_prometheus_of_anybody() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert set(re.findall(r'"uid": "([^"]+)"', text)) == {"rotator", "${datasource}"}
    assert "://" not in text


@pytest.mark.slow
def test_the_cluster_gets_it_as_grafana_s_sidecar_wants_it() -> None:
    thing = the("production", "ConfigMap", "rotator-dashboard")
    assert thing["metadata"]["labels"] == {"grafana_dashboard": "1"}
    assert json.loads(thing["data"]["dashboard.json"]) == BOARD
