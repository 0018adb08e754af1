"""The Kubernetes redeployer against a real API server and real controllers, where there are any."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from rotator.contracts.redeployer import RolloutProgress
from rotator.testing.redeployer_contract import LABEL, NEXT_LABEL, RedeployerContract
from tests.redeployers.control_plane import TOKEN, NotHere, shared_control_plane
from tests.redeployers.kubernetes_front import Front
from tests.redeployers.kubernetes_world import Api, KubernetesWorld, rollout_undo
from tests.redeployers.test_kubernetes import ended, pending

pytestmark = pytest.mark.slow  # it starts servers, and Kubernetes tells times in whole seconds


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    of_this_worker = tmp_path_factory.getbasetemp()
    of_all = of_this_worker.parent if "PYTEST_XDIST_WORKER" in os.environ else of_this_worker
    folder = of_all / "control-plane"
    folder.mkdir(exist_ok=True)
    try:
        with shared_control_plane(folder) as found:
            yield found
    except NotHere as why:
        pytest.skip(str(why))


def world_of(address: str, folder: Path, kind: str) -> Iterator[KubernetesWorld]:
    """A namespace of its own."""
    namespace = f"rotator-{secrets.token_hex(4)}"
    Api(address, TOKEN, "").create("namespaces", {"metadata": {"name": namespace}})
    api = Api(address, TOKEN, namespace)
    with Front(address) as front, KubernetesWorld(api, front, folder, kind=kind, status="status") as world:
        yield world
    api.close()


@pytest.fixture
def deployment(address: str, tmp_path: Path) -> Iterator[KubernetesWorld]:
    yield from world_of(address, tmp_path, "deployment")


@pytest.fixture
def stateful_set(address: str, tmp_path: Path) -> Iterator[KubernetesWorld]:
    yield from world_of(address, tmp_path, "statefulset")


class TestKubernetesControlPlane(RedeployerContract):
    reports = False

    @pytest.fixture
    def world(self, deployment: KubernetesWorld) -> KubernetesWorld:
        return deployment.run()


def test_a_stateful_set_is_done_when_only_pods_of_the_rollout_are_left(stateful_set: KubernetesWorld) -> None:
    world = stateful_set.run()
    before = set(world.instances())
    world.redeployer().redeploy(LABEL)
    assert ended(world).progress is RolloutProgress.DONE
    assert before.isdisjoint(world.instances())


def test_undone_before_it_was_done_is_failed_and_after_it_is_done(deployment: KubernetesWorld) -> None:
    world = deployment.run()
    world.redeployer().redeploy(LABEL)
    assert ended(world).progress is RolloutProgress.DONE
    world.until(
        lambda: any(LABEL in str(one["metadata"].get("annotations")) for one in world.api.list("replicasets"))
    )
    rollout_undo(world.api, "api")
    assert world.redeployer().progress(LABEL).progress is RolloutProgress.DONE
    world.hang_next()
    world.redeployer().redeploy(NEXT_LABEL)
    pending(world, NEXT_LABEL)
    rollout_undo(world.api, "api")
    assert ended(world, NEXT_LABEL).progress is RolloutProgress.FAILED


def test_pods_count_that_outlived_what_made_them(deployment: KubernetesWorld) -> None:
    world = deployment.run(revisionHistoryLimit=0)
    with world.lingering():
        world.redeployer().redeploy(LABEL)
        world.until(lambda: len(world.serving()) == 2 and len(world.instances()) == 4)
        world.clock.sleep(1)
        pending(world)
    assert ended(world).progress is RolloutProgress.DONE


def test_no_progress_within_its_deadline_is_failed(deployment: KubernetesWorld) -> None:
    world = deployment.run(progressDeadlineSeconds=2)
    world.hang_next()
    world.redeployer().redeploy(LABEL)
    assert ended(world).progress is RolloutProgress.FAILED
