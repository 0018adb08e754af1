"""Platforms that the sandbox plays: ECS, Lambda, a workflow of GitHub's, a deploy service and a deploy program."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rotator.clock import SystemClock
from rotator.sandbox.platforms import deploy_program
from rotator.sandbox.platforms.deploy_service import DeployService
from rotator.sandbox.platforms.ecs import Ecs
from rotator.sandbox.platforms.front import Far
from rotator.sandbox.platforms.github import Github, Scope
from rotator.sandbox.platforms.github_runs import Runs
from rotator.sandbox.platforms.lambda_function import Function
from tests.crash.platforms.platform import Machines, Played, World
from tests.crash.sources.source import PATH

_REPOSITORY, _WORKFLOW = "taly/crm", "deploy.yml"


class EcsService(Played):
    """A service of two tasks."""

    def far(self, machines: Machines) -> Far:
        return Ecs(SystemClock(), "staging", "api", machines)

    def deployment(self) -> Mapping[str, Any]:
        return {"ecs": "staging/api"}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_ENDPOINT_ECS": self.front.address}


class LambdaFunction(Played):
    """A function behind an alias. Nothing makes one fail that was published."""

    fails = False

    def far(self, machines: Machines) -> Far:
        return Function(SystemClock(), "webhooks", "live", machines)

    def deployment(self) -> Mapping[str, Any]:
        return {"lambda": "webhooks:live"}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_ENDPOINT_LAMBDA": self.front.address}


class Workflow(Played):
    """A workflow that deploys the workload."""

    def far(self, machines: Machines) -> Far:
        runs = Runs(SystemClock(), _REPOSITORY, _WORKFLOW, machines)
        self._github = Github(SystemClock(), runs.answer)
        self._github.scopes[f"repos/{_REPOSITORY}"] = Scope()
        return self._github

    def deployment(self) -> Mapping[str, Any]:
        settings = {"auth": f"ssm:{PATH}/rotator/GITHUB_TOKEN", "role": "taly-staging-deploy"}
        return {"github-workflow": f"{_REPOSITORY}/{_WORKFLOW}", "settings": settings}

    def own(self) -> Mapping[str, str]:
        return {"GITHUB_TOKEN": self._github.token}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_ENDPOINT_GITHUB": self.front.address}


class Service(Played):
    """A deploy service that wants requests to be signed."""

    def far(self, machines: Machines) -> Far:
        self._key = secrets.token_hex(32)
        return DeployService(SystemClock(), self._key.encode(), "/deploy/api", machines)

    def deployment(self) -> Mapping[str, Any]:
        settings = {"key": f"ssm:{PATH}/rotator/DEPLOY_KEY"}
        return {"http": f"{self.front.address}/deploy/api", "settings": settings}

    def own(self) -> Mapping[str, str]:
        return {"DEPLOY_KEY": self._key}


class Program(Played):
    """A deploy program that talks to a deploy service."""

    def far(self, machines: Machines) -> Far:
        return DeployService(SystemClock(), None, "/api", machines)

    def start(self, folder: Path, around: ExitStack, world: World) -> None:
        super().start(folder, around, world)
        self._program = folder / "deploy"
        self._program.write_text(f"#!{sys.executable} -IS\n{Path(deploy_program.__file__).read_text()}")
        self._program.chmod(0o755)

    def deployment(self) -> Mapping[str, Any]:
        arguments = [self.front.address.rpartition(":")[2], "/api"]
        return {"command": str(self._program), "settings": {"arguments": arguments}}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_COMMANDS": str(self._program)}
