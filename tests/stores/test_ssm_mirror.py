"""SSM as a mirror: copies below a path of their own, in another region or at another endpoint."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from rotator.model.errors import ForeignOwner, Refused
from rotator.model.policy import MirrorPolicy
from rotator.model.secrets import Owner, Sealed
from rotator.sandbox.aws import KEYS, AwsWorld
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.stores.ssm_mirror import SsmMirror
from rotator.testing.mirror_contract import MirrorContract
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value
from tests.stores.ssm_world import SsmWorld

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


class SsmMirrorWorld(SsmWorld):
    """MirrorWorld: what the contract calls NAME stands below another path."""

    resolution = timedelta(seconds=1)

    def __init__(self, aws: AwsWorld, path: str) -> None:
        super().__init__(aws, path)
        self.copies = f"/copies{path}"

    def copy(self, name: str) -> str:
        return name.replace(self.path, self.copies)

    def mirror(self, **more: Any) -> SsmMirror:
        settings = {"of": self.path, "path": self.copies, **more}
        policy = MirrorPolicy(id="staging/copies", kind="ssm", settings=settings)
        places = {"ssm": self.aws.endpoint, "ssm_dr": self.aws.endpoint}
        around = surroundings(clock=self.clock, pacer=self.pacer, endpoints=places)
        made = SsmMirror(policy, around)
        recorded = "provide-client-params.ssm.PutParameter"
        made._parameters._changing._client().meta.events.register(
            recorded, lambda params, **_: self.puts.append(params)
        )
        return made

    def seed(self, name: str, value: Sealed, kind: str = "SecureString", tier: Any = "Standard") -> None:
        if self.holds(name) is None:
            super().seed(self.copy(name), value, kind, tier)
        else:
            self.someone_else_writes(self.copy(name), value)

    def holds(self, name: str) -> Any:
        found = super().holds(self.copy(name))
        return found.value if found else None

    def beside(self, name: str) -> Mapping[str, object]:
        return self.metadata(self.copy(name))

    def throttle_next(self) -> None:
        """What both calls ask for; botocore asks it twice."""
        self.aws.control.set_faults([Rule(Fault.THROTTLED, "DescribeParameters", times=2)])

    @contextmanager
    def away(self) -> Iterator[None]:
        self.aws.control.set_outages({"ssm": Outage.CLOSED})
        yield
        self.aws.control.set_outages({})


@pytest.fixture
def copies(aws: AwsWorld) -> SsmMirrorWorld:
    return SsmMirrorWorld(aws, f"/taly/{secrets.token_hex(4)}")


class TestSsmMirror(MirrorContract):
    @pytest.fixture
    def world(self, copies: SsmMirrorWorld) -> SsmMirrorWorld:
        return copies


def test_a_copy_that_is_not_there_is_made(copies: SsmMirrorWorld) -> None:
    name, value = f"{copies.path}/deep/NAME", fresh_value()
    copies.mirror(kms_key=KEYS[1]).write(name, value)
    assert copies.holds(name) == value
    assert copies.puts[-1]["KeyId"] == KEYS[1]


def test_a_copy_in_another_region_may_bear_the_same_name(copies: SsmMirrorWorld) -> None:
    name, value = f"{copies.path}/NAME", fresh_value()
    abroad = copies.mirror(path=copies.path, region="us-east-1")
    abroad.write(name, value)
    assert copies.store.read(name).value == value, "the sandbox's AWS has all regions in one"
    assert abroad._parameters._changing._client().meta.region_name == "us-east-1"
    assert copies.pacer.paced[-1][0].endswith(":us-east-1")


def test_what_is_no_secret_is_left_alone(copies: SsmMirrorWorld) -> None:
    name = f"{copies.path}/NAME"
    copies.seed(name, Sealed("public"), kind="String")
    with pytest.raises(Refused, match="is a String"):
        copies.mirror().write(name, fresh_value())
    assert copies.holds(name) == Sealed("public")


def test_nothing_is_copied_into_what_an_installation_owns(copies: SsmMirrorWorld) -> None:
    """Another's environment, or one of our own: its parameters are written by rotations."""
    name = f"{copies.path}/NAME"
    copies.seed(name, fresh_value())
    owner = Owner("installation-a", copies.clock.now())
    copies.store.claim_owner(copies.copies, owner, instead_of=None)
    with pytest.raises(ForeignOwner):
        copies.mirror().write(name, fresh_value())


