"""A value that verifiers of ours check: one parameter to use, and an accepted set that holds the value as it is."""

from __future__ import annotations

from rotator.model.policy import Recipe
from rotator.model.secrets import Credential, Sealed


class VerifiedValue:
    """What adapters of such a value have in common, whoever makes it and whoever signs with it."""

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """What is wrong with a policy that Options alone cannot see; one sentence each."""
        from rotator.addresses import unsafe  # noqa: PLC0415 - a policy check loads no HTTP

        complaints = []
        if set(recipe.fields) != {"value"}:
            complaints.append("it is one value in one parameter: take `fields` out")
        complaints += [f"probe {url}: {trouble}" for url in recipe.probe if (trouble := unsafe(url))]
        return complaints

    def member(self, credential: Credential) -> Sealed:
        """The value itself, where it is symmetric."""
        return credential.fields["value"]
