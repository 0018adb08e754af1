"""Which of several levels wins: defaults < the environment's defaults < the type < the secret < its environment.

Lists replace, maps merge. Every level keeps its path, so that a complaint can point at the line that a value came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rotator.config.complaints import Complaints, Path
from rotator.config.schema import Part, PolicyFile, Schedule, SecretRules, Type

_UNSAID: Mapping[str, Any] = dict.fromkeys(SecretRules.model_fields)


@dataclass(frozen=True, slots=True)
class Effective:
    """What is in force for one secret in one environment, and the levels it comes from, lowest first."""

    name: str
    environment: str
    type: str
    provider: str
    rules: SecretRules
    levels: tuple[Path, ...]

    @property
    def path(self) -> Path:
        """Where the file speaks of the secret."""
        return ("secrets", self.name)

    @property
    def id(self) -> str:
        """environment/NAME."""
        return f"{self.environment}/{self.name}"

    def origin(self, complaints: Complaints, *keys: str | int) -> Path:
        """The path that a value came from: the highest level that has it, or its nearest part; else the secret."""
        for length in range(len(keys), 0, -1):
            for level in reversed(self.levels):
                if (path := (*level, *keys[:length])) in complaints.marks:
                    return path
        return self.path

    def doubtful(self, complaints: Complaints, *keys: str) -> bool:
        """Whether one of its levels was complained about there, so that what is in force may not be what was meant."""
        return not complaints.trusted and any(
            complaints.doubts((*level, key)) for level in self.levels for key in keys
        )


class Levels:
    """All levels of a file; what defaults and types come to is worked out once per environment."""

    def __init__(self, file: PolicyFile) -> None:
        self._file = file
        self._below: dict[tuple[str, str | None], dict[str, Any]] = {}

    def each(self) -> Iterator[tuple[Path, Schedule]]:
        """Every level with its path."""
        yield ("defaults",), self._file.defaults
        for name, environment in self._file.environments.items():
            yield ("environments", name, "defaults"), environment.defaults
        for name, kind in self._file.types.items():
            yield ("types", name), kind
        for name, secret in self._file.secrets.items():
            yield ("secrets", name), secret
            for environment_name, rules in secret.environments.items():
                yield ("secrets", name, "environments", environment_name), rules

    def effective(self, name: str, environment: str) -> Effective | None:
        """A secret in an environment; None where its type is not known or it does not exist there."""
        secret = self._file.secrets[name]
        kind = self._file.types.get(secret.type) if secret.type else None
        if (kind is None and (secret.type or not secret.exempt)) or environment not in (
            secret.only_in or self._file.environments
        ):
            return None
        override = secret.environments.get(environment)
        values = _over(self._inherited(environment, secret.type, kind), secret)
        levels: tuple[Path, ...] = (
            ("defaults",),
            ("environments", environment, "defaults"),
            *((("types", secret.type),) if secret.type else ()),
            ("secrets", name),
            ("secrets", name, "environments", environment),
        )
        return Effective(
            name=name,
            environment=environment,
            type=secret.type or "",
            provider=kind.provider if kind else "assisted",
            rules=SecretRules.model_construct(**(_over(values, override) if override else values)),
            levels=levels,
        )

    def _inherited(self, environment: str, type_name: str | None, kind: Type | None) -> dict[str, Any]:
        known = self._below.get((environment, type_name))
        if known is None:
            known = _over(_UNSAID, self._file.defaults)
            known = _over(known, self._file.environments[environment].defaults)
            known = _over(known, kind) if kind else known
            self._below[environment, type_name] = known
        return known


def _over(below: Mapping[str, Any], above: Part) -> dict[str, Any]:
    """The values below with those of `above` that are rules laid over them."""
    said = {name: getattr(above, name) for name in above.model_fields_set if name in _UNSAID}
    return {**below, **{name: _merge(below.get(name), value) for name, value in said.items()}}


def _merge(below: Any, above: Any) -> Any:
    """Maps merge, everything else replaces."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: _merge(below.get(key), value) for key, value in above.items()}}
    if isinstance(below, Part) and isinstance(above, Part) and type(below) is type(above):
        set_above = {name: getattr(above, name) for name in above.model_fields_set}
        return below.model_copy(update=set_above)
    return above
