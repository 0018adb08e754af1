"""What another policy would change: secrets that come and go, effective values before and after, and what they share.

Two resolved policies are compared, not two texts: a remark changes nothing, and one line of defaults much.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rotator.config.values import shared_values_of, values_of
from rotator.model.policy import Policies


@dataclass(frozen=True, slots=True)
class Changed:
    """One value before and after; empty where there is none."""

    key: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that would change."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: Mapping[str, tuple[Changed, ...]]  # by secret
    shared: tuple[Changed, ...]  # environments, windows, deployments, mirrors, owners, alerts

    @property
    def nothing(self) -> bool:
        """Whether all stays as it is."""
        return not (self.added or self.removed or self.changed or self.shared)


def difference(before: Policies, after: Policies) -> Difference:
    """From one policy to another."""
    both = [secret for secret in after.secrets if secret in before.secrets]
    changed = {
        secret: found
        for secret in both
        if (found := tuple(_changed(values_of(before.secrets[secret]), values_of(after.secrets[secret]))))
    }
    return Difference(
        added=tuple(secret for secret in after.secrets if secret not in before.secrets),
        removed=tuple(secret for secret in before.secrets if secret not in after.secrets),
        changed=changed,
        shared=tuple(_changed(shared_values_of(before), shared_values_of(after))),
    )


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Changed]:
    for key in {**before, **after}:
        if before.get(key) != after.get(key):
            yield Changed(key, before.get(key, ""), after.get(key, ""))
