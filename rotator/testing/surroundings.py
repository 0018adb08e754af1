"""Surroundings for an adapter under test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from rotator.clock import SystemClock
from rotator.contracts.adapter import Surroundings
from rotator.contracts.clock import Clock
from rotator.contracts.pacer import Pacer
from rotator.model.errors import Refused
from rotator.model.hosts import Allows, on_this_machine
from rotator.model.secrets import Sealed


class FreePacer:
    """Lets everybody through at once, and keeps what it was asked. `meanwhile` happens before it lets one through."""

    def __init__(self) -> None:
        self.paced: list[tuple[str, float, int]] = []
        self.backed_off: list[tuple[str, timedelta]] = []
        self.meanwhile: Callable[[str], None] = lambda _account: None

    def pace(self, account: str, per_second: float, burst: int = 1) -> None:
        """Lets through."""
        self.paced.append((account, per_second, burst))
        self.meanwhile(account)

    def back_off(self, account: str, until: timedelta) -> None:
        """Keeps it."""
        self.backed_off.append((account, until))


def surroundings(
    *,
    environment: str = "staging",
    clock: Clock | None = None,
    pacer: Pacer | None = None,
    endpoints: Mapping[str, str] | None = None,
    references: Mapping[str, Sealed] | None = None,
    kubeconfig: str | None = None,
    commands: tuple[str, ...] = (),
    allows: Allows = on_this_machine,
    own_recipes: bool = False,
    installation: str = "",
) -> Surroundings:
    """What an adapter gets besides its options: far sides at `endpoints`, values behind `references`."""
    known = references or {}

    def resolve(reference: str) -> Sealed:
        if reference not in known:
            raise Refused(f"the test knows no {reference}")
        return known[reference]

    return Surroundings(
        environment=environment,
        region="eu-central-1",
        clock=clock or SystemClock(),
        pacer=pacer or FreePacer(),
        resolve=resolve,
        endpoint=(endpoints or {}).get,
        kubeconfig=kubeconfig,
        commands=commands,
        allows=allows,
        own_recipes=own_recipes,
        installation=installation,
    )
