"""The promises of Redeployer as tests: a redeployer's test class inherits `RedeployerContract` and provides a `world`.

    class TestMyRedeployer(RedeployerContract):
        @pytest.fixture
        def world(self) -> MyWorld:
            return MyWorld()

Each test says what the contract's docstrings say (rotator/contracts/redeployer.py), in their words.
"""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ClassVar

import pytest

from rotator.contracts.guard import claimed
from rotator.contracts.redeployer import Redeployer, Rollout, RolloutProgress
from rotator.model.errors import LostClaim, Refused, Transient
from rotator.testing.redeployer_world import RedeployerWorld
from rotator.testing.values import fresh_value, raises_silently

LABEL, NEXT_LABEL = "ro-contract-1", "ro-contract-2"
#: What every adapter does to its platform.
CALLS: dict[str, Callable[[Redeployer, RedeployerWorld], object]] = {
    "redeploy": lambda redeployer, _world: redeployer.redeploy(NEXT_LABEL),
    "progress": lambda redeployer, _world: redeployer.progress(LABEL),
    "starts": lambda redeployer, world: list(redeployer.starts(world.clock.now())),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


class RedeployerContract:
    """Inherit, and provide the fixture `world`. `reports`: instances tell which version they have read."""

    reports: ClassVar[bool] = True

    @pytest.fixture
    def world(self) -> RedeployerWorld:
        raise NotImplementedError("a redeployer's test class provides the fixture `world`")

    def test_it_is_a_redeployer(self, world: RedeployerWorld) -> None:
        assert isinstance(world.redeployer(), Redeployer)

    # redeploy

    def test_redeploy_starts_a_rollout_that_bears_the_label(self, world: RedeployerWorld) -> None:
        before = world.instances()
        world.redeployer().redeploy(LABEL)
        assert _ended(world, LABEL).progress is RolloutProgress.DONE
        assert len(world.serving()) == len(before)

    def test_twice_with_one_label_is_once(self, world: RedeployerWorld) -> None:
        redeployer, before = world.redeployer(), world.started()
        redeployer.redeploy(LABEL)
        redeployer.redeploy(LABEL)
        _ended(world, LABEL)
        after = world.started()
        assert after - before == len(world.serving())
        redeployer.redeploy(LABEL)
        assert _ended(world, LABEL).progress is RolloutProgress.DONE
        assert world.started() == after

    def test_twice_is_once_also_when_the_answer_was_lost(self, world: RedeployerWorld) -> None:
        redeployer, before = world.redeployer(), world.started()
        world.lose_next_answer()
        with pytest.raises(Transient):
            redeployer.redeploy(LABEL)
        redeployer.redeploy(LABEL)
        assert _ended(world, LABEL).progress is RolloutProgress.DONE
        assert world.started() - before == len(world.serving())

    def test_twice_is_once_also_after_a_crash_between_start_and_record(self, world: RedeployerWorld) -> None:
        before = world.started()
        world.redeployer().redeploy(LABEL)
        _until(world, lambda: world.started() > before)
        world.redeployer().redeploy(LABEL)
        assert _ended(world, LABEL).progress is RolloutProgress.DONE
        assert world.started() - before == len(world.serving())

    def test_another_label_is_another_rollout(self, world: RedeployerWorld) -> None:
        before = world.started()
        for label in (LABEL, NEXT_LABEL):
            world.redeployer().redeploy(label)
            assert _ended(world, label).progress is RolloutProgress.DONE
        assert world.started() - before == 2 * len(world.serving())

    def test_redeploy_raises_refused_with_a_sentence_when_it_cannot_be_started(
        self, world: RedeployerWorld
    ) -> None:
        with pytest.raises(Refused) as caught:
            world.redeployer_of_nothing().redeploy(LABEL)
        assert _is_a_sentence(str(caught.value))

    def test_nothing_is_started_when_the_claim_is_lost(self, world: RedeployerWorld) -> None:
        def lost(_seconds: float) -> None:
            raise LostClaim("another worker has it")

        before = world.started()
        with claimed(lost), pytest.raises(LostClaim):
            world.redeployer().redeploy(LABEL)
        assert world.redeployer().progress(LABEL).progress is RolloutProgress.FAILED
        assert world.started() == before

    def test_the_claim_is_asked_once_for_a_start_and_never_for_a_look(self, world: RedeployerWorld) -> None:
        redeployer, asked = world.redeployer(), list[float]()
        with claimed(asked.append):
            redeployer.progress(LABEL)
            list(redeployer.starts(world.clock.now()))
            assert asked == []
            redeployer.redeploy(LABEL)
        assert len(asked) == 1

    # progress that is DONE

    def test_done_means_that_nothing_started_before_this_rollout_is_left(
        self, world: RedeployerWorld
    ) -> None:
        before = set(world.instances())
        world.redeployer().redeploy(LABEL)
        assert _ended(world, LABEL).progress is RolloutProgress.DONE
        assert before.isdisjoint(world.instances())

    def test_done_means_that_nothing_is_left_terminating_instances_included(
        self, world: RedeployerWorld
    ) -> None:
        before = set(world.instances())
        with world.lingering():
            world.redeployer().redeploy(LABEL)
            _until(world, lambda: before - set(world.serving()))
            assert before & set(world.instances()), (
                "one that was told to end has ended: the world does not linger"
            )
            _stays_pending(world, LABEL, for_=timedelta(seconds=1))
        assert _ended(world, LABEL).progress is RolloutProgress.DONE
        assert before.isdisjoint(world.instances())

    def test_done_is_not_said_because_the_platform_says_so(self, world: RedeployerWorld) -> None:
        took = _time_of_a_rollout(world)
        before = set(world.instances())
        world.lie_next()
        world.redeployer().redeploy(NEXT_LABEL)
        _stays_pending(world, NEXT_LABEL, for_=2 * took)
        assert before & set(world.instances())

    def test_done_stays_done_when_another_rollout_follows(self, world: RedeployerWorld) -> None:
        world.redeployer().redeploy(LABEL)
        assert _ended(world, LABEL).progress is RolloutProgress.DONE
        world.someone_else_rolls()
        assert world.redeployer().progress(LABEL).progress is RolloutProgress.DONE

    # progress that is PENDING

    def test_pending_says_what_it_waits_for(self, world: RedeployerWorld) -> None:
        world.hang_next()
        world.redeployer().redeploy(LABEL)
        rollout = world.redeployer().progress(LABEL)
        assert rollout.progress is RolloutProgress.PENDING
        assert _is_a_sentence(rollout.sentence)

    def test_a_rollout_that_hangs_is_pending(self, world: RedeployerWorld) -> None:
        took = _time_of_a_rollout(world)
        world.hang_next()
        world.redeployer().redeploy(NEXT_LABEL)
        _stays_pending(world, NEXT_LABEL, for_=2 * took)

    # progress that is FAILED

    def test_failed_carries_a_reason_a_person_understands(self, world: RedeployerWorld) -> None:
        world.fail_next()
        world.redeployer().redeploy(LABEL)
        rollout = _ended(world, LABEL)
        assert rollout.progress is RolloutProgress.FAILED
        assert _is_a_sentence(rollout.sentence)

    def test_failed_is_of_one_rollout_and_the_next_one_may_succeed(self, world: RedeployerWorld) -> None:
        world.fail_next()
        world.redeployer().redeploy(LABEL)
        assert _ended(world, LABEL).progress is RolloutProgress.FAILED
        before = set(world.instances())
        world.redeployer().redeploy(NEXT_LABEL)
        assert _ended(world, NEXT_LABEL).progress is RolloutProgress.DONE
        assert before.isdisjoint(world.instances())
        assert world.redeployer().progress(LABEL).progress is RolloutProgress.FAILED

    def test_failed_also_when_another_rollout_took_its_place_without_finishing_it(
        self, world: RedeployerWorld
    ) -> None:
        world.hang_next()
        world.redeployer().redeploy(LABEL)
        assert world.redeployer().progress(LABEL).progress is RolloutProgress.PENDING
        world.someone_else_rolls()
        rollout = _ended(world, LABEL)
        assert rollout.progress is RolloutProgress.FAILED
        assert _is_a_sentence(rollout.sentence)

    def test_failed_also_when_the_other_rollout_is_ours(self, world: RedeployerWorld) -> None:
        world.hang_next()
        world.redeployer().redeploy(LABEL)
        world.redeployer().redeploy(NEXT_LABEL)
        assert _ended(world, NEXT_LABEL).progress is RolloutProgress.DONE
        assert world.redeployer().progress(LABEL).progress is RolloutProgress.FAILED

    def test_failed_also_when_the_platform_knows_no_such_rollout(self, world: RedeployerWorld) -> None:
        rollout = world.redeployer().progress("ro-contract-never-started")
        assert rollout.progress is RolloutProgress.FAILED
        assert _is_a_sentence(rollout.sentence)

    # seen

    def test_seen_is_the_version_that_instances_read_and_not_the_one_in_the_store(
        self, world: RedeployerWorld
    ) -> None:
        wrote = world.write(fresh_value())
        world.redeployer().redeploy(LABEL)
        _ended(world, LABEL)
        world.write(fresh_value())
        self._sees(world, LABEL, wrote)

    def test_seen_is_the_oldest_version_that_a_living_instance_reports(self, world: RedeployerWorld) -> None:
        first = world.write(fresh_value())
        world.redeployer().redeploy(LABEL)
        _ended(world, LABEL)
        second = world.write(fresh_value())
        before = set(world.instances())
        with world.lingering():
            world.redeployer().redeploy(NEXT_LABEL)
            _until(world, lambda: set(world.instances()) - before)
            self._sees(world, NEXT_LABEL, first)
        _ended(world, NEXT_LABEL)
        self._sees(world, NEXT_LABEL, second)

    def _sees(self, world: RedeployerWorld, label: str, version: int) -> None:
        expected = {world.parameter: version} if self.reports else {}
        assert dict(world.redeployer().progress(label).seen) == expected

    # trouble

    @every_call
    def test_a_platform_that_is_away_is_transient_and_never_failed(
        self, world: RedeployerWorld, call: Callable[[Redeployer, RedeployerWorld], object]
    ) -> None:
        redeployer = world.redeployer()
        redeployer.redeploy(LABEL)
        with world.away(), pytest.raises(Transient) as caught:
            call(redeployer, world)
        assert _is_a_sentence(str(caught.value))
        call(redeployer, world)

    @every_call
    def test_a_call_that_is_turned_away_is_transient_and_never_failed(
        self, world: RedeployerWorld, call: Callable[[Redeployer, RedeployerWorld], object]
    ) -> None:
        redeployer = world.redeployer()
        redeployer.redeploy(LABEL)
        world.throttle_next()
        with pytest.raises(Transient) as caught:
            call(redeployer, world)
        assert _is_a_sentence(str(caught.value))
        call(redeployer, world)

    def test_a_rollout_goes_on_while_nobody_can_look(self, world: RedeployerWorld) -> None:
        before = set(world.instances())
        world.redeployer().redeploy(LABEL)
        with world.away(), pytest.raises(Transient):
            world.redeployer().progress(LABEL)
        _until(world, lambda: before.isdisjoint(world.instances()))
        assert _ended(world, LABEL).progress is RolloutProgress.DONE

    def test_no_value_is_in_any_message(self, world: RedeployerWorld) -> None:
        value = fresh_value()
        world.write(value)
        redeployer = world.redeployer()
        redeployer.redeploy(LABEL)
        said = [repr(redeployer), repr(_ended(world, LABEL))]
        world.fail_next()
        redeployer.redeploy(NEXT_LABEL)
        said += [repr(redeployer.progress(NEXT_LABEL)), repr(_ended(world, NEXT_LABEL))]
        said += [repr(start) for start in redeployer.starts(world.clock.now() - timedelta(days=1))]
        assert not any(value.reveal() in message for message in said)
        for call in CALLS.values():
            with world.away(), raises_silently(Transient, value):
                call(redeployer, world)
        with raises_silently(Refused, value):
            world.redeployer_of_nothing().redeploy(LABEL)

    # starts

    def test_starts_of_instances_since_then(self, world: RedeployerWorld) -> None:
        then = _a_clear_moment(world)
        world.redeployer().redeploy(LABEL)
        _ended(world, LABEL)
        starts = list(world.redeployer().starts(then))
        assert len(starts) == len(world.serving())
        assert {start.workload for start in starts} == {world.workload}
        assert all(start.role for start in starts)
        assert all(then <= start.at <= world.clock.now() for start in starts)
        assert list(world.redeployer().starts(_a_clear_moment(world))) == []

    def test_starts_whoever_caused_them(self, world: RedeployerWorld) -> None:
        then, before = _a_clear_moment(world), set(world.instances())
        world.someone_else_rolls()
        _until(world, lambda: before.isdisjoint(world.instances()))
        assert len(list(world.redeployer().starts(then))) == len(world.serving())


_MOMENT = timedelta(seconds=0.02)


def _until(world: RedeployerWorld, happened: Callable[[], object]) -> None:
    """Time passes until it has happened; it must, within the world's patience."""
    deadline = world.clock.monotonic() + world.patience.total_seconds()
    while not happened():
        assert world.clock.monotonic() < deadline, f"did not happen within {world.patience}"
        world.clock.sleep(_MOMENT.total_seconds())


def _ended(world: RedeployerWorld, label: str) -> Rollout:
    """The rollout when it is not pending any more, as a redeployer sees it that did not start it."""
    redeployer, looks = world.redeployer(), list[Rollout]()

    def look() -> bool:
        looks.append(redeployer.progress(label))
        return looks[-1].progress is not RolloutProgress.PENDING

    _until(world, look)
    return looks[-1]


def _stays_pending(world: RedeployerWorld, label: str, for_: timedelta) -> None:
    redeployer, deadline = world.redeployer(), world.clock.monotonic() + for_.total_seconds()
    while world.clock.monotonic() < deadline:
        rollout = redeployer.progress(label)
        assert rollout.progress is RolloutProgress.PENDING, rollout.sentence
        world.clock.sleep(_MOMENT.total_seconds())


def _time_of_a_rollout(world: RedeployerWorld) -> timedelta:
    """How long one takes that goes well."""
    began = world.clock.monotonic()
    world.redeployer().redeploy(LABEL)
    assert _ended(world, LABEL).progress is RolloutProgress.DONE
    return timedelta(seconds=world.clock.monotonic() - began)


def _a_clear_moment(world: RedeployerWorld) -> datetime:
    """A time after everything so far and before everything to come, as the platform's times can tell it."""
    world.clock.sleep(world.resolution.total_seconds())
    moment = world.clock.now()
    world.clock.sleep(world.resolution.total_seconds())
    return moment


def _is_a_sentence(text: str) -> bool:
    """Words for people: several, and none of the machine's."""
    machine = ("Traceback", " at 0x", "Error(", "Exception(", "{", "\n")
    return len(text.split()) >= 3 and not any(mark in text for mark in machine)
