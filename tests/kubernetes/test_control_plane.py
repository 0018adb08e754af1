"""A real API server admits what the overlays become, where there is one."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.kubernetes.rendered import OVERLAYS, Thing, kubectl, things
from tests.redeployers.control_plane import TOKEN
from tests.redeployers.kubernetes_world import Api

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # it starts servers

NAMESPACES = ("rotator", "taly", "taly-staging")
#: What Kubernetes 1.20 does not know: it came with 1.21, with 1.22, or with the Prometheus operator.
YOUNGER = {"PodDisruptionBudget", "PersistentVolumeClaim", "ServiceMonitor", "PrometheusRule"}


@pytest.fixture(scope="module")
def kubeconfig(control_plane: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The way into a control plane, and to no other: kubectl would else take the one of whoever runs the tests."""
    written = tmp_path_factory.mktemp("kubectl") / "config"
    cluster = {"server": control_plane, "insecure-skip-tls-verify": True}
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
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in NAMESPACES
    ]
    ask(written, "apply", namespaces)
    return written


def ask(kubeconfig: Path, verb: str, objects: list[Thing], *options: str) -> list[str]:
    """What kubectl says about each of them."""
    done = subprocess.run(
        [kubectl(), "--kubeconfig", kubeconfig, verb, *options, "--filename", "-"],
        input="\n---\n".join(map(json.dumps, objects)),
        env={"HOME": str(kubeconfig.parent), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_server_takes_all_that_it_knows_and_makes_pods_of_it(
    overlay: str, kubeconfig: Path, control_plane: str
) -> None:
    known = [thing for thing in things(overlay) if thing["kind"] not in YOUNGER]
    try:
        assert len(ask(kubeconfig, "apply", known)) == len(known)
        (daemon,) = (thing for thing in known if thing["kind"] == "Deployment")
        pods = Api(control_plane, TOKEN, daemon["metadata"]["namespace"])
        deadline = time.monotonic() + 100
        while len(pods.list("pods")) < daemon["spec"]["replicas"]:
            assert time.monotonic() < deadline, "no pods were made"
            time.sleep(0.1)
        pods.close()
        again = ask(kubeconfig, "apply", known)
        assert [line for line in again if not line.endswith(" unchanged")] == []
    finally:
        others = [thing for thing in known if thing["kind"] != "Namespace"]
        ask(kubeconfig, "delete", others, "--ignore-not-found", "--cascade=foreground")
