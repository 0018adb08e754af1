"""Secrets of AWS Secrets Manager: their versions, and one that is staged, promoted and left without a trace of it.

A version is written under AWSPENDING, where no consumer looks, and becomes AWSCURRENT by UpdateSecretVersionStage. That
names the version which is to lose AWSCURRENT, and is refused where another one has it: a compare-and-swap.
AWSPREVIOUS follows by itself; AWSPENDING is taken off again, because a rotation by Lambda would take it for its own.
Who dies in between leaves it: the next write of the secret takes it off, also one that finds its value in place.

Stores count versions; Secrets Manager names them. So the name of ours begins with its number, and a version that
somebody else wrote counts on from the last of ours before it.
Source: the API reference of AWS Secrets Manager.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.session import Session
from botocore.config import Config

from rotator.aws import CHANGING, READING, Service, Throttled, guarded
from rotator.contracts.adapter import Surroundings
from rotator.model.errors import Refused, Transient
from rotator.model.secrets import Sealed
from rotator.stores.aws_secrets_verdicts import Invalid, Missing, NotAsExpected, verdict

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import (
        CreateSecretRequestTypeDef,
        DescribeSecretResponseTypeDef,
        SecretListEntryTypeDef,
    )

CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"
#: Bytes of a value (PutSecretValue, SecretString).
LARGEST = 65536
#: BatchGetSecretValue takes so many.
NAMES_AT_ONCE = 20
_OURS = re.compile(r"rotator-(\d{12})-[0-9a-f]{32}")
_GUARDED = ("CreateSecret", "PutSecretValue", "TagResource", "UpdateSecret", "UpdateSecretVersionStage")


@dataclass(frozen=True, slots=True)
class Version:
    """One version; `number` counts them."""

    id: str
    number: int
    created_at: datetime
    stages: frozenset[str]


@dataclass(frozen=True, slots=True)
class Held:
    """What consumers read of a secret now."""

    value: Sealed
    id: str
    number: int


class Secrets:
    """The secrets of one region."""

    def __init__(self, region: str, around: Surroundings) -> None:
        self._region, self._around = region, around
        self._reading = Service("Secrets Manager", self._connect, READING, verdict, around.installation)
        self._changing = Service("Secrets Manager", self._connect, CHANGING, verdict, around.installation)

    @property
    def account(self) -> str:
        """Whose rate is used up."""
        return f"secrets-manager:{self._around.endpoint('secrets_manager') or 'aws'}:{self._region}"

    # looking

    def below(self, path: str) -> Sequence[SecretListEntryTypeDef]:
        """The metadata of every secret; a page may be empty and have a successor."""

        def pages(api: SecretsManagerClient) -> list[SecretListEntryTypeDef]:
            found = _pages(api.list_secrets, Filters=[{"Key": "name", "Values": [f"{path}/"]}])
            return [one for page in found for one in page["SecretList"]]

        listed = self._reading.ask(pages, f"list the secrets below {path}")
        return [one for one in listed if one["Name"].startswith(f"{path}/")]

    def described(self, name: str) -> DescribeSecretResponseTypeDef | None:
        """The metadata of one; None where there is none."""
        try:
            return self._reading.ask(lambda api: api.describe_secret(SecretId=name), f"describe {name}")
        except Missing:
            return None

    def held(self, names: Sequence[str]) -> dict[str, Held]:
        """What those of the secrets hold that exist and have a value: one call for twenty."""
        found, wanted = dict[str, Held](), list(dict.fromkeys(names))
        for first in range(0, len(wanted), NAMES_AT_ONCE):
            for name, value, version in self._some_held(wanted[first : first + NAMES_AT_ONCE]):
                found[name] = Held(value, version, self.number(name, version))
        return found

    def value(self, name: str, version: str) -> Sealed:
        """What one version holds."""
        answer = self._reading.ask(
            lambda api: api.get_secret_value(SecretId=name, VersionId=version), f"read {name}"
        )
        return _text_of(name, answer.get("SecretString"))

    def versions(self, name: str) -> tuple[Version, ...]:
        """All that it keeps, the oldest first, with and without stages."""

        def pages(api: SecretsManagerClient) -> list[tuple[datetime, str, frozenset[str]]]:
            found = _pages(api.list_secret_version_ids, SecretId=name, IncludeDeprecated=True)
            return [
                (one["CreatedDate"], one["VersionId"], frozenset(one.get("VersionStages", [])))
                for page in found
                for one in page["Versions"]
            ]

        listed = self._reading.ask(pages, f"list the versions of {name}")
        versions, number = [], 0
        for created_at, version_id, stages in sorted(listed, key=lambda one: one[:2]):
            number = _number_of(version_id) or number + 1
            versions.append(Version(version_id, number, created_at, stages))
        return tuple(versions)

    def number(self, name: str, version: str) -> int:
        """Which one it is. Of ours the name says so; else all are listed."""
        ours = _number_of(version)
        if ours is not None:
            return ours
        numbers = {one.id: one.number for one in self.versions(name)}
        if version not in numbers:
            raise Transient(f"Secrets Manager does not list the version of {name} that it holds; asked again")
        return numbers[version]

    # changing

    def create(self, name: str, value: Sealed, kms_key: str | None) -> int:
        """A secret with its first version. Raises AlreadyThere."""
        request: CreateSecretRequestTypeDef = {
            "Name": name,
            "SecretString": value.reveal(),
            "ClientRequestToken": _new_id(1),
        }
        if kms_key:
            request["KmsKeyId"] = kms_key
        self._change(lambda api: api.create_secret(**request), f"create {name}")
        return 1

    def replace(self, name: str, value: Sealed, after: str, number: int) -> None:
        """Makes the value current as version `number`, if the version `after` is. Raises NotAsExpected if not."""
        version = _new_id(number)
        self._change(
            lambda api: api.put_secret_value(
                SecretId=name,
                SecretString=value.reveal(),
                ClientRequestToken=version,
                VersionStages=[PENDING],
            ),
            f"stage a version of {name}",
        )
        try:
            self._change(
                lambda api: api.update_secret_version_stage(
                    SecretId=name, VersionStage=CURRENT, MoveToVersionId=version, RemoveFromVersionId=after
                ),
                f"make a version of {name} current",
            )
        except Invalid:
            with suppress(Transient):
                self.unstage(name, version)
            raise NotAsExpected(
                f"somebody made another version of {name} current at this moment; nothing was changed"
            ) from None
        self.unstage(name, version)

    def tidy(self, name: str) -> None:
        """AWSPENDING off what a call left that was cut short, or whose answer was lost. That of others stays."""
        for version in self.versions(name):
            if PENDING in version.stages and is_ours(version.id):
                self.unstage(name, version.id)

    def unstage(self, name: str, version: str) -> None:
        """AWSPENDING off; silent where another version has it."""
        with suppress(Invalid):
            self._change(
                lambda api: api.update_secret_version_stage(
                    SecretId=name, VersionStage=PENDING, RemoveFromVersionId=version
                ),
                f"take {PENDING} off a version of {name}",
            )

    def tag(self, name: str, key: str, text: str) -> None:
        """A tag that says so; other tags stay."""
        self._change(
            lambda api: api.tag_resource(SecretId=name, Tags=[{"Key": key, "Value": text}]), f"tag {name}"
        )

    def describe_as(self, name: str, text: str, *, there: bool) -> None:
        """A secret that has a description and no value: created, or described anew. Raises AlreadyThere."""
        if there:
            self._change(lambda api: api.update_secret(SecretId=name, Description=text), f"write {name}")
        else:
            self._change(lambda api: api.create_secret(Name=name, Description=text), f"create {name}")

    def _change(self, request: Callable[[SecretsManagerClient], object], doing: str) -> None:
        try:
            self._changing.ask(request, doing)
        except Throttled as slow:
            self._around.pacer.back_off(self.account, slow.pause)
            raise

    def _some_held(self, names: Sequence[str]) -> list[tuple[str, Sealed, str]]:
        """Name, value and version id of each that exists."""

        def pages(api: SecretsManagerClient) -> list[tuple[str, Sealed, str]]:
            found = []
            for page in _pages(api.batch_get_secret_value, SecretIdList=list(names)):
                for error in page.get("Errors", []):
                    if error.get("ErrorCode") != "ResourceNotFoundException":
                        raise _unread(error.get("SecretId", "a secret"), error.get("ErrorCode", "no reason"))
                for one in page["SecretValues"]:
                    if CURRENT not in one["VersionStages"]:
                        raise _unread(one["Name"], "it told another version than the current one")
                    value = _text_of(one["Name"], one.get("SecretString"))
                    found.append((one["Name"], value, one["VersionId"]))
            return found

        return self._reading.ask(pages, f"read {' and '.join(names)}")

    def _connect(self, session: Session, config: Config) -> SecretsManagerClient:
        client = session.client(
            "secretsmanager",
            region_name=self._region,
            endpoint_url=self._around.endpoint("secrets_manager"),
            config=config,
        )
        return guarded(client, _GUARDED)


def _pages(ask: Callable[..., Any], **request: object) -> Iterator[Mapping[str, Any]]:
    """Page by page. A page may be empty and have a successor: only the token says when it is over."""
    page = ask(**request)
    yield page
    while token := page.get("NextToken"):
        page = ask(**request, NextToken=token)
        yield page


def is_ours(version: str) -> bool:
    """Whether rotator made the version, this installation or another one."""
    return _number_of(version) is not None


def _new_id(number: int) -> str:
    """A version's name: 32 to 64 characters (ClientRequestToken), never used before."""
    return f"rotator-{number:012d}-{secrets.token_hex(16)}"


def _number_of(version: str) -> int | None:
    found = _OURS.fullmatch(version)
    return int(found[1]) if found else None


def _text_of(name: str, text: str | None) -> Sealed:
    if text is None:
        raise Refused(f"{name} holds bytes, not text: rotator does not write it")
    return Sealed(text)


def _unread(name: str, code: str) -> Transient:
    return Transient(f"Secrets Manager could not read {name} ({code}); nothing was changed")
