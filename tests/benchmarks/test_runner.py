"""A benchmark is no gate: it says what was missed, and fails only where nothing could be measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import benchmarks.__main__ as runner
from benchmarks import overhead, policies
from benchmarks.figures import Aim, Figure, Size, Unmeasured, at_least, at_most


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runner, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr("sys.argv", ["benchmarks", "policies"])
    monkeypatch.setattr("structlog.configure", lambda **_options: None)
    return tmp_path / "results.json"


def two(_size: Size) -> Iterator[Figure]:
    yield Figure("quick enough", 3, "s", "with a watch", at_most(5))
    yield Figure("rotations", 120, "1/s", "counted", at_least(150))
    yield Figure("beside it", 0.25, "ratio", "to understand the others by")


@pytest.mark.parametrize(
    "value, aim, met", [(5, at_most(5), True), (5.01, at_most(5), False), (150, at_least(150), True)]
)
def test_an_aim_is_met_up_to_its_bound(value: float, aim: Aim, met: bool) -> None:
    figure = Figure("it", value, "s", "", aim)
    assert figure.verdict == ("met" if met else "missed")


def test_a_missed_aim_is_said_and_is_no_failure(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(policies, "measure", two)
    assert runner.main() == 0
    assert "1 of 2 aims met; missed: rotations" in capsys.readouterr().out
    rows = json.loads(results.read_text())["figures"]
    assert [(row["figure"], row["aim"], row["met"]) for row in rows] == [
        ("quick enough", "≤ 5", True),
        ("rotations", "≥ 150", False),
        ("beside it", None, None),
    ]
    assert all(row["method"] and row["unit"] for row in rows)


def test_what_cannot_be_measured_is_a_failure_and_keeps_what_was(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(size: Size) -> Iterator[Figure]:
        yield from two(size)
        raise Unmeasured("there is no PostgreSQL here")

    monkeypatch.setattr(policies, "measure", breaks)
    assert runner.main() == 1
    assert "could not be measured: policies: there is no PostgreSQL here" in capsys.readouterr().out
    document = json.loads(results.read_text())
    assert len(document["figures"]) == 3
    assert list(document["unmeasured"]) == ["policies"]


def test_a_quick_size_is_not_judged(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "policies", "--quick"])
    monkeypatch.setattr(policies, "measure", two)
    assert runner.main() == 0
    assert "missed" not in capsys.readouterr().out


def test_an_unknown_group_is_bad_usage(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "polices"])
    with pytest.raises(SystemExit) as ended:
        runner.main()
    assert ended.value.code == 2


def test_every_group_has_its_module() -> None:
    assert all(callable(import_module(f"benchmarks.{group}").measure) for group in runner.GROUPS)


def test_the_measured_policy_is_usable() -> None:
    (figure,) = policies.measure(Size.QUICK)
    assert 0 < figure.value < 60


def test_time_that_several_things_take_at_once_counts_once() -> None:
    assert overhead._covered([(0, 2), (1, 3), (5, 6)]) == 4
    assert overhead._within((1, 4), [(0, 2), (1, 3), (3, 9), (5, 6)]) == [(1, 3), (3, 4)]
