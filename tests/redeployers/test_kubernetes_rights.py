"""The Role of the manifests is enough for the redeployer, and what it lacks is said: asked of a real API server."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from rotator.contracts.redeployer import RolloutProgress
from rotator.model.errors import Refused, Transient
from rotator.testing.redeployer_contract import LABEL, NEXT_LABEL
from tests.kubernetes.rendered import Thing, the
from tests.redeployers.kubernetes_world import Api, KubernetesWorld, rollout_undo
from tests.redeployers.planes import Plane
from tests.redeployers.test_kubernetes import ended

pytestmark = [
    pytest.mark.slow,  # it starts servers
    pytest.mark.parametrize("plane", ["control-plane"], indirect=True),
]


@pytest.fixture
def world(plane: Plane) -> KubernetesWorld:
    """A Deployment that serves, and rotator with a service account that may do nothing."""
    world = plane.world("deployment").run()
    world.api.create("serviceaccounts", {"metadata": {"name": "rotator"}})
    subject = {"kind": "ServiceAccount", "name": "rotator", "namespace": world.api.namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "rotator"}
    world.api.create(
        "rolebindings", {"metadata": {"name": "rotator"}, "roleRef": role, "subjects": [subject]}
    )
    world.log_in(world.api.token_of("rotator"))
    return world


def grant(world: KubernetesWorld, rules: list[Thing]) -> None:
    """The API server takes notice of it a moment later."""
    world.api.create("roles", {"metadata": {"name": "rotator"}, "rules": rules})
    rotator = Api(world.front.address, world.api.token_of("rotator"), world.api.namespace)
    world.until(lambda: not _forbidden(rotator, "deployments", "api"))
    rotator.close()


def _forbidden(api: Api, plural: str, *name: str) -> bool:
    try:
        api.get(plural, *name) if name else api.list(plural)
    except httpx.HTTPStatusError as error:
        return error.response.status_code == httpx.codes.FORBIDDEN
    return False


def rules_of(component: str) -> list[Any]:
    rules: list[Any] = the(component, "Role", "rotator-restarts")["rules"]
    return rules


def test_the_role_of_the_manifests_is_enough(world: KubernetesWorld) -> None:
    grant(world, rules_of("staging"))
    began = world.clock.now()
    world.redeployer().redeploy(LABEL)
    assert ended(world).progress is RolloutProgress.DONE
    assert len(list(world.redeployer().starts(began.replace(microsecond=0)))) == 2
    rollout_undo(world.api, "api")
    assert world.redeployer().progress(LABEL).progress is RolloutProgress.DONE
    world.redeployer().redeploy(NEXT_LABEL)
    assert ended(world, NEXT_LABEL).progress is RolloutProgress.DONE


def test_and_it_is_for_the_named_workloads_only_and_for_no_secret(world: KubernetesWorld) -> None:
    grant(world, rules_of("staging"))
    world.api.create("deployments", world.api.get("deployments", "api") | {"metadata": {"name": "other"}})
    with pytest.raises(Refused, match="allow rotator to get deployment other"):
        world._redeployer("deployment/other").redeploy(LABEL)
    rotator = Api(world.front.address, world.api.token_of("rotator"), world.api.namespace)
    assert _forbidden(rotator, "secrets")
    assert _forbidden(rotator, "deployments")
    rotator.close()


def test_without_any_right_it_says_which_is_missing(world: KubernetesWorld) -> None:
    with pytest.raises(Refused, match="allow rotator to get deployment api"):
        world.redeployer().redeploy(LABEL)
    assert world.template_marks() == {}


def test_without_the_right_to_look_at_pods_a_rollout_is_not_judged(world: KubernetesWorld) -> None:
    grant(world, [rule for rule in rules_of("staging") if rule["resources"] != ["pods"]])
    world.redeployer().redeploy(LABEL)
    with pytest.raises(Transient, match="list pods"):
        world.redeployer().progress(LABEL)
