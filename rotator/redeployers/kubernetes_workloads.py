"""What a Deployment, a StatefulSet or a DaemonSet says about its rollout.

The rules are those of `kubectl rollout status` (kubectl/pkg/polymorphichelpers/rollout_status.go), in its order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from lightkube.models.apps_v1 import RollingUpdateStatefulSetStrategy
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import DaemonSet, Deployment, StatefulSet

Workload: TypeAlias = Deployment | StatefulSet | DaemonSet
KINDS: Mapping[str, type[Workload]] = {
    "deployment": Deployment,
    "statefulset": StatefulSet,
    "daemonset": DaemonSet,
}
#: The annotation of the pod template, and so of its pods, that holds the label of the last rollout of ours.
ROLLOUT = "rotator/rollout"
#: The annotation of the workload that holds the labels of our rollouts that were seen done.
FINISHED = "rotator/finished"


def marks(metadata: ObjectMeta | None) -> Mapping[str, str]:
    """The annotations of any object."""
    return (metadata and metadata.annotations) or {}


def borne_by(workload: Workload) -> str | None:
    """The label of our rollout that the pod template bears."""
    return marks(workload.spec.template.metadata).get(ROLLOUT)


def finished(metadata: ObjectMeta | None) -> list[str]:
    """The labels of our rollouts that were seen done, oldest first."""
    return marks(metadata).get(FINISHED, "").split()


def selector(workload: Workload) -> Mapping[str, str]:
    """Labels that all of its pods bear; others may bear them too."""
    return workload.spec.selector.matchLabels or {}


def obstacle(workload: Workload) -> str:
    """Why a change of its pod template does not restart all of its pods, and what to do; empty if it does."""
    match workload:
        case Deployment() if workload.spec.paused:
            return "it is paused, so that nothing is restarted: kubectl rollout resume"
        case StatefulSet() | DaemonSet() if _strategy(workload) == "OnDelete":
            return (
                "its update strategy is OnDelete, so that nothing is restarted: "
                "make it RollingUpdate, or name another redeployer"
            )
        case StatefulSet() if _partition(workload):
            return (
                f"its partition is {_partition(workload)}, so that the pods below it are not restarted: "
                "set it to 0"
            )
    return ""


def failure(workload: Workload) -> str:
    """Why its rollout has failed in the platform's own judgement; empty if it has not."""
    if not isinstance(workload, Deployment) or _unobserved(workload):
        return ""
    if _condition(workload, "Progressing") == "ProgressDeadlineExceeded":
        return "it made no progress within its progressDeadlineSeconds"
    return ""


def waiting(workload: Workload) -> str:
    """What its rollout waits for; empty when the platform calls it done."""
    if _unobserved(workload):
        return "the cluster has not taken notice of the change yet"
    match workload:
        case Deployment():
            return _deployment(workload)
        case StatefulSet():
            return _stateful_set(workload)
        case DaemonSet():
            return _daemon_set(workload)


def _deployment(workload: Deployment) -> str:
    status, wanted = workload.status, _replicas(workload)
    assert status is not None, "it was observed"
    updated, there = status.updatedReplicas or 0, status.replicas or 0
    available = status.availableReplicas or 0
    if updated < wanted:
        failing = _condition(workload, "ReplicaFailure")
        why = f"; pods cannot be made ({failing}), kubectl describe replicaset says why" if failing else ""
        return f"{updated} of {wanted} pods are new{why}"
    if there > updated:
        return f"{there - updated} pods from before are to end"
    if available < updated:
        return f"{available} of {updated} new pods are available"
    return ""


def _stateful_set(workload: StatefulSet) -> str:
    status, wanted = workload.status, _replicas(workload)
    assert status is not None, "it was observed"
    ready, updated = status.readyReplicas or 0, status.updatedReplicas or 0
    if ready < wanted:
        return f"{ready} of {wanted} pods are ready"
    if _rolling(workload) is None and status.updateRevision != status.currentRevision:
        return f"{updated} of {wanted} pods are new"
    if updated < wanted - _partition(workload):
        return f"{updated} of {wanted} pods are new"
    return ""


def _daemon_set(workload: DaemonSet) -> str:
    status = workload.status
    assert status is not None, "it was observed"
    wanted, updated = status.desiredNumberScheduled or 0, status.updatedNumberScheduled or 0
    available = status.numberAvailable or 0
    if updated < wanted:
        return f"{updated} of {wanted} nodes have a new pod"
    if available < wanted:
        return f"the pods of {available} of {wanted} nodes are available"
    return ""


def _unobserved(workload: Workload) -> bool:
    assert workload.metadata is not None, "every workload has metadata"
    observed = (workload.status and workload.status.observedGeneration) or 0
    return observed < (workload.metadata.generation or 1)


def _replicas(workload: Deployment | StatefulSet) -> int:
    wanted = workload.spec.replicas
    return 1 if wanted is None else wanted


def _strategy(workload: StatefulSet | DaemonSet) -> str | None:
    strategy = workload.spec.updateStrategy
    return strategy.type if strategy else None


def _rolling(workload: StatefulSet) -> RollingUpdateStatefulSetStrategy | None:
    strategy = workload.spec.updateStrategy
    return strategy.rollingUpdate if strategy else None


def _partition(workload: StatefulSet) -> int:
    rolling = _rolling(workload)
    return (rolling and rolling.partition) or 0


def _condition(workload: Deployment, kind: str) -> str | None:
    """The reason of a condition."""
    conditions = (workload.status and workload.status.conditions) or []
    return next((condition.reason for condition in conditions if condition.type == kind), None)
