"""The sandbox's redeployer keeps the promises of the contract on the sandbox's platform."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from rotator.contracts.redeployer import RolloutProgress
from rotator.model.errors import Refused, Transient
from rotator.testing.redeployer_contract import LABEL, RedeployerContract
from tests.redeployers.sandbox_world import ROLE, SandboxWorld, redeployer

pytestmark = pytest.mark.slow  # it starts servers


@pytest.fixture
def world() -> Iterator[SandboxWorld]:
    with SandboxWorld() as running:
        yield running


class TestSandboxRedeployer(RedeployerContract):
    @pytest.fixture
    def world(self, world: SandboxWorld) -> SandboxWorld:
        return world


def test_later_comes_with_the_platforms_own_word_for_when(world: SandboxWorld) -> None:
    world.throttle_next()
    with pytest.raises(Transient) as caught:
        world.redeployer().redeploy(LABEL)
    assert caught.value.retry_after == timedelta(seconds=7)
    assert world.redeployer().progress(LABEL).progress is RolloutProgress.FAILED, "it was turned away"


def test_an_error_of_the_platform_is_transient(world: SandboxWorld) -> None:
    world.err_next()
    with pytest.raises(Transient, match="500"):
        world.redeployer().redeploy(LABEL)


def test_nobody_listening_is_transient() -> None:
    with SandboxWorld() as gone:
        address = gone.address
    with pytest.raises(Transient, match="does not answer"):
        redeployer("staging/api", address).progress(LABEL)


def test_starts_tell_the_role_as_which_instances_read(world: SandboxWorld) -> None:
    since = world.clock.now() - timedelta(minutes=1)
    assert {start.role for start in world.redeployer().starts(since)} == {ROLE}


def test_starts_of_what_is_not_there_are_refused(world: SandboxWorld) -> None:
    with pytest.raises(Refused, match="staging/nothing"):
        world.redeployer_of_nothing().starts(world.clock.now())


def test_without_an_address_it_names_the_setting() -> None:
    with pytest.raises(Refused, match="ROTATOR_ENDPOINT_PLATFORM"):
        redeployer("staging/api", address=None)
