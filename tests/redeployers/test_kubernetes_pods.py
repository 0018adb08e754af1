"""What is read out of a pod, on what the API server says of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from lightkube.resources.core_v1 import Pod

from rotator.redeployers.kubernetes_pods import older, started, stuck

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PATIENCE = timedelta(minutes=1)


def at(**ago: int) -> str:
    return (NOW - timedelta(**ago)).isoformat().replace("+00:00", "Z")


def pod(metadata: dict[str, Any] | None = None, **status: Any) -> Pod:
    there = {"name": "api-1", "creationTimestamp": at(minutes=5), **(metadata or {})}
    spec = {"nodeName": "node-7", "containers": [{"name": "app"}]}
    made: Any = Pod.from_dict({"metadata": there, "spec": spec, "status": status})
    return cast("Pod", made)


def container(state: dict[str, Any], restarts: int = 0, name: str = "app") -> dict[str, Any]:
    return {
        "name": name, "image": "i", "imageID": "", "ready": False, "restartCount": restarts, "state": state,
    }  # fmt: skip


def waiting(reason: str, **more: Any) -> dict[str, Any]:
    return container({"waiting": {"reason": reason, "message": "{no}"}}, **more)


@pytest.mark.parametrize(
    "reason",
    [
        "CrashLoopBackOff",
        "ImagePullBackOff",
        "ErrImagePull",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    ],
)
@pytest.mark.parametrize("kind", ["containerStatuses", "initContainerStatuses"])
def test_a_container_that_cannot_run_is_told_with_what_to_look_at(reason: str, kind: str) -> None:
    status: Any = {kind: [waiting(reason)]}
    said = stuck([pod(**status)], NOW, PATIENCE)
    assert said.startswith(f"container app of pod api-1: {reason}, ")
    assert "{" not in said


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing", "SomethingOfNextYear"])
def test_one_that_is_being_made_may_take_its_time(reason: str) -> None:
    assert stuck([pod(containerStatuses=[waiting(reason)])], NOW, PATIENCE) == ""


def test_a_first_stumble_is_forgiven_and_a_third_restart_is_not() -> None:
    fresh = {"creationTimestamp": at(seconds=30)}
    assert not stuck([pod(fresh, containerStatuses=[waiting("CrashLoopBackOff", restarts=2)])], NOW, PATIENCE)
    assert stuck([pod(fresh, containerStatuses=[waiting("CrashLoopBackOff", restarts=3)])], NOW, PATIENCE)


def test_patience_begins_anew_when_a_pod_was_ready_in_between() -> None:
    lost = {"type": "Ready", "status": "False", "lastTransitionTime": at(seconds=30)}
    assert not stuck([pod(conditions=[lost], containerStatuses=[waiting("CrashLoopBackOff")])], NOW, PATIENCE)


def test_a_pod_that_nobody_ends_points_to_its_node() -> None:
    punctual = pod({"name": "api-2", "deletionTimestamp": at(seconds=-10)})
    left = pod({"name": "api-3", "deletionTimestamp": at(minutes=2)})
    assert (
        older([punctual], NOW) == "waiting for 1 pod from before to end, 1 of them terminating; one is api-2"
    )
    said = older([pod(), punctual, left], NOW)
    assert "3 pods from before to end, 2 of them terminating" in said
    assert "api-3 should have ended by now: see whether node node-7 is alive" in said


def test_what_prepares_a_pod_starts_too_and_each_moment_is_told_once() -> None:
    fetched = container({"terminated": {"exitCode": 0, "startedAt": at(seconds=50)}}, name="fetch-secrets")
    served = [container({"running": {"startedAt": at(seconds=40)}}, name=name) for name in ("app", "proxy")]
    found = list(started(pod(initContainerStatuses=[fetched], containerStatuses=served)))
    assert found == [NOW - timedelta(seconds=50), NOW - timedelta(seconds=40)]
