"""The redeployer by a workflow keeps the promises of the contract, and what is dangerous about GitHub alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from rotator.contracts.redeployer import RolloutProgress
from rotator.model.errors import NotYet, Refused, Transient
from rotator.model.policy import Deployment
from rotator.model.secrets import Sealed
from rotator.redeployers import github_workflow
from rotator.redeployers.github_workflow import GithubWorkflow
from rotator.sandbox.platforms.front import RETRY_AFTER, Front
from rotator.sandbox.platforms.github import Github, Scope
from rotator.sandbox.platforms.github_runs import Runs
from rotator.testing.redeployer_contract import LABEL, NEXT_LABEL
from rotator.testing.surroundings import surroundings
from rotator.testing.values import raises_silently
from tests.redeployers.played_world import OneStartContract, PlayedWorld

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

ROLE = "taly-staging-deploy"


class WorkflowWorld(PlayedWorld):
    resolution = timedelta(seconds=1)  # GitHub's times have whole seconds

    def __init__(self) -> None:
        super().__init__()
        self.runs = Runs(self.clock, "taly/crm", "deploy.yml", self.platform)
        self.github = Github(self.clock, self.runs.answer)
        self.github.scopes["repos/taly/crm"] = Scope()
        self.front = Front(self.github)
        self.settings: dict[str, object] = {
            "auth": "ssm:/TOKEN",
            "role": ROLE,
            "inputs": {"stage": "staging"},
        }
        self.references = {"ssm:/TOKEN": Sealed(self.github.token), "ssm:/KEY": Sealed(self.github.app_key)}

    def redeployer(self, target: str = "taly/crm/deploy.yml") -> GithubWorkflow:
        deployment = Deployment(
            id=self.workload, kind="github-workflow", target=target, settings=self.settings
        )
        around = surroundings(
            clock=self.clock, endpoints={"github": self.front.address}, references=self.references
        )
        return GithubWorkflow(deployment, around)

    def redeployer_of_nothing(self) -> GithubWorkflow:
        return self.redeployer("taly/crm/nothing.yml")

    def someone_else_rolls(self) -> None:
        self.runs.begin("merge pull request #7", "push")


@pytest.fixture
def world() -> Iterator[WorkflowWorld]:
    world = WorkflowWorld()
    with world.front:
        yield world


@pytest.mark.slow
class TestGithubWorkflow(OneStartContract):
    """A run starts; what it deploys, GitHub does not know."""

    reports, role = False, ROLE

    @pytest.fixture
    def world(self, world: WorkflowWorld) -> WorkflowWorld:
        return world


def test_an_approval_is_waited_for_and_named(world: WorkflowWorld) -> None:
    world.runs.approval = True
    world.redeployer().redeploy(LABEL)
    rollout = world.redeployer().progress(LABEL)
    assert rollout.progress is RolloutProgress.PENDING
    assert "waits for approval of production" in rollout.sentence
    world.clock.pass_by(timedelta(hours=1))
    assert world.redeployer().progress(LABEL).progress is RolloutProgress.PENDING
    world.runs.approve()
    assert world.ended().progress is RolloutProgress.DONE


def test_a_run_is_there_for_everybody_when_redeploy_returns(world: WorkflowWorld) -> None:
    world.runs.lag = timedelta(seconds=3)
    world.redeployer().redeploy(LABEL)
    assert world.redeployer().progress(LABEL).progress is not RolloutProgress.FAILED
    assert len(world.runs.runs) == 1


def test_a_run_that_is_listed_late_is_waited_for_and_not_dispatched_again(world: WorkflowWorld) -> None:
    world.runs.lag = timedelta(seconds=10)
    redeployer = world.redeployer()
    with pytest.raises(NotYet, match="GitHub lists the run soon"):
        redeployer.redeploy(LABEL)
    world.clock.pass_by(timedelta(seconds=3))
    redeployer.redeploy(LABEL)
    assert len(world.runs.runs) == 1


def test_a_lost_answer_is_dispatched_again_only_when_the_list_had_its_time(world: WorkflowWorld) -> None:
    world.runs.lag = timedelta(seconds=8)
    world.front.lose()
    redeployer = world.redeployer()
    with pytest.raises(Transient):
        redeployer.redeploy(LABEL)
    with pytest.raises(NotYet):
        redeployer.redeploy(LABEL)
    redeployer.redeploy(LABEL)
    assert len(world.runs.runs) == 1


def test_a_dispatch_that_never_arrived_is_made_again(world: WorkflowWorld) -> None:
    redeployer = world.redeployer()
    with world.front.away(), pytest.raises(Transient):
        redeployer._dispatch(LABEL)
    world.clock.pass_by(timedelta(seconds=20))
    redeployer.redeploy(LABEL)
    assert len(world.runs.runs) == 1


@pytest.mark.parametrize("details", [True, False])
def test_a_workflow_that_does_not_show_the_label_is_refused_and_never_dispatched_twice(
    details: bool, world: WorkflowWorld
) -> None:
    world.runs.shows, world.runs.details = False, details
    redeployer = world.redeployer()
    with pytest.raises(Refused if details else NotYet):  # by the run's id it is known at once
        redeployer.redeploy(LABEL)
    for _ in range(3):
        with pytest.raises((Refused, NotYet)):
            redeployer.redeploy(LABEL)
    with pytest.raises(Refused, match=r"write `run-name: deploy \$\{\{ inputs.rollout \}\}`"):
        redeployer.redeploy(LABEL)
    assert len(world.runs.runs) == 1


def test_a_repository_that_is_not_shown_any_more_is_no_verdict_on_a_run(world: WorkflowWorld) -> None:
    world.redeployer().redeploy(LABEL)
    world.runs._workflow = "/elsewhere"
    with pytest.raises(Transient, match="or rotator may not see it"):
        world.redeployer().progress(LABEL)


def test_the_label_is_found_as_a_word_only(world: WorkflowWorld) -> None:
    world.redeployer().redeploy(f"{LABEL}0")
    assert world.redeployer().progress(LABEL).progress is RolloutProgress.FAILED


def test_a_run_is_found_behind_many_others(world: WorkflowWorld) -> None:
    world.redeployer().redeploy(LABEL)
    for number in range(120):
        world.runs.begin(f"deploy {number}")
    assert "was cancelled" in world.redeployer().progress(LABEL).sentence


#: Within three pages; behind them; and behind all that one search answers.
@pytest.mark.parametrize("others", [290, 350, 1150])
def test_a_run_that_waits_behind_many_others_is_neither_given_up_nor_dispatched_again(
    others: int, world: WorkflowWorld
) -> None:
    world.runs.approval = True
    world.redeployer().redeploy(LABEL)
    _others(world, others)
    rollout = world.redeployer().progress(LABEL)
    assert rollout.progress is RolloutProgress.PENDING
    assert "waits for approval of production" in rollout.sentence
    world.redeployer().redeploy(LABEL)
    assert len(world.runs.runs) == 1 + others


def test_where_more_were_dispatched_than_can_be_looked_through_nothing_is_decided(
    world: WorkflowWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github_workflow, "_SEARCHES", 1)
    world.runs.approval = True
    world.redeployer().redeploy(LABEL)
    _others(world, 1000)
    for ask in (world.redeployer().progress, world.redeployer().redeploy):
        with pytest.raises(NotYet, match="more than 1000 times in 35 days") as caught:
            ask(LABEL)
        assert caught.value.until > world.clock.now()
    assert len(world.runs.runs) == 1001


def test_runs_from_before_any_that_can_go_on_are_not_looked_through(world: WorkflowWorld) -> None:
    world.runs.approval = True
    _others(world, 250)
    for run in world.runs.runs:
        run.at -= timedelta(days=37)
    world.redeployer().redeploy(LABEL)
    assert world.front.ledger["GET runs: 200"] == 2  # before the dispatch, and after it
    assert len(world.runs.runs) == 251


def _others(world: WorkflowWorld, number: int) -> None:
    """So many dispatches by others, which all wait; ten in each second."""
    for one in range(number):
        world.clock.pass_by(timedelta(seconds=0 if one % 10 else 1))
        world.runs.begin(f"deploy {one}")


def test_an_unknown_input_is_refused_without_githubs_words(world: WorkflowWorld) -> None:
    world.settings["inputs"] = {"surprise": "words"}
    with pytest.raises(Refused, match="invalid to dispatch") as caught:
        world.redeployer().redeploy(LABEL)
    assert "surprise" not in str(caught.value)


def test_an_app_logs_in_once_an_hour_and_shows_its_key_to_nobody(world: WorkflowWorld) -> None:
    world.settings |= {"auth": "ssm:/KEY", "app": world.github.app}
    redeployer = world.redeployer()
    redeployer.redeploy(LABEL)
    redeployer.progress(LABEL)
    assert world.github.logins == 1
    world.clock.pass_by(timedelta(minutes=56))
    redeployer.redeploy(NEXT_LABEL)
    assert world.github.logins == 2
    assert not any(b"PRIVATE KEY" in body for body in world.front.bodies)


def test_a_credential_that_github_does_not_know_is_read_anew_at_the_next_attempt(
    world: WorkflowWorld,
) -> None:
    wrong = Sealed("not-the-token")
    world.references["ssm:/TOKEN"] = wrong
    redeployer = world.redeployer()
    with raises_silently(Transient, wrong):
        redeployer.redeploy(LABEL)
    world.references["ssm:/TOKEN"] = Sealed(world.github.token)
    redeployer.redeploy(LABEL)


def test_a_key_that_is_none_is_no_verdict_and_stays_unsaid(world: WorkflowWorld) -> None:
    wrong = Sealed("-----BEGIN SOMETHING-----")
    world.references["ssm:/KEY"] = wrong
    world.settings |= {"auth": "ssm:/KEY", "app": world.github.app}
    with raises_silently(Transient, wrong):
        world.redeployer().redeploy(LABEL)


@pytest.mark.parametrize("status", [429, 403])
def test_both_ways_of_saying_later_are_understood(status: int, world: WorkflowWorld) -> None:
    world.github.throttles_by = status
    world.front.throttle()
    with pytest.raises(Transient, match="too often") as caught:
        world.redeployer().redeploy(LABEL)
    assert caught.value.retry_after == timedelta(seconds=RETRY_AFTER)


def test_a_look_at_what_has_not_changed_costs_nothing_of_the_hours_quota(world: WorkflowWorld) -> None:
    world.hang_next()
    world.redeployer().redeploy(LABEL)
    redeployer = world.redeployer()
    world.clock.pass_by(timedelta(minutes=1))
    for _ in range(5):
        assert redeployer.progress(LABEL).progress is RolloutProgress.PENDING
    assert world.front.ledger["GET runs: 304"] == 4
    world.runs.begin("merge pull request #7", "push")
    assert redeployer.progress(LABEL).progress is RolloutProgress.FAILED


def test_a_repository_that_was_renamed_is_said_to_be(world: WorkflowWorld) -> None:
    world.github.renamed = True
    with pytest.raises(Transient, match="write the name that it has today"):
        world.redeployer().redeploy(LABEL)


def test_a_missing_permission_is_no_verdict(world: WorkflowWorld) -> None:
    world.github.forbidden = True
    with pytest.raises(Transient, match="Grant its App or token the permission"):
        world.redeployer().redeploy(LABEL)


@pytest.mark.parametrize(
    "target", ["deploy.yml", "taly/crm", "taly/../deploy.yml", "taly/crm/deploy", "a/b/c/d.yml"]
)
def test_a_target_that_names_no_workflow_is_refused(target: str, world: WorkflowWorld) -> None:
    with pytest.raises(Refused, match=r"OWNER/REPOSITORY/FILE\.yml"):
        world.redeployer(target)


@pytest.mark.parametrize("settings", [{}, {"auth": "ssm:/TOKEN", "branch": "x"}])
def test_settings_that_cannot_be_used_are_named(settings: dict[str, object], world: WorkflowWorld) -> None:
    world.settings = settings
    with pytest.raises(Refused, match=r"cannot be used: (auth|branch)"):
        world.redeployer()
