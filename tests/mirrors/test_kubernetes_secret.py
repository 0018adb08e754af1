"""The mirror in a Secret keeps the promises of the contract, and what is dangerous about Secrets alone."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from rotator.mirrors.kubernetes_secret import LARGEST, WRITTEN, KubernetesSecret
from rotator.model.errors import Refused, Transient
from rotator.model.policy import MirrorPolicy
from rotator.model.secrets import Sealed
from rotator.testing.mirror_contract import MirrorContract
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value, raises_silently
from rotator.testing.virtual_clock import VirtualClock
from tests.redeployers.conftest import on_both
from tests.redeployers.control_plane import TOKEN
from tests.redeployers.kubernetes_front import Fault
from tests.redeployers.planes import Plane

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


class SecretWorld:
    path, largest, resolution = "/taly/staging", LARGEST, timedelta(milliseconds=1)

    def __init__(self, plane: Plane) -> None:
        self.clock, self.api, self.front = VirtualClock(), plane.api, plane.front
        self.kubeconfig = plane.folder / "mirror.json"
        self.log_in(TOKEN)
        self.settings: dict[str, object] = {"namespace": plane.api.namespace, "secret": "app"}

    def log_in(self, token: str) -> None:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": self.front.address}}],
            "users": [{"name": "rotator", "user": {"token": token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "rotator"}}],
        }
        self.kubeconfig.write_text(json.dumps(config))

    def mirror(self) -> KubernetesSecret:
        policy = MirrorPolicy(id="staging/app", kind="kubernetes-secret", settings=self.settings)
        return KubernetesSecret(policy, surroundings(clock=self.clock, kubeconfig=str(self.kubeconfig)))

    def seed(self, name: str, value: Sealed) -> None:
        data = {_key(name): base64.b64encode(value.reveal().encode()).decode()}
        if self.secret() is None:
            metadata = {"name": "app", "labels": {"team": "crm"}, "annotations": {"note": "by hand"}}
            self.api.create("secrets", {"metadata": metadata, "type": "Opaque", "data": data})
        else:
            self.api.merge("secrets", "app", {"data": data})

    def secret(self) -> dict[str, Any] | None:
        try:
            return self.api.get("secrets", "app")
        except httpx.HTTPStatusError as error:
            if error.response.status_code == HTTPStatus.NOT_FOUND:
                return None
            raise

    def holds(self, name: str) -> Sealed | None:
        data = (self.secret() or {}).get("data", {}).get(_key(name))
        return None if data is None else Sealed(base64.b64decode(data).decode())

    def beside(self, name: str) -> Mapping[str, object]:
        secret = self.secret()
        assert secret is not None
        metadata = secret["metadata"]
        annotations = {k: v for k, v in metadata["annotations"].items() if not k.startswith(WRITTEN)}
        kept = {"labels": metadata["labels"], "uid": metadata["uid"], "type": secret["type"]}
        others = {key: value for key, value in secret["data"].items() if key != _key(name)}
        return {**kept, "annotations": annotations, "others": others}

    def lose_next_answer(self) -> None:
        self.front.faults.append(Fault.LOST_ANSWER)

    def throttle_next(self) -> None:
        self.front.faults.append(Fault.THROTTLED)

    @contextmanager
    def away(self) -> Iterator[None]:
        self.front.away = True
        yield
        self.front.away = False


def _key(name: str) -> str:
    return name.rpartition("/")[2]


NAME = "/taly/staging/API_KEY"


@pytest.fixture
def world(plane: Plane) -> SecretWorld:
    return SecretWorld(plane)


@pytest.mark.slow
@on_both
class TestKubernetesSecret(MirrorContract):
    @pytest.fixture
    def world(self, world: SecretWorld) -> SecretWorld:
        return world


def test_without_the_right_to_read_it_writes_and_cannot_tell_how_old_it_is(world: SecretWorld) -> None:
    world.seed(NAME, fresh_value())
    world.front.refusals["GET", "secrets"] = HTTPStatus.FORBIDDEN
    value = fresh_value()
    world.mirror().write(NAME, value)
    assert world.holds(NAME) == value
    assert world.mirror().stale(NAME, world.clock.now()) is None
    assert ("GET", "secrets") not in world.front.seen[:1]


def test_a_secret_that_is_not_there_is_left_for_a_person_to_make(world: SecretWorld) -> None:
    value = fresh_value()
    with raises_silently(Transient, value) as caught:
        world.mirror().write(NAME, value)
    assert "there is none" in str(caught.value)
    assert world.secret() is None
    with pytest.raises(Transient, match="there is no Secret app"):
        world.mirror().stale(NAME, world.clock.now())


@pytest.mark.slow
@pytest.mark.parametrize("plane", ["control-plane"], indirect=True)
def test_one_that_is_immutable_holds_and_never_refuses(world: SecretWorld) -> None:
    there, value = fresh_value(), fresh_value()
    world.seed(NAME, there)
    world.api.merge("secrets", "app", {"immutable": True})
    with raises_silently(Transient, value) as caught:
        world.mirror().write(NAME, value)
    assert "immutable" in str(caught.value)
    assert world.holds(NAME) == there


@pytest.mark.slow
@pytest.mark.parametrize("plane", ["control-plane"], indirect=True)
@pytest.mark.parametrize("verbs,tells", [(["patch"], None), (["patch", "get"], False)])
def test_the_rights_of_the_page_are_enough(verbs: list[str], tells: bool | None, world: SecretWorld) -> None:
    """For the named Secret alone; without `get` nobody can tell how old a copy is."""
    value, since = fresh_value(), world.clock.now()
    world.seed(NAME, fresh_value())
    rules = [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["app"], "verbs": verbs}]
    world.api.create("roles", {"metadata": {"name": "rotator"}, "rules": rules})
    world.api.create("serviceaccounts", {"metadata": {"name": "rotator"}})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "rotator"}
    subject = {"kind": "ServiceAccount", "name": "rotator", "namespace": world.api.namespace}
    world.api.create(
        "rolebindings", {"metadata": {"name": "rotator"}, "roleRef": role, "subjects": [subject]}
    )
    world.log_in(world.api.token_of("rotator"))
    deadline = time.monotonic() + 100  # the API server takes notice of a role a moment later
    while world.holds(NAME) != value and time.monotonic() < deadline:
        with suppress(Transient):
            world.mirror().write(NAME, value)
    assert world.holds(NAME) == value
    assert world.mirror().stale(NAME, since) is tells
    world.settings["secret"] = "other"
    with pytest.raises(Transient, match="allow rotator to patch secret other"):
        world.mirror().write(NAME, value)


def test_what_the_cluster_calls_invalid_holds_and_never_refuses(world: SecretWorld) -> None:
    value = fresh_value()
    world.seed(NAME, fresh_value())
    world.front.refusals["PATCH", "secrets"] = HTTPStatus.UNPROCESSABLE_ENTITY
    with raises_silently(Transient, value):
        world.mirror().write(NAME, value)


def test_a_missing_right_holds_and_is_named(world: SecretWorld) -> None:
    value = fresh_value()
    world.seed(NAME, fresh_value())
    world.front.refusals["PATCH", "secrets"] = HTTPStatus.FORBIDDEN
    with raises_silently(Transient, value) as caught:
        world.mirror().write(NAME, value)
    assert "allow rotator to patch secret app" in str(caught.value)


@pytest.mark.parametrize("annotation", ["", "yesterday", "2026-01-01T00:00:00"])
def test_a_copy_whose_time_is_not_told_is_stale(annotation: str, world: SecretWorld) -> None:
    world.seed(NAME, fresh_value())
    world.mirror().write(NAME, fresh_value())
    since = world.clock.now()
    assert world.mirror().stale(NAME, since) is False
    world.api.merge("secrets", "app", {"metadata": {"annotations": {WRITTEN + "API_KEY": annotation}}})
    assert world.mirror().stale(NAME, since) is True


def test_a_key_that_somebody_took_away_is_stale(world: SecretWorld) -> None:
    world.seed(NAME, fresh_value())
    world.mirror().write(NAME, fresh_value())
    world.api.merge("secrets", "app", {"data": {"API_KEY": None}})
    assert world.mirror().stale(NAME, world.clock.now()) is True


@pytest.mark.parametrize(
    "name", ["/taly/staging/", "/taly/staging/.env", "/x/KEY_", "/x/a b", f"/x/{'K' * 56}"]
)
def test_a_name_that_a_key_does_not_take_is_refused(name: str, world: SecretWorld) -> None:
    with pytest.raises(Refused, match="no name that a key of a Secret takes"):
        world.mirror().write(name, fresh_value())


@pytest.mark.parametrize(
    "settings",
    [{"namespace": "a"}, {"namespace": "a", "secret": "../b"}, {"namespace": "a", "secret": "b", "x": 1}],
)
def test_settings_that_cannot_be_used_are_named(settings: dict[str, object], world: SecretWorld) -> None:
    world.settings = settings
    with pytest.raises(Refused, match=r"cannot be used: (secret|x)"):
        world.mirror()
