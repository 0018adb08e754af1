"""Secrets Manager as a mirror: copies that are made, put right and left alone when they are right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from rotator.contracts.guard import claimed
from rotator.contracts.store import Mirror
from rotator.model.errors import LostClaim, Refused, Transient
from rotator.model.policy import MirrorPolicy
from rotator.model.secrets import Sealed
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.stores.secrets_manager_mirror import SecretsManagerMirror
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value, raises_silently
from tests.stores.secrets_manager_world import SecretsManagerWorld

NAME = "/taly/staging/NAME"
Make = Callable[..., SecretsManagerMirror]


@pytest.fixture
def mirror(secrets_manager: SecretsManagerWorld) -> Make:
    def make(**settings: Any) -> SecretsManagerMirror:
        policy = MirrorPolicy(id="staging/copies", kind="secrets-manager", settings=settings)
        places = {"secrets_manager": secrets_manager.address}
        return SecretsManagerMirror(policy, surroundings(clock=secrets_manager.clock, endpoints=places))

    return make


def copied(world: SecretsManagerWorld, name: str = NAME) -> Sealed | None:
    there = world.holds(name)
    return there.value if there else None


def test_a_copy_is_made_and_replaced_and_its_stages_are_left_clean(
    secrets_manager: SecretsManagerWorld, mirror: Make
) -> None:
    assert isinstance(mirror(), Mirror)
    first, second = fresh_value(), fresh_value()
    mirror().write(NAME, first)
    assert copied(secrets_manager) == first
    mirror().write(NAME, second)
    assert copied(secrets_manager) == second
    assert secrets_manager.stages(NAME) == [["AWSPREVIOUS"], ["AWSCURRENT"]]


def test_the_same_value_again_is_no_change(secrets_manager: SecretsManagerWorld, mirror: Make) -> None:
    value = fresh_value()
    for _again in range(3):
        mirror().write(NAME, value)
    assert len(secrets_manager.source.secrets[NAME].versions) == 1


def test_a_copy_that_somebody_changed_is_put_right(
    secrets_manager: SecretsManagerWorld, mirror: Make
) -> None:
    value = fresh_value()
    mirror().write(NAME, value)
    secrets_manager.someone_else_writes(NAME, fresh_value())
    mirror().write(NAME, value)
    assert copied(secrets_manager) == value


def test_copies_may_live_below_a_path_of_their_own(
    secrets_manager: SecretsManagerWorld, mirror: Make
) -> None:
    value = fresh_value()
    mirror(path="copies/", kms_key="alias/copies").write(NAME, value)
    assert copied(secrets_manager, "copies/NAME") == value
    assert secrets_manager.source.secrets["copies/NAME"].kms_key == "alias/copies"


@pytest.mark.parametrize("operation", ["CreateSecret", "PutSecretValue", "UpdateSecretVersionStage"])
def test_a_lost_answer_is_made_good_by_the_next_write(
    secrets_manager: SecretsManagerWorld, mirror: Make, operation: str
) -> None:
    value = fresh_value()
    if operation != "CreateSecret":
        mirror().write(NAME, fresh_value())
    secrets_manager.weather.set_faults([Rule(Fault.LOST_ANSWER, operation, times=1)])
    with raises_silently(Transient, value):
        mirror().write(NAME, value)
    mirror().write(NAME, value)
    assert copied(secrets_manager) == value
    assert not any("AWSPENDING" in stages for stages in secrets_manager.stages(NAME))


def test_nothing_is_copied_without_the_claim(secrets_manager: SecretsManagerWorld, mirror: Make) -> None:
    def lost(_seconds: float) -> None:
        raise LostClaim("another worker has it")

    value = fresh_value()
    with claimed(lost), raises_silently(LostClaim, value):
        mirror().write(NAME, value)
    assert copied(secrets_manager) is None


def test_stale_goes_by_when_the_current_copy_was_written(
    secrets_manager: SecretsManagerWorld, mirror: Make
) -> None:
    before = secrets_manager.clock.now() - timedelta(seconds=1)
    assert mirror().stale(NAME, before) is True
    mirror().write(NAME, fresh_value())
    assert mirror().stale(NAME, before) is False
    secrets_manager.clock.pass_by(timedelta(hours=1))
    assert mirror().stale(NAME, secrets_manager.clock.now()) is True


def test_what_a_service_of_aws_owns_is_left_alone(secrets_manager: SecretsManagerWorld, mirror: Make) -> None:
    secrets_manager.seed(NAME, fresh_value(), kind="String")
    with pytest.raises(Refused, match="belongs to rds"):
        mirror().write(NAME, fresh_value())


def test_a_value_that_does_not_fit_is_refused_without_saying_it(mirror: Make) -> None:
    value = fresh_value(65537)
    with raises_silently(Refused, value):
        mirror().write(NAME, value)


def test_trouble_on_the_way_is_transient(secrets_manager: SecretsManagerWorld, mirror: Make) -> None:
    secrets_manager.weather.set_outages({"secretsmanager": Outage.CLOSED})
    value = fresh_value()
    with raises_silently(Transient, value):
        mirror().write(NAME, value)


@pytest.mark.parametrize("settings", [{"region": "evil.example/"}, {"path": "a b"}, {"endpoint": "http://x"}])
def test_a_setting_cannot_lead_elsewhere(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        SecretsManagerMirror.Options.model_validate(settings)
