"""A cluster as the contract suite wants it. It acts on the API server only by its HTTP, so that any one will do.

The kubelet is played here, because what becomes of a rollout is decided there.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import httpx

from rotator.clock import SystemClock
from rotator.model.policy import Deployment, Reads
from rotator.model.secrets import Sealed
from rotator.redeployers.kubernetes import Kubernetes
from rotator.testing.surroundings import surroundings
from tests.redeployers.kubernetes_controllers import ready
from tests.redeployers.kubernetes_front import Fault, Front
from tests.redeployers.kubernetes_objects import Document, moment

ROLE = "taly-staging-app"
_KEPT = "rotator.test/kept"
_CORE = ("namespaces", "nodes", "pods", "secrets", "serviceaccounts")
_RIGHTS = ("rolebindings", "roles")
_GROUPS = {
    **dict.fromkeys(_CORE, "api/v1"),
    **dict.fromkeys(_RIGHTS, "apis/rbac.authorization.k8s.io/v1"),
    "externalsecrets": "apis/external-secrets.io/v1",
}
_PLURALS = {"deployment": "deployments", "statefulset": "statefulsets", "daemonset": "daemonsets"}
#: Each is the number of pods where a workload is at rest.
_FIGURES = {
    "deployment": ("replicas", "updatedReplicas", "availableReplicas"),
    "statefulset": ("replicas", "updatedReplicas", "readyReplicas"),
    "daemonset": ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable"),
}


class Fate(StrEnum):
    """What becomes of the pods of a template: the first of them always gets ready, except of a STUCK one."""

    FINE = "fine"
    HANGS = "hangs"  # the others never get ready
    CRASHES = "crashes"  # the others end again and again


class Api:
    """One namespace of an API server, as somebody who may do everything."""

    def __init__(self, address: str, token: str, namespace: str) -> None:
        self._http = httpx.Client(
            base_url=address,
            verify=False,  # noqa: S501 - on loopback, with a certificate made for a test
            timeout=60,
            trust_env=False,
            headers={"Authorization": f"Bearer {token}"},
        )
        self.namespace = namespace

    def close(self) -> None:
        self._http.close()

    def get(self, plural: str, name: str) -> Document:
        return self._ask("GET", plural, name)

    def list(self, plural: str) -> list[Document]:
        items: list[Document] = self._ask("GET", plural)["items"]
        return items

    def create(self, plural: str, document: Document) -> Document:
        return self._ask("POST", plural, content=document)

    def merge(self, plural: str, name: str, change: Document) -> Document:
        return self._ask("PATCH", plural, name, content=change)

    def token_of(self, account: str) -> str:
        """One of a service account's."""
        asked = self._ask("POST", "serviceaccounts", account, "token", content={"spec": {}})
        return str(asked["status"]["token"])

    def end(self, pod: str) -> None:
        """As the kubelet does it when the containers have ended."""
        self._ask("DELETE", "pods", pod, content={"gracePeriodSeconds": 0})

    def end_namespace(self, name: str) -> None:
        """With everything in it, some time."""
        self._ask("DELETE", "namespaces", name)

    def _ask(self, method: str, plural: str, *name: str, content: Document | None = None) -> Document:
        place = ["namespaces", self.namespace] if self.namespace else []
        path = [_GROUPS.get(plural, "apis/apps/v1"), *place, plural, *name]
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        body = None if content is None else json.dumps(content)
        answer = self._http.request(
            method, "/" + "/".join(path), content=body, headers={"Content-Type": kind}
        )
        answer.raise_for_status()
        document: Document = answer.json()
        return document


class Kubelet:
    """Makes pods of the namespace ready as their fate wants it, and ends those that are told to end."""

    def __init__(self, api: Api, *, status: str) -> None:
        self.api, self._status = api, status
        self.fates: list[Fate] = []
        self.kept = 0
        self.seen: set[str] = set()
        self._fated: dict[str, Fate] = {}
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def look(self) -> list[Document]:
        """Every pod there is; each is counted."""
        with self._lock:
            pods = self.api.list("pods")
            self.seen |= {pod["metadata"]["uid"] for pod in pods}
            return pods

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            with suppress(httpx.HTTPError):
                pods = self.look()
                for pod in pods:
                    self._care(pod, pods)

    def _care(self, pod: Document, pods: list[Document]) -> None:
        metadata = pod["metadata"]
        if "deletionTimestamp" in metadata:
            if metadata.get("deletionGracePeriodSeconds") != 0 and not metadata.get("finalizers"):
                self.api.end(metadata["name"])
            return
        if ready(pod):
            return
        template = _template(pod)
        if template not in self._fated:
            self._fated[template] = self.fates.pop(0) if self._fated and self.fates else Fate.FINE
        fate = self._fated[template]
        first = not any(ready(one) for one in pods if _template(one) == template)
        if fate is Fate.FINE or first:
            self.say(pod, running(pod))
        elif fate is Fate.CRASHES:
            self.say(pod, waiting(pod, "CrashLoopBackOff", restarts=3))

    def say(self, pod: Document, status: Document) -> None:
        """Writes the pod's status."""
        with suppress(httpx.HTTPStatusError):  # it has just ended
            self.api._ask(
                "PATCH", "pods", pod["metadata"]["name"], *self._status.split(), content={"status": status}
            )


