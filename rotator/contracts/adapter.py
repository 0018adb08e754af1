"""What every adapter is built from: its own typed options, and the surroundings it may reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rotator.contracts.clock import Clock
from rotator.contracts.pacer import Pacer
from rotator.model.hosts import Allows
from rotator.model.secrets import Sealed


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an adapter gets besides its options.

    `resolve` reads a reference such as `ssm:/taly/staging/rotator/DATABASE_ADMIN_URL` when it is needed, so that
    a rotated admin credential is picked up; it raises Refused for references that settings do not allow.
    `endpoint` is the address of a far side where settings name one (`ROTATOR_ENDPOINT_SSM`), else None: policies
    never name hosts. `allows` says whether a host that a policy names may be talked to; whoever sends a credential asks
    right before. `kubeconfig` is the file that says how to reach the cluster, None in one of its own pods.
    `commands` are the full paths of programs that settings let policies call, `own_recipes` whether policies may write
    requests of their own (ROTATOR_OWN_RECIPES). `installation` is the id that calls to AWS bear in their user agent.
    """

    environment: str
    region: str
    clock: Clock
    pacer: Pacer
    resolve: Callable[[str], Sealed]
    endpoint: Callable[[str], str | None]
    allows: Allows
    kubeconfig: str | None = None
    commands: tuple[str, ...] = ()
    own_recipes: bool = False
    installation: str = ""
