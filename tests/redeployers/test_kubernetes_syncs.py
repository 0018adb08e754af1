"""`reads: external-secrets`: nothing is restarted before the copy is newer than our write.

Played only: the real API server that there is for tests breaks at any object of a kind that was made known to it.
"""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from rotator.cluster.words import Changed
from rotator.contracts.guard import claimed
from rotator.contracts.redeployer import RolloutProgress
from rotator.model.errors import NotYet, Refused, Transient
from rotator.redeployers.kubernetes import Kubernetes
from rotator.testing.redeployer_contract import LABEL, NEXT_LABEL
from tests.redeployers.kubernetes_front import Fault
from tests.redeployers.kubernetes_objects import Document
from tests.redeployers.kubernetes_world import KubernetesWorld
from tests.redeployers.planes import StandIn

pytestmark = pytest.mark.slow  # it starts servers


@pytest.fixture
def world(deployment: KubernetesWorld, stand_in: StandIn) -> KubernetesWorld:
    """A Deployment that reads two copies, both in sync."""
    deployment.external_secrets = ("api-env", "api-keys")
    for name in deployment.external_secrets:
        deployment.api.create(
            "externalsecrets", {"metadata": {"name": name}, "spec": {"target": {"name": name}}}
        )
    deployment.run()
    deployment.until(lambda: all(synced(deployment, name) for name in deployment.external_secrets))
    return deployment


def synced(world: KubernetesWorld, name: str) -> str:
    version: str = world.api.get("externalsecrets", name).get("status", {}).get("syncedResourceVersion", "")
    return version


def redeployed(redeployer: Kubernetes, label: str = LABEL) -> bool:
    try:
        redeployer.redeploy(label)
    except (NotYet, Changed):  # Changed: the operator wrote its status between look and change
        return False
    return True


def test_nothing_is_restarted_before_every_copy_is_newer(world: KubernetesWorld, stand_in: StandIn) -> None:
    before = {name: synced(world, name) for name in world.external_secrets}
    stand_in.controllers.syncs_left = 0
    with pytest.raises(NotYet, match="api-env") as caught:
        world.redeployer().redeploy(LABEL)
    assert caught.value.until > world.clock.now()
    assert world.redeployer().progress(LABEL).progress is RolloutProgress.FAILED, "nothing was started yet"
    stand_in.controllers.syncs_left = 1
    world.until(lambda: any(synced(world, name) != before[name] for name in world.external_secrets))
    assert not redeployed(world.redeployer()), "one of two copies is newer"
    assert world.template_marks() == {}
    stand_in.controllers.syncs_left = math.inf
    world.until(lambda: redeployed(world.redeployer()))
    assert all(synced(world, name) != before[name] for name in world.external_secrets)
    world.until(lambda: world.redeployer().progress(LABEL).progress is RolloutProgress.DONE)


def test_a_sync_is_forced_once_for_a_label_whoever_asks(world: KubernetesWorld) -> None:
    asked = list[float]()
    with claimed(asked.append):
        world.until(lambda: redeployed(world.redeployer()))
        assert redeployed(world.redeployer())
    assert world.front.changed == ["externalsecrets", "externalsecrets", "deployments"]
    assert len(asked) == sum(method == "PATCH" for method, _ in world.front.seen)
    world.until(lambda: redeployed(world.redeployer(), NEXT_LABEL))
    assert world.front.changed.count("externalsecrets") == 4


def test_it_is_forced_once_also_when_the_answer_was_lost(world: KubernetesWorld) -> None:
    world.front.faults += [None, None, None, Fault.LOST_ANSWER]
    with pytest.raises(Transient):
        world.redeployer().redeploy(LABEL)
    world.until(lambda: redeployed(world.redeployer()))
    assert world.front.changed.count("externalsecrets") == 2


