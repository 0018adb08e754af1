"""The redeployer of the sandbox's platform."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import ClassVar

import httpx

from rotator.contracts.adapter import Surroundings
from rotator.contracts.guard import CALL_SECONDS, guard
from rotator.contracts.redeployer import Rollout, RolloutProgress, Start
from rotator.model.errors import Refused, Transient
from rotator.model.policy import Deployment


class SandboxRedeployer:
    """One workload of the platform whose address settings give as the endpoint `platform`."""

    needs: ClassVar[str] = "the sandbox's platform, at ROTATOR_ENDPOINT_PLATFORM"
    tried_on: ClassVar[str] = "that platform"

    def __init__(self, deployment: Deployment, around: Surroundings) -> None:
        address = around.endpoint("platform")
        if address is None:
            raise Refused("the sandbox's platform has no address: set ROTATOR_ENDPOINT_PLATFORM")
        self._workload = deployment.id
        self._platform = httpx.Client(base_url=address, timeout=CALL_SECONDS / 2, trust_env=False)

    def redeploy(self, label: str) -> None:
        """Starts a rollout that bears `label`; the platform knows the label and starts none twice."""
        guard()
        self._known(self._ask("POST", "/rollouts", {"workload": self._workload, "label": label}))

    def progress(self, label: str) -> Rollout:
        """How the rollout with `label` stands: the platform's word, and for DONE that nothing from before is left."""
        answer = self._ask("GET", f"/rollouts/{label}")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return Rollout(RolloutProgress.FAILED, "the platform has no such rollout any more")
        said = answer.json()
        progress, sentence, left = RolloutProgress(said["progress"]), said["sentence"], said.get("left", 0)
        if progress is RolloutProgress.DONE and left:
            progress, sentence = (
                RolloutProgress.PENDING,
                f"instances from before the rollout still live: {left}",
            )
        return Rollout(progress, sentence, said["seen"])

    def starts(self, since: datetime) -> Iterator[Start]:
        """Starts of instances since then."""
        starts = self._known(self._ask("GET", f"/starts/{self._workload}")).json()
        at = ((start["role"], datetime.fromisoformat(start["at"])) for start in starts)
        return (Start(self._workload, role, moment) for role, moment in at if moment >= since)

    def _known(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise Refused(f"the platform runs no workload {self._workload}")
        return answer

    def _ask(self, method: str, path: str, content: object = None) -> httpx.Response:
        try:
            answer = self._platform.request(method, path, json=content)
        except httpx.TransportError as trouble:
            raise Transient(f"the platform does not answer ({type(trouble).__name__})") from trouble
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            seconds = int(answer.headers["Retry-After"])
            raise Transient("the platform says that it is asked too often", timedelta(seconds=seconds))
        if answer.is_server_error:
            raise Transient(f"the platform is in trouble and answers {answer.status_code}")
        return answer
