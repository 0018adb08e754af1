"""Contract cases that do not apply are no skips, and what a machine lacks is counted and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.skips import DOES_NOT_APPLY, lacking, pytest_report_teststatus

ROOT = Path(__file__).parents[1]


def skipped(name: str, where: str, why: str) -> pytest.TestReport:
    return pytest.TestReport(
        f"tests/{name}", ("", 0, ""), {}, "skipped", (f"{ROOT}/{where}", 1, f"Skipped: {why}"), "call"
    )


def test_a_contract_case_that_does_not_apply_is_no_skip() -> None:
    report = skipped("a", "rotator/testing/provider_contract.py", "the source mints")
    status = pytest_report_teststatus(report)
    assert status is not None
    assert status[0] == DOES_NOT_APPLY


@pytest.mark.parametrize("where", ["tests/conftest.py", "tests/redeployers/control_plane.py"])
def test_what_is_missing_stays_a_skip(where: str) -> None:
    assert pytest_report_teststatus(skipped("a", where, "not installed")) is None


def test_what_was_run_or_is_expected_to_fail_is_left_alone() -> None:
    passed = pytest.TestReport("a", ("", 0, ""), {}, "passed", None, "call")
    expected = pytest.TestReport("a", ("", 0, ""), {}, "skipped", "it is known", "call")
    assert pytest_report_teststatus(passed) is None
    assert pytest_report_teststatus(expected) is None


def test_tests_are_named_under_what_they_lack() -> None:
    reports = [
        skipped("a", "tests/conftest.py", "no PostgreSQL"),
        skipped("b", "tests/kubernetes/test_alerts.py", "promtool is not installed"),
        skipped("c", "tests/conftest.py", "no PostgreSQL"),
    ]
    assert lacking(reports) == {
        "no PostgreSQL": ["tests/a", "tests/c"],
        "promtool is not installed": ["tests/b"],
    }
