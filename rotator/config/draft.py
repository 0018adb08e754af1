"""A file that fits the schema, with everything that is needed to judge and to resolve it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rotator.config.adapters import Adapters
from rotator.config.complaints import Complaints
from rotator.config.precedence import Effective, Levels
from rotator.config.schema import PolicyFile
from rotator.model.references import own_prefixes


@dataclass(frozen=True, slots=True)
class Limits:
    """What the deployment's settings allow policies to name."""

    reference_prefixes: tuple[str, ...] = ()  # besides ssm:<path>/rotator/ of the same environment
    allowed_hosts: tuple[str, ...] = ()  # globs; empty: any host that is sent no value
    own_recipes: bool = False  # whether policies may write requests of their own


@dataclass(frozen=True, slots=True)
class Draft:
    """What the checks and the resolution look at."""

    file: PolicyFile
    names: Mapping[str, frozenset[str]]  # section -> what it defines, malformed definitions included
    levels: Levels
    adapters: Adapters
    complaints: Complaints
    limits: Limits
    scale: float
    redeployer: str | None  # does the work of every other
    prefixes: Mapping[str, str] = field(
        init=False
    )  # environment -> prefix of its parameters, no slash at the end

    def __post_init__(self) -> None:
        places = self.file.environments.items()
        object.__setattr__(
            self, "prefixes", {name: str(expand(one.path, name)).rstrip("/") for name, one in places}
        )

    def fields_of(self, effective: Effective) -> dict[str, str]:
        """Credential field -> full name of its parameter."""
        prefix = self.prefixes[effective.environment]
        fields = effective.rules.fields or {"value": effective.name}
        return {field: f"{prefix}/{expand(name, effective.environment)}" for field, name in fields.items()}

    def accepted_as_of(self, effective: Effective) -> str | None:
        """Full name of the parameter that holds the accepted set."""
        name = effective.rules.accepted_as
        return name and f"{self.prefixes[effective.environment]}/{expand(name, effective.environment)}"

    def references_of(self, environment: str) -> tuple[str, ...]:
        """What references of an environment may begin with."""
        return own_prefixes(self.file.environments[environment].store.kind, self.prefixes[environment])

    def platform_of(self, deployment: str) -> tuple[str, str] | None:
        """(redeployer, target) as the file says it, or None when it does not."""
        named = (self.file.deployments[deployment].model_extra or {}).items()
        return next(iter(named)) if len(named) == 1 else None

    def provider_of(self, effective: Effective) -> Any:
        """The class of the secret's adapter, or None."""
        return self.adapters.provider(effective.provider)


def expand(value: Any, environment: str) -> Any:
    """`{env}` is the only template; in maps and lists everything below is expanded."""
    if isinstance(value, str):
        return value.replace("{env}", environment)
    if isinstance(value, dict):
        return {key: expand(below, environment) for key, below in value.items()}
    if isinstance(value, list):
        return [expand(below, environment) for below in value]
    return value
