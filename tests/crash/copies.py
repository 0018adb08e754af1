"""Mirrors of the matrix: where the second copy stands, and what whoever reads it there finds.

One class for each mirror, and one line in COPIES at the end.
"""

from __future__ import annotations

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hvac.exceptions import InvalidPath

from rotator.clock import SystemClock
from rotator.sandbox.aws import KEYS, AwsWorld
from rotator.sandbox.platforms.front import Front
from rotator.sandbox.platforms.github import Github, Scope
from rotator.sandbox.sources.aws_secrets import CURRENT, SecretsSource
from tests.crash.reader import Reader
from tests.crash.sources.source import NAME, PATH
from tests.crash.vault import KeyValues
from tests.redeployers.planes import played

#: Of a secret: a lane passes years, and not one day of its far side.
A_DAY_IS_SHORT = 1_000_000
_REPOSITORY, _SECRET, _COPY = "taly/crm", "app", f"/copies/{NAME}"


class Copy(ABC):
    """A second copy of one parameter."""

    @abstractmethod
    def start(self, folder: Path, around: ExitStack) -> None:
        """Brings the far side up, until `around` ends."""

    @abstractmethod
    def written(self) -> Mapping[str, Any]:
        """The mirror as policies.yaml says it, but for its kind."""

    def own(self) -> Mapping[str, str]:
        """What rotator itself logs in with: `NAME` -> value of `<path>/rotator/NAME`."""
        return {}

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """Variables of the daemon: where the far side is."""

    @abstractmethod
    def holds(self, name: str) -> str | None:
        """The value that stands there for a parameter."""


class ActionsSecret(Copy):
    """A repository's secret at the stand-in for GitHub."""

    def start(self, folder: Path, around: ExitStack) -> None:
        self._github = Github(SystemClock())
        self._github.scopes[f"repos/{_REPOSITORY}"] = Scope()
        self._front = around.enter_context(Front(self._github))

    def written(self) -> Mapping[str, Any]:
        return {"repo": _REPOSITORY, "auth": f"ssm:{PATH}/rotator/GITHUB_TOKEN"}

    def own(self) -> Mapping[str, str]:
        return {"GITHUB_TOKEN": self._github.token}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_ENDPOINT_GITHUB": self._front.address}

    def holds(self, name: str) -> str | None:
        return self._github.holds(f"repos/{_REPOSITORY}", name.rpartition("/")[2])


class ClusterSecret(Copy):
    """A key of a Secret in a cluster that is played."""

    def start(self, folder: Path, around: ExitStack) -> None:
        self._cluster = around.enter_context(played())
        self._cluster.api.create("secrets", {"metadata": {"name": _SECRET}, "type": "Opaque", "data": {}})
        self._kubeconfig = folder / "kubeconfig"
        there = {
            "clusters": [{"name": "it", "cluster": {"server": self._cluster.front.address}}],
            "users": [{"name": "rotator", "user": {"token": "admin-token"}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "rotator"}}],
            "current-context": "it",
        }
        self._kubeconfig.write_text(json.dumps(there))

    def written(self) -> Mapping[str, Any]:
        return {"namespace": self._cluster.api.namespace, "secret": _SECRET}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_KUBECONFIG": str(self._kubeconfig)}

    def holds(self, name: str) -> str | None:
        data = self._cluster.api.get("secrets", _SECRET).get("data", {}).get(name.rpartition("/")[2])
        return None if data is None else base64.b64decode(data).decode()


class AwsCopy(Copy):
    """A secret at the stand-in for Secrets Manager, below a path of its own."""

    def start(self, folder: Path, around: ExitStack) -> None:
        self._source = SecretsSource(SystemClock(), versions_a_day=A_DAY_IS_SHORT)
        self._address = around.enter_context(self._source.server.serving())

    def written(self) -> Mapping[str, Any]:
        return {"path": "copies"}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_ENDPOINT_SECRETS_MANAGER": self._address}

    def holds(self, name: str) -> str | None:
        secret = self._source.secrets.get(f"copies/{name.rpartition('/')[2]}")
        current = secret.holder(CURRENT) if secret else None
        return current.value if current else None


class ParameterCopy(Copy):
    """A parameter below another path of another AWS."""

    def start(self, folder: Path, around: ExitStack) -> None:
        self._aws = around.enter_context(AwsWorld(folder / "elsewhere"))
        self._reader = Reader(self._aws, [_COPY])

    def written(self) -> Mapping[str, Any]:
        return {"of": PATH, "path": "/copies", "at": "elsewhere", "kms_key": KEYS[0]}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_ENDPOINT_SSM_ELSEWHERE": self._aws.endpoint}

    def holds(self, name: str) -> str | None:
        return self._reader.read().values.get(_COPY)


class VaultCopy(Copy):
    """A secret of a real OpenBao."""

    def start(self, folder: Path, around: ExitStack) -> None:
        self._vault = KeyValues(folder / "openbao", around)

    def written(self) -> Mapping[str, Any]:
        return {"of": PATH, "path": "copies/{name}", "auth": {"token": f"ssm:{PATH}/rotator/VAULT_TOKEN"}}

    def own(self) -> Mapping[str, str]:
        return {"VAULT_TOKEN": self._vault.token}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_ENDPOINT_VAULT": self._vault.address}

    def holds(self, name: str) -> str | None:
        try:
            where = f"copies/{name.rpartition('/')[2]}"
            answer = self._vault.kv.read_secret_version(where, raise_on_deleted_version=True)
        except InvalidPath:
            return None
        value: str = answer["data"]["data"]["value"]
        return value


COPIES: Mapping[str, type[Copy]] = {
    "github-actions": ActionsSecret,
    "kubernetes-secret": ClusterSecret,
    "secrets-manager": AwsCopy,
    "ssm": ParameterCopy,
    "vault-kv2": VaultCopy,
}
