"""A Kubernetes cluster that is not one: an API server and controllers in this process, made anew for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.redeployers.kubernetes_controllers import Controllers
from tests.redeployers.kubernetes_front import Front
from tests.redeployers.kubernetes_objects import ApiServer, Objects
from tests.redeployers.kubernetes_world import Api, KubernetesWorld


class StandIn(NamedTuple):
    """The parts of it that a test may turn."""

    server: ApiServer
    controllers: Controllers
    front: Front
    api: Api


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    objects = Objects()
    with ApiServer(objects) as server, Controllers(objects) as controllers, Front(server.address) as front:
        api = Api(server.address, "admin-token", "taly-staging")
        yield StandIn(server, controllers, front, api)
        api.close()


@pytest.fixture
def deployment(stand_in: StandIn, tmp_path: Path) -> Iterator[KubernetesWorld]:
    """A world whose workload is a Deployment that does not run yet."""
    with KubernetesWorld(stand_in.api, stand_in.front, tmp_path) as world:
        yield world


@pytest.fixture
def stateful_set(stand_in: StandIn, tmp_path: Path) -> Iterator[KubernetesWorld]:
    with KubernetesWorld(stand_in.api, stand_in.front, tmp_path, kind="statefulset") as world:
        yield world


@pytest.fixture
def daemon_set(stand_in: StandIn, tmp_path: Path) -> Iterator[KubernetesWorld]:
    with KubernetesWorld(stand_in.api, stand_in.front, tmp_path, kind="daemonset") as world:
        yield world
