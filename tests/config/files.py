"""A small policy file to change one thing in, and adapters that need nothing installed."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from rotator.config.adapters import Adapters
from rotator.config.load import Loaded, load
from rotator.contracts.provider import Overlap, Sight, Traits
from rotator.model.policy import Recipe
from rotator.model.rotation import Death

FILE = """\
apiVersion: rotator/v1
kind: RotationPolicies
defaults:
  rotate_every: 90d
  warn_before: [14d, 3d]
  grace: 24h
  windows: [office-hours]
  owner: platform
windows:
  office-hours: {days: [mon, tue], from: "09:30", to: "16:00", timezone: Europe/Warsaw}
  any-time: {always: true}
freezes:
  - {name: year-end, from: 2026-12-18, to: 2027-01-04, environments: [production]}
environments:
  staging:
    path: /taly/staging
    aws: {region: eu-central-1, kms_key: alias/staging}
    kubernetes: {namespace: staging}
    defaults: {windows: [any-time]}
  production:
    path: /taly/production
    aws: {region: eu-central-1}
    kubernetes: {namespace: production}
    after: {environment: staging, soak: 24h}
types:
  key: {provider: key, grace: 7d, settings: {format: hex}}
  pair: {provider: pair, rotate_every: 180d}
secrets:
  JWT_SECRET:
    type: key
    accepted_as: JWT_SECRET_ACCEPTED
    probe: https://api.{env}.example/accepts
    deploy: [api]
  DATABASE_URL:
    type: pair
    settings:
      admin: ssm:/taly/{env}/rotator/ADMIN
    deploy: [api, worker]
    environments:
      production: {owner: dba}
  rotator/ADMIN: {type: pair, mode: observe, settings: {admin: "ssm:/taly/{env}/rotator/ADMIN"}}
deployments:
  api: {kubernetes: deployment/api, timeout: 5m}
  worker: {kubernetes: deployment/worker}
owners:
  platform: {slack: "#ops", email: ops@taly.example}
  dba: {slack: "#dba", escalate_to: platform}
"""


class Key:
    """Both ends are ours."""

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid")

        format: Literal["hex", "base64url"] = "hex"
        bits: int = 256
        between: tuple[int, int] = (16, 64)

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.MANY,
        mints=False,
        labels=False,
        reversible=False,
        sight=Sight.OURS,
        death=Death.PROBE,
        shared=True,
    )

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        if recipe.grace.days == 5:
            raise KeyError("a bug")
        return ["grace is shorter than a token lives"] if recipe.grace.days == 6 else []


class Pair:
    """Two logins that take turns."""

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid")

        admin: str

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.PAIR, mints=False, labels=True, reversible=True, sight=Sight.YES, death=Death.TRIED
    )

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        cls.Options.model_validate(recipe.settings)
        return []


class Single:
    """A source that accepts one credential, and does not tell who uses it."""

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.NONE, mints=True, labels=False, reversible=False, sight=Sight.NO, death=Death.TRIED
    )


def broken() -> Any:
    raise ModuleNotFoundError("an SDK that is not installed")


ADAPTERS = Adapters(
    providers={"key": lambda: Key, "pair": lambda: Pair, "single": lambda: Single, "broken": broken},
    redeployers={"kubernetes": lambda: object, "lambda": lambda: object, "ecs": broken},
    mirrors={"vault-kv2": lambda: object, "kubernetes-secret": broken},
)


def changed(*changes: tuple[str, str]) -> str:
    """FILE with each first text replaced by the second."""
    text = FILE
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after, 1)
    return text


def loaded(*changes: tuple[str, str], **settings: Any) -> Loaded:
    return load(
        changed(*changes),
        "policies.yaml",
        **{"adapters": ADAPTERS, "allowed_hosts": ("*",), **settings},
    )


def errors(*changes: tuple[str, str], **settings: Any) -> list[str]:
    return [str(one) for one in loaded(*changes, **settings).errors]


def notes(*changes: tuple[str, str], **settings: Any) -> list[str]:
    return [str(one) for one in loaded(*changes, **settings).notes]
