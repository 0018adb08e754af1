"""What a run says about tests that were not run: what this machine lacks, apart from what does not apply.

A contract suite asks every adapter the same questions, and some have no meaning for some sources ("the source mints").
Such a case lacks nothing and is counted by itself. What is left are tests for which something is not installed: they
are listed by name, under the reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

#: Skips that are raised in here are a contract's: rotator/testing/source_world.py.
_KIT = "rotator/testing/"
_ROOT = Path(__file__).parents[1]
DOES_NOT_APPLY = "does not apply"


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """A contract case without a meaning for its adapter is no skip. Pytest calls it for every report."""
    if report.skipped and _place_and_reason(report)[0].startswith(_KIT):
        return DOES_NOT_APPLY, "-", DOES_NOT_APPLY.upper()
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The tests that were skipped, by what they lack. Pytest calls it at the end."""
    missing = lacking(terminalreporter.stats.get("skipped", ()))
    if not missing:
        return
    tests = sum(map(len, missing.values()))
    terminalreporter.section(f"skipped, because something is not there on this machine: {tests}")
    for reason, names in sorted(missing.items()):
        terminalreporter.write_line(f"{reason}: {len(names)}")
        for name in names:
            terminalreporter.write_line(f"    {name}")


def lacking(reports: Iterable[pytest.TestReport]) -> Mapping[str, Sequence[str]]:
    """Reason -> the tests that were skipped for it."""
    found = defaultdict[str, list[str]](list)
    for report in reports:
        found[_place_and_reason(report)[1]].append(report.nodeid)
    return found


def _place_and_reason(report: pytest.TestReport) -> tuple[str, str]:
    """Where the skip was raised, from the project's root, and why; both empty where pytest does not say."""
    if not isinstance(report.longrepr, tuple):
        return "", ""  # expected to fail
    path, _line, reason = report.longrepr
    place = Path(path)
    inside = place.relative_to(_ROOT) if place.is_relative_to(_ROOT) else place
    return inside.as_posix(), reason.removeprefix("Skipped: ")
