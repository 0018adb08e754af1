"""What pods say: whose they are, from which rollout, what keeps them from running, and when they started."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from lightkube.models.core_v1 import ContainerStatus
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod

from rotator.redeployers.kubernetes_workloads import ROLLOUT, Workload, marks

#: What kubelet says of a container that cannot run, and what a person should look at.
_STUCK = {
    "CrashLoopBackOff": "it ends again and again; kubectl logs --previous says why",
    "ImagePullBackOff": "its image cannot be pulled",
    "ErrImagePull": "its image cannot be pulled",
    "ErrImageNeverPull": "its image is not on the node, and its pull policy is Never",
    "InvalidImageName": "its image has no valid name",
    "CreateContainerConfigError": "a ConfigMap or Secret that it names is missing, or lacks a key",
    "CreateContainerError": "it cannot be made; kubectl describe pod says why",
    "RunContainerError": "it cannot be started; kubectl describe pod says why",
}
#: A pod has ended so long after its grace, or nobody ends it: its node may be gone.
_PUNCTUAL = timedelta(seconds=30)
#: So often a container has been restarted that it will not settle by itself; the waits were 10, 20 and 40 s by then.
_RESTARTS = 3


def owned_by(pod: Pod, workload: Workload) -> bool:
    """Whether the workload, or one of that name before it, made the pod.

    By name and not by uid: pods outlive the ReplicaSet that made them when no history is kept, and a workload that
    was made anew; both are older than any rollout.
    """
    owner = next((one for one in _metadata(pod).ownerReferences or [] if one.controller), None)
    if owner is None:
        return False
    name = _metadata(workload).name
    if isinstance(workload, Deployment):
        template = (_metadata(pod).labels or {}).get("pod-template-hash")
        return (owner.kind, owner.name) == ("ReplicaSet", f"{name}-{template}")
    return (owner.kind, owner.name) == (type(workload).__name__, name)


def living(pod: Pod) -> bool:
    """Whether something in it may still run; terminating pods are alive, evicted ones are not."""
    ended = bool(pod.status) and pod.status is not None and pod.status.phase in {"Succeeded", "Failed"}
    return not ended or any(status.state and status.state.running for status in _containers(pod))


def of_rollout(pod: Pod, label: str) -> bool:
    """Whether its template bore the label of our rollout."""
    return marks(pod.metadata).get(ROLLOUT) == label


def older(pods: list[Pod], now: datetime) -> str:
    """A sentence about pods from before the rollout that still live."""
    told_to = [(until, pod) for pod in pods if (until := _metadata(pod).deletionTimestamp)]
    left = f"{len(pods)} pods" if len(pods) > 1 else "1 pod"
    ending = f", {len(told_to)} of them terminating" if told_to else ""
    overdue = next((pod for until, pod in told_to if now - until > _PUNCTUAL), None)
    if overdue is None:
        return f"waiting for {left} from before to end{ending}; one is {_metadata(pods[0]).name}"
    return (
        f"waiting for {left} from before to end{ending}; {_metadata(overdue).name} should have ended by now: see "
        f"whether node {overdue.spec and overdue.spec.nodeName} is alive, or what finalizer the pod has"
    )


def stuck(pods: list[Pod], now: datetime, patience: timedelta) -> str:
    """A sentence about the first container that has been unable to run for longer than `patience`; empty if none."""
    for pod in pods:
        for status in _containers(pod):
            reason = (status.state and status.state.waiting and status.state.waiting.reason) or ""
            lasting = now - _unready_since(pod) > patience or status.restartCount >= _RESTARTS
            if reason in _STUCK and lasting:
                return f"container {status.name} of pod {_metadata(pod).name}: {reason}, {_STUCK[reason]}"
    return ""


def unschedulable(pods: list[Pod]) -> str:
    """A sentence about the first pod for which no node has room; empty if none."""
    for pod in pods:
        for condition in (pod.status and pod.status.conditions) or []:
            if condition.type == "PodScheduled" and condition.reason == "Unschedulable":
                return f"no node can take pod {_metadata(pod).name}; kubectl describe pod says why"
    return ""


def started(pod: Pod) -> Iterator[datetime]:
    """When its containers started, each moment once.

    Those that prepare the pod count as well, because they may be what reads secrets, and restarts as far as the
    platform remembers them.
    """
    moments = set()
    for status in _containers(pod):
        for state in (status.state, status.lastState):
            for run in (state and state.running, state and state.terminated):
                if run and run.startedAt:
                    moments.add(run.startedAt)
    yield from sorted(moments)


def _containers(pod: Pod) -> list[ContainerStatus]:
    status = pod.status
    return [
        *((status and status.initContainerStatuses) or []),
        *((status and status.containerStatuses) or []),
    ]


def _unready_since(pod: Pod) -> datetime:
    """When it was last seen ready, or when it was made."""
    conditions = (pod.status and pod.status.conditions) or []
    changed = [one.lastTransitionTime for one in conditions if one.type == "Ready" and one.lastTransitionTime]
    made = _metadata(pod).creationTimestamp
    assert made is not None, "the API server stamps it"
    return max([made, *changed])


def _metadata(thing: Pod | Workload) -> ObjectMeta:
    assert thing.metadata is not None, "every object has metadata"
    return thing.metadata
