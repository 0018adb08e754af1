"""`reads: external-secrets`: the External Secrets Operator copies from the store, and pods read the copy.

A restart before the copy is new would bring up pods with the predecessor. So the sync is forced first, by a change of
the ExternalSecret's annotations, and is waited for. The operator stamps `status.refreshTime` with the time at which a
sync *began* and `status.syncedResourceVersion` with a hash over the generation, labels and annotations that it saw
(external-secrets/pkg/controllers/externalsecret/externalsecret_controller.go, markAsDone); so a sync that was under
way when we wrote is told from one that came after. What we wait for is written only into the ExternalSecret.
Read in its source and run against a played operator; in a cluster with the real one it wants confirming [M].
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from lightkube.generic_resource import GenericNamespacedResource, create_namespaced_resource

from rotator.cluster.client import Cluster
from rotator.contracts.clock import Clock
from rotator.contracts.guard import guard
from rotator.model.errors import NotYet, Refused

#: The annotation by which the operator's documentation forces a sync; any change of annotations does.
FORCE_SYNC = "force-sync"
# Served by the operator from 0.16, and until 0.16.
_VERSIONS = tuple(
    create_namespaced_resource("external-secrets.io", version, "ExternalSecret", "externalsecrets")
    for version in ("v1", "v1beta1")
)
#: After so long no sync is under way any more that began before ours was forced: a clock of the operator's that is
#: behind ours is not waited for.
_SETTLED = timedelta(seconds=30)
_POLL = timedelta(seconds=2)
_NEVER = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Forced:
    """What the annotation of one workload says: the rollout for which a sync was forced, when, and what came before."""

    label: str
    at: datetime
    synced_before: str

    @classmethod
    def read(cls, annotation: str) -> Forced | None:
        """None for what we did not write."""
        label, _, rest = annotation.partition(" ")
        at, _, synced_before = rest.partition(" ")
        try:
            return cls(label, datetime.fromisoformat(at), synced_before)
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.label} {self.at.isoformat(timespec='seconds')} {self.synced_before}"


class Syncs:
    """The ExternalSecrets of one workload; `timeout` is how long one may take to be synced."""

    def __init__(
        self, cluster: Cluster, clock: Clock, workload: str, names: Iterable[str], timeout: timedelta
    ) -> None:
        self._cluster, self._clock, self._timeout = cluster, clock, timeout
        self._names = tuple(names)
        self._annotation = _annotation(workload)

    def newer_than(self, label: str) -> None:
        """Returns once every copy is newer than the first call with this label.

        Raises NotYet while one is not, and Refused when it will not become so.
        """
        found = [(name, *self._find(name)) for name in self._names]
        for name, kind, document in found:
            self._force(name, kind, document, label)
        for name, _kind, document in found:
            self._check(name, document, label)

    def _find(self, name: str) -> tuple[type[GenericNamespacedResource], Mapping[str, Any]]:
        for kind in _VERSIONS:
            document = self._cluster.get(kind, name)
            if document is not None:
                return kind, document
        raise Refused(
            f"there is no ExternalSecret {name} in namespace {self._cluster.namespace}: "
            "correct external_secrets of the deployment in policies.yaml"
        )

    def _force(
        self, name: str, kind: type[GenericNamespacedResource], document: Mapping[str, Any], label: str
    ) -> None:
        """Once for each label; rollouts of other workloads that share it have annotations of their own."""
        if self._forced(document, label):
            return
        if frozen := _never_synced_again(document):
            raise Refused(f"ExternalSecret {name} is not synced again: {frozen}")
        now = self._clock.now()
        forced = Forced(label, now, document.get("status", {}).get("syncedResourceVersion", ""))
        marks = {FORCE_SYNC: str(int(now.timestamp())), self._annotation: str(forced)}
        version = document["metadata"]["resourceVersion"]
        guard()
        self._cluster.patch(kind, name, {"metadata": {"resourceVersion": version, "annotations": marks}})

    def _check(self, name: str, document: Mapping[str, Any], label: str) -> None:
        forced, now = self._forced(document, label), self._clock.now()
        if forced is None:  # just now
            raise NotYet(f"the sync of ExternalSecret {name} was forced", now + _POLL)
        status = document.get("status", {})
        ready: Mapping[str, Any] = next(
            (one for one in status.get("conditions", []) if one.get("type") == "Ready"), {}
        )
        synced_again = status.get("syncedResourceVersion", "") != forced.synced_before
        began = datetime.fromisoformat(status.get("refreshTime") or _NEVER)
        after = began >= forced.at or now - forced.at > _SETTLED
        if synced_again and after and ready.get("status") == "True":
            return
        reason = ready.get("reason", "nothing was said about it")
        if now - forced.at > self._timeout:
            raise Refused(
                f"ExternalSecret {name} was not synced within {self._timeout} ({reason}), and nothing was "
                f"restarted: kubectl describe externalsecret {name}"
            )
        raise NotYet(f"waiting for the sync of ExternalSecret {name} ({reason})", now + _POLL)

    def _forced(self, document: Mapping[str, Any], label: str) -> Forced | None:
        """How the sync was forced for this label, if it was."""
        annotations = document["metadata"].get("annotations") or {}
        forced = Forced.read(annotations.get(self._annotation, ""))
        return forced if forced and forced.label == label else None


def _never_synced_again(document: Mapping[str, Any]) -> str:
    """The cases in which the operator never looks whether annotations changed (shouldRefresh, in the same file)."""
    spec = document.get("spec", {})
    policy = spec.get("refreshPolicy", "Periodic")
    if policy == "CreatedOnce":
        return "its refreshPolicy is CreatedOnce; make it Periodic or OnChange"
    if policy == "Periodic" and not re.search("[1-9]", spec.get("refreshInterval", "1h")):
        return "its refreshInterval is 0; make its refreshPolicy OnChange, or the interval 1h"
    if spec.get("target", {}).get("immutable"):
        return "its target is immutable; take that away"
    return ""


def _annotation(workload: str) -> str:
    """The key of the workload's annotation: at most 63 letters after the slash, and no slash among them."""
    name = workload.replace("/", ".")
    if len(name) > 58:
        name = f"{name[:49]}.{sha256(name.encode()).hexdigest()[:8]}"
    return f"rotator/sync-{name}"
