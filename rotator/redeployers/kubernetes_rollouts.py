"""Rollouts on Kubernetes: restarts a workload as `kubectl rollout restart` does, and watches what becomes of it.

Everything that has to outlive a process is at the platform. The pod template bears the label of our last rollout, so
every pod tells from which rollout it is. The workload bears the labels of those that were seen done, because a later
rollout takes the label out of the template (`kubectl rollout undo`) or puts another one in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from lightkube.resources.apps_v1 import Deployment as KubernetesDeployment
from lightkube.resources.apps_v1 import ReplicaSet
from lightkube.resources.core_v1 import Pod, ServiceAccount

from rotator.cluster.client import Cluster
from rotator.cluster.words import NAME, Changed, Forbidden
from rotator.contracts.adapter import Surroundings
from rotator.contracts.guard import guard
from rotator.contracts.redeployer import Rollout, RolloutProgress, Start
from rotator.model.errors import Refused, Transient
from rotator.model.policy import Deployment, Reads
from rotator.redeployers import kubernetes_pods as pods_of
from rotator.redeployers.kubernetes_sync import Syncs
from rotator.redeployers.kubernetes_workloads import (
    FINISHED,
    KINDS,
    ROLLOUT,
    Workload,
    borne_by,
    failure,
    finished,
    marks,
    obstacle,
    selector,
    waiting,
)

#: Looks and changes, when somebody else changes the workload in between. While another rollout is under way its
#: controller does so a dozen times, to say how far that is.
_ATTEMPTS = 20
#: A container that cannot run is given so long, or this part of the deployment's timeout if that is shorter.
_PATIENCE, _PART = timedelta(minutes=1), 5
#: So many of our rollouts are remembered to be done.
_REMEMBERED = 10
_ROLE = "eks.amazonaws.com/role-arn"


class Rollouts:
    """Those of one workload."""

    def __init__(self, deployment: Deployment, around: Surroundings) -> None:
        """Raises Refused when the deployment does not say which workload in which namespace."""
        written = re.fullmatch(rf"({'|'.join(KINDS)})/({NAME})", deployment.target)
        if written is None:
            raise Refused(
                f"{deployment.id} is no workload of Kubernetes: write deployment/NAME, statefulset/NAME or "
                "daemonset/NAME"
            )
        namespace = deployment.settings.get("namespace")
        if not namespace:
            raise Refused(
                f"{deployment.id} is in no namespace: write kubernetes: {{namespace: …}} in its environment"
            )
        for name in (namespace, *deployment.external_secrets):
            if not re.fullmatch(NAME, name):
                raise Refused(f"{name} of {deployment.id} is no name that Kubernetes gives to anything")
        self._id, self._target, self._clock = deployment.id, deployment.target, around.clock
        self._kind, self._name = KINDS[written[1]], written[2]
        self._patience = min(_PATIENCE, deployment.timeout / _PART)
        self._cluster = Cluster(namespace, around.kubeconfig)
        names = deployment.external_secrets if deployment.reads is Reads.EXTERNAL_SECRETS else ()
        self._syncs = Syncs(self._cluster, self._clock, deployment.target, names, deployment.timeout)

    def start(self, label: str) -> None:
        """Puts `label` and kubectl's restartedAt into the pod template, unless it bears the label or was seen done.

        What reads the copies of the External Secrets Operator is restarted once they are newer than the first call.
        """
        try:
            for _ in range(_ATTEMPTS):
                if self._started(label):
                    return
        except Forbidden as forbidden:
            denied = Refused(str(forbidden))
        else:
            raise Transient(f"{self._target} is being changed by others all the time; nothing was restarted")
        raise denied

    def progress(self, label: str) -> Rollout:
        """How the rollout stands: kubectl's rules, and for DONE that only pods of this rollout live.

        A pod that cannot run is a failure after a minute; one for which there is no node may still find one. What is
        seen done is written down at the workload before it is said; that note changes nothing that runs.
        """
        workload = self._workload()
        if workload is None:
            return Rollout.failed(self._missing())
        if label in finished(workload.metadata):
            return Rollout(RolloutProgress.DONE, "every pod is new")
        if borne_by(workload) != label:
            return self._replaced(workload, label)
        pods = self._pods(workload)
        ours = [pod for pod in pods if pods_of.of_rollout(pod, label)]
        failed = failure(workload) or pods_of.stuck(ours, self._clock.now(), self._patience)
        if failed:
            return Rollout.failed(f"{self._target}: {failed}")
        older = [pod for pod in pods if pod not in ours]
        waits = waiting(workload) or (pods_of.older(older, self._clock.now()) if older else "")
        if waits:
            told = filter(None, (waits, obstacle(workload), pods_of.unschedulable(ours)))
            return Rollout(RolloutProgress.PENDING, f"{self._target}: {'; '.join(told)}")
        self._remember(workload, label)
        return Rollout(RolloutProgress.DONE, "every pod is new")

    def starts(self, since: datetime) -> Iterator[Start]:
        """Starts of containers since then, as far as their pods are still there.

        The role is the name in the service account's annotation eks.amazonaws.com/role-arn, "" where there is none
        or it may not be read.
        """
        workload = self._workload()
        if workload is None:
            return iter(())
        found = [
            (pod, moment)
            for pod in self._pods(workload)
            for moment in pods_of.started(pod)
            if moment >= since
        ]
        accounts = {_account(pod) for pod, _ in found}
        roles = {account: self._role(account) for account in accounts}
        return iter([Start(self._id, roles[_account(pod)], moment) for pod, moment in found])

    def _started(self, label: str) -> bool:
        """Whether the rollout runs now. False: somebody changed the workload meanwhile, so look again."""
        workload = self._workload()
        if workload is None:
            raise Refused(self._missing())
        if borne_by(workload) == label or label in finished(workload.metadata):
            return True
        if why := obstacle(workload):
            raise Refused(f"{self._target} cannot be restarted: {why}")
        self._syncs.newer_than(label)
        template = {
            "kubectl.kubernetes.io/restartedAt": self._clock.now().isoformat(timespec="seconds"),
            ROLLOUT: label,
        }
        change = {
            "metadata": {"resourceVersion": workload.metadata and workload.metadata.resourceVersion},
            "spec": {"template": {"metadata": {"annotations": template}}},
        }
        guard()
        try:
            self._cluster.patch(self._kind, self._name, change)
        except Changed:
            return False
        return True

    def _workload(self) -> Workload | None:
        return self._cluster.get(self._kind, self._name)

    def _missing(self) -> str:
        return f"there is no {self._target} in namespace {self._cluster.namespace}"

    def _pods(self, workload: Workload) -> list[Pod]:
        """Everything of the workload that lives."""
        pods = self._cluster.list(Pod, selector(workload))
        return [pod for pod in pods if pods_of.owned_by(pod, workload) and pods_of.living(pod)]

    def _replaced(self, workload: Workload, label: str) -> Rollout:
        """The template does not bear the label.

        `kubectl rollout undo` takes a Deployment's own annotations back, too; its ReplicaSets keep a copy of them.
        """
        if isinstance(workload, KubernetesDeployment):
            sets = self._cluster.list(ReplicaSet, selector(workload))
            if any(label in finished(one.metadata) for one in sets):
                return Rollout(RolloutProgress.DONE, "every pod was new before another rollout followed")
        kind = self._target.split("/")[0]
        return Rollout.failed(
            f"{self._target} does not bear this rollout: another one took its place before it was seen to end "
            f"(kubectl rollout history {kind} {self._name}), or it was never started",
        )

    def _remember(self, workload: Workload, label: str) -> None:
        labels = [*finished(workload.metadata), label][-_REMEMBERED:]
        self._cluster.patch(
            self._kind, self._name, {"metadata": {"annotations": {FINISHED: " ".join(labels)}}}
        )

    def _role(self, account: str) -> str:
        try:
            found = self._cluster.get(ServiceAccount, account)
        except Forbidden:
            return ""
        return marks(found.metadata if found else None).get(_ROLE, "").rpartition("/")[2]


def _account(pod: Pod) -> str:
    return (pod.spec and pod.spec.serviceAccountName) or "default"
