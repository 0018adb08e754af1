"""Secrets Manager as a mirror: copies that are made, put right and left alone when they are right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from rotator.contracts.guard import claimed
from rotator.contracts.store import Mirror
from rotator.model.errors import LostClaim, Refused, Transient
from rotator.model.policy import MirrorPolicy
from rotator.model.secrets import Sealed
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.stores.aws_secrets_mirror import COPIED_AT, AwsSecretsMirror
from rotator.testing.mirror_contract import MirrorContract
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value, raises_silently
from tests.stores.aws_secrets_world import AwsSecretsWorld

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

NAME = "/taly/staging/NAME"
Make = Callable[..., AwsSecretsMirror]


class AwsSecretsMirrorWorld(AwsSecretsWorld):
    """MirrorWorld: copies have the names that the store has. No two things happen at one moment there."""

    resolution = timedelta(seconds=1)

    def mirror(self, **settings: Any) -> AwsSecretsMirror:
        policy = MirrorPolicy(id="staging/copies", kind="secrets-manager", settings=settings)
        places = {"secrets_manager": self.address}
        return AwsSecretsMirror(policy, surroundings(clock=self.clock, endpoints=places))

    def holds(self, name: str) -> Any:
        found = super().holds(name)
        return found.value if found else None

    def beside(self, name: str) -> Mapping[str, object]:
        return self.metadata(name)

    def throttle_next(self) -> None:
        """Whatever is asked; botocore asks twice for a look."""
        self.weather.set_faults([Rule(Fault.THROTTLED, times=2)])

    @contextmanager
    def away(self) -> Iterator[None]:
        self.weather.set_outages({"secretsmanager": Outage.CLOSED})
        yield
        self.weather.set_outages({})


class TestAwsSecretsMirror(MirrorContract):
    """A write is three calls: to stage, to promote, to take the stage off."""

    calls = 3

    @pytest.fixture
    def world(self, aws_secrets: AwsSecretsWorld) -> AwsSecretsMirrorWorld:
        return AwsSecretsMirrorWorld(aws_secrets.source, aws_secrets.clock, aws_secrets.address)


@pytest.fixture
def mirror(aws_secrets: AwsSecretsWorld) -> Make:
    def make(**settings: Any) -> AwsSecretsMirror:
        policy = MirrorPolicy(id="staging/copies", kind="secrets-manager", settings=settings)
        places = {"secrets_manager": aws_secrets.address}
        return AwsSecretsMirror(policy, surroundings(clock=aws_secrets.clock, endpoints=places))

    return make


def copied(world: AwsSecretsWorld, name: str = NAME) -> Sealed | None:
    there = world.holds(name)
    return there.value if there else None


def test_a_copy_is_made_and_replaced_and_its_stages_are_left_clean(
    aws_secrets: AwsSecretsWorld, mirror: Make
) -> None:
    assert isinstance(mirror(), Mirror)
    first, second = fresh_value(), fresh_value()
    mirror().write(NAME, first)
    assert copied(aws_secrets) == first
    mirror().write(NAME, second)
    assert copied(aws_secrets) == second
    assert aws_secrets.stages(NAME) == [["AWSPREVIOUS"], ["AWSCURRENT"]]


def test_the_same_value_again_is_no_change(aws_secrets: AwsSecretsWorld, mirror: Make) -> None:
    value = fresh_value()
    for _again in range(3):
        mirror().write(NAME, value)
    assert len(aws_secrets.source.secrets[NAME].versions) == 1


def test_a_copy_that_somebody_changed_is_put_right(aws_secrets: AwsSecretsWorld, mirror: Make) -> None:
    value = fresh_value()
    mirror().write(NAME, value)
    aws_secrets.someone_else_writes(NAME, fresh_value())
    mirror().write(NAME, value)
    assert copied(aws_secrets) == value


def test_copies_may_live_below_a_path_of_their_own(aws_secrets: AwsSecretsWorld, mirror: Make) -> None:
    value = fresh_value()
    mirror(path="copies/", kms_key="alias/copies").write(NAME, value)
    assert copied(aws_secrets, "copies/NAME") == value
    assert aws_secrets.source.secrets["copies/NAME"].kms_key == "alias/copies"


@pytest.mark.parametrize("operation", ["CreateSecret", "PutSecretValue", "UpdateSecretVersionStage"])
def test_a_lost_answer_is_made_good_by_the_next_write(
    aws_secrets: AwsSecretsWorld, mirror: Make, operation: str
) -> None:
    value = fresh_value()
    if operation != "CreateSecret":
        mirror().write(NAME, fresh_value())
    aws_secrets.weather.set_faults([Rule(Fault.LOST_ANSWER, operation, times=1)])
    with raises_silently(Transient, value):
        mirror().write(NAME, value)
    mirror().write(NAME, value)
    assert copied(aws_secrets) == value
    assert not any("AWSPENDING" in stages for stages in aws_secrets.stages(NAME))


def test_what_a_copy_that_was_cut_short_left_staged_is_taken_off_when_the_earlier_value_is_put_back(
    aws_secrets: AwsSecretsWorld, mirror: Make
) -> None:
    earlier, asked = fresh_value(), list[float]()
    mirror().write(NAME, earlier)

    def lost_after_the_first(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) > 1:
            raise LostClaim("another worker has it")

    with claimed(lost_after_the_first), pytest.raises(LostClaim):
        mirror().write(NAME, fresh_value())
    assert aws_secrets.stages(NAME) == [["AWSCURRENT"], ["AWSPENDING"]]
    mirror().write(NAME, earlier)
    assert aws_secrets.stages(NAME) == [["AWSCURRENT"], []]


def test_nothing_is_copied_without_the_claim(aws_secrets: AwsSecretsWorld, mirror: Make) -> None:
    def lost(_seconds: float) -> None:
        raise LostClaim("another worker has it")

    value = fresh_value()
    with claimed(lost), raises_silently(LostClaim, value):
        mirror().write(NAME, value)
    assert copied(aws_secrets) is None


def test_stale_goes_by_when_the_current_copy_was_written(aws_secrets: AwsSecretsWorld, mirror: Make) -> None:
    before = aws_secrets.clock.now() - timedelta(seconds=1)
    assert mirror().stale(NAME, before) is True
    mirror().write(NAME, fresh_value())
    assert mirror().stale(NAME, before) is False
    aws_secrets.clock.pass_by(timedelta(hours=1))
    assert mirror().stale(NAME, aws_secrets.clock.now()) is True


def test_a_value_that_was_written_again_makes_no_version_and_is_not_stale_any_more(
    aws_secrets: AwsSecretsWorld, mirror: Make
) -> None:
    """Somebody put it into the store again: one look later the copy is at rest. A version would move AWSPREVIOUS."""
    value = fresh_value()
    mirror().write(NAME, fresh_value())
    mirror().write(NAME, value)
    aws_secrets.clock.pass_by(timedelta(days=1))
    since = aws_secrets.clock.now()
    assert mirror().stale(NAME, since) is True
    mirror().write(NAME, value)
    assert mirror().stale(NAME, since) is False
    assert aws_secrets.stages(NAME) == [["AWSPREVIOUS"], ["AWSCURRENT"]]


def test_a_note_about_another_version_says_nothing(aws_secrets: AwsSecretsWorld, mirror: Make) -> None:
    """Somebody moved AWSCURRENT back by hand."""
    mirror().write(NAME, fresh_value())
    value, secret = fresh_value(), aws_secrets.source.secrets[NAME]
    mirror().write(NAME, value)
    aws_secrets.clock.pass_by(timedelta(days=1))
    since = aws_secrets.clock.now()
    mirror().write(NAME, value)
    secret.move("AWSCURRENT", secret.versions[0])
    assert mirror().stale(NAME, since) is True


@pytest.mark.parametrize("moment", ["", "yesterday", "2099-01-01"])
def test_a_note_that_is_no_moment_is_passed_over(
    aws_secrets: AwsSecretsWorld, mirror: Make, moment: str
) -> None:
    mirror().write(NAME, fresh_value())
    secret = aws_secrets.source.secrets[NAME]
    secret.tags = {"team": "payments", COPIED_AT: f"{secret.versions[0].id} {moment}"}
    aws_secrets.clock.pass_by(timedelta(days=1))
    assert mirror().stale(NAME, aws_secrets.clock.now()) is True


def test_where_tags_are_not_allowed_the_copy_is_right_all_the_same(
    aws_secrets: AwsSecretsWorld, mirror: Make
) -> None:
    value = fresh_value()
    mirror().write(NAME, value)
    aws_secrets.weather.set_faults([Rule(Fault.THROTTLED, "TagResource")])
    mirror().write(NAME, value)
    assert copied(aws_secrets) == value


def test_what_a_service_of_aws_owns_is_not_tagged(aws_secrets: AwsSecretsWorld, mirror: Make) -> None:
    value = fresh_value()
    aws_secrets.seed(NAME, value, kind="String")
    mirror().write(NAME, value)
    assert aws_secrets.source.secrets[NAME].tags == {}


def test_what_a_service_of_aws_owns_is_left_alone(aws_secrets: AwsSecretsWorld, mirror: Make) -> None:
    aws_secrets.seed(NAME, fresh_value(), kind="String")
    with pytest.raises(Refused, match="belongs to rds"):
        mirror().write(NAME, fresh_value())


def test_a_value_that_does_not_fit_is_refused_without_saying_it(mirror: Make) -> None:
    value = fresh_value(65537)
    with raises_silently(Refused, value):
        mirror().write(NAME, value)


def test_trouble_on_the_way_is_transient(aws_secrets: AwsSecretsWorld, mirror: Make) -> None:
    aws_secrets.weather.set_outages({"secretsmanager": Outage.CLOSED})
    value = fresh_value()
    with raises_silently(Transient, value):
        mirror().write(NAME, value)


@pytest.mark.parametrize("settings", [{"region": "evil.example/"}, {"path": "a b"}, {"endpoint": "http://x"}])
def test_a_setting_cannot_lead_elsewhere(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        AwsSecretsMirror.Options.model_validate(settings)
