"""Secrets Manager keeps the promises of a store, by compare-and-swap, and leaves its stages clean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from rotator.contracts.guard import claimed
from rotator.contracts.store import SecretStore
from rotator.model.errors import Drifted, LostClaim, Refused, Transient
from rotator.model.secrets import Owner, StoredValue
from rotator.sandbox.faults import Fault, Rule
from rotator.stores.aws_secrets import LEFT_BEHIND
from rotator.testing.store_contract import StoreContract
from rotator.testing.store_world import OURS
from rotator.testing.values import fresh_value, raises_silently
from tests.stores.aws_secrets_world import AwsSecretsWorld

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

NAME = "/taly/staging/NAME"
CLEAN = [["AWSPREVIOUS"], ["AWSCURRENT"]]


@pytest.mark.slow
class TestAwsSecrets(StoreContract):
    """A write is three calls: to stage, to promote, to take the stage off."""

    compares, calls = True, 3

    @pytest.fixture
    def world(self, aws_secrets: AwsSecretsWorld) -> AwsSecretsWorld:
        return aws_secrets


def test_it_is_a_secret_store(aws_secrets: AwsSecretsWorld) -> None:
    assert isinstance(aws_secrets.store, SecretStore)


def test_stages_are_left_clean(aws_secrets: AwsSecretsWorld) -> None:
    aws_secrets.seed(NAME, fresh_value())
    assert aws_secrets.store.write(NAME, fresh_value(), after=1) == 2
    assert aws_secrets.stages(NAME) == CLEAN
    assert aws_secrets.store.write(NAME, fresh_value(), after=2) == 3
    assert aws_secrets.stages(NAME) == [[], *CLEAN]


@pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_after_a_lost_answer_stages_are_left_clean(aws_secrets: AwsSecretsWorld, operation: str) -> None:
    ours = fresh_value()
    aws_secrets.seed(NAME, fresh_value())
    aws_secrets.weather.set_faults([Rule(Fault.LOST_ANSWER, operation, times=1)])
    with raises_silently(Transient, ours):
        aws_secrets.store.write(NAME, ours, after=1)
    assert aws_secrets.store.write(NAME, ours, after=1) == 2
    assert aws_secrets.store.read(NAME) == StoredValue(ours, 2)
    assert sorted(stage for stages in aws_secrets.stages(NAME) for stage in stages) == [
        "AWSCURRENT",
        "AWSPREVIOUS",
    ]


def test_what_is_staged_is_seen_by_nobody_and_a_claim_lost_in_between_promotes_nothing(
    aws_secrets: AwsSecretsWorld,
) -> None:
    first, ours, asked = fresh_value(), fresh_value(), list[float]()
    aws_secrets.seed(NAME, first)

    def lost_after_the_first(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) > 1:
            raise LostClaim("another worker has it")

    with claimed(lost_after_the_first), raises_silently(LostClaim, ours):
        aws_secrets.store.write(NAME, ours, after=1)
    assert aws_secrets.stages(NAME) == [["AWSCURRENT"], ["AWSPENDING"]]
    assert aws_secrets.store.read(NAME) == StoredValue(first, 1)
    assert aws_secrets.store.write(NAME, ours, after=1) == 2
    assert aws_secrets.stages(NAME) == [["AWSPREVIOUS"], [], ["AWSCURRENT"]]


def test_what_was_staged_and_then_given_up_is_taken_off_by_a_write_that_finds_its_value_in_place(
    aws_secrets: AwsSecretsWorld,
) -> None:
    ours = fresh_value()
    aws_secrets.seed(NAME, fresh_value())
    aws_secrets.store.write(NAME, ours, after=1)
    in_place: list[Callable[[], int]] = [
        lambda: aws_secrets.store.write(NAME, ours, after=1),
        lambda: aws_secrets.store.edit(NAME, lambda there: there[NAME].value),
    ]
    for again in in_place:
        cut_short(aws_secrets, after=2)
        assert ["AWSPENDING"] in aws_secrets.stages(NAME)
        assert again() == 2
        assert [stages for stages in aws_secrets.stages(NAME) if stages] == CLEAN


def test_what_was_staged_and_then_undone_is_taken_off_when_the_ages_are_looked_at(
    aws_secrets: AwsSecretsWorld,
) -> None:
    """The undo reads the earlier value, and writes nothing."""
    aws_secrets.seed(NAME, fresh_value())
    cut_short(aws_secrets, after=1)
    (age,) = aws_secrets.store.ages(aws_secrets.path)
    assert aws_secrets.stages(NAME) == [["AWSCURRENT"], ["AWSPENDING"]], "a write may be under way"
    aws_secrets.clock.pass_by(LEFT_BEHIND + timedelta(seconds=1))
    assert list(aws_secrets.store.ages(aws_secrets.path)) == [age]
    assert aws_secrets.stages(NAME) == [["AWSCURRENT"], []]


def test_what_cannot_be_taken_off_now_holds_no_look_up(aws_secrets: AwsSecretsWorld) -> None:
    aws_secrets.seed(NAME, fresh_value())
    cut_short(aws_secrets, after=1)
    aws_secrets.clock.pass_by(LEFT_BEHIND + timedelta(seconds=1))
    aws_secrets.weather.set_faults([Rule(Fault.THROTTLED, "UpdateSecretVersionStage", times=1)])
    assert len(list(aws_secrets.store.ages(aws_secrets.path))) == 1
    assert aws_secrets.stages(NAME) == [["AWSCURRENT"], ["AWSPENDING"]]


def test_what_others_staged_and_what_is_in_the_environment_of_others_stays(
    aws_secrets: AwsSecretsWorld,
) -> None:
    aws_secrets.seed(NAME, fresh_value())
    theirs = aws_secrets.source.secrets[NAME].versions[0]
    theirs.stages.add("AWSPENDING")
    aws_secrets.clock.pass_by(LEFT_BEHIND + timedelta(seconds=1))
    assert len(list(aws_secrets.store.ages(aws_secrets.path))) == 1
    assert aws_secrets.stages(NAME) == [["AWSCURRENT", "AWSPENDING"]]
    theirs.stages.discard("AWSPENDING")
    cut_short(aws_secrets, after=1)
    aws_secrets.clock.pass_by(LEFT_BEHIND + timedelta(seconds=1))
    owner = Owner(OURS, aws_secrets.clock.now(), 1)
    aws_secrets.store.claim_owner(aws_secrets.path, owner, instead_of=None)
    assert len(list(aws_secrets.as_seen_by("another installation").ages(aws_secrets.path))) == 1
    assert aws_secrets.stages(NAME) == [["AWSCURRENT"], ["AWSPENDING"]]


def cut_short(aws_secrets: AwsSecretsWorld, after: int) -> None:
    """A write of another value that ends when it has staged it."""
    asked = list[float]()

    def lost_after_the_first(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) > 1:
            raise LostClaim("another worker has it")

    with claimed(lost_after_the_first), pytest.raises(LostClaim):
        aws_secrets.store.write(NAME, fresh_value(), after=after)


@pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_who_came_between_is_not_overruled_and_nothing_of_ours_stays_staged(
    aws_secrets: AwsSecretsWorld, operation: str
) -> None:
    """Between the look and what is staged, or between that and what is promoted."""
    theirs = fresh_value()
    aws_secrets.seed(NAME, fresh_value())
    aws_secrets.before_next(operation, lambda: aws_secrets.someone_else_writes(NAME, theirs))
    with pytest.raises(Drifted):
        aws_secrets.store.write(NAME, fresh_value(), after=1)
    assert aws_secrets.store.read(NAME).value == theirs
    assert sorted(aws_secrets.stages(NAME)) == [[], ["AWSCURRENT"], ["AWSPREVIOUS"]]


def test_a_way_back_by_hand_is_another_version(aws_secrets: AwsSecretsWorld) -> None:
    """Somebody moves AWSCURRENT back to the version before."""
    first = fresh_value()
    aws_secrets.seed(NAME, first)
    aws_secrets.store.write(NAME, fresh_value(), after=1)
    secret = aws_secrets.source.secrets[NAME]
    secret.move("AWSCURRENT", secret.versions[0])
    assert aws_secrets.store.read(NAME) == StoredValue(first, 1)
    with pytest.raises(Drifted):
        aws_secrets.store.write(NAME, fresh_value(), after=2)


def test_a_version_that_is_not_current_is_not_taken_for_what_consumers_read(
    aws_secrets: AwsSecretsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws_secrets.seed(NAME, fresh_value())
    aws_secrets.seed(NAME, fresh_value())
    monkeypatch.setattr("rotator.sandbox.sources.aws_secrets.CURRENT", "AWSPREVIOUS")
    with pytest.raises(Transient, match="another version"):
        aws_secrets.store.read(NAME)


def test_a_name_may_be_asked_for_twice(aws_secrets: AwsSecretsWorld) -> None:
    aws_secrets.seed(NAME, fresh_value())
    assert list(aws_secrets.store.look([NAME, NAME])) == [NAME]


@pytest.mark.parametrize(
    "more, said",
    [
        ({"OwningService": "rds"}, "belongs to rds"),
        ({"RotationEnabled": True}, "rotates"),
        ({"DeletedDate": 1.0}, "deletion"),
    ],
)
def test_what_somebody_else_writes_is_left_alone(
    aws_secrets: AwsSecretsWorld, more: dict[str, Any], said: str
) -> None:
    aws_secrets.seed(NAME, fresh_value())
    aws_secrets.source.secrets[NAME].more = more
    with pytest.raises(Refused, match=said):
        aws_secrets.store.check_writable(NAME, 1)
    with pytest.raises(Refused, match=said):
        aws_secrets.store.write(NAME, fresh_value(), after=1)
    assert aws_secrets.stages(NAME) == [["AWSCURRENT"]]


def test_heartbeats_make_no_versions(aws_secrets: AwsSecretsWorld) -> None:
    """A few hundred a day: more than Secrets Manager keeps."""
    before = None
    for minute in range(0, 15, 5):
        owner = Owner(OURS, aws_secrets.clock.now() + timedelta(minutes=minute), minute)
        aws_secrets.store.claim_owner(aws_secrets.path, owner, instead_of=before)
        before = owner
    assert aws_secrets.store.owner(aws_secrets.path) == before
    assert aws_secrets.source.secrets["/taly/staging/rotator/owner"].versions == []
    assert list(aws_secrets.store.ages(aws_secrets.path)) == []


def test_versions_of_a_day_that_are_used_up_are_no_verdict(aws_secrets: AwsSecretsWorld) -> None:
    for _version in range(100):
        aws_secrets.seed(NAME, fresh_value())
    with pytest.raises(Transient, match="100 versions"):
        aws_secrets.store.write(NAME, fresh_value(), after=100)
    aws_secrets.clock.pass_by(timedelta(days=1, seconds=1))
    assert aws_secrets.store.write(NAME, fresh_value(), after=100) == 101


def test_a_secret_without_a_value_is_told(aws_secrets: AwsSecretsWorld) -> None:
    aws_secrets.seed(NAME, fresh_value())
    aws_secrets.source.secrets[NAME].versions.clear()
    with pytest.raises(Refused, match="no value"):
        aws_secrets.store.read(NAME)
    with pytest.raises(Transient, match="somebody did"):
        aws_secrets.store.write(NAME, fresh_value(), after=None)


def test_the_account_is_asked_no_faster_than_it_allows(aws_secrets: AwsSecretsWorld) -> None:
    aws_secrets.seed(NAME, fresh_value())
    aws_secrets.throttle_next()
    with pytest.raises(Transient):
        aws_secrets.store.write(NAME, fresh_value(), after=1)
    (paced,), (slow,) = aws_secrets.pacer.paced, aws_secrets.pacer.backed_off
    assert paced[0] == slow[0]