def test_nothing_is_copied_below_what_an_installation_owns(copies: SsmMirrorWorld) -> None:
    """Whoever reads that environment would read the copies."""
    name, theirs = f"{copies.path}/NAME", f"/taly/{secrets.token_hex(4)}"
    mirror = copies.mirror(path=f"{theirs}/deep/copies")
    mirror.write(name, fresh_value())
    copies.store.claim_owner(theirs, Owner("installation-a", copies.clock.now()), instead_of=None)
    with pytest.raises(ForeignOwner, match=f"installation-a owns {theirs} "):
        mirror.write(name, fresh_value())


def test_copies_may_stand_below_the_parameters_own_path(copies: SsmMirrorWorld) -> None:
    """Its owner is the one who copies; at another place somebody else may own the very same path."""
    name, value = f"{copies.path}/NAME", fresh_value()
    copies.store.claim_owner(copies.path, Owner("installation-a", copies.clock.now()), instead_of=None)
    copies.mirror(path=f"{copies.path}/copies").write(name, value)
    assert copies.store.read(f"{copies.path}/copies/NAME").value == value
    with pytest.raises(ForeignOwner):
        copies.mirror(path=f"{copies.path}/copies", at="dr").write(name, value)


def test_somebody_who_writes_the_copy_at_the_same_moment_is_written_over(copies: SsmMirrorWorld) -> None:
    name, ours = f"{copies.path}/NAME", fresh_value()
    copies.seed(name, fresh_value())
    mirror = copies.mirror()
    events = mirror._parameters._changing._client().meta.events
    events.register_first(
        "before-sign.ssm.PutParameter",
        lambda **_: copies.someone_else_writes(copies.copy(name), fresh_value()),
    )
    mirror.write(name, ours)
    assert copies.holds(name) == ours


def test_an_endpoint_is_a_setting_and_never_another_by_mistake(copies: SsmMirrorWorld) -> None:
    name, value = f"{copies.path}/NAME", fresh_value()
    copies.mirror(at="dr").write(name, value)
    assert copies.holds(name) == value
    policy = MirrorPolicy(id="staging/c", kind="ssm", settings={"of": copies.path, "at": "elsewhere"})
    mirror = SsmMirror(policy, surroundings(endpoints={"ssm": copies.aws.endpoint}))
    with pytest.raises(Refused, match="set ROTATOR_ENDPOINT_SSM_ELSEWHERE"):
        mirror.write(name, value)
    with pytest.raises(Refused, match="set ROTATOR_ENDPOINT_SSM_ELSEWHERE"):
        mirror.stale(name, copies.clock.now())


def test_a_name_outside_the_prefix_has_no_copy(copies: SsmMirrorWorld) -> None:
    with pytest.raises(Refused, match="does not stand below"):
        copies.mirror().write("/other/NAME", fresh_value())


@pytest.mark.parametrize(
    "settings",
    [
        {"of": "/taly/staging"},
        {"of": "/taly/staging", "path": "/taly/staging"},
        {"of": "/taly/staging", "path": "copies"},
        {"of": "/taly/staging/", "path": "/copies"},
        {"of": "/taly/staging", "region": "evil.example/"},
        {"of": "/taly/staging", "at": "evil.example"},
        {"of": "/taly/staging", "path": "/copies", "endpoint": "http://x"},
    ],
)
def test_options_that_lead_nowhere_or_elsewhere_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        SsmMirror.Options.model_validate(settings)
