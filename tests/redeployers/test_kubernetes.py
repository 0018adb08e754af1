"""The Kubernetes redeployer: rollouts that succeed, fail, hang and are replaced, on clusters real and played.

What only the weather between rotator and the cluster decides, or what a cluster cannot be told to do, is played.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from http import HTTPStatus

import pytest

from rotator.contracts.redeployer import Rollout, RolloutProgress
from rotator.model.errors import Refused, Transient
from rotator.model.policy import Deployment, Reads
from rotator.redeployers.kubernetes import Kubernetes
from rotator.testing.redeployer_contract import LABEL, NEXT_LABEL, RedeployerContract
from rotator.testing.surroundings import surroundings
from tests.redeployers.conftest import on_both
from tests.redeployers.kubernetes_front import RETRY_AFTER, Fault
from tests.redeployers.kubernetes_objects import Document
from tests.redeployers.kubernetes_world import ROLE, KubernetesWorld, rollout_undo, waiting
from tests.redeployers.planes import Plane, StandIn

pytestmark = pytest.mark.slow  # it starts servers, and Kubernetes tells times in whole seconds

_ON_DELETE = {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}


@on_both
class TestKubernetes(RedeployerContract):
    reports = False

    @pytest.fixture
    def world(self, deployment: KubernetesWorld) -> KubernetesWorld:
        return deployment.run()


def ended(world: KubernetesWorld, label: str = LABEL) -> Rollout:
    """The rollout when it is not pending any more."""
    looks = list[Rollout]()

    def look() -> bool:
        looks.append(world.redeployer().progress(label))
        return looks[-1].progress is not RolloutProgress.PENDING

    world.until(look)
    return looks[-1]


def pending(world: KubernetesWorld, label: str = LABEL) -> str:
    """What it waits for."""
    rollout = world.redeployer().progress(label)
    assert rollout.progress is RolloutProgress.PENDING, rollout.sentence
    return rollout.sentence


def left_pending(world: KubernetesWorld) -> Document:
    """The pod of a rollout that hangs: its first one gets ready, only then is there a second beside those before."""
    world.until(lambda: world.started() == 4)
    return next(pod for pod in world.kubelet.look() if pod["status"]["phase"] == "Pending")


# Every kind


@on_both
@pytest.mark.parametrize("kind", ["statefulset", "daemonset"])
def test_other_kinds_are_done_when_only_pods_of_the_rollout_are_left(kind: str, plane: Plane) -> None:
    world = plane.world(kind).run()
    before = set(world.instances())
    world.redeployer().redeploy(LABEL)
    world.redeployer().redeploy(LABEL)
    assert ended(world).progress is RolloutProgress.DONE
    assert before.isdisjoint(world.instances())
    assert world.started() == 4
    with world.lingering():
        world.redeployer().redeploy(NEXT_LABEL)
        world.until(lambda: len(world.serving()) < len(world.instances()))
        world.clock.sleep(0.3)
        pending(world, NEXT_LABEL)
    assert ended(world, NEXT_LABEL).progress is RolloutProgress.DONE
    assert world.redeployer().progress(LABEL).progress is RolloutProgress.DONE


@on_both
@pytest.mark.parametrize(
    "kind,spec,remedy",
    [
        ("deployment", {"paused": True}, "kubectl rollout resume"),
        ("statefulset", _ON_DELETE, "make it RollingUpdate"),
        (
            "statefulset",
            {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}},
            "set it to 0",
        ),
        ("daemonset", _ON_DELETE, "make it RollingUpdate"),
    ],
)
def test_what_would_not_restart_every_pod_is_refused_with_a_remedy(
    kind: str, spec: Document, remedy: str, plane: Plane
) -> None:
    world = plane.world(kind).run()
    world.api.merge(world.plural, "api", {"spec": spec})
    with pytest.raises(Refused, match=remedy):
        world.redeployer().redeploy(LABEL)
    assert world.template_marks() == {}


@on_both
@pytest.mark.parametrize("kind", ["deployment", "statefulset"])
def test_what_is_scaled_to_zero_is_done_at_once(kind: str, plane: Plane) -> None:
    world = plane.world(kind).run(replicas=0)
    world.redeployer().redeploy(LABEL)
    assert ended(world).progress is RolloutProgress.DONE
    assert world.started() == 0


def test_a_daemon_set_without_nodes_is_done_at_once(plane: Plane, stand_in: StandIn) -> None:
    stand_in.controllers.nodes.clear()
    world = plane.world("daemonset").run(replicas=0)
    world.redeployer().redeploy(LABEL)
    assert ended(world).progress is RolloutProgress.DONE


@on_both
@pytest.mark.parametrize(
    "kind,spec,remedy",
    [
        ("deployment", {"paused": True}, "kubectl rollout resume"),
        ("daemonset", _ON_DELETE, "make it RollingUpdate"),
    ],
)
def test_what_comes_in_the_way_of_a_rollout_is_told(
    kind: str, spec: Document, remedy: str, plane: Plane
) -> None:
    """Somebody pauses it, or makes it OnDelete, when it is under way."""
    world = plane.world(kind).run()
    world.hang_next()
    world.redeployer().redeploy(LABEL)
    world.until(lambda: any(LABEL in str(pod["metadata"]) for pod in world.kubelet.look()))
    world.api.merge(world.plural, "api", {"spec": spec})
    assert remedy in pending(world)


@pytest.mark.parametrize(
    "target", ["api", "pod/api", "deployment/", "deployment/../x", "deployment/..", "Deployment/api"]
)
def test_what_is_no_workload_is_refused(target: str) -> None:
    deployment = Deployment(
        id="staging/api", kind="kubernetes", target=target, settings={"namespace": "taly"}
    )
    with pytest.raises(Refused, match="deployment/NAME"):
        Kubernetes(deployment, surroundings())


@pytest.mark.parametrize(
    "namespace,copy", [("taly/../default", "api"), ("..", "api"), ("taly", "../secrets/x")]
)
def test_names_do_not_lead_to_other_objects(namespace: str, copy: str) -> None:
    deployment = Deployment(
        id="staging/api",
        kind="kubernetes",
        target="deployment/api",
        reads=Reads.EXTERNAL_SECRETS,
        external_secrets=(copy,),
        settings={"namespace": namespace},
    )
    with pytest.raises(Refused, match=r"staging/api is no name"):
        Kubernetes(deployment, surroundings())


def test_without_a_namespace_it_says_where_to_write_it() -> None:
    deployment = Deployment(id="staging/api", kind="kubernetes", target="deployment/api")
    with pytest.raises(Refused, match=r"kubernetes: \{namespace"):
        Kubernetes(deployment, surroundings())


# Rollouts of others


@on_both
def test_done_stays_done_when_someone_undoes_it(deployment: KubernetesWorld) -> None:
    world = deployment.run()
    world.redeployer().redeploy(LABEL)
    assert ended(world).progress is RolloutProgress.DONE
    # The controller copies the note to the ReplicaSet.
    world.until(
        lambda: any(LABEL in str(one["metadata"].get("annotations")) for one in world.api.list("replicasets"))
    )
    rollout_undo(world.api, "api")
    assert LABEL not in str(world.api.get("deployments", "api")["metadata"]["annotations"])
    assert world.redeployer().progress(LABEL).progress is RolloutProgress.DONE


@on_both
def test_undone_before_it_was_done_is_failed(deployment: KubernetesWorld) -> None:
    world = deployment.run()
    world.hang_next()
    world.redeployer().redeploy(LABEL)
    world.until(lambda: len(world.api.list("replicasets")) == 2)
    rollout_undo(world.api, "api")
    rollout = ended(world)
    assert rollout.progress is RolloutProgress.FAILED
    assert "kubectl rollout history deployment api" in rollout.sentence


@on_both
def test_a_later_rollout_that_keeps_our_label_counts_as_ours(deployment: KubernetesWorld) -> None:
    """As `kubectl rollout restart` and `kubectl set image` do."""
    world = deployment.run()
    before = set(world.instances())
    world.hang_next()
    world.redeployer().redeploy(LABEL)
    world.until(lambda: set(world.instances()) - before)
    pending(world)
    marks = {"kubectl.kubernetes.io/restartedAt": "2026-11-24T12:00:00Z"}
    world.api.merge("deployments", "api", {"spec": {"template": {"metadata": {"annotations": marks}}}})
    assert ended(world).progress is RolloutProgress.DONE
    assert before.isdisjoint(world.instances())


@on_both
def test_it_looks_again_when_somebody_changes_the_workload_meanwhile(deployment: KubernetesWorld) -> None:
    """A dozen times, as its controller does while another rollout is under way."""
    world, changes = deployment.run(), iter(range(12))

    def change(method: str, plural: str) -> None:
        if (method, plural) == ("GET", "deployments") and (number := next(changes, None)) is not None:
            world.api.merge(plural, "api", {"metadata": {"annotations": {"seen": str(number)}}})

    world.front.meanwhile = change
    world.redeployer().redeploy(LABEL)
    looks, odd = divmod(len(world.front.seen), 2)
    assert looks > 12 and not odd, "the deployment's controller may write its status meanwhile, too"
    assert world.front.seen == [("GET", "deployments"), ("PATCH", "deployments")] * looks
    assert ended(world).progress is RolloutProgress.DONE
    changes = iter(range(1, 100))
    with pytest.raises(Transient, match="changed by others"):
        world.redeployer().redeploy(NEXT_LABEL)


# What is left


@on_both
def test_pods_count_that_outlived_what_made_them(deployment: KubernetesWorld) -> None:
    world = deployment.run(revisionHistoryLimit=0)
    before = set(world.instances())
    with world.lingering():
        world.redeployer().redeploy(LABEL)
        world.until(lambda: before.isdisjoint(world.serving()) and len(world.api.list("replicasets")) == 1)
        world.clock.sleep(0.3)
        assert "2 pods from before to end, 2 of them terminating" in pending(world)
    assert ended(world).progress is RolloutProgress.DONE


@on_both
def test_pods_do_not_count_that_were_evicted(deployment: KubernetesWorld) -> None:
    world = deployment.run()
    world.keep(*(pod["metadata"]["name"] for pod in world.kubelet.look()))
    for pod in world.kubelet.look():
        world.kubelet.say(pod, {"phase": "Failed", "containerStatuses": []})
    world.redeployer().redeploy(LABEL)
    assert ended(world).progress is RolloutProgress.DONE
    assert len(world.instances()) == 4


@on_both
def test_pods_do_not_count_that_are_somebody_elses(deployment: KubernetesWorld) -> None:
    world = deployment.run()
    container = {"name": "other", "image": "taly/other"}
    stranger = {"metadata": {"name": "x", "labels": {"app": "api"}}, "spec": {"containers": [container]}}
    world.api.create("pods", stranger)
    world.redeployer().redeploy(LABEL)
    assert ended(world).progress is RolloutProgress.DONE


@on_both
def test_it_goes_by_the_size_of_now(deployment: KubernetesWorld) -> None:
    """An autoscaler changes it in the middle."""
    world = deployment.run()
    world.hang_next()
    world.redeployer().redeploy(LABEL)
    pending(world)
    world.api.merge("deployments", "api", {"spec": {"replicas": 4}})
    world.until(lambda: len(world.instances()) > 3)
    pending(world)
    world.api.merge("deployments", "api", {"spec": {"replicas": 1}})
    assert ended(world).progress is RolloutProgress.DONE
    assert len(world.serving()) == 1


# Failures


@on_both
def test_no_progress_within_its_deadline_is_failed(deployment: KubernetesWorld) -> None:
    world = deployment.run(progressDeadlineSeconds=1)
    world.hang_next()
    world.redeployer().redeploy(LABEL)
    rollout = ended(world)
    assert rollout.progress is RolloutProgress.FAILED
    assert "progressDeadlineSeconds" in rollout.sentence


@on_both
@pytest.mark.parametrize("reason", ["CrashLoopBackOff", "ImagePullBackOff"])
def test_a_container_that_cannot_run_is_failed_after_a_while_and_not_before(
    reason: str, deployment: KubernetesWorld
) -> None:
    """A while is a minute, or a fifth of what the deployment allows."""
    world = deployment.run()
    world.hang_next()
    world.redeployer().redeploy(LABEL)
    pod = left_pending(world)
    world.kubelet.say(pod, waiting(pod, reason))
    pending(world)
    began, world.timeout = world.clock.monotonic(), timedelta(seconds=20)
    rollout = ended(world)
    assert rollout.progress is RolloutProgress.FAILED
    assert reason in rollout.sentence
    assert world.clock.monotonic() - began < world.timeout.total_seconds()


@on_both
def test_a_pod_for_which_there_is_no_node_is_pending(deployment: KubernetesWorld) -> None:
    world = deployment.run()
    world.timeout = timedelta(seconds=5)
    world.hang_next()
    world.redeployer().redeploy(LABEL)
    nowhere = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "{no}"}
    world.kubelet.say(left_pending(world), {"phase": "Pending", "conditions": [nowhere]})
    world.clock.sleep(1.5)
    assert "no node can take pod api-" in pending(world)


# Trouble


@pytest.mark.parametrize(
    "fault", [Fault.LOST_ANSWER, Fault.THROTTLED, Fault.BROKEN, Fault.UNKNOWN, Fault.GARBAGE, Fault.AWAY]
)
@pytest.mark.parametrize("call", [1, 2])
def test_trouble_is_transient_at_every_call_and_nothing_happens_twice(
    fault: Fault, call: int, deployment: KubernetesWorld
) -> None:
    world = deployment.run()
    redeployer = world.redeployer()
    world.front.faults += [None] * (call - 1) + [fault]
    with pytest.raises(Transient) as caught:
        redeployer.redeploy(LABEL)
    assert "{" not in str(caught.value)
    if fault is Fault.THROTTLED:
        assert caught.value.retry_after == timedelta(seconds=RETRY_AFTER)
    redeployer.redeploy(LABEL)
    world.front.faults += [None] * (call - 1) + [fault]
    with pytest.raises(Transient):
        redeployer.progress(LABEL)
    assert ended(world).progress is RolloutProgress.DONE
    assert world.started() == 4


@pytest.mark.parametrize("method,said", [("GET", "get deployment api"), ("PATCH", "patch deployment api")])
def test_what_may_not_be_done_is_refused_and_names_the_right(
    method: str, said: str, deployment: KubernetesWorld
) -> None:
    world = deployment.run()
    world.front.refusals[method, "deployments"] = HTTPStatus.FORBIDDEN
    with pytest.raises(Refused, match=f"allow rotator to {said} in namespace taly-staging"):
        world.redeployer().redeploy(LABEL)
    assert world.template_marks() == {}


def test_what_may_not_be_looked_at_is_no_verdict_on_a_rollout(deployment: KubernetesWorld) -> None:
    world = deployment.run()
    world.redeployer().redeploy(LABEL)
    world.front.refusals["GET", "pods"] = HTTPStatus.FORBIDDEN
    with pytest.raises(Transient, match="list pods"):
        world.redeployer().progress(LABEL)


def test_what_the_api_server_calls_invalid_is_refused(deployment: KubernetesWorld) -> None:
    world = deployment.run()
    world.front.refusals["PATCH", "deployments"] = HTTPStatus.UNPROCESSABLE_ENTITY
    with pytest.raises(Refused, match="admission policy"):
        world.redeployer().redeploy(LABEL)


def test_without_a_way_into_the_cluster_it_says_what_to_set() -> None:
    deployment = Deployment(id="a/b", kind="kubernetes", target="deployment/b", settings={"namespace": "a"})
    with pytest.raises(Transient, match="set ROTATOR_KUBECONFIG"):
        Kubernetes(deployment, surroundings()).redeploy(LABEL)
    with pytest.raises(Transient, match="ROTATOR_KUBECONFIG names"):
        Kubernetes(deployment, surroundings(kubeconfig="/nowhere")).redeploy(LABEL)


# Starts


@on_both
def test_starts_tell_the_name_of_the_role(deployment: KubernetesWorld) -> None:
    world = deployment.run()
    since = world.clock.now() - timedelta(minutes=1)
    assert [start.role for start in world.redeployer().starts(since)] == [ROLE, ROLE]
    world.front.refusals["GET", "serviceaccounts"] = HTTPStatus.FORBIDDEN
    assert [start.role for start in world.redeployer().starts(since)] == ["", ""]


@on_both
def test_a_restart_of_a_container_is_a_start(deployment: KubernetesWorld) -> None:
    world = deployment.run()
    pod = world.kubelet.look()[0]
    since = world.clock.now() - timedelta(minutes=1)
    status = pod["status"]["containerStatuses"][0]
    ended_run = {"terminated": {"exitCode": 1, "startedAt": "2026-11-24T01:00:00Z"}}
    world.kubelet.say(pod, {"containerStatuses": [{**status, "lastState": ended_run}]})
    assert len(list(world.redeployer().starts(since))) == 2
    assert len(list(world.redeployer().starts(since - timedelta(days=10_000)))) == 3


def test_a_workload_that_is_not_there_has_no_starts(deployment: KubernetesWorld) -> None:
    assert list(deployment.redeployer_of_nothing().starts(deployment.clock.now())) == []


def test_the_client_is_imported_on_first_use() -> None:
    program = (
        "import sys; import rotator.daemon.run; from rotator.config.adapters import installed; "
        "installed().redeployer_names(); sys.exit('lightkube' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=200).returncode == 0
