"""Every value that the world has held, each under a name that may be said: what the audit tries and searches for.

The store's history is not enough. The successor of a rotation that is undone early stood in its row alone, sealed, and
the row forgets it in the end. So rows are opened while they live, with the company's own KMS key, as an insider could.
Besides: what rotator logs in with, the data keys that KMS gave it, and the tokens that it showed to verifiers.
"""

from __future__ import annotations

import json
import re
import secrets
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

import boto3
from botocore.config import Config

from rotator.engine.phases.step import predecessor_seal, seal_context, submitted_seal, successor_seal
from rotator.model.policy import Policies, SecretPolicy
from rotator.model.rotation import Rotation
from rotator.sandbox.aws import REGION
from rotator.sealers.envelope import EnvelopeKey

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_ssm import SSMClient

_WRAPPED_BY_KMS = "kms:"
#: Fields of a credential that are no secret, and the parameters that hold them: people are told of keys by these.
_PUBLIC_FIELDS = frozenset({"sid", "access_key_id", "username"})
_TWILIO_KEY = re.compile(r"SK[0-9a-f]{32}:[0-9a-f]{32}")
_PUBLIC = re.compile(r".*/(TWILIO_API_KEY_SID|AWS_ACCESS_KEY_ID|SES_SMTP_USERNAME|TWILIO_ACCOUNT_SID)")


class _Opened(NamedTuple):
    """What a sealed text of a row held."""

    value: str
    bound_to: str


@dataclass
class Known:
    """`values`: each secret piece -> its name. `credentials`: secret -> what is secret of each, as stored -> name."""

    endpoint: str  # of AWS
    values: dict[str | bytes, str] = field(default_factory=dict, repr=False)
    credentials: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    _rows: dict[str, dict[str, _Opened]] = field(default_factory=dict, repr=False)  # rotation -> sealed text
    _keys: dict[str, EnvelopeKey] = field(default_factory=dict, repr=False)  # rotation -> its data key

    def note(self, name: str, value: str) -> None:
        """A value of any kind, by its secret pieces."""
        for piece in pieces(value):
            self.values.setdefault(piece, name)

    def note_parameter(self, parameter: str, name: str, value: str) -> None:
        """What a parameter holds, unless that is no secret."""
        if not _PUBLIC.fullmatch(parameter):
            self.note(name, value)

    def watch(self, rotations: Iterable[Rotation]) -> None:
        """Opens what rows hold right now; what was opened before is not opened again."""
        for rotation in rotations:
            for what, sealed, bound_to in _sealed_in(rotation):
                opened = self._rows.setdefault(rotation.id, {})
                if sealed not in opened:
                    fields = self._key(rotation).open(sealed, bound_to)
                    (value,) = (fields[name].reveal() for name in fields.keys() - _PUBLIC_FIELDS)
                    opened[sealed] = _Opened(value, bound_to)
                    self._note_credential(
                        rotation.secret, value, f"{rotation.secret}, {what} of {rotation.id}"
                    )

    def read_history(self, policies: Policies) -> None:
        """Every version of every sealed parameter there is; those of a secret are its credentials."""
        secret_of = {secret_parameter(secret): secret.secret for secret in policies.secrets.values()}
        for name in self._parameters():
            for version, value in self.versions(name).items():
                self.note_parameter(name, f"{name} version {version}", value)
                if name in secret_of:
                    self._note_credential(secret_of[name], value, f"{secret_of[name]} version {version}")

    def versions(self, parameter: str) -> dict[int, str]:
        """Every value that a sealed parameter ever held, oldest first."""
        pages = self._ssm.get_paginator("get_parameter_history").paginate(Name=parameter, WithDecryption=True)
        return {
            version["Version"]: version["Value"]
            for page in pages
            for version in page["Parameters"]
            if version["Type"] == "SecureString"
        }

    def current(self, parameter: str) -> str:
        """What a consumer that starts now would read."""
        return self._ssm.get_parameter(Name=parameter, WithDecryption=True)["Parameter"]["Value"]

    def of(self, rotation: Rotation) -> set[str]:
        """What was seen in a rotation's row: its predecessor and its successors."""
        return {opened.value for opened in self._rows.get(rotation.id, {}).values()}

    def never_opened(self, rotations: Iterable[Rotation]) -> list[str]:
        """Rotations that made a successor which was gone before anybody looked: then not every value is known."""
        return [
            f"{rotation.secret}: the successor of {rotation.id}"
            for rotation in rotations
            if (fence := rotation.ledger.created_fence) is not None
            and successor_seal(rotation.id, fence) not in self._seals_opened(rotation)
        ]

    def _seals_opened(self, rotation: Rotation) -> set[str]:
        return {opened.bound_to for opened in self._rows.get(rotation.id, {}).values()}

    def _note_credential(self, secret: str, value: str, name: str) -> None:
        self.note(name, value)
        self.credentials.setdefault(secret, {}).setdefault(value, name)

    def _key(self, rotation: Rotation) -> EnvelopeKey:
        """A rotation's data key, which is a value itself."""
        if rotation.id not in self._keys:
            wrapped = rotation.data_key or ""
            context = seal_context(rotation.recipe.secret, rotation.id)
            opened = self._kms.decrypt(
                CiphertextBlob=b64decode(wrapped.removeprefix(_WRAPPED_BY_KMS)), EncryptionContext=context
            )["Plaintext"]
            self.values.setdefault(opened, f"the data key of {rotation.id}")
            self._keys[rotation.id] = EnvelopeKey(opened, wrapped, context)
        return self._keys[rotation.id]

    def _parameters(self) -> list[str]:
        pages = self._ssm.get_paginator("describe_parameters").paginate()
        return [parameter["Name"] for page in pages for parameter in page["Parameters"]]

    @cached_property
    def _ssm(self) -> SSMClient:
        return boto3.client("ssm", **self._auditor())

    @cached_property
    def _kms(self) -> KMSClient:
        return boto3.client("kms", **self._auditor())

    def _auditor(self) -> Mapping[str, Any]:
        return {
            "endpoint_url": self.endpoint,
            "aws_access_key_id": "auditor",
            "aws_secret_access_key": secrets.token_hex(),
            "region_name": REGION,
            "config": Config(retries={"total_max_attempts": 8, "mode": "standard"}),
        }


