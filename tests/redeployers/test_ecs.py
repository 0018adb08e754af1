"""The redeployer for ECS keeps the promises of the contract, and what is dangerous about ECS alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from rotator.contracts.guard import claimed
from rotator.contracts.redeployer import RolloutProgress
from rotator.model.errors import LostClaim, NotYet, Refused, Transient
from rotator.model.policy import Deployment
from rotator.redeployers.aws_tags import FINISHED, ROLLOUT, also_finished
from rotator.redeployers.ecs import Ecs
from rotator.sandbox.platforms.ecs import EXECUTION_ROLE, TASK_ROLE
from rotator.sandbox.platforms.ecs import Ecs as PlayedEcs
from rotator.sandbox.platforms.front import Front
from rotator.testing.redeployer_contract import LABEL, NEXT_LABEL, RedeployerContract
from rotator.testing.surroundings import surroundings
from tests.redeployers.played_world import PlayedWorld

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


class EcsWorld(PlayedWorld):
    looks_twice = True

    def __init__(self) -> None:
        super().__init__()
        self.ecs = PlayedEcs(self.clock, "staging", "api", self.platform)
        self.front = Front(self.ecs)

    def redeployer(self, target: str = "staging/api") -> Ecs:
        deployment = Deployment(id=self.workload, kind="ecs", target=target)
        return Ecs(deployment, surroundings(clock=self.clock, endpoints={"ecs": self.front.address}))

    def redeployer_of_nothing(self) -> Ecs:
        return self.redeployer("staging/nothing")

    def someone_else_rolls(self) -> None:
        self.ecs.roll()


@pytest.fixture
def world(aws_without_waits: None) -> Iterator[EcsWorld]:
    world = EcsWorld()
    with world.front:
        yield world


@pytest.mark.slow
class TestEcs(RedeployerContract):
    reports = False

    @pytest.fixture
    def world(self, world: EcsWorld) -> EcsWorld:
        return world


def test_a_rollback_by_ecs_is_failed_and_never_done(world: EcsWorld) -> None:
    world.fail_next()
    world.redeployer().redeploy(LABEL)
    world.clock.pass_by(timedelta(minutes=10))
    rollout = world.redeployer().progress(LABEL)
    assert rollout.progress is RolloutProgress.FAILED
    assert "gave its new deployment up after 1 task failed" in rollout.sentence
    world.clock.pass_by(timedelta(minutes=10))
    rollout = world.redeployer().progress(LABEL)
    assert rollout.progress is RolloutProgress.FAILED
    assert "rolled the new deployment back" in rollout.sentence


def test_a_rollback_is_failed_also_when_the_answer_was_lost(world: EcsWorld) -> None:
    world.fail_next()
    world.front.lose()
    with pytest.raises(Transient):
        world.redeployer().redeploy(LABEL)
    world.clock.pass_by(timedelta(minutes=10))
    world.redeployer().redeploy(LABEL)
    assert world.redeployer().progress(LABEL).progress is RolloutProgress.FAILED


def test_new_tasks_that_run_and_are_not_healthy_yet_are_waited_for(world: EcsWorld) -> None:
    """They may still turn out to be none, and ECS then rolls back."""
    world.ecs.healthy = False
    world.redeployer().redeploy(LABEL)
    world.clock.pass_by(timedelta(minutes=10))
    rollout = world.redeployer().progress(LABEL)
    assert (rollout.progress, rollout.sentence) == (
        RolloutProgress.PENDING,
        "staging/api: 2 of 2 new tasks run",
    )
    world.ecs.healthy = True
    assert world.redeployer().progress(LABEL).progress is RolloutProgress.DONE


def test_an_answer_that_lags_is_no_verdict(world: EcsWorld) -> None:
    world.ecs.lag = timedelta(seconds=20)
    world.redeployer().redeploy(LABEL)
    rollout = world.redeployer().progress(LABEL)
    assert rollout.progress is RolloutProgress.PENDING
    assert "does not show the new deployment yet" in rollout.sentence
    world.redeployer().redeploy(LABEL)
    world.clock.pass_by(world.ecs.lag)
    assert world.ended().progress is RolloutProgress.DONE
    assert world.started() == 4


def test_a_lost_answer_that_does_not_show_yet_starts_no_second_deployment(world: EcsWorld) -> None:
    world.ecs.lag = timedelta(seconds=5)
    world.front.lose()
    with pytest.raises(Transient):
        world.redeployer().redeploy(LABEL)
    with pytest.raises(NotYet, match="may have been restarted already"):
        world.redeployer().redeploy(LABEL)
    world.clock.pass_by(world.ecs.lag)
    world.redeployer().redeploy(LABEL)
    assert world.ended().progress is RolloutProgress.DONE
    assert world.started() == 4


def test_a_restart_that_never_arrived_is_made_when_it_is_known_to_be_missing(world: EcsWorld) -> None:
    def lost(_seconds: float) -> None:
        raise LostClaim("another worker has it")

    with claimed(lost), pytest.raises(LostClaim):
        world.redeployer().redeploy(LABEL)
    world.clock.pass_by(timedelta(minutes=1))
    world.redeployer().redeploy(LABEL)
    assert world.ended().progress is RolloutProgress.DONE
    assert world.started() == 4


def test_any_deployment_after_our_note_is_taken_for_ours_when_the_answer_was_lost(world: EcsWorld) -> None:
    world.front.lose()
    with pytest.raises(Transient):
        world.redeployer().redeploy(LABEL)
    world.someone_else_rolls()
    world.redeployer().redeploy(LABEL)
    assert world.ended().progress is RolloutProgress.DONE


def test_a_service_that_ecs_does_not_deploy_is_refused_before_anything_is_written(world: EcsWorld) -> None:
    world.ecs.controller = "CODE_DEPLOY"
    with pytest.raises(Refused, match="deployed by CODE_DEPLOY"):
        world.redeployer().redeploy(LABEL)
    assert world.ecs.tags == {}


def test_a_service_that_is_draining_is_missing(world: EcsWorld) -> None:
    world.ecs.status = "DRAINING"
    with pytest.raises(Refused, match="no active service staging/api"):
        world.redeployer().redeploy(LABEL)
    assert world.redeployer().progress(LABEL).progress is RolloutProgress.FAILED
    with pytest.raises(Refused, match="no such active service"):
        world.redeployer("elsewhere/api").redeploy(LABEL)


def test_starts_are_those_of_the_role_that_reads(world: EcsWorld) -> None:
    since = world.clock.now() - timedelta(days=1)
    assert {start.role for start in world.redeployer().starts(since)} == {EXECUTION_ROLE}
    world.ecs.secrets = False
    assert {start.role for start in world.redeployer().starts(since)} == {TASK_ROLE}
    assert list(world.redeployer_of_nothing().starts(since)) == []


def test_behind_a_classic_load_balancer_the_counts_say_it(world: EcsWorld) -> None:
    world.ecs.tells_state = False
    world.redeployer().redeploy(LABEL)
    before = world.redeployer().progress(LABEL)
    assert before.progress is RolloutProgress.PENDING
    assert "0 of 2 new tasks run" in before.sentence
    assert world.ended().progress is RolloutProgress.DONE
    (ours,) = {one.rollout for one in world.living()}
    assert f"is {ours}" in world.ecs.tags[ROLLOUT]


def test_a_tag_that_cannot_be_written_is_no_verdict(world: EcsWorld) -> None:
    world.redeployer().redeploy(LABEL)
    world.clock.pass_by(timedelta(minutes=1))
    world.ecs.untaggable = True
    with pytest.raises(Transient, match="tag the service"):
        world.redeployer().progress(LABEL)
    world.ecs.untaggable = False
    assert world.ended().progress is RolloutProgress.DONE


def test_tags_of_others_stay_and_what_is_no_note_of_ours_is_none(world: EcsWorld) -> None:
    world.ecs.tags = {"team": "crm", ROLLOUT: "somebody wrote this"}
    world.redeployer().redeploy(LABEL)
    assert world.ended().progress is RolloutProgress.DONE
    assert world.ecs.tags["team"] == "crm"
    assert world.ecs.tags[FINISHED] == LABEL
    assert NEXT_LABEL not in world.ecs.tags[ROLLOUT]


def test_finished_rollouts_are_remembered_as_far_as_a_tag_reaches() -> None:
    tags: dict[str, str] = {}
    labels = [f"{number:016x}" for number in range(40)]
    for label in labels:
        tags |= also_finished(tags, label)
    assert len(tags[FINISHED]) <= 256
    assert tags[FINISHED].split() == labels[-15:]


@pytest.mark.parametrize("target", ["api", "a/b/c", "a/b c", "cluster/"])
def test_a_target_that_names_no_service_is_refused(target: str, world: EcsWorld) -> None:
    with pytest.raises(Refused, match="CLUSTER/SERVICE"):
        world.redeployer(target)
