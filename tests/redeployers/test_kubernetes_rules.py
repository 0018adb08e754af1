"""kubectl's rules for rollouts, one by one, on what the API server says of a workload."""

from __future__ import annotations

from typing import Any

import pytest

from rotator.redeployers.kubernetes_workloads import KINDS, failure, waiting

_SPEC = {"selector": {"matchLabels": {}}, "template": {}, "serviceName": "api"}
_SIZE = {"currentNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0, "desiredNumberScheduled": 0}


def _workload(kind: str, spec: dict[str, Any], status: dict[str, Any]) -> Any:
    required = {"daemonset": _SIZE, "statefulset": {"replicas": 3}}.get(kind, {})
    document = {
        "metadata": {"generation": 2},
        "spec": {**_SPEC, **spec},
        "status": {"observedGeneration": 2, **required, **status},
    }
    return KINDS[kind].from_dict(document)


_THREE = {"replicas": 3}
_NEW = {"updatedReplicas": 3, "replicas": 3, "availableReplicas": 3}
_ROLLING = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}
_FAILURE = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}


@pytest.mark.parametrize(
    "kind,spec,status,sentence",
    [
        ("deployment", _THREE, {**_NEW, "observedGeneration": 1}, "taken notice"),
        ("deployment", _THREE, {}, "0 of 3 pods are new"),
        ("deployment", _THREE, {**_NEW, "updatedReplicas": 2}, "2 of 3 pods are new"),
        ("deployment", _THREE, {"conditions": [_FAILURE]}, "cannot be made (FailedCreate)"),
        ("deployment", _THREE, {**_NEW, "replicas": 4}, "1 pods from before"),
        ("deployment", _THREE, {**_NEW, "availableReplicas": 2}, "2 of 3 new pods are available"),
        ("deployment", _THREE, _NEW, ""),
        ("deployment", {}, {**_NEW, "updatedReplicas": 0}, "0 of 1 pods are new"),
        ("deployment", {"replicas": 0}, {}, ""),
        ("statefulset", {**_THREE, **_ROLLING}, {"observedGeneration": 0}, "taken notice"),
        (
            "statefulset",
            {**_THREE, **_ROLLING},
            {"readyReplicas": 2, "updatedReplicas": 3},
            "2 of 3 pods are ready",
        ),
        (
            "statefulset",
            {**_THREE, **_ROLLING},
            {"readyReplicas": 3, "updatedReplicas": 2},
            "2 of 3 pods are new",
        ),
        ("statefulset", {**_THREE, **_ROLLING}, {"readyReplicas": 3, "updatedReplicas": 3}, ""),
        (
            "statefulset",
            _THREE,
            {"readyReplicas": 3, "updatedReplicas": 3, "updateRevision": "b", "currentRevision": "a"},
            "3 of 3 pods are new",
        ),
        ("statefulset", {"replicas": 0, **_ROLLING}, {}, ""),
        (
            "daemonset",
            {},
            {"desiredNumberScheduled": 2, "updatedNumberScheduled": 1},
            "1 of 2 nodes have a new pod",
        ),
        (
            "daemonset",
            {},
            {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1},
            "1 of 2 nodes are available",
        ),
        ("daemonset", {}, {}, ""),
    ],
)
def test_what_a_rollout_waits_for(
    kind: str, spec: dict[str, Any], status: dict[str, Any], sentence: str
) -> None:
    found = waiting(_workload(kind, spec, status))
    assert (sentence in found) if sentence else not found


@pytest.mark.parametrize(
    "observed,reason,failed",
    [
        (2, "ProgressDeadlineExceeded", True),
        (1, "ProgressDeadlineExceeded", False),
        (2, "ReplicaSetUpdated", False),
    ],
)
def test_the_deadline_of_an_earlier_rollout_is_not_ours(observed: int, reason: str, *, failed: bool) -> None:
    condition = {"type": "Progressing", "status": "False", "reason": reason}
    status = {"observedGeneration": observed, "conditions": [condition]}
    assert bool(failure(_workload("deployment", _THREE, status))) is failed
