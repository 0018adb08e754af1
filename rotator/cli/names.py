"""Names as people type them: a secret without its environment where only one has it, and a guess where none does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn

from rotator.cli.opening import Unusable
from rotator.config.complaints import hint, listed
from rotator.engine.decisions import Decided
from rotator.model.policy import Policies

#: What a rotation is called: nobody calls a secret that.
_ID = re.compile(r"r?[0-9a-f]{8,}")


def environment_named(typed: str, policies: Policies) -> str:
    """An environment of policies.yaml. Raises Unusable with a guess where it has none of that name."""
    if typed not in policies.environments:
        raise Unusable(f"policies.yaml has no environment {typed}{hint(typed, policies.environments)}")
    return typed


def in_environment(policies: Policies, decided: Mapping[str, Decided], env: str | None) -> dict[str, Decided]:
    """The secrets of one environment, or all. Raises Unusable with a guess for an environment that is none."""
    if env is not None:
        environment_named(env, policies)
    return {
        secret: entry for secret, entry in decided.items() if env in {None, entry.gathered.policy.environment}
    }


def secret_named(typed: str, policies: Policies, env: str | None) -> str:
    """The one secret that a person means: environment/NAME, NAME, or the full name of its parameter.

    Raises Unusable when there is none (with a guess) or when several environments have it.
    """
    meant = secrets_named(typed, policies, env)
    if len(meant) > 1:
        raise Unusable(f"several environments have {typed}: say which, {listed(meant)}")
    return meant[0]


def secrets_named(typed: str, policies: Policies, env: str | None) -> list[str]:
    """The same where several environments may have it. At least one; raises Unusable when there is none."""
    if env is not None:
        environment_named(env, policies)
    ours = {
        secret: policy for secret, policy in policies.secrets.items() if env in {None, policy.environment}
    }
    if typed in ours:
        return [typed]
    meant = [
        secret for secret, policy in ours.items() if typed == policy.name or typed in policy.recipe.parameters
    ]
    return meant or _none_such(typed, policies, env)


def _none_such(typed: str, policies: Policies, env: str | None) -> NoReturn:
    if typed in policies.environments:
        raise Unusable(f"{typed} is an environment: --env {typed}")
    if _ID.fullmatch(typed):
        raise Unusable(f"there is no rotation {typed} in this journal, and no secret of that name")
    where, _, name = typed.rpartition("/")
    if where and not typed.startswith("/"):
        environment_named(where, policies)
    known = {policy.name for policy in policies.secrets.values()}
    there = f" in {env or where}" if env or where in policies.environments else ""
    raise Unusable(f"policies.yaml has no secret {name}{there}{hint(name, known)}")
