"""SSM keeps the promises of a store, and what it promises besides: what requests carry, how many calls are made."""

from __future__ import annotations

import json
import logging

import pytest

from rotator.aws import READING
from rotator.contracts.guard import claimed
from rotator.contracts.store import SecretStore
from rotator.model.errors import Drifted, ForeignOwner, LostClaim, Refused, Transient
from rotator.model.secrets import Owner, Sealed
from rotator.sandbox.aws import KEYS, REGION, Parameter
from rotator.sandbox.faults import Fault, Rule
from rotator.stores.ssm_requests import Metadata
from rotator.testing.store_contract import StoreContract
from rotator.testing.values import fresh_value, raises_silently
from tests.stores.ssm_world import SsmWorld, changing_client


class TestSsm(StoreContract):
    @pytest.fixture
    def world(self, world: SsmWorld) -> SsmWorld:
        return world


def test_it_is_a_secret_store(world: SsmWorld) -> None:
    assert isinstance(world.store, SecretStore)


# ages


def test_ages_take_one_call_for_fifty_parameters(world: SsmWorld) -> None:
    world.aws.control.seed(
        Parameter(f"{world.path}/NAME_{number}", fresh_value().reveal()) for number in range(101)
    )
    before = world.calls("DescribeParameters")
    assert len(list(world.store.ages(world.path))) == 101
    assert world.calls("DescribeParameters") - before == 3


@pytest.mark.parametrize("fault", [Fault.EMPTY_PAGE, Fault.SHORT_PAGE])
def test_ages_go_on_as_long_as_there_is_a_token(world: SsmWorld, fault: Fault) -> None:
    names = {f"{world.path}/NAME_{number}" for number in range(7)}
    for name in names:
        world.seed(name, fresh_value())
    world.aws.control.set_faults([Rule(fault, "DescribeParameters")])
    assert {age.name for age in world.store.ages(world.path)} == names


def test_ages_tell_who_wrote(world: SsmWorld) -> None:
    world.seed(f"{world.path}/NAME", fresh_value())
    assert [age.modified_by for age in world.store.ages(world.path)] != [""]


# what a write carries


def test_an_overwrite_names_the_key_the_tier_and_everything_that_was_described(world: SsmWorld) -> None:
    name = f"{world.path}/NAME"
    world.seed(name, fresh_value(), tier="Advanced")
    world.store.write(name, fresh_value(8192), after=1)
    put = {key: value for key, value in world.puts[-1].items() if key != "Value"}
    assert put == {
        "Name": name,
        "Type": "SecureString",
        "Overwrite": True,
        "KeyId": KEYS[1],
        "Tier": "Advanced",
        "DataType": "text",
        "Description": f"what {name} is for",
        "AllowedPattern": ".*",
    }
    findings = world.aws.control.statistics()["findings"]
    assert [finding for finding in findings if finding[1] == name] == []


def test_policies_are_carried_along() -> None:
    """Without moto, which tells policies in a form of its own."""
    policies = ['{"Type":"Expiration"}', '{"Type":"NoChangeNotification"}']
    described = Metadata(
        {
            "Name": "/taly/staging/NAME",
            "Version": 1,
            "Type": "SecureString",
            "Tier": "Advanced",
            "KeyId": KEYS[0],
            "Policies": [{"PolicyText": policy, "PolicyStatus": "Pending"} for policy in policies],
        }
    )
    assert json.loads(described.overwrite(fresh_value())["Policies"]) == [
        json.loads(policy) for policy in policies
    ]


def test_a_parameter_whose_key_is_unknown_is_left_alone() -> None:
    """A request without KeyId would move it to the account's own key."""
    described = Metadata({"Name": "/taly/staging/NAME", "Version": 1, "Type": "SecureString"})
    with pytest.raises(Refused, match="KMS key"):
        described.overwrite(fresh_value())


def test_a_new_parameter_is_sealed_with_the_key_of_the_environment(world: SsmWorld) -> None:
    name = f"{world.path}/NAME"
    world.store.write(name, fresh_value(), after=None)
    put = {key: value for key, value in world.puts[-1].items() if key != "Value"}
    assert put == {
        "Name": name, "Type": "SecureString", "Overwrite": False, "Tier": "Standard", "KeyId": KEYS[0],
    }  # fmt: skip


def test_metadata_is_asked_for_once_as_long_as_only_we_write(world: SsmWorld) -> None:
    name = f"{world.path}/NAME"
    world.seed(name, fresh_value())
    before = world.calls("DescribeParameters")
    for version in range(1, 6):
        world.store.write(name, fresh_value(), after=version)
    assert world.calls("DescribeParameters") - before == 1


def test_a_scan_spares_writes_the_call_for_metadata(world: SsmWorld) -> None:
    """DescribeParameters has the smallest quota; an emergency over many secrets is bound by the quota of writes."""
    name = f"{world.path}/NAME"
    world.seed(name, fresh_value())
    list(world.store.ages(world.path))
    before = world.calls("DescribeParameters")
    world.store.write(name, fresh_value(), after=1)
    assert world.calls("DescribeParameters") == before
    assert world.puts[-1]["KeyId"] == KEYS[1]


