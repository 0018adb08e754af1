"""ECS: restarts a service by a new deployment of what it runs already, and watches that deployment.

UpdateService takes no label and no idempotency token. So a tag of the service says before the call which deployment
was there, and after it which one we made. When the answer was lost, any deployment that came after the one in the tag
is taken for ours: every task of it has started after our write, which is what a rollout is for.

rolloutState alone proves nothing: it says COMPLETED while tasks of an earlier deployment still stop, and after the
circuit breaker has rolled back it says so of a deployment that is not ours. So DONE is said when the PRIMARY
deployment is ours, and no task lives that another one started (`startedBy`, API reference of ECS, Task).

Permissions: ecs:DescribeServices, ecs:UpdateService and ecs:TagResource on the service; ecs:ListTasks and
ecs:DescribeTasks in the cluster; ecs:DescribeTaskDefinition on *.
To be confirmed in a sandbox account: whether a rollback brings an earlier deployment's id back or a new one (both are
understood), and how far DescribeServices lags behind UpdateService (_SETTLED).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal

from boto3.session import Session
from botocore.config import Config

from rotator.aws import CHANGING, READING, Failure, Service, guarded
from rotator.contracts.adapter import Surroundings
from rotator.contracts.redeployer import Rollout, RolloutProgress, Start
from rotator.model.errors import NotYet, Refused, RotatorError, Transient
from rotator.model.numbers import counted
from rotator.model.policy import Deployment
from rotator.redeployers.aws_tags import Mark, also_finished, finished

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef, TaskTypeDef

_NAME = r"[A-Za-z0-9_-]{1,255}"
#: Words in the tag: we were about to start one after that deployment; that one is ours.
_AFTER, _IS = "after", "is"
#: For so long a deployment of ours may not be shown yet: ECS's answers are eventually consistent.
_SETTLED = timedelta(seconds=15)
_TASKS_AT_ONCE = 100
_GONE = frozenset({"ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException"})
_INVALID = frozenset(
    {
        "InvalidParameterException", "ClientException", "PlatformUnknownException", "NamespaceNotFoundException",
        "PlatformTaskDefinitionIncompatibilityException", "UnsupportedFeatureException",
    }
)  # fmt: skip


class _Gone(Refused):
    """There is no such service."""


class Ecs:
    """One service: `ecs: CLUSTER/SERVICE`, in the environment's region and rotator's own account."""

    needs: ClassVar[str] = "ecs:UpdateService and tags of the one service"
    tried_on: ClassVar[str] = "a stand-in for ECS, and moto's"

    def __init__(self, deployment: Deployment, around: Surroundings) -> None:
        """Raises Refused when the deployment does not say which service of which cluster."""
        written = re.fullmatch(rf"({_NAME})/({_NAME})", deployment.target)
        if written is None:
            raise Refused(f"{deployment.id} is no service of ECS: write ecs: CLUSTER/SERVICE")
        self._id, self._target, self._around = deployment.id, deployment.target, around
        self._cluster, self._name = written.groups()
        self._reading = Service("ECS", self._connect, READING, _reading_verdict, around.installation)
        self._changing = Service("ECS", self._connect, CHANGING, _verdict, around.installation)
        # A note that cannot be made is no verdict on a rollout: it waits until a person has mended that.
        self._noting = Service("ECS", self._connect, CHANGING, _reading_verdict, around.installation)
        self._roles: dict[str, str] = {}

    def redeploy(self, label: str) -> None:
        """Starts a deployment of what runs already, unless one of this label was started or seen done.

        Raises Refused when there is no such service, or ECS itself does not deploy it (CodeDeploy, task sets), and
        NotYet while an earlier call of ours may have restarted it without ECS showing that.
        """
        service = self._service()
        tags, mark, primary = _tags(service), Mark.read(_tags(service)), _primary(service)
        if label in finished(tags):
            return
        if (controller := service.get("deploymentController", {}).get("type", "ECS")) != "ECS":
            raise Refused(
                f"{self._target} is deployed by {controller}, not by ECS: rotator cannot restart it"
            )
        if mark is None or mark.label != label:
            mark = Mark(label, _AFTER, primary["id"], self._around.clock.now())
            self._tag(service, mark.tag())
        elif mark.state == _AFTER and mark.name == primary["id"] and self._is_fresh(mark):
            raise NotYet(
                f"{self._target} may have been restarted already: ECS shows it soon", mark.at + _SETTLED
            )
        if mark.state == _AFTER:
            if mark.name == primary["id"]:
                primary = self._restart()
            self._tag(service, Mark(label, _IS, primary["id"], primary["createdAt"]).tag())

    def progress(self, label: str) -> Rollout:
        """How the deployment of this label stands; what is seen done is written into a tag before it is said."""
        try:
            service = self._service()
        except _Gone as gone:
            return Rollout.failed(str(gone))
        tags, mark = _tags(service), Mark.read(_tags(service))
        if label in finished(tags):
            return Rollout(RolloutProgress.DONE, "every task is new")
        ours = _ours(service, mark) if mark and mark.label == label else None
        if ours is None:
            lags = mark and mark.label == label and mark.state == _IS and _lags(service, mark)
            return self._unseen() if lags else self._replaced(service)
        if ours.get("rolloutState") == "FAILED":
            return Rollout.failed(
                f"{self._target}: ECS gave its new deployment up after {counted(ours['failedTasks'], 'task')} "
                "failed; its service events tell why"
            )
        if ours["status"] != "PRIMARY" or _rolls_back(ours):
            return self._replaced(service)
        waits = self._waits_for(service, ours)
        if waits:
            return Rollout(RolloutProgress.PENDING, f"{self._target}: {waits}")
        self._tag(service, also_finished(tags, label))
        return Rollout(RolloutProgress.DONE, "every task is new")

    def starts(self, since: datetime) -> Iterator[Start]:
        """Starts of tasks since then, as far as ECS still shows them: stopped ones for about an hour.

        The role is the one that reads: the execution role where the task definition has `secrets`, else the task role.
        """
        try:
            tasks = self._tasks()
        except _Gone:
            return iter(())
        begun = [(task, task["startedAt"]) for task in tasks if task.get("startedAt")]
        return iter([Start(self._id, self._role(task), at) for task, at in begun if at >= since])

    # looking

    def _service(self) -> ServiceTypeDef:
        """The service with its tags. Raises _Gone when there is none that is active."""
        answer = self._reading.ask(
            lambda ecs: ecs.describe_services(cluster=self._cluster, services=[self._name], include=["TAGS"]),
            f"describe the service {self._target}",
        )
        for service in answer["services"]:
            if service["status"] == "ACTIVE":
                return service
        raise _Gone(f"there is no active service {self._target} in {self._around.region}")

    def _waits_for(self, service: ServiceTypeDef, ours: DeploymentTypeDef) -> str:
        """What is missing until it is done; "" when nothing is.

        Behind a Classic Load Balancer there is no rolloutState: then the counts alone say it.
        """
        wanted, running = ours["desiredCount"], ours["runningCount"]
        if ours.get("rolloutState", "COMPLETED") != "COMPLETED" or running < wanted:
            failed = f", {counted(ours['failedTasks'], 'task')} failed so far" if ours["failedTasks"] else ""
            return f"{running} of {counted(wanted, 'new task')} run{failed}"
        others = [one for one in service["deployments"] if one["id"] != ours["id"] and one["runningCount"]]
        older = [task for task in self._tasks() if _lives(task) and task.get("startedBy") != ours["id"]]
        if others or older:
            left = max(len(older), sum(one["runningCount"] for one in others))
            return f"waits for {counted(left, 'task')} from before to stop"
        return ""

    def _tasks(self) -> list[TaskTypeDef]:
        """Every task of the service: those that should run, and those that were told to stop."""
        arns = [arn for wanted in ("RUNNING", "STOPPED") for arn in self._listed(wanted)]
        tasks: list[TaskTypeDef] = []
        for first in range(0, len(arns), _TASKS_AT_ONCE):
            tasks += self._described(arns[first : first + _TASKS_AT_ONCE])
        return tasks

    def _listed(self, wanted: Literal["RUNNING", "STOPPED"]) -> list[str]:
        def pages(ecs: ECSClient) -> list[str]:
            asked = ecs.get_paginator("list_tasks").paginate(
                cluster=self._cluster, serviceName=self._name, desiredStatus=wanted
            )
            return [arn for page in asked for arn in page["taskArns"]]

        return self._reading.ask(pages, f"list the tasks of {self._target}")

    def _described(self, arns: list[str]) -> list[TaskTypeDef]:
        answer = self._reading.ask(
            lambda ecs: ecs.describe_tasks(cluster=self._cluster, tasks=arns),
            f"describe the tasks of {self._target}",
        )
        return answer["tasks"]

    def _role(self, task: TaskTypeDef) -> str:
        """The name of the role that reads what the task reads; a task definition never changes."""
        arn = task["taskDefinitionArn"]
        if arn not in self._roles:
            answer = self._reading.ask(
                lambda ecs: ecs.describe_task_definition(taskDefinition=arn),
                f"describe the task definition of {self._target}",
            )
            defined = answer["taskDefinition"]
            injected = any(container.get("secrets") for container in defined["containerDefinitions"])
            role = defined.get("executionRoleArn" if injected else "taskRoleArn", "")
            self._roles[arn] = str(role).rpartition("/")[2]
        return self._roles[arn]

    def _is_fresh(self, mark: Mark) -> bool:
        return self._around.clock.now() - mark.at < _SETTLED

    def _unseen(self) -> Rollout:
        return Rollout(RolloutProgress.PENDING, f"{self._target}: ECS does not show the new deployment yet")

    def _replaced(self, service: ServiceTypeDef) -> Rollout:
        if _rolls_back(_primary(service)):
            return Rollout.failed(
                f"{self._target}: ECS rolled the new deployment back; its service events tell why"
            )
        return Rollout.failed(
            f"{self._target} does not run this rollout: another deployment took its place before it was seen to "
            "end, or it was never started"
        )

    # changing

    def _restart(self) -> DeploymentTypeDef:
        """A deployment of the task definition that the service has."""
        answer = self._changing.ask(
            lambda ecs: ecs.update_service(
                cluster=self._cluster, service=self._name, forceNewDeployment=True
            ),
            f"restart the service {self._target}",
        )
        return _primary(answer["service"])

    def _tag(self, service: ServiceTypeDef, tags: dict[str, str]) -> None:
        """A note to ourselves; nothing that runs changes."""
        self._noting.ask(
            lambda ecs: ecs.tag_resource(
                resourceArn=service["serviceArn"],
                tags=[{"key": key, "value": value} for key, value in tags.items()],
            ),
            f"tag the service {self._target}",
        )

    def _connect(self, session: Session, config: Config) -> ECSClient:
        client = session.client(
            "ecs", region_name=self._around.region, endpoint_url=self._around.endpoint("ecs"), config=config
        )
        return guarded(client, ["UpdateService"])


def _reading_verdict(failure: Failure) -> RotatorError | None:
    if failure.code in _GONE:
        return _Gone(f"ECS could not {failure.doing}: there is no such active service; nothing was changed")
    return None


def _verdict(failure: Failure) -> RotatorError | None:
    if failure.code in _INVALID:
        return Refused(f"ECS will not {failure.doing} ({failure.code}); nothing was changed")
    return _reading_verdict(failure)


def _primary(service: ServiceTypeDef) -> DeploymentTypeDef:
    """The deployment that ECS works towards."""
    for deployment in service["deployments"]:
        if deployment["status"] == "PRIMARY":
            return deployment
    raise Transient(
        f"ECS shows no primary deployment of {service['serviceName']}; the next attempt looks again"
    )


def _ours(service: ServiceTypeDef, mark: Mark) -> DeploymentTypeDef | None:
    """The deployment that the mark speaks of, if ECS shows it."""
    if mark.state == _AFTER:
        primary = _primary(service)
        return None if primary["id"] == mark.name else primary
    return next((one for one in service["deployments"] if one["id"] == mark.name), None)


def _rolls_back(deployment: DeploymentTypeDef) -> bool:
    """Whether the circuit breaker or an alarm made it: ECS says so in the reason alone."""
    return "rolling back" in deployment.get("rolloutStateReason", "")


def _lags(service: ServiceTypeDef, mark: Mark) -> bool:
    """Whether the answer is from before ours was made, by ECS's own times."""
    primary = _primary(service)
    return primary["createdAt"] < mark.at and not _rolls_back(primary)


def _tags(service: ServiceTypeDef) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in service.get("tags", []) if "key" in tag and "value" in tag}


def _lives(task: TaskTypeDef) -> bool:
    return task.get("lastStatus") != "STOPPED"
