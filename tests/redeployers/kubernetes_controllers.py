"""The controllers of a cluster, a step at a time: what they make of the objects, without the kubelet.

Written after the real ones: pkg/controller/{deployment,replicaset,statefulset,daemon} of Kubernetes, and the
ExternalSecret controller of the External Secrets Operator.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import Any, Self

from tests.redeployers.kubernetes_objects import Document, Objects, moment


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]


def ready(pod: Document) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def active(pods: list[Document]) -> list[Document]:
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


@dataclass
class Controllers:
    """They make a step every hundredth of a second, between `__enter__` and `__exit__`."""

    objects: Objects
    nodes: list[str] = field(default_factory=lambda: ["node-1", "node-2"])
    syncs_left: float = math.inf  # so many end; one that has begun beyond them waits
    sync_fails: bool = False
    _numbers: count[int] = field(default_factory=lambda: count(1))
    _progressed: dict[str, tuple[object, float]] = field(default_factory=dict)
    _syncs: dict[str, tuple[str, str]] = field(default_factory=dict)
    _templates: dict[str, Document] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def syncing(self, name: str) -> bool:
        """Whether a sync of an ExternalSecret has begun and not ended."""
        return self.objects.get("externalsecrets", name)["metadata"]["uid"] in self._syncs

    def _run(self) -> None:
        while not self._stop.wait(0.01):
            with self.objects.lock:
                for deployment in self.objects.list("deployments"):
                    self._deployment(deployment)
                for replica_set in self.objects.list("replicasets"):
                    self._replica_set(replica_set)
                for stateful_set in self.objects.list("statefulsets"):
                    self._stateful_set(stateful_set)
                for daemon_set in self.objects.list("daemonsets"):
                    self._daemon_set(daemon_set)
                for external_secret in self.objects.list("externalsecrets"):
                    self._external_secret(external_secret)

    # Deployment

    def _deployment(self, deployment: Document) -> None:
        spec, metadata = deployment["spec"], deployment["metadata"]
        wanted = spec.get("replicas", 1)
        sets = [one for one in self.objects.list("replicasets") if _owner(one) == metadata["uid"]]
        name = f"{metadata['name']}-{digest(spec['template'])}"
        new = next((one for one in sets if one["metadata"]["name"] == name), None)
        if new is None and not spec.get("paused"):
            new = self._new_set(deployment, name)
            sets.append(new)
        if new is not None:
            self.objects.merge(
                "replicasets", name, {"metadata": {"annotations": metadata.get("annotations", {})}}
            )
            self._scale(wanted, new, [one for one in sets if one["metadata"]["name"] != name])
        pods = {one["metadata"]["name"]: active(self._pods_of(one)) for one in sets}
        everyone = [pod for some in pods.values() for pod in some]
        status = {
            "observedGeneration": metadata["generation"],
            "replicas": len(everyone),
            "updatedReplicas": len(pods.get(name, [])),
            "availableReplicas": sum(map(ready, everyone)),
        }
        reason = self._progress(deployment, status, wanted)
        status["conditions"] = [{"type": "Progressing", "status": "True", "reason": reason}]
        self.objects.merge("deployments", metadata["name"], {"status": status})
        kept = spec.get("revisionHistoryLimit", 10)
        idle = [one for one in sets if one["metadata"]["name"] != name and not one["spec"]["replicas"]]
        for one in idle[: max(0, len(idle) - kept)]:
            if not active(self._pods_of(one)):
                self.objects.delete("replicasets", one["metadata"]["name"])

    def _new_set(self, deployment: Document, name: str) -> Document:
        template = json.loads(json.dumps(deployment["spec"]["template"]))
        template["metadata"].setdefault("labels", {})["pod-template-hash"] = name.rpartition("-")[2]
        return self.objects.create(
            "replicasets",
            {
                "metadata": {
                    "name": name,
                    "labels": template["metadata"]["labels"],
                    "ownerReferences": [_reference(deployment)],
                },
                "spec": {"replicas": 0, "template": template, "selector": deployment["spec"]["selector"]},
            },
        )

    def _scale(self, wanted: int, new: Document, older: list[Document]) -> None:
        """One more than wanted at most, never less available than wanted."""
        sizes = {one["metadata"]["name"]: one["spec"]["replicas"] for one in [new, *older]}
        name = new["metadata"]["name"]
        available = sum(ready(pod) for one in [new, *older] for pod in active(self._pods_of(one)))
        for one in older:
            broken = sum(not ready(pod) for pod in active(self._pods_of(one)))
            spare = max(0, available - wanted)
            fewer = min(sizes[one["metadata"]["name"]], broken + spare)
            sizes[one["metadata"]["name"]] -= fewer
            available -= max(0, fewer - broken)
        room = wanted + 1 - sum(sizes.values()) if older else wanted
        sizes[name] = min(wanted, sizes[name] + max(0, room))
        for one, size in sizes.items():
            self.objects.merge("replicasets", one, {"spec": {"replicas": size}})

    def _progress(self, deployment: Document, status: Document, wanted: int) -> str:
        uid, now = deployment["metadata"]["uid"], monotonic()
        state = (deployment["metadata"]["generation"], *status.values())
        if self._progressed.get(uid, (None,))[0] != state:
            self._progressed[uid] = state, now
        if status["replicas"] == status["updatedReplicas"] == status["availableReplicas"] == wanted:
            return "NewReplicaSetAvailable"
        limit = deployment["spec"].get("progressDeadlineSeconds", 600)
        return "ProgressDeadlineExceeded" if now - self._progressed[uid][1] > limit else "ReplicaSetUpdated"

    def _replica_set(self, replica_set: Document) -> None:
        pods = sorted(active(self._pods_of(replica_set)), key=ready)
        difference = replica_set["spec"]["replicas"] - len(pods)
        for _ in range(difference):
            self._new_pod(replica_set, f"{replica_set['metadata']['name']}-{next(self._numbers)}")
        for pod in pods[: max(0, -difference)]:
            self.objects.delete("pods", pod["metadata"]["name"])

    # StatefulSet

    def _stateful_set(self, stateful_set: Document) -> None:
        spec, metadata = stateful_set["spec"], stateful_set["metadata"]
        wanted, strategy = spec.get("replicas", 1), spec.get("updateStrategy", {})
        update = digest(spec["template"])
        self._templates[update] = spec["template"]
        current = stateful_set.get("status", {}).get("currentRevision", update)
        partition = strategy.get("rollingUpdate", {}).get("partition", 0)
        pods = {pod["metadata"]["name"]: pod for pod in self._pods_of(stateful_set)}
        for ordinal in range(wanted):
            name = f"{metadata['name']}-{ordinal}"
            if name not in pods:
                revision = update if ordinal >= partition else current
                self._new_pod(stateful_set, name, revision)
                break
            if not ready(pods[name]) or "deletionTimestamp" in pods[name]["metadata"]:
                break
        else:
            for ordinal in reversed(range(partition, wanted)):
                pod = pods[f"{metadata['name']}-{ordinal}"]
                if _revision(pod) != update and strategy.get("type") != "OnDelete":
                    self.objects.delete("pods", pod["metadata"]["name"])
                    break
        there = active(list(pods.values()))
        updated = sum(_revision(pod) == update for pod in there)
        status = {
            "observedGeneration": metadata["generation"],
            "replicas": len(there),
            "readyReplicas": sum(map(ready, there)),
            "updatedReplicas": updated,
            "updateRevision": update,
            "currentRevision": update if updated == wanted else current,
        }
        self.objects.merge("statefulsets", metadata["name"], {"status": status})

    # DaemonSet

    def _daemon_set(self, daemon_set: Document) -> None:
        spec, metadata = daemon_set["spec"], daemon_set["metadata"]
        update = digest(spec["template"])
        self._templates[update] = spec["template"]
        pods = self._pods_of(daemon_set)
        there = active(pods)
        for node in self.nodes:
            if not any(pod["spec"].get("nodeName") == node for pod in pods):
                self._new_pod(daemon_set, f"{metadata['name']}-{next(self._numbers)}", update, node)
        older = [pod for pod in there if _revision(pod) != update]
        rolls = spec.get("updateStrategy", {}).get("type") != "OnDelete"
        if rolls and older and len(there) == len(self.nodes) and all(map(ready, there)):
            self.objects.delete("pods", older[0]["metadata"]["name"])
        status = {
            "observedGeneration": metadata["generation"],
            "desiredNumberScheduled": len(self.nodes),
            "currentNumberScheduled": len(there),
            "updatedNumberScheduled": len(there) - len(older),
            "numberAvailable": sum(map(ready, there)),
            "numberReady": sum(map(ready, there)),
            "numberMisscheduled": 0,
        }
        self.objects.merge("daemonsets", metadata["name"], {"status": status})

    # ExternalSecret

    def _external_secret(self, external_secret: Document) -> None:
        """A sync sees what it sees at its beginning, and says so at its end."""
        metadata, status = external_secret["metadata"], external_secret.get("status", {})
        name, uid = metadata["name"], metadata["uid"]
        version = f"{metadata['generation']}-{digest([metadata.get('annotations', {}), metadata.get('labels', {})])}"
        if uid not in self._syncs:
            if status.get("syncedResourceVersion") != version:
                self._syncs[uid] = moment(), version
            return
        if self.syncs_left < 1:
            return
        self.syncs_left -= 1
        at, saw = self._syncs.pop(uid)
        if self.sync_fails:
            condition = {"type": "Ready", "status": "False", "reason": "SecretSyncedError", "message": "{no}"}
            change: Document = {"conditions": [condition]}
        else:
            condition = {"type": "Ready", "status": "True", "reason": "SecretSynced"}
            change = {"conditions": [condition], "refreshTime": at, "syncedResourceVersion": saw}
        self.objects.merge("externalsecrets", name, {"status": change})

    # Pods

    def _pods_of(self, owner: Document) -> list[Document]:
        return [pod for pod in self.objects.list("pods") if _owner(pod) == owner["metadata"]["uid"]]

    def _new_pod(self, owner: Document, name: str, revision: str = "", node: str = "node-1") -> None:
        template = self._templates[revision] if revision else owner["spec"]["template"]
        labels = {**template["metadata"].get("labels", {})}
        if revision:
            labels["controller-revision-hash"] = revision
        metadata = {
            "name": name,
            "labels": labels,
            "annotations": template["metadata"].get("annotations", {}),
            "ownerReferences": [_reference(owner)],
        }
        spec = {**template["spec"], "nodeName": node}
        self.objects.create("pods", {"metadata": metadata, "spec": spec, "status": {"phase": "Pending"}})


def _reference(owner: Document) -> Document:
    metadata = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }


def _owner(document: Document) -> str:
    references = document["metadata"].get("ownerReferences", [])
    return references[0]["uid"] if references else ""


def _revision(pod: Document) -> str:
    found: str = pod["metadata"]["labels"].get("controller-revision-hash", "")
    return found