def test_metadata_that_somebody_changed_is_noticed(world: SsmWorld) -> None:
    name = f"{world.path}/NAME"
    world.seed(name, fresh_value())
    world.store.write(name, fresh_value(), after=1)
    world.people.put_parameter(
        Name=name, Value="x", Overwrite=True, KeyId=KEYS[0], Description="moved", Type="SecureString"
    )
    world.store.write(name, fresh_value(), after=3)
    assert (world.puts[-1]["KeyId"], world.puts[-1]["Description"]) == (KEYS[0], "moved")


def test_nothing_is_written_on_metadata_of_another_version(world: SsmWorld) -> None:
    """The version that was looked at is gone by the time its metadata is described."""
    name, theirs = f"{world.path}/NAME", fresh_value()
    world.seed(name, fresh_value())
    world.pacer.meanwhile = lambda account: (
        world.someone_else_writes(name, theirs) if account.endswith(":describe") else None
    )
    with raises_silently(Transient, theirs):
        world.store.write(name, fresh_value(), after=1)
    assert world.puts == []


def test_what_ssm_would_refuse_is_not_even_sent(world: SsmWorld) -> None:
    """A request that is refused over there may be quoted in the answer, and in their logs."""
    name, public, too_large = f"{world.path}/NAME", f"{world.path}/PUBLIC", fresh_value(4097)
    world.seed(name, fresh_value())
    world.seed(public, Sealed("public"), kind="String")
    with pytest.raises(Refused, match="4097 bytes, and the standard tier holds 4096"):
        world.store.write(name, too_large, after=1)
    with pytest.raises(Refused, match="4097 bytes, and the standard tier holds 4096"):
        world.store.write(f"{name}_NEW", too_large, after=None)
    with pytest.raises(Refused, match="no empty values"):
        world.store.write(name, Sealed(""), after=1)
    with pytest.raises(Refused, match="is a String"):
        world.store.write(public, fresh_value(), after=1)
    assert world.puts == []


@pytest.mark.parametrize("braces", ["{{ssm:name}}", "a{{b}}c", "{{\n}}"])
def test_a_value_with_double_braces_is_refused(world: SsmWorld, braces: str) -> None:
    name = f"{world.path}/NAME"
    world.seed(name, fresh_value())
    with raises_silently(Refused, Sealed(braces)):
        world.store.write(name, Sealed(braces), after=1)
    with raises_silently(Refused, Sealed(braces)):
        world.store.write(f"{name}_NEW", Sealed(braces), after=None)
    assert world.puts == []


def test_json_with_nested_objects_is_no_reference(world: SsmWorld) -> None:
    name = f"{world.path}/NAME"
    world.seed(name, fresh_value())
    assert world.store.write(name, Sealed('{"keys": {"a": {}}}'), after=1) == 2


# the last look at the claim


def test_the_claim_is_looked_at_after_signing(world: SsmWorld) -> None:
    name, story = f"{world.path}/NAME", list[str]()
    world.seed(name, fresh_value())
    events = changing_client(world.store).meta.events
    for event in ("before-sign", "before-send", "response-received"):
        events.register_last(
            f"{event}.ssm.PutParameter", lambda event_name, **_: story.append(event_name.split(".")[0])
        )
    with claimed(lambda _seconds: story.append("guard")):
        world.store.write(name, fresh_value(), after=1)
    assert story == ["before-sign", "guard", "before-send", "response-received"]


