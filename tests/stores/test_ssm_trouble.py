"""When SSM says no or nothing: a sentence for people, the right word for the engine, and never a value."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber

import rotator.aws
from rotator.aws import CHANGING, READING, Manner
from rotator.contracts.guard import CALL_SECONDS
from rotator.model.caller import is_by
from rotator.model.errors import GaveUp, Refused, RotatorError, Transient
from rotator.model.policy import EnvironmentPolicy
from rotator.model.secrets import StoredValue
from rotator.sandbox.aws import REGION, AwsWorld
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.stores.ssm import Ssm
from rotator.testing.store_world import OURS
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value, raises_silently
from tests.stores.ssm_world import SsmWorld, changing_client, reading_client

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

DENIED = (
    "User: arn:aws:sts::111122223333:assumed-role/taly-rotator/pod is not authorized to perform: ssm:PutParameter on "
    "resource: arn:aws:ssm:eu-central-1:111122223333:parameter/taly/x because no identity-based policy allows it"
)


@pytest.fixture
def name(world: SsmWorld) -> str:
    """A parameter that is there, at version 1."""
    world.seed(f"{world.path}/NAME", fresh_value())
    return f"{world.path}/NAME"


def refuse_put(world: SsmWorld, code: str, message: str, status: int = 400) -> Stubber:
    """SSM answers the next PutParameter with this error."""
    stub = Stubber(changing_client(world.store))
    stub.add_client_error("put_parameter", code, message, http_status_code=status)
    return stub


def test_every_call_says_in_its_user_agent_which_installation_makes_it(
    world: SsmWorld, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves the operator's own name for the process as it is."""
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "taly-secrets")
    store, said = world.as_seen_by(OURS), list[str]()
    for client in (reading_client(store), changing_client(store)):
        client.meta.events.register(
            "before-send.ssm", lambda request, **_: said.append(_text(request.headers["User-Agent"]))
        )
    store.write(name, fresh_value(), 1)
    assert len(said) >= 3
    assert all(is_by(one, OURS) and "app/taly-secrets" in one for one in said)
    assert not any(is_by(one, OURS[:-1]) for one in said)


def _text(header: str | bytes) -> str:
    return header if isinstance(header, str) else header.decode()


@pytest.mark.parametrize(
    "code,kind,sentence",
    [
        ("ParameterPatternMismatchException", Refused, "AllowedPattern"),
        ("ValidationException", Refused, "invalid"),
        ("HierarchyTypeMismatchException", Refused, "type"),
        ("ParameterLimitExceeded", Refused, "as many parameters"),
        ("ParameterMaxVersionLimitExceeded", Refused, "100 versions"),
        ("InvalidKeyId", Transient, "KMS key"),
        ("TooManyUpdates", Transient, "somebody else is writing"),
        ("ParameterAlreadyExists", Transient, "somebody created it"),
        ("ThrottlingException", Transient, "asked too often"),
        ("AccessDeniedException", Transient, "ssm:PutParameter"),
        ("ExpiredTokenException", Transient, "no valid AWS credentials"),
        ("UnrecognizedClientException", Transient, "no valid AWS credentials"),
        ("InvalidSignatureException", Transient, "no valid AWS credentials"),
        ("SomethingNewException", Transient, "SomethingNewException"),
    ],
)
def test_each_code_has_its_sentence_and_its_word(
    world: SsmWorld, name: str, code: str, kind: type[RotatorError], sentence: str
) -> None:
    """AWS's own message may quote the value; ours never does."""
    ours = fresh_value()
    message = f"Parameter value, {ours.reveal()}, is not good"
    with refuse_put(world, code, message), raises_silently(kind, ours) as caught:
        world.store.write(name, ours, after=1)
    assert sentence in str(caught.value)
    assert caught.value.__context__ is None, "an error that quotes the value hangs on ours"


