"""The redeployer for Lambda keeps the promises of the contract, and what is dangerous about Lambda alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from rotator.contracts.adapter import Surroundings
from rotator.contracts.guard import claimed
from rotator.contracts.redeployer import RolloutProgress
from rotator.model.errors import NotYet, Refused, Transient
from rotator.model.policy import Deployment
from rotator.redeployers.lambda_calls import LambdaCalls
from rotator.redeployers.lambda_configuration import VARIABLE, labelled
from rotator.redeployers.lambda_function import LambdaFunction
from rotator.sandbox.platforms.front import Front
from rotator.sandbox.platforms.lambda_function import ROLE, Function
from rotator.testing.memory_platform import MemoryInstance
from rotator.testing.redeployer_contract import LABEL, NEXT_LABEL
from rotator.testing.redeployer_world import RedeployerWorld
from rotator.testing.surroundings import surroundings
from tests.redeployers.played_world import OneStartContract, PlayedWorld

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


class FunctionWorld(PlayedWorld):
    """`alias` None: consumers call $LATEST."""

    looks_twice = True

    def __init__(self, alias: str | None = None) -> None:
        super().__init__()
        self.alias = alias
        self.function = Function(self.clock, "webhooks", alias, self.platform)
        self.front = Front(self.function)
        self.clock.pass_by(timedelta(hours=1))

    def redeployer(self, function: str = "webhooks") -> LambdaFunction:
        target = f"{function}:{self.alias}" if self.alias else function
        deployment = Deployment(id=self.workload, kind="lambda", target=target)
        return LambdaFunction(deployment, self.around())

    def calls(self) -> LambdaCalls:
        return LambdaCalls("webhooks", self.around())

    def around(self) -> Surroundings:
        return surroundings(clock=self.clock, endpoints={"lambda": self.front.address})

    def redeployer_of_nothing(self) -> LambdaFunction:
        return self.redeployer("nothing")

    def someone_else_rolls(self) -> None:
        self.function.deploy()

    def fail_next(self) -> None:
        """The update cannot be applied; with an alias it can, and somebody puts the alias back."""
        if self.alias:
            self.function.returns = True
        else:
            self.function.fails = True

    def hang_next(self) -> None:
        """An invocation goes on and on."""
        super().hang_next()
        self._invocations_may_last(4)

    def lie_next(self) -> None:
        """The update is called successful while an invocation goes on."""
        super().lie_next()
        self._invocations_may_last(4)

    def _invocations_may_last(self, seconds: int) -> None:
        for configuration in (self.function.latest, *self.function.versions):
            configuration["Timeout"] = seconds

    def living(self) -> list[MemoryInstance]:
        self.function.catch_up()
        return super().living()

    def started(self) -> int:
        self.function.catch_up()
        return super().started()

    def variables(self) -> dict[str, str]:
        variables: dict[str, str] = self.function.latest["Environment"]["Variables"]
        return variables


@pytest.fixture
def function(aws_without_waits: None) -> Iterator[FunctionWorld]:
    world = FunctionWorld()
    with world.front:
        yield world


@pytest.fixture
def alias(aws_without_waits: None) -> Iterator[FunctionWorld]:
    world = FunctionWorld("live")
    with world.front:
        yield world


class LambdaContract(OneStartContract):
    """What is called starts; Lambda tells of no environment's start."""

    reports, role = False, ROLE


@pytest.mark.slow
class TestLatest(LambdaContract):
    @pytest.fixture
    def world(self, function: FunctionWorld) -> FunctionWorld:
        return function


@pytest.mark.slow
class TestAlias(LambdaContract):
    @pytest.fixture
    def world(self, alias: FunctionWorld) -> FunctionWorld:
        return alias

    def test_the_claim_is_asked_once_for_a_start_and_never_for_a_look(self, world: RedeployerWorld) -> None:
        """Once for each of its three effects: the change, the version, the alias."""
        redeployer, asked = world.redeployer(), list[float]()
        with claimed(asked.append):
            redeployer.progress(LABEL)
            list(redeployer.starts(world.clock.now()))
            assert asked == []
            redeployer.redeploy(LABEL)
        assert len(asked) == 3


