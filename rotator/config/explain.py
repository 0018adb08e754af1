"""Why is this 60 d? Every value in force for one secret, with the level and the line that it came from.

The values are those of the resolved policy, not worked out a second time; only where they came from is looked up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rotator.config.complaints import Path, spell_path
from rotator.config.draft import Draft
from rotator.config.load import Loaded
from rotator.config.precedence import Effective
from rotator.config.schema import Part
from rotator.config.values import levelled, spell, spell_deployment, spell_freeze, spell_owner, spell_window
from rotator.config.watched import obstacle
from rotator.model.durations import spell_duration
from rotator.model.policy import Policies, SecretPolicy

BUILT_IN = "built in"
#: What is checked and nothing acts on yet: shown where the file says it.
_ONLY_SAID = ("verify",)


@dataclass(frozen=True, slots=True)
class Known:
    """One value: what is in force, the level that says so (or `built in`), its line, and what it is instead of."""

    key: str
    value: str
    level: str
    line: int | None = None
    why: str = ""


def explain(loaded: Loaded, secret: str) -> tuple[Known, ...]:
    """Everything in force for environment/NAME, which must be among the loaded policies."""
    assert loaded.draft is not None and loaded.policies is not None, "a file with errors explains nothing"
    policy = loaded.policies.secrets[secret]
    effective = loaded.draft.levels.effective(policy.name, policy.environment)
    assert effective is not None, "it was resolved from that"
    return tuple(_Explanation(loaded.draft, loaded.policies, policy, effective).everything())


@dataclass(frozen=True, slots=True)
class _Explanation:
    draft: Draft
    policies: Policies
    policy: SecretPolicy
    effective: Effective

    def everything(self) -> Iterator[Known]:
        yield from self._type_and_mode()
        for keys, value in self._of_the_levels():
            said = self._sayers(keys)
            if said or (value is not None and value != ()):
                yield self._known(keys, value, said)
        yield from self._of_the_environment()
        yield from self._of_what_it_names()

    def _type_and_mode(self) -> Iterator[Known]:
        name, environment, kind = self.effective.name, self.effective.environment, self.effective.type
        if kind:
            yield self._at("type", kind, ("secrets", name, "type"))
            yield self._at("provider", self.effective.provider, ("types", kind, "provider"))
        held, own = obstacle(self.draft, self.effective), self.effective.rules.mode
        ceiling = ("environments", environment, "mode")
        if held is not None:
            yield self._at("mode", self.policy.mode.value, held[0], f"{held[1]}: watched only")
        elif self.policy.mode != (own or "auto"):
            yield self._at("mode", self.policy.mode.value, ceiling, "the environment's mode is a ceiling")
        else:
            yield self._known(("mode",), self.policy.mode, self._sayers(("mode",)))

    def _of_the_levels(self) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Keys that a level may say, with the value that is in force."""
        rules = self.effective.rules
        yield from levelled(self.policy)
        yield _ONLY_SAID, _below(rules, _ONLY_SAID)

    def _of_the_environment(self) -> Iterator[Known]:
        """What binds every secret of the environment."""
        name = self.effective.environment
        at, written = ("environments", name), self.draft.file.environments[name]
        yield self._at("environment.path", self.draft.prefixes[name], (*at, "path"))
        yield self._at("environment.store", written.store.kind, (*at, "store", "kind"))
        if written.after is not None:
            soak = f", soaking {spell_duration(self.policies.environments[name].soak)}"
            yield self._at("environment.after", f"{written.after.environment}{soak}", (*at, "after"))
        if written.max_concurrent is not None:
            yield self._at("environment.max_concurrent", written.max_concurrent, (*at, "max_concurrent"))
        places = [
            place for place, one in enumerate(self.draft.file.freezes) if name in (one.environments or [name])
        ]
        for place, freeze in zip(places, self.policies.environments[name].freezes, strict=True):
            yield self._at(f"freezes.{freeze.name}", spell_freeze(freeze), ("freezes", place))

    def _of_what_it_names(self) -> Iterator[Known]:
        """Windows, deployments and the owner, as they are defined elsewhere in the file."""
        for window in self.policy.windows:
            yield self._at(f"windows.{window.name}", spell_window(window), ("windows", window.name))
        for deployment in self.policy.recipe.deployments:
            name = deployment.id.split("/", 1)[-1]
            yield self._at(f"deployments.{name}", spell_deployment(deployment), ("deployments", name))
        owner = self.policies.owners.get(self.policy.owner)
        if owner is not None:
            yield self._at(f"owners.{owner.name}", spell_owner(owner), ("owners", owner.name))

    def _known(self, keys: tuple[str, ...], value: Any, said: list[Path]) -> Known:
        """The value of a key that levels may say; `said`: those that do, lowest first."""
        key = ".".join(keys)
        if not said:
            return Known(key, spell(value), BUILT_IN)
        *lower, highest = said
        instead = [told for level in reversed(lower) if (told := self._instead(level, keys, value))]
        why = f"instead of {', '.join(instead)}" if instead else ""
        return Known(key, spell(value), spell_path(highest), self._line((*highest, *keys)), why)

    def _at(self, key: str, value: Any, path: Path, why: str = "") -> Known:
        """A value that one place of the file says, or, where it does not, that is built in."""
        said = path in self.draft.complaints.marks
        level = spell_path(path[:-1] if len(path) > 2 else path)
        return Known(key, spell(value), level if said else BUILT_IN, self._line(path) if said else None, why)

    def _sayers(self, keys: tuple[str, ...]) -> list[Path]:
        """The levels that say the key, lowest first."""
        marks = self.draft.complaints.marks
        return [level for level in self.effective.levels if (*level, *keys) in marks]

    def _instead(self, level: Path, keys: tuple[str, ...], value: Any) -> str:
        """What a lower level says; empty where it says the same."""
        lower = spell(_below(dict(self.draft.levels.each())[level], keys))
        return (
            ""
            if lower == spell(value)
            else f"{lower} ({spell_path(level)}, line {self._line((*level, *keys))})"
        )

    def _line(self, path: Path) -> int:
        return self.draft.complaints.mark(path).line


def _below(part: Any, keys: tuple[str, ...]) -> Any:
    """What a level says under these keys; None where it says nothing."""
    for key in keys:
        part = getattr(part, key) if isinstance(part, Part) else (part or {}).get(key)
    return part
