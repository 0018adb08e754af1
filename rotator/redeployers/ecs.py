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
from typing import TYPE_CHECKING, ClassVar

from rotator.contracts.adapter import Surroundings
from rotator.contracts.redeployer import Rollout, RolloutProgress, Start
from rotator.model.errors import NotYet, Refused
from rotator.model.numbers import counted
from rotator.model.policy import Deployment
from rotator.redeployers.aws_tags import Mark, also_finished, finished
from rotator.redeployers.ecs_service import EcsService, Gone, primary, tags_of

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef, TaskTypeDef

_NAME = r"[A-Za-z0-9_-]{1,255}"
#: Words in the tag: we were about to start one after that deployment; that one is ours.
_AFTER, _IS = "after", "is"
#: For so long a deployment of ours may not be shown yet: ECS's answers are eventually consistent.
_SETTLED = timedelta(seconds=15)


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
        self._service = EcsService(written[1], written[2], around)

    def redeploy(self, label: str) -> None:
        """Starts a deployment of what runs already, unless one of this label was started or seen done.

        Raises Refused when there is no such service, or ECS itself does not deploy it (CodeDeploy, task sets), and
        NotYet while an earlier call of ours may have restarted it without ECS showing that.
        """
        service = self._service.described()
        tags, newest = tags_of(service), primary(service)
        if label in finished(tags):
            return
        if (controller := service.get("deploymentController", {}).get("type", "ECS")) != "ECS":
            raise Refused(
                f"{self._target} is deployed by {controller}, not by ECS: rotator cannot restart it"
            )
        mark = Mark.read(tags)
        if mark is None or mark.label != label:
            mark = Mark(label, _AFTER, newest["id"], self._around.clock.now())
            self._service.tag(service, mark.tag())
        elif mark.state == _AFTER and mark.name == newest["id"] and self._is_fresh(mark):
            raise NotYet(
                f"{self._target} may have been restarted already: ECS shows it soon", mark.at + _SETTLED
            )
        if mark.state == _AFTER:
            if mark.name == newest["id"]:
                newest = self._service.restart()
            self._service.tag(service, Mark(label, _IS, newest["id"], newest["createdAt"]).tag())

    def progress(self, label: str) -> Rollout:
        """How the deployment of this label stands; what is seen done is written into a tag before it is said."""
        try:
            service = self._service.described()
        except Gone as gone:
            return Rollout.failed(str(gone))
        tags = tags_of(service)
        mark = Mark.read(tags)
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
        self._service.tag(service, also_finished(tags, label))
        return Rollout(RolloutProgress.DONE, "every task is new")

    def starts(self, since: datetime) -> Iterator[Start]:
        """Starts of tasks since then, as far as ECS still shows them: stopped ones for about an hour."""
        try:
            tasks = self._service.tasks()
        except Gone:
            return iter(())
        begun = [(task, task["startedAt"]) for task in tasks if task.get("startedAt")]
        return iter([Start(self._id, self._service.role(task), at) for task, at in begun if at >= since])

    def _waits_for(self, service: ServiceTypeDef, ours: DeploymentTypeDef) -> str:
        """What is missing until it is done; "" when nothing is.

        Behind a Classic Load Balancer there is no rolloutState: then the counts alone say it.
        """
        wanted, running = ours["desiredCount"], ours["runningCount"]
        if ours.get("rolloutState", "COMPLETED") != "COMPLETED" or running < wanted:
            failed = f", {counted(ours['failedTasks'], 'task')} failed so far" if ours["failedTasks"] else ""
            return f"{running} of {counted(wanted, 'new task')} run{failed}"
        others = [one for one in service["deployments"] if one["id"] != ours["id"] and one["runningCount"]]
        older = [
            task for task in self._service.tasks() if _lives(task) and task.get("startedBy") != ours["id"]
        ]
        if others or older:
            left = max(len(older), sum(one["runningCount"] for one in others))
            return f"waits for {counted(left, 'task')} from before to stop"
        return ""

    def _is_fresh(self, mark: Mark) -> bool:
        return self._around.clock.now() - mark.at < _SETTLED

    def _unseen(self) -> Rollout:
        return Rollout(RolloutProgress.PENDING, f"{self._target}: ECS does not show the new deployment yet")

    def _replaced(self, service: ServiceTypeDef) -> Rollout:
        if _rolls_back(primary(service)):
            return Rollout.failed(
                f"{self._target}: ECS rolled the new deployment back; its service events tell why"
            )
        return Rollout.failed(
            f"{self._target} does not run this rollout: another deployment took its place before it was seen to "
            "end, or it was never started"
        )


def _ours(service: ServiceTypeDef, mark: Mark) -> DeploymentTypeDef | None:
    """The deployment that the mark speaks of, if ECS shows it."""
    if mark.state == _AFTER:
        newest = primary(service)
        return None if newest["id"] == mark.name else newest
    return next((one for one in service["deployments"] if one["id"] == mark.name), None)


def _rolls_back(deployment: DeploymentTypeDef) -> bool:
    """Whether the circuit breaker or an alarm made it: ECS says so in the reason alone."""
    return "rolling back" in deployment.get("rolloutStateReason", "")


def _lags(service: ServiceTypeDef, mark: Mark) -> bool:
    """Whether the answer is from before ours was made, by ECS's own times."""
    newest = primary(service)
    return newest["createdAt"] < mark.at and not _rolls_back(newest)


def _lives(task: TaskTypeDef) -> bool:
    return task.get("lastStatus") != "STOPPED"
