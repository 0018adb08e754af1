"""A Deployment of two pods in a cluster that is played: the tests' API server, controllers and kubelet."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.company.consumers import Instance
from tests.crash.platforms.platform import WORKLOAD, Platform, World
from tests.crash.sources.source import ENVIRONMENT
from tests.redeployers.kubernetes_controllers import ready
from tests.redeployers.kubernetes_objects import Document
from tests.redeployers.kubernetes_world import Api, Fate, Kubelet, KubernetesWorld
from tests.redeployers.planes import played


class Deployment(Platform):
    """Each pod reads the store before it is ready."""

    def start(self, folder: Path, around: ExitStack, world: World) -> None:
        stand_in = around.enter_context(played())
        self._kubeconfig = folder / "kubeconfig"
        cluster = KubernetesWorld(stand_in.api, stand_in.front, folder)
        self._pods = cluster.kubelet = Pods(stand_in.api, world)
        around.enter_context(cluster)
        cluster.run()

    def deployment(self) -> Mapping[str, Any]:
        return {"kubernetes": f"deployment/{WORKLOAD}"}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_KUBECONFIG": str(self._kubeconfig)}

    def living(self) -> tuple[Instance, ...]:
        return self._pods.shown


class Pods(Kubelet):
    """What runs in each pod: an instance that reads the store, and lives until its pod is gone."""

    def __init__(self, api: Api, world: World) -> None:
        super().__init__(api, status="")
        self._world, self._failed = world, set[str]()
        self._instances: dict[str, Instance] = {}
        self.shown: tuple[Instance, ...] = ()

    def look(self) -> list[Document]:
        pods = super().look()
        uids = [pod["metadata"]["uid"] for pod in pods]
        living = tuple(self._instances[uid] for uid in uids if uid in self._instances)
        if living != self.shown:
            self.shown = living
        return pods

    def say(self, pod: Document, status: Document) -> None:
        uid = pod["metadata"]["uid"]
        if status["phase"] == "Running" and uid not in self._instances:
            since = time.time()
            self._instances[uid] = Instance(ENVIRONMENT, self._world.read(), since)
        super().say(pod, status)

    def _care(self, pod: Document, pods: list[Document]) -> None:
        """The first pods of a rollout that is to fail decide what becomes of it."""
        if not ready(pod) and (failing := self._world.failing()) and failing not in self._failed:
            self._failed.add(failing)
            self.fates = [Fate.CRASHES]
        super()._care(pod, pods)
