"""Clusters to run workloads in: a real control plane, or the one that is played in this process."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.redeployers.control_plane import TOKEN
from tests.redeployers.kubernetes_controllers import Controllers
from tests.redeployers.kubernetes_front import Front
from tests.redeployers.kubernetes_objects import ApiServer, Objects
from tests.redeployers.kubernetes_world import Api, KubernetesWorld

NODES = ("node-1", "node-2")


@dataclass
class Plane:
    """One namespace of a cluster, and what plays the kubelet in it. `status`: where the status of a pod is written."""

    api: Api
    front: Front
    folder: Path
    status: str
    _worlds: ExitStack

    def world(self, kind: str) -> KubernetesWorld:
        """A world whose workload, of that kind, does not run yet."""
        world = KubernetesWorld(self.api, self.front, self.folder, kind=kind, status=self.status)
        return self._worlds.enter_context(world)


class StandIn(NamedTuple):
    """The parts of a played cluster that a test may turn."""

    server: ApiServer
    controllers: Controllers
    front: Front
    api: Api


@contextmanager
def played() -> Iterator[StandIn]:
    """A cluster that is not one: an API server and controllers in this process."""
    objects = Objects()
    with ApiServer(objects) as server, Controllers(objects) as controllers, Front(server.address) as front:
        api = Api(server.address, "admin-token", "taly-staging")
        yield StandIn(server, controllers, front, api)
        api.close()


@contextmanager
def of_stand_in(stand_in: StandIn, folder: Path) -> Iterator[Plane]:
    with ExitStack() as worlds:
        yield Plane(stand_in.api, stand_in.front, folder, "", worlds)


@contextmanager
def of_control_plane(address: str, folder: Path) -> Iterator[Plane]:
    """A namespace of its own, in a cluster of two nodes that others use, too."""
    namespace = f"rotator-{secrets.token_hex(4)}"
    cluster = Api(address, TOKEN, "")
    cluster.create("namespaces", {"metadata": {"name": namespace}})
    for node in NODES:
        _node(cluster, node)
    api = Api(address, TOKEN, namespace)
    with Front(address) as front, ExitStack() as worlds:
        yield Plane(api, front, folder, "status", worlds)
    cluster.end_namespace(namespace)
    api.close()
    cluster.close()


def _node(cluster: Api, name: str) -> None:
    try:
        cluster.create("nodes", {"metadata": {"name": name}})
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.CONFLICT:
            raise
    # A new one is said not to be ready, and no controller here takes that away.
    cluster.merge("nodes", name, {"spec": {"taints": None}})
