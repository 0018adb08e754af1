"""Secrets Manager of the sandbox: secrets, their versions, and the stages that move between them.

Written from the API reference of AWS Secrets Manager. As there, PutSecretValue with a token that is known succeeds for
the same value and is refused for another, UpdateSecretVersionStage names the version that has the stage or is refused,
AWSPREVIOUS follows AWSCURRENT, versions without stages are kept for a while, and a secret takes about 100 versions a
day. Lists come in small pages with an empty one first.

Simplified: values are not encrypted; nobody needs permissions; nothing is deleted for good.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rotator.clock import SystemClock
from rotator.contracts.clock import Clock
from rotator.sandbox.sources.aws_json import JsonServer
from rotator.sandbox.sources.aws_query import Call, Refusal
from rotator.sandbox.sources.listening import serve_until_ended
from rotator.sandbox.weather import Weather

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"
VERSIONS_A_DAY = 100
PAGE = 10


@dataclass
class Version:
    """One version of a secret."""

    id: str
    value: str = field(repr=False)
    created_at: datetime
    stages: set[str] = field(default_factory=set)


@dataclass
class Secret:
    """One secret. `more` is what DescribeSecret tells besides: OwningService, RotationEnabled, DeletedDate."""

    name: str
    description: str
    kms_key: str
    changed_at: datetime
    versions: list[Version] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def holder(self, stage: str) -> Version | None:
        """The version that has a stage."""
        return next((version for version in self.versions if stage in version.stages), None)

    def move(self, stage: str, to: Version) -> None:
        """A stage is on one version only; what loses AWSCURRENT becomes AWSPREVIOUS."""
        before = self.holder(stage)
        if before is not None and before is not to:
            before.stages.discard(stage)
            if stage == CURRENT:
                self.move(PREVIOUS, before)
        to.stages.add(stage)

    def stages(self) -> dict[str, list[str]]:
        """Of every version that has one."""
        return {version.id: sorted(version.stages) for version in self.versions if version.stages}


class SecretsSource:
    """One region of the account. Everything but the actions acts past the API."""

    def __init__(self, clock: Clock, *, versions_a_day: int = VERSIONS_A_DAY) -> None:
        self.clock, self.secrets, self._versions_a_day = clock, dict[str, Secret](), versions_a_day
        self._ticks = 0
        self.server = JsonServer(
            {
                "CreateSecret": self._create,
                "DescribeSecret": self._describe,
                "UpdateSecret": self._update,
                "PutSecretValue": self._put,
                "GetSecretValue": self._get,
                "BatchGetSecretValue": self._get_some,
                "UpdateSecretVersionStage": self._move,
                "ListSecrets": self._list,
                "ListSecretVersionIds": self._list_versions,
                "TagResource": self._tag,
            },
            Weather(),
        )

    # past the API

    def somebody_writes(self, name: str, value: str, *, kms_key: str = "alias/aws/secretsmanager") -> Secret:
        """As the console does: a version that is current at once."""
        now = self._now()
        secret = self.secrets.setdefault(name, Secret(name, f"what {name} is for", kms_key, now))
        self._add(secret, secrets.token_hex(16), value, [CURRENT])
        return secret

    # actions

    def _create(self, call: Call) -> Mapping[str, Any]:
        name, given = call.given["Name"], call.given
        if name in self.secrets:
            raise Refusal("ResourceExistsException", f"The secret {name} already exists.")
        key = given.get("KmsKeyId", "alias/aws/secretsmanager")
        secret = self.secrets[name] = Secret(name, given.get("Description", ""), key, self._now())
        if "SecretString" in given:
            self._add(secret, given["ClientRequestToken"], given["SecretString"], [CURRENT])
        return {"Name": name, "ARN": name}

    def _describe(self, call: Call) -> Mapping[str, Any]:
        return _described(self._find(call))

    def _update(self, call: Call) -> Mapping[str, Any]:
        secret = self._find(call)
        secret.description, secret.changed_at = call.given["Description"], self._now()
        return {"Name": secret.name}

    def _put(self, call: Call) -> Mapping[str, Any]:
        secret, token, value = self._find(call), call.given["ClientRequestToken"], call.given["SecretString"]
        if "DeletedDate" in secret.more:
            raise Refusal("InvalidRequestException", "The secret is scheduled for deletion.")
        known = next((version for version in secret.versions if version.id == token), None)
        if known is not None and known.value != value:
            raise Refusal("ResourceExistsException", "A version with that token has another value.")
        if known is None:
            day_ago = self.clock.now() - timedelta(days=1)
            if (
                len([version for version in secret.versions if version.created_at > day_ago])
                >= self._versions_a_day
            ):
                raise Refusal("LimitExceededException", "The secret has too many versions.")
            self._add(secret, token, value, call.given.get("VersionStages", [CURRENT]))
        return {"Name": secret.name, "VersionId": token}

    def _get(self, call: Call) -> Mapping[str, Any]:
        secret = self._find(call)
        wanted = call.given.get("VersionId")
        found = [version for version in secret.versions if version.id == wanted]
        version = found[0] if found else None if wanted else secret.holder(CURRENT)
        if version is None:
            raise Refusal(
                "ResourceNotFoundException", "Secrets Manager can't find the specified secret value."
            )
        return _valued(secret, version)

    def _get_some(self, call: Call) -> Mapping[str, Any]:
        """The first page holds nothing but a token, each other a part of what was asked for."""
        values, errors = [], []
        if len(set(call.given["SecretIdList"])) < len(call.given["SecretIdList"]):
            raise Refusal("InvalidParameterException", "The list has duplicates.")
        for name in call.given["SecretIdList"]:
            secret = self.secrets.get(name)
            version = secret.holder(CURRENT) if secret else None
            if secret and version:
                values.append(_valued(secret, version))
            else:
                errors.append({"SecretId": name, "ErrorCode": "ResourceNotFoundException"})
        page = _page(call, values)
        return {"SecretValues": page.pop("items"), "Errors": errors, **page}

    def _move(self, call: Call) -> Mapping[str, Any]:
        secret, stage = self._find(call), call.given["VersionStage"]
        holder, source = secret.holder(stage), call.given.get("RemoveFromVersionId")
        if (holder.id if holder else None) != source:
            sentence = f"The staging label {stage} is attached to version {holder.id if holder else 'none'}."
            raise Refusal("InvalidParameterException", sentence)
        target = call.given.get("MoveToVersionId")
        if target:
            secret.move(stage, next(version for version in secret.versions if version.id == target))
        elif holder:
            holder.stages.discard(stage)
        secret.changed_at = self._now()
        return {"Name": secret.name}

    def _tag(self, call: Call) -> Mapping[str, Any]:
        secret = self._find(call)
        secret.tags |= {tag["Key"]: tag["Value"] for tag in call.given["Tags"]}
        secret.changed_at = self._now()
        return {}

    def _list(self, call: Call) -> Mapping[str, Any]:
        prefixes = tuple(one for given in call.given["Filters"] for one in given["Values"])
        found = [_described(one) for name, one in sorted(self.secrets.items()) if name.startswith(prefixes)]
        listed = [{**one, "SecretVersionsToStages": one["VersionIdsToStages"]} for one in found]
        page = _page(call, listed)
        return {"SecretList": page.pop("items"), **page}

    def _list_versions(self, call: Call) -> Mapping[str, Any]:
        """The newest first, as nobody promises."""
        versions = [
            {"VersionId": one.id, "VersionStages": sorted(one.stages), "CreatedDate": one.created_at}
            for one in reversed(self._find(call).versions)
        ]
        page = _page(call, versions)
        return {"Versions": page.pop("items"), **page}

    # within

    def _add(self, secret: Secret, version_id: str, value: str, stages: Sequence[str]) -> None:
        version = Version(version_id, value, self._now())
        secret.versions.append(version)
        for stage in stages:
            secret.move(stage, version)
        secret.changed_at = version.created_at

    def _find(self, call: Call) -> Secret:
        name = call.given["SecretId"]
        if name not in self.secrets:
            raise Refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return self.secrets[name]

    def _now(self) -> datetime:
        """No two things happen at one moment."""
        self._ticks += 1
        return self.clock.now() + timedelta(milliseconds=self._ticks)


def _described(secret: Secret) -> dict[str, Any]:
    said = {
        "Name": secret.name,
        "Description": secret.description,
        "KmsKeyId": secret.kms_key,
        "CreatedDate": secret.changed_at,
        "LastChangedDate": secret.changed_at,
        "VersionIdsToStages": secret.stages(),
        "Tags": [{"Key": key, "Value": text} for key, text in secret.tags.items()],
    }
    return {**said, **secret.more}


def _valued(secret: Secret, version: Version) -> dict[str, Any]:
    stages = sorted(version.stages)
    return {
        "Name": secret.name,
        "VersionId": version.id,
        "VersionStages": stages,
        "SecretString": version.value,
    }


def _page(call: Call, everything: Sequence[Any]) -> dict[str, Any]:
    """The first one is empty; the token is where the next one begins."""
    token = call.given.get("NextToken")
    if token is None:
        return {"items": [], "NextToken": "0"}
    first = int(token)
    more = {"NextToken": str(first + PAGE)} if first + PAGE < len(everything) else {}
    return {"items": list(everything[first : first + PAGE]), **more}


def main(_port: str, port: str) -> None:
    """`--port 0`; see `serve_until_ended`."""
    serve_until_ended(SecretsSource(SystemClock()).server, int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
