"""AWS KMS as the sealer: the master key never leaves KMS, and every opening is in CloudTrail.

A data key is asked for by GenerateDataKey with the rotation as its encryption context, and opened by Decrypt with the
same key id and context; values are sealed in this process. An opened key is kept in memory for a few minutes, so that
the phases of one rotation cost one call.

A key that is disabled, pending deletion or out of reach is trouble that a person repairs: Transient, so that no
rotation is undone for it. A blob that does not belong to the context is a verdict.
Permissions: kms:GenerateDataKey and kms:Decrypt on the key.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, ClassVar

from boto3.session import Session
from botocore.config import Config

from rotator.aws import READING, Failure, Service
from rotator.contracts.adapter import Surroundings
from rotator.contracts.clock import Clock
from rotator.model.errors import Refused, RotatorError, Transient
from rotator.sealers.envelope import EnvelopeKey, canonical

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

KEPT_SECONDS = 300.0
KEPT_KEYS = 256
_SCHEME = "kms:"


class Kms:
    """Data keys of one KMS key: an ARN, a key id or an alias (`alias/taly-production`)."""

    needs: ClassVar[str] = "kms:GenerateDataKey and kms:Decrypt on the one key"
    tried_on: ClassVar[str] = "moto, behind a proxy with faults"

    def __init__(self, key_id: str, around: Surroundings) -> None:
        self._key_id, self._around = key_id, around
        self._kms = Service("KMS", self._connect, READING, self._verdict, around.installation)
        self._opened = _OpenedKeys(around.clock)

    def new_key(self, context: Mapping[str, str]) -> EnvelopeKey:
        """A new data key bound to `context`. Raises Transient or Refused."""
        answer = self._kms.ask(
            lambda kms: kms.generate_data_key(
                KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=dict(context)
            ),
            f"make a data key under {self._key_id}",
        )
        wrapped = _SCHEME + b64encode(answer["CiphertextBlob"]).decode()
        return self._opened.keep(EnvelopeKey(answer["Plaintext"], wrapped, context), context)

    def open_key(self, wrapped: str, context: Mapping[str, str]) -> EnvelopeKey:
        """The data key again, from memory for a few minutes. Raises Transient or Refused."""
        known = self._opened.find(wrapped, context)
        if known is not None:
            return known
        blob = _blob(wrapped)
        answer = self._kms.ask(
            lambda kms: kms.decrypt(CiphertextBlob=blob, KeyId=self._key_id, EncryptionContext=dict(context)),
            f"open a data key under {self._key_id}",
        )
        return self._opened.keep(EnvelopeKey(answer["Plaintext"], wrapped, context), context)

    def _verdict(self, failure: Failure) -> RotatorError | None:
        if failure.code in _NOT_OURS:
            return Refused(f"KMS will not {failure.doing}: {_NOT_OURS[failure.code]}; nothing was changed")
        if failure.code in _REPAIRABLE:
            return Transient(
                f"KMS could not {failure.doing}: {_REPAIRABLE[failure.code]}; nothing was changed"
            )
        return None

    def _connect(self, session: Session, config: Config) -> KMSClient:
        return session.client(
            "kms", region_name=self._around.region, endpoint_url=self._around.endpoint("kms"), config=config
        )


_NOT_OURS = {
    "InvalidCiphertextException": "the sealed key is damaged, or belongs to another rotation",
    "IncorrectKeyException": "it was sealed under another KMS key; set that key again until its rotations have ended",
    "InvalidKeyUsageException": "the key is not a symmetric key for encryption",
}
_REPAIRABLE = {
    "NotFoundException": "there is no such key in this account and region",
    "DisabledException": "the key is disabled; enable it",
    "KMSInvalidStateException": "the key is not in a usable state (pending deletion or import, or out of reach)",
    "KeyUnavailableException": "the key is out of reach for the moment",
    "DependencyTimeoutException": "it ran out of time",
    "KMSInternalException": "it failed",
}


def _blob(wrapped: str) -> bytes:
    if not wrapped.startswith(_SCHEME):
        raise Refused(
            "a sealed key in the journal was not made by KMS; set the sealer of that time again until its rotations "
            "have ended"
        )
    try:
        return b64decode(wrapped.removeprefix(_SCHEME), validate=True)
    except binascii.Error:
        raise Refused(
            "a sealed key in the journal is damaged: it is not base64; nothing was changed"
        ) from None


class _OpenedKeys:
    """Opened data keys, each under its wrapped text and its context; forgotten after KEPT_SECONDS."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, Lock()
        self._keys: OrderedDict[tuple[str, bytes], tuple[float, EnvelopeKey]] = OrderedDict()

    def keep(self, key: EnvelopeKey, context: Mapping[str, str]) -> EnvelopeKey:
        with self._lock:
            self._keys[key.wrapped, canonical(context)] = (self._clock.monotonic() + KEPT_SECONDS, key)
            self._keys.move_to_end((key.wrapped, canonical(context)))
            self._forget_stale()
        return key

    def find(self, wrapped: str, context: Mapping[str, str]) -> EnvelopeKey | None:
        with self._lock:
            self._forget_stale()
            _, key = self._keys.get((wrapped, canonical(context)), (0.0, None))
            return key

    def _forget_stale(self) -> None:
        now = self._clock.monotonic()
        while self._keys:
            until, _ = next(iter(self._keys.values()))
            if until > now and len(self._keys) <= KEPT_KEYS:
                break
            self._keys.popitem(last=False)
