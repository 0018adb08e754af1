"""Which adapters are installed, and which names are promised but not written yet.

Adapter classes are loaded one by one and only when a policy names them, so that checking a policy imports no SDK that
it does not need. A class that cannot be loaded counts as not written: its secrets are watched, and a note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Any

#: Names that a policy may use before their adapter exists: what they concern is watched only, or left out with a note.
FUTURE_MIRRORS = frozenset({"ssm"})
FUTURE_CHANNELS = frozenset({"pagerduty"})


@dataclass(frozen=True)
class Adapters:
    """The installed adapters by the name that a policy uses. They are loaded on first use."""

    providers: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    redeployers: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    mirrors: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    channels: frozenset[str] = frozenset({"slack", "email"})
    _loaded: dict[tuple[str, str], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def provider(self, name: str) -> Any:
        """The provider's class, or None when there is none that can be loaded."""
        return self._class_of("provider", name, self.providers)

    def redeployer(self, name: str) -> Any:
        """The redeployer's class, or None when there is none that can be loaded."""
        return self._class_of("redeployer", name, self.redeployers)

    def mirror(self, name: str) -> Any:
        """The mirror's class, or None when there is none that can be loaded."""
        return self._class_of("mirror", name, self.mirrors)

    def provider_names(self) -> frozenset[str]:
        """Every name that a type may use."""
        return frozenset(self.providers)

    def redeployer_names(self) -> frozenset[str]:
        """Every name that a deployment may use."""
        return frozenset(self.redeployers)

    def mirror_names(self) -> frozenset[str]:
        """Every kind that a mirror may have."""
        return FUTURE_MIRRORS | self.mirrors.keys()

    def channel_names(self) -> frozenset[str]:
        """Every way that an owner may be reached."""
        return FUTURE_CHANNELS | self.channels

    def _class_of(self, kind: str, name: str, there: Mapping[str, Callable[[], Any]]) -> Any:
        if (kind, name) not in self._loaded:
            self._loaded[kind, name] = _load(there.get(name))
        return self._loaded[kind, name]


def _load(load: Callable[[], Any] | None) -> Any:
    try:
        return load() if load else None
    except Exception:  # noqa: BLE001 - somebody else's module, which may raise anything when it is imported
        return None


@cache
def installed() -> Adapters:
    """What the entry points of this environment offer."""
    return Adapters(
        providers=_installed("providers"),
        redeployers=_installed("redeployers"),
        mirrors=_installed("mirrors"),
        channels=frozenset((_installed("channels").keys() - {"smtp"}) | {"email"}),
    )


def _installed(kind: str) -> dict[str, Callable[[], Any]]:
    return {point.name: point.load for point in entry_points(group=f"rotator.{kind}")}
