"""Kubernetes for each test: a cluster that is played, and, for those marked `on_both`, a real one as well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.redeployers.control_plane import control_plane
from tests.redeployers.kubernetes_world import KubernetesWorld
from tests.redeployers.planes import Plane, StandIn, of_control_plane, of_stand_in, played

__all__ = ["control_plane"]

#: Marks a test, or a class of them, that the real cluster has to pass too: it keeps the played one honest.
on_both = pytest.mark.parametrize("plane", ["stand-in", "control-plane"], indirect=True)


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with played() as parts:
        yield parts


@pytest.fixture
def plane(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Plane]:
    if getattr(request, "param", "stand-in") == "stand-in":
        with of_stand_in(request.getfixturevalue("stand_in"), tmp_path) as here:
            yield here
    else:
        with of_control_plane(request.getfixturevalue("control_plane"), tmp_path) as here:
            yield here


@pytest.fixture
def deployment(plane: Plane) -> KubernetesWorld:
    """A world whose workload is a Deployment that does not run yet."""
    return plane.world("deployment")


@pytest.fixture
def aws_without_waits(aws_login: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between an SDK's attempts."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None))