def test_nobodys_variable_is_lost(function: FunctionWorld) -> None:
    function.variables()["FEATURE"] = "on"
    function.redeployer().redeploy(LABEL)
    assert function.variables() == {"STAGE": "staging", "FEATURE": "on", VARIABLE: LABEL}


def test_a_change_by_somebody_else_after_our_look_is_not_overwritten(function: FunctionWorld) -> None:
    calls = function.calls()
    look = calls.configuration()
    function.function.deploy(Environment={"Variables": {"THEIRS": "1"}})
    with pytest.raises(Transient, match="somebody else changed it"):
        calls.set_variables(look, labelled(look, LABEL))
    assert function.variables() == {"THEIRS": "1"}


def test_variables_that_cannot_be_read_are_never_replaced(function: FunctionWorld) -> None:
    function.function.unreadable = True
    with pytest.raises(Transient, match="kms:Decrypt"):
        function.redeployer().redeploy(LABEL)
    assert VARIABLE not in function.variables()


def test_variables_that_have_no_room_for_the_label_are_refused(function: FunctionWorld) -> None:
    function.variables()["LARGE"] = "x" * 4070
    with pytest.raises(Refused, match="4 KB") as caught:
        function.redeployer().redeploy(LABEL)
    assert "xxx" not in str(caught.value)


def test_an_update_that_lambda_cannot_apply_is_failed_with_lambdas_code(function: FunctionWorld) -> None:
    function.fail_next()
    function.redeployer().redeploy(LABEL)
    rollout = function.ended()
    assert rollout.progress is RolloutProgress.FAILED
    assert "InvalidSubnet" in rollout.sentence
    assert "machine" not in rollout.sentence


def test_somebody_elses_update_is_waited_for(function: FunctionWorld) -> None:
    function.function.latest["LastUpdateStatus"] = "InProgress"
    with pytest.raises(NotYet, match=r"busy with \$LATEST"):
        function.redeployer().redeploy(LABEL)


def test_done_is_said_when_no_invocation_from_before_can_run(function: FunctionWorld) -> None:
    function.function.latest["Timeout"] = 300
    function.redeployer().redeploy(LABEL)
    function.clock.pass_by(timedelta(seconds=10))
    pending = function.redeployer().progress(LABEL)
    assert pending.progress is RolloutProgress.PENDING
    assert "invocations from before may run until" in pending.sentence
    function.clock.pass_by(timedelta(seconds=299))
    assert function.redeployer().progress(LABEL).progress is RolloutProgress.PENDING
    function.clock.pass_by(timedelta(seconds=2))
    assert function.redeployer().progress(LABEL).progress is RolloutProgress.DONE


@pytest.mark.parametrize(
    "change",
    [
        {"CodeSha256": "bmV3"},
        {"Environment": {"Variables": {"FEATURE": "on"}}},
        {"MemorySize": 512},
        {"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"], "VpcId": "vpc-1"}},
        {"EphemeralStorage": {"Size": 2048}},
        {"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:eu-central-1:111122223333:dead"}},
        {"SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}},
    ],
)
def test_what_the_alias_does_not_run_is_never_released(
    alias: FunctionWorld, change: dict[str, object]
) -> None:
    alias.function.latest |= change
    with pytest.raises(Refused, match="LATEST is not what the alias runs"):
        alias.redeployer().redeploy(LABEL)
    assert VARIABLE not in alias.variables()
    assert alias.function.alias["FunctionVersion"] == "1"


def test_what_was_deployed_since_our_look_is_not_released_either(alias: FunctionWorld) -> None:
    calls = alias.calls()
    before = calls.configuration()
    calls.set_variables(before, labelled(before, LABEL))
    alias.clock.pass_by(timedelta(seconds=1))
    look = calls.alias("live")
    alias.function.latest["CodeSha256"] = "bmV3"
    with pytest.raises(Refused, match="CodeSha256"):
        alias.redeployer()._release(calls.configuration(), look)
    assert len(alias.function.versions) == 1


def test_a_version_of_what_somebody_changed_since_our_look_is_not_published(alias: FunctionWorld) -> None:
    calls = alias.calls()
    look = calls.configuration()
    calls.set_variables(look, {"THEIRS": "1"})
    alias.clock.pass_by(timedelta(seconds=1))
    with pytest.raises(Transient, match="somebody else changed it"):
        calls.publish(look)
    assert len(alias.function.versions) == 1


