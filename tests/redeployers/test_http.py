"""The redeployer by HTTP keeps the promises of the contract, and what is dangerous about somebody's own service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from rotator import bounded
from rotator.contracts.redeployer import RolloutProgress
from rotator.model.errors import Refused, Transient
from rotator.model.policy import Deployment
from rotator.redeployers.http import Http, signature
from rotator.sandbox.platforms.deploy_service import DeployService
from rotator.sandbox.platforms.front import RETRY_AFTER, Answer, Front
from rotator.testing.redeployer_contract import LABEL, RedeployerContract
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value, raises_silently
from tests.redeployers.played_world import PlayedWorld

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


class ServiceWorld(PlayedWorld):
    def __init__(self) -> None:
        super().__init__()
        self.key = fresh_value(40)
        self.service = DeployService(self.clock, self.key.reveal().encode(), "/deploy/api", self.platform)
        self.front = Front(self.service)

    def redeployer(self, path: str = "/deploy/api") -> Http:
        deployment = Deployment(
            id=self.workload, kind="http", target=self.front.address + path, settings={"key": "ssm:/KEY"}
        )
        return Http(deployment, surroundings(clock=self.clock, references={"ssm:/KEY": self.key}))

    def redeployer_of_nothing(self) -> Http:
        return self.redeployer("/deploy/nothing")

    def someone_else_rolls(self) -> None:
        self.platform.roll("somebody-else")


@pytest.fixture
def world() -> Iterator[ServiceWorld]:
    world = ServiceWorld()
    with world.front:
        yield world


@pytest.mark.slow
class TestHttp(RedeployerContract):
    @pytest.fixture
    def world(self, world: ServiceWorld) -> ServiceWorld:
        return world


def test_the_signature_is_as_the_page_tells() -> None:
    """RFC 4231 gives HMAC-SHA256 no such input; this one was computed by OpenSSL."""
    signed = signature(b"key", "1700000000", "POST", "/api/rollouts", b'{"label":"r1"}')
    assert signed == "v1=660641a559ad73069ebb0b6aef9b2aa495bd8f8cc16aa45893e3886c42ae372d"


def test_a_key_that_differs_is_no_verdict_and_stays_unsaid(world: ServiceWorld) -> None:
    world.key = fresh_value(40)
    with raises_silently(Transient, world.key) as caught:
        world.redeployer().redeploy(LABEL)
    assert "does not accept rotator's signature" in str(caught.value)
    assert world.started() == 2


def test_the_service_never_gets_the_key(world: ServiceWorld) -> None:
    world.redeployer().redeploy(LABEL)
    assert not any(world.key.reveal().encode() in body for body in world.front.bodies)


def test_what_the_service_writes_is_never_told(world: ServiceWorld) -> None:
    value = fresh_value()
    world.service.why = value.reveal()
    world.fail_next()
    world.redeployer().redeploy(LABEL)
    rollout = world.ended()
    assert rollout.progress is RolloutProgress.FAILED
    assert "is none that rotator knows" in rollout.sentence
    for status in (400, 500, 503):
        world.service.instead = Answer(status, {"error": value.reveal()})
        with raises_silently(Refused if status == 400 else Transient, value):
            world.redeployer().progress(LABEL)


@pytest.mark.parametrize(
    "content",
    [{}, {"progress": "fine", "left": 0}, {"progress": "done"}, {"progress": "done", "left": -1}, []],
)
def test_what_is_not_understood_is_never_done(content: object, world: ServiceWorld) -> None:
    world.service.instead = Answer(200, content)
    with pytest.raises(Transient, match="does not understand"):
        world.redeployer().progress(LABEL)


def test_an_answer_without_end_is_cut_off(world: ServiceWorld) -> None:
    world.service.instead = Answer(200, "x" * 300_000)
    with pytest.raises(Transient, match="TooLong"):
        world.redeployer().progress(LABEL)


def test_an_answer_that_comes_in_drops_is_cut_off(
    world: ServiceWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(range(0, 1000, 11))
    monkeypatch.setattr(bounded, "_now", lambda: float(next(times)))
    world.service.instead = Answer(200, {})
    with pytest.raises(Transient, match="Timeout"):
        world.redeployer().progress(LABEL)


def test_redirects_are_not_followed(world: ServiceWorld) -> None:
    world.service.instead = Answer(307, {}, {"Location": f"{world.front.address}/deploy/api/rollouts"})
    with pytest.raises(Refused, match="follows no redirects"):
        world.redeployer().redeploy(LABEL)


def test_later_is_understood(world: ServiceWorld) -> None:
    world.front.throttle()
    with pytest.raises(Transient) as caught:
        world.redeployer().redeploy(LABEL)
    assert caught.value.retry_after == timedelta(seconds=RETRY_AFTER)


@pytest.mark.parametrize("status", [408, 409, 412, 421, 423, 425, 499])
def test_what_is_not_the_service_s_word_on_a_rollout_is_no_verdict(status: int, world: ServiceWorld) -> None:
    """A proxy may have said it; a verdict would undo the rotation."""
    world.redeployer().redeploy(LABEL)
    world.service.instead = Answer(status, {})
    for act in (world.redeployer().progress, world.redeployer().redeploy):
        with pytest.raises(Transient, match=f"answers {status}, which is not its word"):
            act(LABEL)


def test_a_service_that_tells_no_starts_has_none(world: ServiceWorld) -> None:
    world.service.tells_starts = False
    assert list(world.redeployer().starts(world.clock.now() - timedelta(days=1))) == []


@pytest.mark.parametrize("label", ["", "a/b", "../x", "a b", '"'])
def test_a_label_that_would_change_the_address_is_refused(label: str, world: ServiceWorld) -> None:
    with pytest.raises(Refused, match="label"):
        world.redeployer().redeploy(label)


@pytest.mark.parametrize(
    "target",
    ["http://deploy.taly.example/api", "ftp://127.0.0.1/", "deployment/api", "https://", "https://a:b@c.example/",
     "https://c.example/?a=b", "https://c.example/#a", "http://127.0.0.1.taly.example/"],
)  # fmt: skip
def test_an_address_that_is_not_safe_is_refused(target: str) -> None:
    with pytest.raises(Refused, match="https://HOST/PATH"):
        Http(Deployment(id="a/b", kind="http", target=target, settings={"key": "ssm:/KEY"}), surroundings())


def test_a_host_that_settings_do_not_allow_is_sent_nothing() -> None:
    deployment = Deployment(
        id="a/b", kind="http", target="https://evil.example/", settings={"key": "ssm:/KEY"}
    )
    redeployer = Http(deployment, surroundings())  # and never asks for the key
    with pytest.raises(Refused, match="ROTATOR_ALLOWED_HOSTS"):
        redeployer.redeploy("ro-1")


def test_without_a_key_it_is_refused() -> None:
    with pytest.raises(Refused, match="cannot be used: key"):
        Http(Deployment(id="a/b", kind="http", target="https://c.example/"), surroundings())
