"""What an API server keeps and how it changes it, as far as redeployers and controllers can tell; and its HTTP.

Merge patches only, no watches, no validation. Generations, resource versions, finalizers, graceful deletion of pods
and times in whole seconds are those of the real one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

Document = dict[str, Any]
#: Plural -> (group and version, kind, whether a change of spec makes a new generation).
SERVED = {
    "namespaces": ("v1", "Namespace", False),
    "configmaps": ("v1", "ConfigMap", False),
    "secrets": ("v1", "Secret", False),
    "pods": ("v1", "Pod", False),
    "serviceaccounts": ("v1", "ServiceAccount", False),
    "deployments": ("apps/v1", "Deployment", True),
    "replicasets": ("apps/v1", "ReplicaSet", True),
    "statefulsets": ("apps/v1", "StatefulSet", True),
    "daemonsets": ("apps/v1", "DaemonSet", True),
    "externalsecrets": ("external-secrets.io/v1", "ExternalSecret", True),
}


def moment() -> str:
    """The present as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Denied(Exception):
    """The API server's "no"."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def merged(document: Any, change: Any) -> Any:
    """RFC 7386."""
    if not isinstance(change, Mapping):
        return deepcopy(change)
    result = dict(document) if isinstance(document, Mapping) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


@dataclass
class Objects:
    """Everything in the cluster. `lock` makes several looks and changes one."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    _objects: dict[tuple[str, str], Document] = field(default_factory=dict)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def find(self, plural: str, name: str) -> Document | None:
        with self.lock:
            return deepcopy(self._objects.get((plural, name)))

    def get(self, plural: str, name: str) -> Document:
        found = self.find(plural, name)
        if found is None:
            raise Denied(HTTPStatus.NOT_FOUND, "NotFound")
        return found

    def list(self, plural: str, labels: Mapping[str, str] | None = None) -> list[Document]:
        with self.lock:
            found = [deepcopy(one) for (kind, _), one in self._objects.items() if kind == plural]
        wanted = (labels or {}).items()
        return [one for one in found if wanted <= one["metadata"].get("labels", {}).items()]

    def create(self, plural: str, document: Document) -> Document:
        with self.lock:
            name = document["metadata"]["name"]
            if (plural, name) in self._objects:
                raise Denied(HTTPStatus.CONFLICT, "AlreadyExists")
            made = deepcopy(document)
            made["apiVersion"], made["kind"], counted = SERVED[plural]
            made["metadata"] |= {"uid": f"uid-{next(self._numbers)}", "creationTimestamp": moment()}
            made["metadata"]["resourceVersion"] = str(next(self._numbers))
            if counted:
                made["metadata"]["generation"] = 1
            self._objects[plural, name] = made
            return deepcopy(made)

    def merge(self, plural: str, name: str, change: Document) -> Document:
        with self.lock:
            before = self.get(plural, name)
            expected = change.get("metadata", {}).get("resourceVersion")
            if expected and expected != before["metadata"]["resourceVersion"]:
                raise Denied(HTTPStatus.CONFLICT, "Conflict")
            after: Document = merged(before, change)
            if after == before:
                return after
            after["metadata"]["resourceVersion"] = str(next(self._numbers))
            if SERVED[plural][2] and after.get("spec") != before.get("spec"):
                after["metadata"]["generation"] += 1
            self._objects[plural, name] = after
            if "deletionTimestamp" in after["metadata"] and "deletionTimestamp" in before["metadata"]:
                self._end(plural, name)
            return deepcopy(after)

    def delete(self, plural: str, name: str, *, at_once: bool = False) -> None:
        """Pods are told to end, and end when the kubelet says so; finalizers keep anything."""
        with self.lock:
            found = self._objects.get((plural, name))
            if found is None:
                raise Denied(HTTPStatus.NOT_FOUND, "NotFound")
            found["metadata"].setdefault("deletionTimestamp", moment())
            found["metadata"]["resourceVersion"] = str(next(self._numbers))
            if plural != "pods" or at_once:
                found["metadata"]["deletionGracePeriodSeconds"] = 0
            self._end(plural, name)

    def _end(self, plural: str, name: str) -> None:
        metadata = self._objects[plural, name]["metadata"]
        if not metadata.get("finalizers") and metadata.get("deletionGracePeriodSeconds") == 0:
            del self._objects[plural, name]


class ApiServer(ThreadingHTTPServer):
    """The HTTP of it. `external_secrets`: the version of ExternalSecret that it serves."""

    daemon_threads = True  # clients keep connections open

    def __init__(self, objects: Objects) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.objects, self.external_secrets = objects, "v1"
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def answer(self, method: str, target: str, body: Document) -> Document:
        """What the API server answers. Raises Denied."""
        address = urlsplit(target)
        _, kind, *parts = unquote(address.path).split("/")
        version = "/".join(parts[: 1 if kind == "api" else 2])
        rest = parts[1 if kind == "api" else 2 :]
        plural, *name = rest[2:] if rest[0] == "namespaces" and len(rest) > 2 else rest
        served = (
            SERVED[plural][0]
            if plural != "externalsecrets"
            else f"external-secrets.io/{self.external_secrets}"
        )
        if version != served:
            raise Denied(HTTPStatus.NOT_FOUND, "")
        verb = {"GET": "get" if name else "list", "POST": "create", "PATCH": "patch", "DELETE": "delete"}[
            method
        ]
        match verb:
            case "get":
                return self.objects.get(plural, name[0])
            case "list":
                asked = parse_qs(address.query).get("labelSelector", [""])[0]
                labels = dict(pair.split("=", 1) for pair in asked.split(",") if pair)
                return {"kind": "List", "metadata": {}, "items": self.objects.list(plural, labels)}
            case "create":
                return self.objects.create(plural, body)
            case "patch":
                return self.objects.merge(plural, name[0], body)
            case _:
                self.objects.delete(plural, name[0], at_once=body.get("gracePeriodSeconds") == 0)
                return {"kind": "Status", "status": "Success"}


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: the second would wait for 40 ms

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else {}
        try:
            self._send(HTTPStatus.OK, self.server.answer(self.command, self.path, body))
        except Denied as denied:
            said = {"kind": "Status", "status": "Failure", "message": "{no}", "reason": str(denied)}
            self._send(denied.status, {**said, "code": denied.status} if str(denied) else None)

    def _send(self, status: HTTPStatus, document: Document | None) -> None:
        content = b"404 page not found\n" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if document is None else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
