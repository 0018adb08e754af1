"""What a daemon costs that has nothing to do: memory, CPU, and what it has loaded without needing it.

It is the real one, in a process of its own, beside the sandbox's AWS, with health and metrics on as in a pod. Its
secrets are fresh. It is looked at from outside; only for the list of modules a hook of Python's start listens to a
signal.
"""

# ruff: noqa: TID251 - a benchmark measures real time

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.figures import Figure, Size, Unmeasured, at_most
from benchmarks.installation import Installation
from benchmarks.policies import policy_file
from rotator.config.load import load
from rotator.model.policy import Policies
from rotator.sandbox.aws import KEYS, AwsWorld, Parameter
from rotator.sandbox.processes import Child, NotReady, free_port

SECRETS = 100
#: SDKs, drivers and tools that only some rotations, journals, channels or first starts need, and this daemon does not.
#: It needs boto3 (its store), httpx and PyJWT (the adapters of its secrets), and the three of health and metrics.
WITHOUT_NEED = frozenset({
    "aiosmtpd", "alembic", "flask", "hvac", "kubernetes", "lightkube", "moto", "nacl", "psycopg", "pymysql",
    "slack_sdk", "stripe", "twilio",
})  # fmt: skip
_HOOK = """
import json, os, signal, sys
def tell(number, frame):
    draft = os.environ["BENCH_MODULES"] + ".part"
    with open(draft, "w") as file:
        json.dump(sorted({name.partition(".")[0] for name in sys.modules}), file)
    os.replace(draft, os.environ["BENCH_MODULES"])
signal.signal(signal.SIGUSR1, tell)
"""


def measure(size: Size) -> Iterator[Figure]:
    """After it has settled, for two minutes."""
    seconds = size.of(120, 10)
    with tempfile.TemporaryDirectory(prefix="rotator-bench-") as name:
        folder = Path(name)
        with AwsWorld(folder) as aws:
            place = _installation(folder, aws)
            with place.daemon() as daemon:
                time.sleep(size.of(20, 3))
                before, began = _cpu(daemon.pid), time.monotonic()
                time.sleep(seconds)
                busy = (_cpu(daemon.pid) - before) / (time.monotonic() - began)
                memory, modules = _memory(daemon.pid), _modules(daemon, folder / "modules.json")
    how = f"the real daemon on SQLite, {SECRETS} fresh secrets, 4 workers, health and metrics"
    yield Figure("idle daemon: RSS", memory, "MiB", f"{how}: VmRSS after {seconds} s", at_most(130))
    yield Figure(
        "idle daemon: CPU", 100 * busy, "% of a core",
        f"the same: utime + stime over {seconds} s, with a scan every 2 min instead of 5", at_most(0.5),
    )  # fmt: skip
    loaded = sorted(modules & WITHOUT_NEED)
    yield Figure(
        "idle daemon: SDKs imported without need", len(loaded), "packages",
        f"the same: sys.modules at the end ({', '.join(loaded) or 'none'}) among {', '.join(sorted(WITHOUT_NEED))}",
        at_most(0),
    )  # fmt: skip


def _installation(folder: Path, aws: AwsWorld) -> Installation:
    """Parameters, policy and settings; the tables are there, as they are after the first start."""
    text = policy_file(SECRETS)
    policies = load(text, "policies.yaml").policies
    assert policies is not None, "the policy is ours"
    aws.control.seed(_seeds(policies))
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(_HOOK)
    settings = {
        "ROTATOR_LISTEN": f"127.0.0.1:{free_port()}",
        "ROTATOR_SCAN_EVERY": "2m",
        "PYTHONPATH": str(folder / "hook"),
        "BENCH_MODULES": str(folder / "modules.json"),
    }
    place = Installation(folder, aws, text, settings)
    with closing(place.journal(daemon=True)):
        return place


def _seeds(policies: Policies) -> Iterator[Parameter]:
    for policy in policies.secrets.values():
        for name in policy.recipe.fields.values():
            yield Parameter(name, "a value", key_id=KEYS[0])
        if policy.recipe.accepted_as:
            yield Parameter(policy.recipe.accepted_as, '["a value"]', key_id=KEYS[0])


def _cpu(pid: int) -> float:
    """Seconds of CPU so far: fields 14 and 15 of /proc/PID/stat (proc(5)), counted after the name in brackets."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    """VmRSS in MiB."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def _modules(daemon: Child, file: Path) -> set[str]:
    daemon.send(signal.SIGUSR1)
    try:
        daemon.wait_until(file.exists, 10)
    except NotReady as trouble:
        raise Unmeasured(f"the daemon did not tell what it has loaded: {trouble}") from trouble
    return set(json.loads(file.read_text()))