def secret_parameter(secret: SecretPolicy) -> str:
    """The parameter that holds what is secret of a credential."""
    fields = secret.recipe.fields
    (name,) = fields.keys() - _PUBLIC_FIELDS
    return fields[name]


def pieces(value: str) -> list[str]:
    """The secret parts of a value: of a connection string its password, of a set its members, of a PEM its lines."""
    if value.startswith("postgresql://"):
        password = urlsplit(value).password or ""
        return list(dict.fromkeys([password, unquote(password)]))
    if value.startswith("["):
        return [piece for member in json.loads(value) for piece in pieces(member)]
    if value.startswith("-----BEGIN"):
        _begin, _first, *lines, _last, _end = value.splitlines()  # the first line is nearly the same in all
        return lines
    return [value.partition(":")[2]] if _TWILIO_KEY.fullmatch(value) else [value]


def _sealed_in(rotation: Rotation) -> Iterator[tuple[str, str, str]]:
    """(what it is, the sealed text, what it is bound to)."""
    if rotation.sealed_predecessor:
        yield "predecessor", rotation.sealed_predecessor, predecessor_seal(rotation.id)
    fence = rotation.ledger.created_fence
    if rotation.sealed_successor and fence is not None:
        yield "successor", rotation.sealed_successor, successor_seal(rotation.id, fence)
    elif rotation.sealed_successor:  # a person made it, and the rotation has not taken it up yet
        yield "what was submitted", rotation.sealed_successor, submitted_seal(rotation.id)