@pytest.mark.parametrize(
    "code,message,by",
    [
        (
            "InvalidSignatureException",
            "Signature expired: 20260610T115000Z is now earlier than 20260610T115500Z (20260610T120000Z - 5 min.)",
            "wrong, by about 10 min (",
        ),
        (
            "SignatureDoesNotMatch",
            "Signature not yet current: 20260610T121000Z is still later than … (20260610T120000Z + 5 min.)",
            "wrong, by about 10 min (",
        ),
        (
            "InvalidSignatureException",
            "Signature expired: 20269910T115000Z is now earlier than 20260610T115500Z (20260610T120000Z - 5 min.)",
            "wrong, by about 5 min (",
        ),
        ("SignatureDoesNotMatch", "Signature expired: 00000000T999999Z, 20260230T000000Z", "wrong ("),
        ("RequestTimeTooSkewed", "The difference between the request time and ours is too large.", "wrong ("),
        ("RequestExpired", "", "wrong ("),
    ],
)
def test_a_clock_that_is_wrong_is_called_so_and_not_a_missing_credential(
    world: SsmWorld, name: str, code: str, message: str, by: str
) -> None:
    with refuse_put(world, code, message), pytest.raises(Transient) as caught:
        world.store.write(name, fresh_value(), after=1)
    assert "the clock of the machine" in str(caught.value) and by in str(caught.value)
    assert "Give its pod a role" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_failure_on_aws_side_leaves_open_whether_it_was_written(world: SsmWorld, name: str) -> None:
    with refuse_put(world, "InternalServerError", "", status=500), pytest.raises(Transient) as caught:
        world.store.write(name, fresh_value(), after=1)
    assert "whether it happened shows at the next attempt" in str(caught.value)


def test_a_missing_permission_is_named_with_what_it_is_missing_on(world: SsmWorld, name: str) -> None:
    with refuse_put(world, "AccessDeniedException", DENIED), pytest.raises(Transient) as caught:
        world.store.write(name, fresh_value(), after=1)
    said = str(caught.value)
    assert "lacks ssm:PutParameter on arn:aws:ssm:eu-central-1:111122223333:parameter/taly/x" in said
    assert "identity-based" not in said


def test_a_key_that_may_not_be_used_is_told_apart_from_a_parameter_that_may_not(
    world: SsmWorld, name: str
) -> None:
    stub = Stubber(reading_client(world.store))
    message = "The ciphertext refers to a customer master key that does not exist (Service: AWSKMS; Status Code: 400)"
    stub.add_client_error("get_parameter", "AccessDeniedException", message, http_status_code=400)
    with stub, pytest.raises(Transient, match="KMS key"):
        world.store.read(name)


def test_a_request_that_the_sdk_itself_refuses_is_not_quoted(world: SsmWorld) -> None:
    """botocore's ParamValidationError shows what it was given."""
    not_a_name: list[str] = ["VALUE-LIKE"]
    with pytest.raises(Refused) as caught:
        world.store.read(not_a_name)  # type: ignore[arg-type]  # that is the point
    assert "VALUE-LIKE" not in str(caught.value).replace(str(not_a_name), "")
    assert caught.value.__context__ is None


@pytest.mark.parametrize("outage", list(Outage))
def test_ssm_is_away(world: SsmWorld, name: str, outage: Outage) -> None:
    ours = fresh_value()
    attempts: list[Callable[[], object]] = [
        lambda: world.store.read(name),
        lambda: list(world.store.ages(world.path)),
        lambda: world.store.write(name, ours, after=1),
        lambda: world.store.check_writable(name, 1),
        lambda: world.store.owner(world.path),
    ]
    world.aws.control.set_outages({"ssm": outage})
    for attempt in attempts:
        with raises_silently(Transient, ours) as caught:
            attempt()
        assert str(caught.value).startswith("SSM ")
        assert "nothing was changed" in str(caught.value)
    world.aws.control.set_outages({})
    assert world.store.write(name, ours, after=1) == 2


