"""Which adapters are installed.

Adapter classes are loaded one by one and only when a policy names them, so that checking a policy imports no SDK that
it does not need. Where a class cannot be loaded, its secrets are watched only, and a note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from rotator.model.references import IN_SSM

#: How an owner may be reached. Mail goes by SMTP or by SES, which settings say.
CHANNELS = frozenset({"slack", "email", "webhook", "pagerduty"})


@dataclass(frozen=True)
class Adapters:
    """The installed adapters by the name that a policy uses. They are loaded on first use."""

    providers: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    redeployers: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    mirrors: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    stores: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
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

    def store(self, name: str) -> Any:
        """The store's class, or None when there is none that can be loaded."""
        return self._class_of("store", name, self.stores)

    def provider_names(self) -> frozenset[str]:
        """Every name that a type may use."""
        return frozenset(self.providers)

    def redeployer_names(self) -> frozenset[str]:
        """Every name that a deployment may use."""
        return frozenset(self.redeployers)

    def mirror_names(self) -> frozenset[str]:
        """Every kind that a mirror may have."""
        return frozenset(self.mirrors)

    def store_names(self) -> frozenset[str]:
        """Every kind of store that an environment may have."""
        return frozenset({IN_SSM, *self.stores})

    def channel_names(self) -> frozenset[str]:
        """Every way that an owner may be reached."""
        return CHANNELS

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
        stores=_installed("stores"),
    )


def _installed(kind: str) -> dict[str, Callable[[], Any]]:
    return {point.name: point.load for point in entry_points(group=f"rotator.{kind}")}