def running(pod: Document) -> Document:
    """The status of a pod that is ready."""
    state = {"running": {"startedAt": moment()}}
    return _status(pod, "Running", "True", state, 0)


def waiting(pod: Document, reason: str, restarts: int = 0) -> Document:
    """The status of a pod whose container cannot run."""
    state = {"waiting": {"reason": reason, "message": "{no}"}}
    return _status(pod, "Pending", "False", state, restarts)


def _status(pod: Document, phase: str, is_ready: str, state: Document, restarts: int) -> Document:
    containers = [
        {
            "name": one["name"],
            "image": one["image"],
            "imageID": "",
            "ready": is_ready == "True",
            "restartCount": restarts,
            "state": state,
        }
        for one in pod["spec"]["containers"]
    ]
    conditions = [
        {"type": kind, "status": is_ready, "lastTransitionTime": pod["metadata"]["creationTimestamp"]}
        for kind in ("ContainersReady", "Ready")
    ]
    return {"phase": phase, "startTime": moment(), "conditions": conditions, "containerStatuses": containers}


def _template(pod: Document) -> str:
    labels = pod["metadata"]["labels"]
    return str(labels.get("pod-template-hash") or labels.get("controller-revision-hash"))


class KubernetesWorld:
    """One workload of two pods. `status`: the subresource of pods' status, where the API server has one."""

    workload, parameter = "staging/api", "/taly/staging/API_KEY"
    patience, resolution = timedelta(seconds=100), timedelta(seconds=1)

    def __init__(
        self, api: Api, front: Front, folder: Path, *, kind: str = "deployment", status: str = ""
    ) -> None:
        self.clock, self.api, self.front = SystemClock(), api, front
        self.kind, self.plural = kind, _PLURALS[kind]
        self.kubelet = Kubelet(api, status=status)
        self.timeout, self.external_secrets = timedelta(minutes=10), tuple[str, ...]()
        self._version, self._kubeconfig = 1, folder / "kubeconfig"
        self.log_in("admin-token")

    def __enter__(self) -> Self:
        self.api.create(
            "serviceaccounts",
            {
                "metadata": {
                    "name": "app",
                    "annotations": {
                        "eks.amazonaws.com/role-arn": f"arn:aws:iam::111122223333:role/apps/{ROLE}"
                    },
                }
            },
        )
        self.kubelet.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.kubelet.__exit__()
        self.let_go()

    def log_in(self, token: str) -> None:
        """As whom rotator asks from now on."""
        self._kubeconfig.write_text(
            json.dumps(
                {
                    "clusters": [{"name": "it", "cluster": {"server": self.front.address}}],
                    "users": [{"name": "rotator", "user": {"token": token}}],
                    "contexts": [{"name": "it", "context": {"cluster": "it", "user": "rotator"}}],
                    "current-context": "it",
                }
            )
        )

    def run(self, **spec: Any) -> Self:
        """Makes the workload, and waits until it serves."""
        labels = {"app": "api"}
        template = {
            "metadata": {"labels": labels},
            "spec": {"serviceAccountName": "app", "containers": [{"name": "app", "image": "taly/api"}]},
        }
        replicas = {} if self.kind == "daemonset" else {"replicas": 2}
        service = {"serviceName": "api"} if self.kind == "statefulset" else {}
        whole = {"selector": {"matchLabels": labels}, "template": template, **replicas, **service, **spec}
        self.api.create(self.plural, {"metadata": {"name": "api"}, "spec": whole})
        self.until(lambda: sum(map(ready, self.kubelet.look())) == whole.get("replicas", 2))
        self.until(self._at_rest)
        return self

    def _at_rest(self) -> bool:
        """Whether its controller has written down how it is: until then it may change the object at any moment."""
        document = self.api.get(self.plural, "api")
        status, pods = document.get("status", {}), len(self.kubelet.look())
        seen = status.get("observedGeneration") == document["metadata"]["generation"]
        return seen and all(status.get(figure, 0) == pods for figure in _FIGURES[self.kind])

    def until(self, happened: Any) -> None:
        deadline = self.clock.monotonic() + self.patience.total_seconds()
        while not happened():
            assert self.clock.monotonic() < deadline, "it did not happen"
            self.clock.sleep(0.02)

    def redeployer(self) -> Kubernetes:
        return self._redeployer(f"{self.kind}/api")

    def redeployer_of_nothing(self) -> Kubernetes:
        return self._redeployer(f"{self.kind}/nothing")

    def _redeployer(self, target: str) -> Kubernetes:
        deployment = Deployment(
            id=self.workload,
            kind="kubernetes",
            target=target,
            reads=Reads.EXTERNAL_SECRETS if self.external_secrets else Reads.SSM,
            external_secrets=self.external_secrets,
            timeout=self.timeout,
            settings={"namespace": self.api.namespace},
        )
        return Kubernetes(deployment, surroundings(clock=self.clock, kubeconfig=str(self._kubeconfig)))

    def write(self, value: Sealed) -> int:
        self._version += 1
        return self._version

    def instances(self) -> list[str]:
        return [pod["metadata"]["uid"] for pod in self.kubelet.look()]

    def serving(self) -> list[str]:
        pods = self.kubelet.look()
        return [pod["metadata"]["uid"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def started(self) -> int:
        self.kubelet.look()
        return len(self.kubelet.seen)

    def someone_else_rolls(self) -> None:
        """By a tool that puts its own template in the place of the one that is there."""
        marks = dict.fromkeys(self.template_marks()) | {"deploy.example/at": secrets.token_hex(4)}
        self.api.merge(self.plural, "api", {"spec": {"template": {"metadata": {"annotations": marks}}}})

    def template_marks(self) -> dict[str, str]:
        template = self.api.get(self.plural, "api")["spec"]["template"]
        return template["metadata"].get("annotations") or {}

    @contextmanager
    def lingering(self) -> Iterator[None]:
        self.keep(*(pod["metadata"]["name"] for pod in self.kubelet.look()))
        yield
        self.let_go()

    def keep(self, *pods: str) -> None:
        """They are there until they are let go, whoever tells them to end."""
        for pod in pods:
            self.api.merge("pods", pod, {"metadata": {"finalizers": [_KEPT]}})

    def let_go(self) -> None:
        for pod in self.api.list("pods"):
            if pod["metadata"].get("finalizers"):
                self.api.merge("pods", pod["metadata"]["name"], {"metadata": {"finalizers": None}})

    def fail_next(self) -> None:
        self.kubelet.fates.append(Fate.CRASHES)

    def hang_next(self) -> None:
        self.kubelet.fates.append(Fate.HANGS)

    def lie_next(self) -> None:
        """kubectl's rules count no pod that was told to end."""
        self.keep(self.kubelet.look()[0]["metadata"]["name"])

    def lose_next_answer(self) -> None:
        self.front.faults += [Fault.LOST_ANSWER]

    def throttle_next(self) -> None:
        self.front.faults += [Fault.THROTTLED]

    @contextmanager
    def away(self) -> Iterator[None]:
        self.front.away = True
        yield
        self.front.away = False


def rollout_undo(api: Api, name: str) -> None:
    """What `kubectl rollout undo deployment/NAME` does: template and annotations of the revision before."""
    sets = api.list("replicasets")
    template = api.get("deployments", name)["spec"]["template"]
    older = next(one for one in sets if _bare(one["spec"]["template"]) != _bare(template))
    there = api.get("deployments", name)["metadata"].get("annotations", {})
    marks = dict.fromkeys(there) | older["metadata"].get("annotations", {})
    gone = dict.fromkeys(template["metadata"].get("annotations", {}))
    before = gone | older["spec"]["template"]["metadata"].get("annotations", {})
    change = {"metadata": {"annotations": marks}, "spec": {"template": {"metadata": {"annotations": before}}}}
    api.merge("deployments", name, change)


def _bare(template: Document) -> Document:
    labels = {
        key: value for key, value in template["metadata"]["labels"].items() if key != "pod-template-hash"
    }
    return {**template, "metadata": {**template["metadata"], "labels": labels}}
