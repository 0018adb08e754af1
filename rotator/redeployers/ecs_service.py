"""One service of ECS as its API shows it, and the two calls that change something there: a restart and a tag.

Whoever asks is told by exceptions of the contracts: Gone where there is no such service, Refused where ECS will not,
Transient while nobody knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from boto3.session import Session
from botocore.config import Config

from rotator.aws import CHANGING, READING, Failure, Service, guarded
from rotator.contracts.adapter import Surroundings
from rotator.model.errors import Refused, RotatorError, Transient

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef, TaskTypeDef

_TASKS_AT_ONCE = 100
_GONE = frozenset({"ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException"})
_INVALID = frozenset(
    {
        "InvalidParameterException", "ClientException", "PlatformUnknownException", "NamespaceNotFoundException",
        "PlatformTaskDefinitionIncompatibilityException", "UnsupportedFeatureException",
    }
)  # fmt: skip


class Gone(Refused):
    """There is no such service."""


class EcsService:
    """The service `name` of `cluster`, in the environment's region and rotator's own account."""

    def __init__(self, cluster: str, name: str, around: Surroundings) -> None:
        self._cluster, self._name, self._around = cluster, name, around
        self._target = f"{cluster}/{name}"
        self._reading = Service("ECS", self._connect, READING, _reading_verdict, around.installation)
        self._changing = Service("ECS", self._connect, CHANGING, _verdict, around.installation)
        # A note that cannot be made is no verdict on a rollout: it waits until a person has mended that.
        self._noting = Service("ECS", self._connect, CHANGING, _reading_verdict, around.installation)
        self._roles: dict[str, str] = {}

    def described(self) -> ServiceTypeDef:
        """The service with its tags. Raises Gone when there is none that is active."""
        answer = self._reading.ask(
            lambda ecs: ecs.describe_services(cluster=self._cluster, services=[self._name], include=["TAGS"]),
            f"describe the service {self._target}",
        )
        for service in answer["services"]:
            if service["status"] == "ACTIVE":
                return service
        raise Gone(f"there is no active service {self._target} in {self._around.region}")

    def tasks(self) -> list[TaskTypeDef]:
        """Every task of the service: those that should run, and those that were told to stop."""
        arns = [arn for wanted in ("RUNNING", "STOPPED") for arn in self._listed(wanted)]
        tasks: list[TaskTypeDef] = []
        for first in range(0, len(arns), _TASKS_AT_ONCE):
            tasks += self._described(arns[first : first + _TASKS_AT_ONCE])
        return tasks

    def role(self, task: TaskTypeDef) -> str:
        """The name of the role that reads what the task reads; a task definition never changes.

        That is the execution role where the task definition has `secrets`, else the task role.
        """
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

    def restart(self) -> DeploymentTypeDef:
        """A new deployment of the task definition that the service has."""
        answer = self._changing.ask(
            lambda ecs: ecs.update_service(
                cluster=self._cluster, service=self._name, forceNewDeployment=True
            ),
            f"restart the service {self._target}",
        )
        return primary(answer["service"])

    def tag(self, service: ServiceTypeDef, tags: dict[str, str]) -> None:
        """A note to ourselves; nothing that runs changes."""
        self._noting.ask(
            lambda ecs: ecs.tag_resource(
                resourceArn=service["serviceArn"],
                tags=[{"key": key, "value": value} for key, value in tags.items()],
            ),
            f"tag the service {self._target}",
        )

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

    def _connect(self, session: Session, config: Config) -> ECSClient:
        client = session.client(
            "ecs", region_name=self._around.region, endpoint_url=self._around.endpoint("ecs"), config=config
        )
        return guarded(client, ["UpdateService"])


def primary(service: ServiceTypeDef) -> DeploymentTypeDef:
    """The deployment that ECS works towards. Raises Transient while it shows none."""
    for deployment in service["deployments"]:
        if deployment["status"] == "PRIMARY":
            return deployment
    raise Transient(
        f"ECS shows no primary deployment of {service['serviceName']}; the next attempt looks again"
    )


def tags_of(service: ServiceTypeDef) -> dict[str, str]:
    """Its tags by key."""
    return {tag["key"]: tag["value"] for tag in service.get("tags", []) if "key" in tag and "value" in tag}


def _reading_verdict(failure: Failure) -> RotatorError | None:
    if failure.code in _GONE:
        return Gone(f"ECS could not {failure.doing}: there is no such active service; nothing was changed")
    return None


def _verdict(failure: Failure) -> RotatorError | None:
    if failure.code in _INVALID:
        return Refused(f"ECS will not {failure.doing} ({failure.code}); nothing was changed")
    return _reading_verdict(failure)
