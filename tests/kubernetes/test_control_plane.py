"""A real API server admits what the overlays become, where there is one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.rendered import OVERLAYS, Thing, kubectl, things
from tests.redeployers.control_plane import TOKEN, NotHere, shared_control_plane

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # it starts servers

NAMESPACES = ("rotator", "taly", "taly-staging")
#: What Kubernetes 1.20 does not know: it came with 1.21, with 1.22, or with the Prometheus operator.
YOUNGER = {"PodDisruptionBudget", "PersistentVolumeClaim", "ServiceMonitor", "PrometheusRule"}


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The way into a control plane, and to no other: kubectl would else take the one of whoever runs the tests."""
    ours = tmp_path_factory.getbasetemp()
    folder = (ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours) / "control-plane"
    folder.mkdir(exist_ok=True)
    try:
        with shared_control_plane(folder) as address:
            written = tmp_path_factory.mktemp("kubectl") / "config"
            cluster = {"server": address, "insecure-skip-tls-verify": True}
            written.write_text(
                json.dumps(
                    {
                        "apiVersion": "v1",
                        "kind": "Config",
                        "clusters": [{"name": "local", "cluster": cluster}],
                        "users": [{"name": "admin", "user": {"token": TOKEN}}],
                        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "admin"}}],
                        "current-context": "local",
                    }
                )
            )
            for namespace in NAMESPACES:
                ask(written, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}])
            yield written
    except NotHere as why:
        pytest.skip(str(why))


def ask(kubeconfig: Path, objects: list[Thing], *options: str) -> str:
    """What the server says to `kubectl apply`."""
    done = subprocess.run(
        [kubectl(), "--kubeconfig", kubeconfig, "apply", "--server-side", *options, "--filename", "-"],
        input="\n---\n".join(map(json.dumps, objects)),
        env={"HOME": str(kubeconfig.parent), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_server_would_take_all_that_it_knows(overlay: str, kubeconfig: Path) -> None:
    known = [thing for thing in things(overlay) if thing["kind"] not in YOUNGER]
    taken = ask(kubeconfig, known, "--dry-run=server").splitlines()
    assert len(taken) == len(known)