def test_a_lost_claim_is_not_retried_even_by_a_client_that_retries(
    world: SsmWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rotator.stores.ssm_parameters.CHANGING", READING)
    store, name, asked = world.as_seen_by("installation-a"), f"{world.path}/NAME", list[float]()
    world.seed(name, fresh_value())

    def lost(seconds: float) -> None:
        asked.append(seconds)
        raise LostClaim("another worker has it")

    with claimed(lost), pytest.raises(LostClaim, match="another worker has it"):
        store.write(name, fresh_value(), after=1)
    assert len(asked) == 1
    assert store.write(name, fresh_value(), after=1) == 2


# the account's rate


def test_every_put_waits_for_its_turn_in_the_account(world: SsmWorld) -> None:
    name, account = f"{world.path}/NAME", f"ssm:{world.aws.endpoint}:{REGION}"
    world.seed(name, fresh_value())
    world.store.write(name, fresh_value(), after=1)
    world.store.read(name)
    assert [paced for paced in world.pacer.paced if paced[0] == account] == [(account, 3.0, 1)]


def test_what_happens_while_a_write_waits_for_its_turn_is_seen(world: SsmWorld) -> None:
    """The look comes after the wait, which can take seconds."""
    name, ours, theirs = f"{world.path}/NAME", fresh_value(), fresh_value()
    world.seed(name, fresh_value())
    world.pacer.meanwhile = lambda account: (
        None if account.endswith(":describe") else world.someone_else_writes(name, theirs)
    )
    with raises_silently(Drifted, ours, theirs):
        world.store.write(name, ours, after=1)
    assert world.puts == []


def test_everybody_pauses_when_the_account_is_throttled(world: SsmWorld) -> None:
    name = f"{world.path}/NAME"
    world.seed(name, fresh_value())
    world.throttle_next()
    with pytest.raises(Transient) as caught:
        world.store.write(name, fresh_value(), after=1)
    assert [account for account, _ in world.pacer.backed_off] == [f"ssm:{world.aws.endpoint}:{REGION}"]
    assert caught.value.retry_after == world.pacer.backed_off[0][1]


# a hundred versions


@pytest.mark.slow  # a hundred writes
def test_a_label_on_the_oldest_of_a_hundred_versions_is_told_before_and_at_the_write(world: SsmWorld) -> None:
    name = f"{world.path}/NAME"
    world.seed(name, fresh_value())
    world.people.label_parameter_version(Name=name, ParameterVersion=1, Labels=["golden"])
    for _ in range(99):
        world.someone_else_writes(name, fresh_value())
    ours = fresh_value()

    with raises_silently(Refused, ours) as caught:
        world.store.write(name, ours, after=100)
    said = str(caught.value)
    assert name in said and "version 1 " in said and "--parameter-version 1" in said and "label" in said
    with pytest.raises(Refused, match="golden") as caught_before:
        world.store.check_writable(name, 10)
    assert "--parameter-version 1" in str(caught_before.value)

    world.people.unlabel_parameter_version(Name=name, ParameterVersion=1, Labels=["golden"])
    world.store.check_writable(name, 10)
    assert world.store.write(name, ours, after=100) == 101


# owners


def test_the_owner_is_readable_for_people(world: SsmWorld) -> None:
    world.store.claim_owner(world.path, Owner("installation-a", world.clock.now(), 3), instead_of=None)
    there = world.people.get_parameter(Name=f"{world.path}/rotator/owner")["Parameter"]
    assert there["Type"] == "String"
    assert '"installation":"installation-a"' in there["Value"]


@pytest.mark.parametrize(
    "text", ["nobody", "{}", '{"installation": "x", "heartbeat_at": "2026-01-01T00:00:00"}', "[1]"]
)
def test_an_owner_parameter_that_nobody_understands_stops_every_write(world: SsmWorld, text: str) -> None:
    name = f"{world.path}/NAME"
    world.seed(name, fresh_value())
    world.seed(f"{world.path}/rotator/owner", Sealed(text), kind="String")
    for attempt in (
        lambda: world.store.write(name, fresh_value(), after=1),
        lambda: world.store.check_writable(name, 1),
        lambda: world.store.owner(world.path),
        lambda: world.store.claim_owner(world.path, Owner("installation-a", world.clock.now()), None),
    ):
        with pytest.raises(Refused, match="rotator/owner does not hold"):
            attempt()
    assert world.puts == []


@pytest.mark.parametrize("there", [None, "installation-c"])
def test_two_claims_at_the_same_moment_are_noticed(world: SsmWorld, there: str | None) -> None:
    dead = Owner(there, world.clock.now()) if there else None
    if dead:
        world.as_seen_by("installation-c").claim_owner(world.path, dead, instead_of=None)
    other = world.as_seen_by("installation-b")

    claim = Owner("installation-b", world.clock.now())
    world.before_next_put(lambda: other.claim_owner(world.path, claim, instead_of=dead))
    with pytest.raises(ForeignOwner, match="at the same moment"):
        world.store.claim_owner(world.path, Owner("installation-a", world.clock.now()), instead_of=dead)
    there_now = world.store.owner(world.path)
    assert there_now is not None
    assert there_now.installation == ("installation-a" if there else "installation-b"), (
        "a claim on nobody's overwrites"
    )


def test_heartbeats_of_two_replicas_at_the_same_moment_are_no_quarrel(world: SsmWorld) -> None:
    ours = Owner("installation-a", world.clock.now())
    world.store.claim_owner(world.path, ours, instead_of=None)
    replica = world.as_seen_by("installation-a")

    beat = Owner("installation-a", world.clock.now(), 1)
    world.before_next_put(lambda: replica.claim_owner(world.path, beat, instead_of=ours))
    later = Owner("installation-a", world.clock.now(), 2)
    world.store.claim_owner(world.path, later, instead_of=ours)
    assert world.store.owner(world.path) == later


# silence


def test_not_even_the_debug_log_shows_a_value(world: SsmWorld, caplog: pytest.LogCaptureFixture) -> None:
    name, first, second = f"{world.path}/NAME", fresh_value(), fresh_value()
    with caplog.at_level(logging.DEBUG):
        world.store.write(name, first, after=None)
        world.store.write(name, second, after=1)
        world.store.read(name)
    assert first.reveal() not in caplog.text
    assert second.reveal() not in caplog.text
