"""What an overlay becomes, by kubectl's own kustomize. No cluster is asked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OVERLAYS = ("staging", "production", "ha")
Thing: TypeAlias = dict[str, Any]

#: kubectl before it brought kustomize 4 along (components, --load-restrictor).
_TOO_OLD = 21


@cache
def kubectl() -> Path:
    """The one beside this Python, else the system's; skips where there is none, or one that is too old."""
    beside = Path(sys.executable).with_name("kubectl")
    found = beside if beside.exists() else shutil.which("kubectl")
    if found is None:
        pytest.skip("kubectl is not installed: manifests cannot be rendered")
    done = subprocess.run(
        [found, "version", "--client", "--output", "json"],
        env={"KUBECONFIG": "/dev/null", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    version = json.loads(done.stdout)["clientVersion"]["gitVersion"]
    if int(version.split(".")[1]) < _TOO_OLD:
        pytest.skip(f"kubectl {version} is too old to render these manifests: it takes 1.{_TOO_OLD}")
    return Path(found)


@cache
def text_of(overlay: str) -> str:
    """What `kubectl apply` would be given."""
    done = subprocess.run(
        [
            kubectl(), "kustomize", "--load-restrictor", "LoadRestrictionsNone",
            str(ROOT / "k8s" / "overlays" / overlay),
        ],
        env={"KUBECONFIG": "/dev/null", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def things(overlay: str) -> list[Thing]:
    """Every object, made anew, so that a test may change it."""
    return [thing for thing in yaml.safe_load_all(text_of(overlay)) if thing]


def of_kind(overlay: str, kind: str) -> list[Thing]:
    return [thing for thing in things(overlay) if thing["kind"] == kind]


def the(overlay: str, kind: str, name: str = "rotator") -> Thing:
    """The one object of this kind whose name begins so (a generated name bears a hash)."""
    (thing,) = [one for one in of_kind(overlay, kind) if one["metadata"]["name"].startswith(name)]
    return thing


def pod_of(overlay: str) -> Thing:
    """The spec of rotator's pods."""
    spec: Thing = the(overlay, "Deployment")["spec"]["template"]["spec"]
    return spec