def test_a_sync_that_was_under_way_is_not_newer(world: KubernetesWorld, stand_in: StandIn) -> None:
    """Somebody else's change of the ExternalSecret has begun one that does not see what was written meanwhile."""
    world.external_secrets, stand_in.controllers.syncs_left = ("api-env",), 0
    was = synced(world, "api-env")
    world.api.merge("externalsecrets", "api-env", {"metadata": {"labels": {"someone": "else"}}})
    world.until(lambda: stand_in.controllers.syncing("api-env"))
    world.clock.sleep(1.2)  # the operator tells times in whole seconds
    assert not redeployed(world.redeployer())
    stand_in.controllers.syncs_left = 1
    world.until(lambda: synced(world, "api-env") != was)
    under_way = synced(world, "api-env")
    assert not redeployed(world.redeployer())
    stand_in.controllers.syncs_left = math.inf
    world.until(lambda: redeployed(world.redeployer()))
    assert synced(world, "api-env") != under_way


def test_workloads_that_share_a_copy_do_not_wait_for_ever(world: KubernetesWorld) -> None:
    """Each has its own mark, so neither takes the other's for its own or undoes it."""
    world.api.create("deployments", world.api.get("deployments", "api") | {"metadata": {"name": "worker"}})
    api, worker = world.redeployer(), world._redeployer("deployment/worker")
    done = set[str]()

    def both() -> bool:
        for label, redeployer in (("ro-api", api), ("ro-worker", worker)):
            if redeployed(redeployer, label):
                done.add(label)
        return len(done) == 2

    world.until(both)
    assert world.front.changed.count("externalsecrets") == 4


def test_a_sync_that_fails_is_waited_for_and_refused_after_the_timeout(
    world: KubernetesWorld, stand_in: StandIn
) -> None:
    stand_in.controllers.sync_fails = True
    with pytest.raises(NotYet):
        world.redeployer().redeploy(LABEL)
    world.until(lambda: "SecretSyncedError" in str(world.api.get("externalsecrets", "api-env")["status"]))
    with pytest.raises(NotYet, match="SecretSyncedError"):
        world.redeployer().redeploy(LABEL)
    world.timeout = timedelta(seconds=1)
    world.clock.sleep(1.1)
    with pytest.raises(Refused, match="kubectl describe externalsecret api-env"):
        world.redeployer().redeploy(LABEL)
    assert world.template_marks() == {}


@pytest.mark.parametrize(
    "spec,remedy",
    [
        ({"refreshPolicy": "CreatedOnce"}, "make it Periodic"),
        ({"refreshInterval": "0s"}, "refreshPolicy OnChange"),
        ({"target": {"immutable": True}}, "take that away"),
    ],
)
def test_a_copy_that_is_never_made_again_is_refused(
    spec: Document, remedy: str, world: KubernetesWorld
) -> None:
    world.api.merge("externalsecrets", "api-env", {"spec": spec})
    with pytest.raises(Refused, match=remedy):
        world.redeployer().redeploy(LABEL)


def test_one_that_is_synced_on_change_only_is_synced(world: KubernetesWorld) -> None:
    spec = {"refreshPolicy": "OnChange", "refreshInterval": "0"}
    world.api.merge("externalsecrets", "api-env", {"spec": spec})
    world.until(lambda: redeployed(world.redeployer()))


def test_an_external_secret_that_is_not_there_is_refused(world: KubernetesWorld) -> None:
    world.external_secrets = ("api-env", "nothing")
    with pytest.raises(Refused, match=r"no ExternalSecret nothing .* external_secrets"):
        world.redeployer().redeploy(LABEL)
    assert ("PATCH", "externalsecrets") not in world.front.seen


def test_older_operators_are_spoken_to_as_well(world: KubernetesWorld, stand_in: StandIn) -> None:
    stand_in.server.external_secrets = "v1beta1"
    world.until(lambda: redeployed(world.redeployer()))


def test_the_mark_of_a_long_name_fits(world: KubernetesWorld) -> None:
    long, other = "a" * 62, "a" * 61 + "b"
    for name in (long, other):
        world.api.create("deployments", world.api.get("deployments", "api") | {"metadata": {"name": name}})
        assert not redeployed(world._redeployer(f"deployment/{name}"))
    marks = world.api.get("externalsecrets", "api-env")["metadata"]["annotations"]
    names = [key.removeprefix("rotator/") for key in marks if key.startswith("rotator/")]
    assert len(names) == 2
    assert all(len(name) <= 63 for name in names)
