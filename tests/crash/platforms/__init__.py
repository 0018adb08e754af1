"""The platforms of the matrix, by the names of their redeployers: a new one is a class (platform.py) and a line."""

from __future__ import annotations

from collections.abc import Mapping

from tests.crash.platforms.cluster import Deployment
from tests.crash.platforms.platform import Platform, Sandbox
from tests.crash.platforms.played import EcsService, LambdaFunction, Program, Service, Workflow

PLATFORMS: Mapping[str, type[Platform]] = {
    "sandbox": Sandbox,
    "kubernetes": Deployment,
    "ecs": EcsService,
    "lambda": LambdaFunction,
    "github-workflow": Workflow,
    "http": Service,
    "command": Program,
}
