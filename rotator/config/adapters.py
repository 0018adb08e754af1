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
FUTURE_PROVIDERS = frozenset(
    {
        "assisted",
        "aws-access-key",
        "mysql",
        "oauth-client",
        "rds-master",
        "ses-smtp",
        "stripe-webhook",
        "twilio-api-key",
        "twilio-auth-token",
        "vault-database",
    }
)
FUTURE_REDEPLOYERS = frozenset({"command", "ecs", "github-workflow", "http", "kubernetes", "lambda"})
FUTURE_MIRRORS = frozenset({"github-actions", "kubernetes-secret", "secrets-manager", "ssm", "vault-kv2"})
FUTURE_CHANNELS = frozenset({"pagerduty"})


@dataclass(frozen=True)
class Adapters:
    """The installed adapters by the name that a policy uses. Providers are loaded on first use."""

    providers: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    redeployers: frozenset[str] = frozenset()
    mirrors: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset({"slack", "email"})
    _loaded: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def provider(self, name: str) -> Any:
        """The provider's class, or None when there is none that can be loaded."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def provider_names(self) -> frozenset[str]:
        """Every name that a type may use."""
        return FUTURE_PROVIDERS | self.providers.keys()

    def redeployer_names(self) -> frozenset[str]:
        """Every name that a deployment may use."""
        return FUTURE_REDEPLOYERS | self.redeployers

    def mirror_names(self) -> frozenset[str]:
        """Every kind that a mirror may have."""
        return FUTURE_MIRRORS | self.mirrors

    def channel_names(self) -> frozenset[str]:
        """Every way that an owner may be reached."""
        return FUTURE_CHANNELS | self.channels

    def _load(self, name: str) -> Any:
        load = self.providers.get(name)
        try:
            return load() if load else None
        except Exception:  # noqa: BLE001 - somebody else's module, which may raise anything when it is imported
            return None


@cache
def installed() -> Adapters:
    """What the entry points of this environment offer."""
    return Adapters(
        providers={point.name: point.load for point in entry_points(group="rotator.providers")},
        redeployers=_names("redeployers"),
        mirrors=_names("mirrors"),
        channels=(_names("channels") - {"smtp"}) | {"email"},
    )


def _names(kind: str) -> frozenset[str]:
    return frozenset(point.name for point in entry_points(group=f"rotator.{kind}"))
