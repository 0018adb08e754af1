"""Lines of the log: a line that would carry a secret value says so instead."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

SETUP = """
from rotator.daemon.logs import start_logging
start_logging(human=False, level="debug")
import structlog
from rotator.model.secrets import AcceptedSet, Credential, Sealed, StoredValue
log, value = structlog.get_logger(), Sealed("hunter2")
"""


def logged(program: str) -> dict[str, Any]:
    """The one line that a process logs as the daemon does."""
    done = subprocess.run(
        [sys.executable, "-c", SETUP + program], capture_output=True, text=True, timeout=200, check=True
    )
    assert "hunter2" not in done.stderr
    line: dict[str, Any] = json.loads(done.stderr)
    return line


@pytest.mark.parametrize(
    "carrier",
    [
        "value",
        "[1, value]",
        "{'deep': ({'er': value},)}",
        "Credential('id', {'value': value})",
        "AcceptedSet([value])",
        "StoredValue(value, 3)",
    ],
)
def test_what_carries_a_value_is_left_out_and_said(carrier: str) -> None:
    line = logged(f"log.info('stored', version=3, what={carrier})")
    assert "what" not in line
    assert (line["event"], line["version"]) == ("stored", 3)
    assert line["left_out"].startswith("what: a secret value")


def test_a_value_that_was_bound_is_left_out_too() -> None:
    line = logged("structlog.contextvars.bind_contextvars(what=value, rotation='r1'); log.info('stored')")
    assert (line["rotation"], "what" in line) == ("r1", False)


def test_other_lines_stay_as_they_are() -> None:
    line = logged("log.info('stored', names=['A', 'B'], by={'who': 'ana'})")
    assert (line["names"], line["by"]) == (["A", "B"], {"who": "ana"})
    assert "left_out" not in line
