"""KMS as the sealer: what it is asked, how long an opened key is kept, and what is said when it says no."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from rotator.model.errors import Refused, RotatorError, Transient
from rotator.sandbox.aws import KEYS, AwsWorld
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sealers.kms import KEPT_KEYS, KEPT_SECONDS, Kms
from rotator.testing.sealer_contract import CONTEXT, SealerContract
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value


class HeldClock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def sealer(aws: AwsWorld, clock: HeldClock) -> Kms:
    return sealer_at(aws, clock)


def sealer_at(aws: AwsWorld, clock: HeldClock, key: str = KEYS[0]) -> Kms:
    return Kms(key, surroundings(clock=clock, endpoints={"kms": aws.endpoint}))


def calls(aws: AwsWorld, operation: str) -> int:
    counted: int = aws.control.statistics()["calls"].get(operation, 0)
    return counted


class TestKms(SealerContract):
    @pytest.fixture
    def sealer(self, sealer: Kms) -> Kms:
        return sealer

    @pytest.fixture
    def restarted(self, aws: AwsWorld, clock: HeldClock) -> Kms:
        return sealer_at(aws, clock)


def test_kms_is_told_the_key_and_the_context(sealer: Kms) -> None:
    asked = list[dict[str, object]]()
    events = sealer._kms._client().meta.events
    for operation in ("GenerateDataKey", "Decrypt"):
        events.register(
            f"provide-client-params.kms.{operation}", lambda params, **_: asked.append(dict(params))
        )
    wrapped = sealer.new_key(CONTEXT).wrapped
    sealer._opened._keys.clear()
    sealer.open_key(wrapped, CONTEXT)
    assert asked[0] == {"KeyId": KEYS[0], "KeySpec": "AES_256", "EncryptionContext": CONTEXT}
    assert {name: asked[1][name] for name in ("KeyId", "EncryptionContext")} == {
        "KeyId": KEYS[0],
        "EncryptionContext": CONTEXT,
    }


def test_an_opened_key_is_kept_for_a_while(aws: AwsWorld, sealer: Kms, clock: HeldClock) -> None:
    fields = {"value": fresh_value()}
    key = sealer.new_key(CONTEXT)
    sealed, before = key.seal(fields, "r1"), calls(aws, "Decrypt")
    clock.sleep(KEPT_SECONDS - 1)
    assert sealer.open_key(key.wrapped, CONTEXT).open(sealed, "r1") == fields
    assert calls(aws, "Decrypt") == before
    clock.sleep(2)
    assert sealer.open_key(key.wrapped, CONTEXT).open(sealed, "r1") == fields
    assert calls(aws, "Decrypt") == before + 1
    sealer.open_key(key.wrapped, CONTEXT)
    assert calls(aws, "Decrypt") == before + 1


def test_only_so_many_opened_keys_are_kept(sealer: Kms) -> None:
    stub = Stubber(sealer._kms._client())
    for _ in range(KEPT_KEYS + 5):
        answer = {
            "CiphertextBlob": secrets.token_bytes(64),
            "Plaintext": secrets.token_bytes(32),
            "KeyId": KEYS[0],
        }
        stub.add_response("generate_data_key", answer)
    with stub:
        for _ in range(KEPT_KEYS + 5):
            sealer.new_key(CONTEXT)
    assert len(sealer._opened._keys) == KEPT_KEYS


def test_nothing_is_kept_past_its_time(sealer: Kms, clock: HeldClock) -> None:
    sealer.new_key(CONTEXT)
    clock.sleep(KEPT_SECONDS)
    newest = sealer.new_key(CONTEXT)
    assert [key for _, key in sealer._opened._keys.values()] == [newest]


def test_a_key_of_another_sealer_is_told_apart(sealer: Kms) -> None:
    with pytest.raises(Refused, match="not made by KMS"):
        sealer.open_key("keyfile:0123:AAAA", CONTEXT)


@pytest.mark.parametrize(
    "code,kind,sentence",
    [
        ("InvalidCiphertextException", Refused, "another rotation"),
        ("IncorrectKeyException", Refused, "another KMS key"),
        ("InvalidKeyUsageException", Refused, "symmetric"),
        ("NotFoundException", Transient, "no such key"),
        ("DisabledException", Transient, "enable it"),
        ("KMSInvalidStateException", Transient, "usable state"),
        ("KeyUnavailableException", Transient, "for the moment"),
        ("DependencyTimeoutException", Transient, "ran out of time"),
        ("KMSInternalException", Transient, "it failed"),
        ("ThrottlingException", Transient, "too often"),
        ("AccessDeniedException", Transient, "lacks kms:Decrypt"),
        ("ExpiredTokenException", Transient, "no valid AWS credentials"),
        ("SomethingNewException", Transient, "SomethingNewException"),
    ],
)
def test_each_code_has_its_sentence_and_its_word(
    sealer: Kms, code: str, kind: type[RotatorError], sentence: str
) -> None:
    """What a person can repair never undoes a rotation."""
    stub = Stubber(sealer._kms._client())
    for _ in range(2):  # a read is asked again once
        stub.add_client_error("decrypt", code, "their words", http_status_code=400)
    with stub, pytest.raises(kind, match=sentence) as caught:
        sealer.open_key("kms:AAAA", CONTEXT)
    assert KEYS[0] in str(caught.value) or "credentials" in str(caught.value)
    assert "their words" not in str(caught.value)


def test_another_kms_key_does_not_open_it(aws: AwsWorld, sealer: Kms, clock: HeldClock) -> None:
    """AWS answers IncorrectKeyException, and moto AccessDeniedException: neither gives the key out."""
    wrapped = sealer.new_key(CONTEXT).wrapped
    with pytest.raises((Refused, Transient)):
        sealer_at(aws, clock, KEYS[1]).open_key(wrapped, CONTEXT)


@pytest.mark.parametrize("outage", list(Outage))
def test_kms_is_away(aws: AwsWorld, sealer: Kms, clock: HeldClock, outage: Outage) -> None:
    """Trouble is met when a key is made or opened; what is open goes on sealing."""
    key, fields = sealer.new_key(CONTEXT), {"value": fresh_value()}
    aws.control.set_outages({"kms": outage})
    with pytest.raises(Transient, match="KMS "):
        sealer.new_key(CONTEXT)
    with pytest.raises(Transient, match="KMS "):
        sealer_at(aws, clock).open_key(key.wrapped, CONTEXT)
    assert sealer.open_key(key.wrapped, CONTEXT).open(key.seal(fields, "r1"), "r1") == fields


def test_a_lost_answer_is_asked_for_again(aws: AwsWorld, sealer: Kms) -> None:
    aws.control.set_faults([Rule(Fault.LOST_ANSWER, "GenerateDataKey", times=1)])
    sealer.new_key(CONTEXT)
