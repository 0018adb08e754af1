"""Kubernetes, as a policy names it. The client of the cluster is imported when there is something to restart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

from rotator.contracts.adapter import Surroundings
from rotator.contracts.redeployer import Rollout, Start
from rotator.model.policy import Deployment


class Kubernetes:
    """One workload: `kubernetes: deployment/api`, `statefulset/…` or `daemonset/…` in the environment's namespace."""

    needs: ClassVar[str] = "get and patch of the named workloads, list of pods"
    tried_on: ClassVar[str] = "Kubernetes' own API server, and a played one"

    def __init__(self, deployment: Deployment, around: Surroundings) -> None:
        """Raises Refused when the deployment does not say which workload in which namespace."""
        from rotator.redeployers.kubernetes_rollouts import Rollouts  # noqa: PLC0415 - a policy check loads no client

        self._rollouts = Rollouts(deployment, around)

    def redeploy(self, label: str) -> None:
        """Restarts it; twice with one label is once."""
        self._rollouts.start(label)

    def progress(self, label: str) -> Rollout:
        """How the rollout stands. DONE is said when nothing lives that is older than our write."""
        return self._rollouts.progress(label)

    def starts(self, since: datetime) -> Iterator[Start]:
        """Starts of containers since then, with the role that their service account has."""
        return self._rollouts.starts(since)
