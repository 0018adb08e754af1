"""What the contract suite does with a source again and again: a predecessor, a successor, how the first one ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from rotator.contracts.guard import claimed
from rotator.contracts.provider import Liveness, Overlap, PromotingProvider
from rotator.model.errors import LostClaim
from rotator.model.secrets import Credential
from rotator.testing.source_world import SourceWorld

LABEL, NEXT_LABEL = "ro-contract-1", "ro-contract-2"


def predecessor_of(world: SourceWorld) -> Credential:
    """The predecessor with the id that the provider gives it."""
    fields = world.predecessor()
    world.settle()
    credential_id = world.provider.identify(fields)
    if credential_id is None:
        pytest.skip("the source cannot name a credential that rotator did not make")
    return Credential(credential_id, fields)


def successor_of(world: SourceWorld, current: Credential, label: str) -> Credential:
    """A successor that the source accepts."""
    successor = world.provider.create(label, current.id)
    world.provider.activate(successor)
    world.settle()
    return successor


def both_of(world: SourceWorld) -> tuple[Credential, Credential]:
    """Predecessor and successor, both accepted."""
    if world.provider.traits.overlap is Overlap.NONE:
        pytest.skip("the source accepts one credential only")
    current = predecessor_of(world)
    return current, successor_of(world, current, LABEL)


def standing_of(world: SourceWorld) -> dict[str, tuple[Liveness, str | None]]:
    """What lives there and how; when it was used is another matter."""
    listed = world.provider.observe().credentials
    return {one.id: (one.liveness, one.label) for one in listed}


def end_predecessor(world: SourceWorld, current: Credential, successor: Credential) -> None:
    """The predecessor's end: it is removed, or its successor promoted over it."""
    if world.provider.traits.promotes:
        assert isinstance(world.provider, PromotingProvider)
        world.provider.promote(current, successor)
    else:
        world.provider.remove(current.id)


def effect_on(
    world: SourceWorld, name: str, current: Credential, successor: Credential
) -> Callable[[], None]:
    """The call that disables, enables or ends the predecessor."""
    if name == "remove":
        return lambda: end_predecessor(world, current, successor)
    if not world.provider.traits.reversible:
        pytest.skip("the source cannot disable")
    act: Callable[[str], None] = getattr(world.provider, name)
    return lambda: act(current.id)


@contextmanager
def claim_lost() -> Iterator[None]:
    """Inside, guard() says that another worker has the rotation."""

    def lost(_seconds: float) -> None:
        raise LostClaim("another worker has it")

    with claimed(lost):
        yield
