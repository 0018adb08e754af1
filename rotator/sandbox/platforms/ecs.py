"""ECS, played: one cluster with one service, over the platform in memory, in ECS's JSON protocol.

From the API reference of Amazon ECS: DescribeServices, UpdateService, TagResource, ListTasks, DescribeTasks,
DescribeTaskDefinition; from its developer guide: "Deployment circuit breaker". It keeps deployments and their
rolloutState, tasks that are told to stop and go on for a while, a rollback after a failed deployment, pages of tasks,
and an answer of DescribeServices that lags behind UpdateService. moto is not used: there a deployment never ends.
It simplifies: one service, one task definition, and credentials are not checked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from rotator.clock import SystemClock
from rotator.contracts.clock import Clock
from rotator.contracts.redeployer import RolloutProgress
from rotator.sandbox.platforms.front import Answer, Asked, serve
from rotator.testing.memory_platform import MemoryInstance, MemoryPlatform, MemoryRollout

ACCOUNT, REGION = "111122223333", "eu-central-1"
EXECUTION_ROLE, TASK_ROLE = "taly-staging-execution", "taly-staging-app"
_ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
_PAGE = 2  # hostile: ECS gives up to 100


class Ecs:
    """The service `name` of `cluster`. `controller` is who deploys it; `secrets`: ECS hands them to its tasks."""

    def __init__(self, clock: Clock, cluster: str, name: str, platform: MemoryPlatform) -> None:
        self.clock, self.cluster, self.name, self.platform = clock, cluster, name, platform
        self.controller, self.secrets, self.status = "ECS", True, "ACTIVE"
        self.tags: dict[str, str] = {}
        self.tells_state = True  # not behind a Classic Load Balancer
        self.healthy = (
            True  # else a load balancer has still to call new tasks so: they run, and are IN_PROGRESS
        )
        self.untaggable = False  # as a service with an ARN of the format that knows no cluster
        self.lag = timedelta()  # for so long an answer may be from before the last restart
        self._count, self._current, self._rolls_back = 1, self._id(1), ""
        self._seen: tuple[Any, Any] = (None, None)  # until when an answer lags, and that answer

    # past the API

    def roll(self) -> str:
        """Somebody restarts the service; the new deployment's id."""
        self._catch_up()
        return self._begin(rolls_back="")

    # Far

    def operation(self, asked: Asked) -> str:
        """Named in a header."""
        return asked.headers.get("x-amz-target", "").partition(".")[2]

    def changes(self, asked: Asked) -> bool:
        """Tags are notes; what restarts is a change."""
        return self.operation(asked) == "UpdateService"

    def turned_away(self) -> Answer:
        """As AWS throttles."""
        return _error("ThrottlingException", "Rate exceeded")

    def answer(self, asked: Asked) -> Answer:
        """One operation."""
        operations: dict[str, Callable[[dict[str, Any]], Answer]] = {
            "DescribeServices": self._describe_services,
            "UpdateService": self._update_service,
            "TagResource": self._tag_resource,
            "ListTasks": self._list_tasks,
            "DescribeTasks": self._describe_tasks,
            "DescribeTaskDefinition": self._describe_task_definition,
        }
        self._catch_up()
        operation, wanted = self.operation(asked), asked.content
        if operation not in operations:
            return _error("UnknownOperationException", "")
        if wanted.get("cluster", self.cluster) != self.cluster:
            return _error("ClusterNotFoundException", "Cluster not found.")
        return operations[operation](wanted)

    def _describe_services(self, wanted: dict[str, Any]) -> Answer:
        if wanted["services"] != [self.name]:
            missing = {"arn": f"{_ARN}:service/{self.cluster}/{wanted['services'][0]}", "reason": "MISSING"}
            return Answer(200, {"services": [], "failures": [missing]})
        until, stale = self._seen
        service = stale if until and self.clock.now() < until else self._service()
        tags = [{"key": key, "value": value} for key, value in self.tags.items()]
        return Answer(200, {"services": [{**service, "tags": tags}], "failures": []})

    def _update_service(self, wanted: dict[str, Any]) -> Answer:
        if wanted["service"] != self.name:
            return _error("ServiceNotFoundException", "Service not found.")
        if self.status != "ACTIVE":
            return _error("ServiceNotActiveException", "Service was not ACTIVE.")
        if self.controller != "ECS":
            return _error("InvalidParameterException", f"Unable to update a service of {self.controller}")
        if wanted.get("forceNewDeployment") is not True or len(wanted) > 3:
            return _error("InvalidParameterException", "the played ECS only restarts")
        before = self._service()
        self.roll()
        self._seen = (self.clock.now() + self.lag, before)
        return Answer(200, {"service": self._service()})

    def _tag_resource(self, wanted: dict[str, Any]) -> Answer:
        if wanted["resourceArn"] != f"{_ARN}:service/{self.cluster}/{self.name}":
            return _error("InvalidParameterException", "no such resource")
        tags = {tag["key"]: tag["value"] for tag in wanted["tags"]}
        if self.untaggable or any(len(value) > 256 for value in tags.values()):
            return _error("InvalidParameterException", "a value is too long")
        self.tags |= tags
        return Answer(200, {})

    def _list_tasks(self, wanted: dict[str, Any]) -> Answer:
        if wanted["serviceName"] != self.name:
            return _error("ServiceNotFoundException", "Service not found.")
        ending = wanted["desiredStatus"] == "STOPPED"
        arns = [self._task_arn(one.name) for one in self.platform.living if one.ending is ending]
        first = int(wanted.get("nextToken", 0))
        page: dict[str, object] = {"taskArns": arns[first : first + _PAGE]}
        if first + _PAGE < len(arns):
            page["nextToken"] = str(first + _PAGE)
        return Answer(200, page)

    def _describe_tasks(self, wanted: dict[str, Any]) -> Answer:
        if not 1 <= len(wanted["tasks"]) <= 100:
            return _error("InvalidParameterException", "Tasks cannot be empty, and at most 100.")
        tasks = [
            self._task(one) for one in self.platform.living if self._task_arn(one.name) in wanted["tasks"]
        ]
        return Answer(200, {"tasks": tasks, "failures": []})

    def _describe_task_definition(self, wanted: dict[str, Any]) -> Answer:
        container = {"name": "app", "secrets": [{"name": "KEY", "valueFrom": "/taly/staging/KEY"}]}
        if not self.secrets:
            del container["secrets"]
        defined = {
            "taskDefinitionArn": wanted["taskDefinition"],
            "containerDefinitions": [container],
            "taskRoleArn": f"arn:aws:iam::{ACCOUNT}:role/{TASK_ROLE}",
            "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/{EXECUTION_ROLE}",
        }
        return Answer(200, {"taskDefinition": defined})

    # what is there

    def _catch_up(self) -> None:
        """Time passes; a deployment that failed is rolled back by the circuit breaker."""
        self.platform.catch_up()
        rollout = self.platform.rollouts.get(self._current)
        if rollout and rollout.progress is RolloutProgress.FAILED:
            self._begin(rolls_back=self._current)

    def _begin(self, rolls_back: str) -> str:
        self._count += 1
        self._current, self._rolls_back = self._id(self._count), rolls_back
        self.platform.roll(self._current)
        return self._current

    def _service(self) -> dict[str, object]:
        running = [one for one in self.platform.living if not one.ending]
        ids = [self._current, *reversed([one for one in self._ids() if one != self._current])]
        shown = [one for one in ids if one == self._current or any(self._of(task) == one for task in running)]
        return {
            "serviceArn": f"{_ARN}:service/{self.cluster}/{self.name}",
            "serviceName": self.name,
            "clusterArn": f"{_ARN}:cluster/{self.cluster}",
            "status": self.status,
            "desiredCount": self.platform.replicas,
            "runningCount": len(running),
            "deploymentController": {"type": self.controller},
            "taskDefinition": f"{_ARN}:task-definition/{self.name}:7",
            "deployments": [self._deployment(one, running) for one in shown],
        }

    def _deployment(self, deployment: str, running: list[MemoryInstance]) -> dict[str, object]:
        rollout = self.platform.rollouts.get(deployment)
        state = _STATES[rollout.progress] if rollout else "COMPLETED"
        primary = deployment == self._current
        if primary and state == "COMPLETED" and not self.healthy:
            state = "IN_PROGRESS"
        reason = f"ECS deployment {deployment} {state.lower()}."
        if primary and self._rolls_back:
            reason = f"ECS deployment circuit breaker: rolling back to deploymentId {self._id(1)}."
        told = {"rolloutState": state, "rolloutStateReason": reason} if self.tells_state else {}
        return {
            "id": deployment,
            "status": "PRIMARY" if primary else "ACTIVE",
            "desiredCount": self.platform.replicas if primary else 0,
            "runningCount": sum(self._of(one) == deployment for one in running),
            "pendingCount": 0,
            "failedTasks": int(state == "FAILED"),
            **told,
            "createdAt": _created(rollout),
        }

    def _task(self, instance: MemoryInstance) -> dict[str, object]:
        return {
            "taskArn": self._task_arn(instance.name),
            "taskDefinitionArn": f"{_ARN}:task-definition/{self.name}:7",
            "startedBy": self._of(instance),
            "lastStatus": "DEACTIVATING" if instance.ending else "RUNNING",
            "desiredStatus": "STOPPED" if instance.ending else "RUNNING",
            "startedAt": instance.started_at.timestamp(),
        }

    def _ids(self) -> list[str]:
        return [self._id(number) for number in range(1, self._count + 1)]

    def _of(self, instance: MemoryInstance) -> str:
        return instance.rollout or self._id(1)

    @staticmethod
    def _id(number: int) -> str:
        return f"ecs-svc/{number:019d}"

    def _task_arn(self, name: str) -> str:
        return f"{_ARN}:task/{self.cluster}/{name.replace('/', '-')}"


_STATES = {
    RolloutProgress.PENDING: "IN_PROGRESS",
    RolloutProgress.DONE: "COMPLETED",
    RolloutProgress.FAILED: "FAILED",
}


def _created(rollout: MemoryRollout | None) -> float:
    return rollout.started_at.timestamp() if rollout else 0.0


def _error(code: str, message: str) -> Answer:
    return Answer(400, {"__type": code, "message": message})


def main() -> None:
    """`python -m rotator.sandbox.platforms.ecs --port 0`: a service `staging/api` with two tasks."""
    clock = SystemClock()
    serve(lambda: Ecs(clock, "staging", "api", MemoryPlatform(clock, "staging/api", {})))


if __name__ == "__main__":
    main()
