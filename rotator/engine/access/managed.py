"""What policies.yaml manages, as a call to SSM names it: by parameter, or by everything below a path.

A parameter that the policy does not name is nobody's secret here: the scan tells of it as unmanaged, and who reads it
is not judged. Whose account it is counts too, where the policy says so: two accounts may have the same names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rotator.model.access import Access, Asked, Subtree
from rotator.model.policy import Policies, SecretPolicy


@dataclass(frozen=True, slots=True)
class Place:
    """A secret that a call is about, and the account of its parameters as far as that is known."""

    secret: str  # environment/NAME
    environment: str
    name: str
    account: str


#: Paths that are remembered. Whoever calls may make up any number of them.
_PATHS = 1024


class Managed:
    """The secrets of a policy by their parameters."""

    def __init__(self, policies: Policies) -> None:
        self._accounts = {name: one.account for name, one in policies.environments.items()}
        secrets = policies.secrets.values()
        by_name = {f"{policies.environments[one.environment].path}/{one.name}": one for one in secrets}
        by_field = {parameter: one for one in secrets for parameter in _parameters(one)}
        #: What bears a secret's own name is that secret, too, where its fields are elsewhere.
        self._secrets = by_name | by_field
        self._below = lru_cache(maxsize=_PATHS)(self._in_subtree)

    def touched(self, access: Access) -> tuple[Place, ...]:
        """The secrets that a call is about, each once in every account that it names."""
        if access.subtree is not None:
            return self._below(access.subtree)
        found = ((self.named(one), one.account) for one in access.asked)
        return tuple(dict.fromkeys(self._place(policy, account) for policy, account in found if policy))

    def named(self, asked: Asked) -> SecretPolicy | None:
        """The secret of one parameter; None for one that is not managed."""
        policy = self._secrets.get(asked.parameter)
        return policy if policy and self._is_here(policy, asked.account) else None

    def elsewhere(self, access: Access) -> str:
        """The account that a call is about, where it is none of ours and the policy says which are; else empty."""
        ours = set(self._accounts.values())
        places = [access.subtree.account] if access.subtree else [one.account for one in access.asked]
        told = {place for place in places if place}
        return min(told) if told and "" not in ours and not told & ours else ""

    def _place(self, policy: SecretPolicy, account: str) -> Place:
        return Place(
            policy.secret, policy.environment, policy.name, self._accounts[policy.environment] or account
        )

    def _is_here(self, policy: SecretPolicy, account: str) -> bool:
        return account in {"", self._accounts[policy.environment] or account}

    def _in_subtree(self, subtree: Subtree) -> tuple[Place, ...]:
        found = (
            self._place(policy, subtree.account)
            for parameter, policy in self._secrets.items()
            if subtree.holds(parameter) and self._is_here(policy, subtree.account)
        )
        return tuple(dict.fromkeys(found))


def _parameters(policy: SecretPolicy) -> Iterator[str]:
    yield from policy.recipe.parameters
    if policy.recipe.accepted_as:
        yield policy.recipe.accepted_as