def test_an_alias_that_somebody_moved_since_our_look_stays_where_they_put_it(alias: FunctionWorld) -> None:
    calls = alias.calls()
    look = calls.alias("live")
    alias.redeployer().redeploy(LABEL)
    with pytest.raises(Transient, match="somebody else changed it"):
        calls.move(look, "1")
    assert alias.function.alias["FunctionVersion"] == "2"


def test_an_update_that_takes_long_is_waited_for_before_the_alias_is_moved(alias: FunctionWorld) -> None:
    alias.function.hangs = True
    with pytest.raises(NotYet, match=r"busy with \$LATEST"):
        alias.redeployer().redeploy(LABEL)
    assert alias.function.alias["FunctionVersion"] == "1"
    alias.function.hangs = False
    alias.redeployer().redeploy(LABEL)
    assert alias.ended().progress is RolloutProgress.DONE
    assert alias.function.alias["FunctionVersion"] == "2"


def test_an_update_that_fails_is_refused_and_the_alias_stays(alias: FunctionWorld) -> None:
    alias.function.fails = True
    with pytest.raises(Refused, match="InvalidSubnet"):
        alias.redeployer().redeploy(LABEL)
    assert alias.function.alias["FunctionVersion"] == "1"


def test_a_version_that_is_being_prepared_is_waited_for_before_the_alias_is_moved(
    alias: FunctionWorld,
) -> None:
    alias.function.version_state = "Pending"
    with pytest.raises(NotYet, match="busy with 2 of webhooks"):
        alias.redeployer().redeploy(LABEL)
    assert alias.function.alias["FunctionVersion"] == "1"
    alias.function.versions[-1]["State"] = "Active"
    alias.redeployer().redeploy(LABEL)
    assert alias.ended().progress is RolloutProgress.DONE
    assert len(alias.function.versions) == 2


def test_a_version_that_cannot_run_is_refused_and_the_alias_stays(alias: FunctionWorld) -> None:
    alias.function.version_state = "Failed"
    with pytest.raises(Refused, match=r"version 2 of webhooks cannot run \(FunctionError.InitTimeout\)"):
        alias.redeployer().redeploy(LABEL)
    assert alias.function.alias["FunctionVersion"] == "1"


@pytest.mark.slow
@pytest.mark.parametrize("lost", [1, 2, 3])
def test_whichever_answer_is_lost_one_version_is_published_and_the_alias_moved_once(
    lost: int, alias: FunctionWorld
) -> None:
    for _ in range(lost):
        alias.front.lose()
        with pytest.raises(Transient):
            alias.redeployer().redeploy(LABEL)
        alias.clock.pass_by(timedelta(seconds=1))
    alias.redeployer().redeploy(LABEL)
    assert alias.ended().progress is RolloutProgress.DONE
    assert len(alias.function.versions) == 2
    assert alias.started() == 4


def test_an_alias_that_sends_a_share_elsewhere_is_pending_and_says_so(alias: FunctionWorld) -> None:
    alias.redeployer().redeploy(LABEL)
    alias.function.alias["RoutingConfig"] = {"AdditionalVersionWeights": {"1": 0.1}}
    alias.clock.pass_by(timedelta(seconds=10))
    rollout = alias.redeployer().progress(LABEL)
    assert rollout.progress is RolloutProgress.PENDING
    assert "a share of the invocations to version 1" in rollout.sentence
    alias.redeployer().redeploy(LABEL)
    assert alias.ended().progress is RolloutProgress.DONE


def test_an_alias_that_is_not_there_is_refused(function: FunctionWorld) -> None:
    function.alias = "live"
    with pytest.raises(Refused, match="read the alias webhooks:live"):
        function.redeployer().redeploy(NEXT_LABEL)


@pytest.mark.parametrize("target", ["", "a b", "webhooks:1", "webhooks:live:2", "arn:aws:lambda"])
def test_a_target_that_names_no_function_is_refused(target: str) -> None:
    with pytest.raises(Refused, match="FUNCTION:ALIAS"):
        LambdaFunction(Deployment(id="a/b", kind="lambda", target=target), surroundings())
