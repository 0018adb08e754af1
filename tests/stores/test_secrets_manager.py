"""Secrets Manager keeps the promises of a store, by compare-and-swap, and leaves its stages clean."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rotator.contracts.guard import claimed
from rotator.contracts.store import SecretStore
from rotator.model.errors import Drifted, LostClaim, Refused, Transient
from rotator.model.secrets import Owner, StoredValue
from rotator.sandbox.faults import Fault, Rule
from rotator.testing.store_contract import StoreContract
from rotator.testing.store_world import OURS
from rotator.testing.values import fresh_value, raises_silently
from tests.stores.secrets_manager_world import SecretsManagerWorld

NAME = "/taly/staging/NAME"
CLEAN = [["AWSPREVIOUS"], ["AWSCURRENT"]]


@pytest.mark.slow
class TestSecretsManager(StoreContract):
    """Where the suite expects a race that nobody can prevent, this store prevents it; a write is three calls here."""

    @pytest.fixture
    def world(self, secrets_manager: SecretsManagerWorld) -> SecretsManagerWorld:
        return secrets_manager

    def test_raced_when_somebody_came_between_and_ours_is_in_place(self, world: Any) -> None:
        """Drifted: theirs is in place."""
        first, ours, theirs = fresh_value(), fresh_value(), fresh_value()
        world.seed(NAME, first)
        world.someone_else_interferes(NAME, theirs)
        with raises_silently(Drifted, ours, theirs):
            world.store.write(NAME, ours, after=1)
        assert world.store.read(NAME).value == theirs

    def test_an_edit_tells_when_somebody_came_between_and_ours_is_in_place(self, world: Any) -> None:
        """Drifted: theirs is in place."""
        ours, theirs = fresh_value(), fresh_value()
        world.seed(NAME, fresh_value())
        world.someone_else_interferes(NAME, theirs)
        with raises_silently(Drifted, ours, theirs):
            world.store.edit(NAME, lambda _seen: ours)
        assert world.store.read(NAME).value == theirs

    def test_the_claim_is_asked_once_for_each_write_and_never_for_a_read(self, world: Any) -> None:
        """Once for each call that changes something: to stage, to promote, to take the stage off."""
        asked = list[float]()
        world.seed(NAME, fresh_value())
        with claimed(asked.append):
            world.store.read(NAME)
            world.store.check_writable(NAME, 1)
            list(world.store.ages(world.path))
            assert asked == []
            world.store.write(NAME, fresh_value(), after=1)
        assert len(asked) == 3


def test_it_is_a_secret_store(secrets_manager: SecretsManagerWorld) -> None:
    assert isinstance(secrets_manager.store, SecretStore)


def test_stages_are_left_clean(secrets_manager: SecretsManagerWorld) -> None:
    secrets_manager.seed(NAME, fresh_value())
    assert secrets_manager.store.write(NAME, fresh_value(), after=1) == 2
    assert secrets_manager.stages(NAME) == CLEAN
    assert secrets_manager.store.write(NAME, fresh_value(), after=2) == 3
    assert secrets_manager.stages(NAME) == [[], *CLEAN]


@pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_after_a_lost_answer_stages_are_left_clean(
    secrets_manager: SecretsManagerWorld, operation: str
) -> None:
    ours = fresh_value()
    secrets_manager.seed(NAME, fresh_value())
    secrets_manager.weather.set_faults([Rule(Fault.LOST_ANSWER, operation, times=1)])
    with raises_silently(Transient, ours):
        secrets_manager.store.write(NAME, ours, after=1)
    assert secrets_manager.store.write(NAME, ours, after=1) == 2
    assert secrets_manager.store.read(NAME) == StoredValue(ours, 2)
    assert sorted(stage for stages in secrets_manager.stages(NAME) for stage in stages) == [
        "AWSCURRENT",
        "AWSPREVIOUS",
    ]


def test_what_is_staged_is_seen_by_nobody_and_a_claim_lost_in_between_promotes_nothing(
    secrets_manager: SecretsManagerWorld,
) -> None:
    first, ours, asked = fresh_value(), fresh_value(), list[float]()
    secrets_manager.seed(NAME, first)

    def lost_after_the_first(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) > 1:
            raise LostClaim("another worker has it")

    with claimed(lost_after_the_first), raises_silently(LostClaim, ours):
        secrets_manager.store.write(NAME, ours, after=1)
    assert secrets_manager.stages(NAME) == [["AWSCURRENT"], ["AWSPENDING"]]
    assert secrets_manager.store.read(NAME) == StoredValue(first, 1)
    assert secrets_manager.store.write(NAME, ours, after=1) == 2
    assert secrets_manager.stages(NAME) == [["AWSPREVIOUS"], [], ["AWSCURRENT"]]


@pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_who_came_between_is_not_overruled_and_nothing_of_ours_stays_staged(
    secrets_manager: SecretsManagerWorld, operation: str
) -> None:
    """Between the look and what is staged, or between that and what is promoted."""
    theirs = fresh_value()
    secrets_manager.seed(NAME, fresh_value())
    secrets_manager.before_next(operation, lambda: secrets_manager.someone_else_writes(NAME, theirs))
    with pytest.raises(Drifted):
        secrets_manager.store.write(NAME, fresh_value(), after=1)
    assert secrets_manager.store.read(NAME).value == theirs
    assert sorted(secrets_manager.stages(NAME)) == [[], ["AWSCURRENT"], ["AWSPREVIOUS"]]


def test_a_way_back_by_hand_is_another_version(secrets_manager: SecretsManagerWorld) -> None:
    """Somebody moves AWSCURRENT back to the version before."""
    first = fresh_value()
    secrets_manager.seed(NAME, first)
    secrets_manager.store.write(NAME, fresh_value(), after=1)
    secret = secrets_manager.source.secrets[NAME]
    secret.move("AWSCURRENT", secret.versions[0])
    assert secrets_manager.store.read(NAME) == StoredValue(first, 1)
    with pytest.raises(Drifted):
        secrets_manager.store.write(NAME, fresh_value(), after=2)


@pytest.mark.parametrize(
    "more, said",
    [
        ({"OwningService": "rds"}, "belongs to rds"),
        ({"RotationEnabled": True}, "rotates"),
        ({"DeletedDate": 1.0}, "deletion"),
    ],
)
def test_what_somebody_else_writes_is_left_alone(
    secrets_manager: SecretsManagerWorld, more: dict[str, Any], said: str
) -> None:
    secrets_manager.seed(NAME, fresh_value())
    secrets_manager.source.secrets[NAME].more = more
    with pytest.raises(Refused, match=said):
        secrets_manager.store.check_writable(NAME, 1)
    with pytest.raises(Refused, match=said):
        secrets_manager.store.write(NAME, fresh_value(), after=1)
    assert secrets_manager.stages(NAME) == [["AWSCURRENT"]]


def test_heartbeats_make_no_versions(secrets_manager: SecretsManagerWorld) -> None:
    """A few hundred a day: more than Secrets Manager keeps."""
    before = None
    for minute in range(0, 15, 5):
        owner = Owner(OURS, secrets_manager.clock.now() + timedelta(minutes=minute), minute)
        secrets_manager.store.claim_owner(secrets_manager.path, owner, instead_of=before)
        before = owner
    assert secrets_manager.store.owner(secrets_manager.path) == before
    assert secrets_manager.source.secrets["/taly/staging/rotator/owner"].versions == []
    assert list(secrets_manager.store.ages(secrets_manager.path)) == []


def test_versions_of_a_day_that_are_used_up_are_no_verdict(secrets_manager: SecretsManagerWorld) -> None:
    for _version in range(100):
        secrets_manager.seed(NAME, fresh_value())
    with pytest.raises(Transient, match="100 versions"):
        secrets_manager.store.write(NAME, fresh_value(), after=100)
    secrets_manager.clock.pass_by(timedelta(days=1, seconds=1))
    assert secrets_manager.store.write(NAME, fresh_value(), after=100) == 101


def test_a_secret_without_a_value_is_told(secrets_manager: SecretsManagerWorld) -> None:
    secrets_manager.seed(NAME, fresh_value())
    secrets_manager.source.secrets[NAME].versions.clear()
    with pytest.raises(Refused, match="no value"):
        secrets_manager.store.read(NAME)
    with pytest.raises(Transient, match="somebody did"):
        secrets_manager.store.write(NAME, fresh_value(), after=None)


def test_the_account_is_asked_no_faster_than_it_allows(secrets_manager: SecretsManagerWorld) -> None:
    secrets_manager.seed(NAME, fresh_value())
    secrets_manager.throttle_next()
    with pytest.raises(Transient):
        secrets_manager.store.write(NAME, fresh_value(), after=1)
    (paced,), (slow,) = secrets_manager.pacer.paced, secrets_manager.pacer.backed_off
    assert paced[0] == slow[0]
