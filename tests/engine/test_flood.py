"""A flood of records: told once, all of it judged, and no more memory than a trickle needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rotator.model.access import AccessKind
from rotator.model.alerts import AlertKind
from tests.engine.watch_world import MALLORY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

RECORDS = 100_000
#: MiB. It grows by 6; by 51 where all that the trail delivers is held before it is written down.
ENOUGH = 24


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc/self/status: this is not Linux")
def test_a_hundred_thousand_records_are_told_once_all_judged_and_fit_into_memory(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.engine.flood", str(tmp_path), str(RECORDS)],
        capture_output=True,
        check=True,
        timeout=1100,
    )
    flood = json.loads(ran.stdout.splitlines()[-1])
    assert flood["sightings"] == [[AccessKind.UNKNOWN_ACTOR, str(MALLORY), RECORDS, 10]]
    assert flood["told"] == [AlertKind.TRAIL_SILENT, AlertKind.UNKNOWN_ACTOR], (
        "the other account, and the stranger"
    )
    assert flood["waits"] == 0
    print(f"{RECORDS} records: grew by {flood['grew']:.1f} MiB")
    assert flood["grew"] < ENOUGH