@pytest.mark.parametrize("login", ["", "somebody:hunter2@"])
def test_ssm_cannot_be_reached(aws: AwsWorld, login: str) -> None:
    around = surroundings(endpoints={"ssm": f"http://{login}127.0.0.1:1"})
    store = Ssm(
        EnvironmentPolicy(name="staging", path="/taly/staging", region=REGION), around, "installation-a"
    )
    with pytest.raises(Transient) as raised:
        store.read("/taly/staging/NAME")
    assert str(raised.value) == (
        f"SSM did not answer in {REGION} at http://127.0.0.1:1, from ROTATOR_ENDPOINT_SSM or AWS_ENDPOINT_URL "
        "(EndpointConnectionError) when asked to read /taly/staging/NAME; nothing was changed"
    )


def test_an_address_that_nobody_chose_is_not_named(aws: AwsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The region is: it is what a policy can have wrong."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    store = Ssm(
        EnvironmentPolicy(name="staging", path="/taly/staging", region=REGION),
        surroundings(),
        "installation-a",
    )
    service = store._parameters._reading

    def unreachable(ssm: SSMClient) -> None:
        raise EndpointConnectionError(endpoint_url=ssm.meta.endpoint_url)

    with pytest.raises(
        Transient, match=re.escape(f"SSM did not answer in {REGION} (EndpointConnectionError) when")
    ):
        service.ask(unreachable, "read it")


def test_a_read_is_asked_again_once(world: SsmWorld, name: str) -> None:
    world.aws.control.set_faults([Rule(Fault.INTERNAL_ERROR, "GetParameter", times=1)])
    assert world.store.read(name).version == 1
    world.aws.control.set_faults([Rule(Fault.INTERNAL_ERROR, "GetParameter", times=2)])
    with pytest.raises(Transient, match="failed \\(InternalServerError\\)"):
        world.store.read(name)


def test_a_write_is_never_asked_again(world: SsmWorld, name: str) -> None:
    before = world.calls("PutParameter")
    world.aws.control.set_faults([Rule(Fault.INTERNAL_ERROR, "PutParameter")])
    with pytest.raises(Transient):
        world.store.write(name, fresh_value(), after=1)
    assert world.calls("PutParameter") - before == 1


def test_an_answer_that_comes_too_late_is_no_answer(
    world: SsmWorld, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = Config(read_timeout=0.2, retries={"total_max_attempts": 1, "mode": "standard"})
    monkeypatch.setattr("rotator.stores.ssm_parameters.CHANGING", replace(CHANGING, config=hasty))
    store, ours = world.as_seen_by("installation-a"), fresh_value()
    world.aws.control.set_faults([Rule(Fault.SLOW, "PutParameter", times=1, seconds=0.6)])
    with raises_silently(GaveUp, ours) as caught:  # it may land when nobody waits for it any more
        store.write(name, ours, after=1)
    assert "ReadTimeoutError" in str(caught.value)
    deadline = time.monotonic() + 60
    while world.holds(name) != StoredValue(ours, 2):
        assert time.monotonic() < deadline, "it never landed"
    assert store.write(name, ours, after=1) == 2


@pytest.mark.parametrize("manner", [READING, CHANGING])
def test_a_call_ends_within_the_time_that_a_claim_allows_it(manner: Manner) -> None:
    config: Any = manner.config  # its options are attributes that the stubs do not know
    attempts = config.retries["total_max_attempts"]
    backoffs = attempts - 1  # botocore's standard mode waits up to a second before the second attempt
    assert attempts * (config.connect_timeout + config.read_timeout) + backoffs <= CALL_SECONDS


def test_without_credentials_and_once_they_are_there(
    world: SsmWorld, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotator.aws, "_shared", rotator.aws._SharedSession())
    with monkeypatch.context() as without:
        without.delenv("AWS_ACCESS_KEY_ID")
        without.delenv("AWS_SECRET_ACCESS_KEY")
        store = world.as_seen_by("installation-a")
        for _ in range(2):
            with pytest.raises(
                Transient, match=f"no valid AWS credentials \\({NoCredentialsError.__name__}\\)"
            ):
                store.read(name)
    assert store.read(name).version == 1
