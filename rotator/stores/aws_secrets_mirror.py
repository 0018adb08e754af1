"""AWS Secrets Manager as a mirror: a second copy of what the store holds, in this region or another.

It can be read, so nothing is written where the copy is right already, and a copy that somebody changed is put right at
the next write. A secret that is not there is made. Permissions: those of the store, without ListSecrets.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import StringConstraints

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions, Region
from rotator.model.errors import Refused
from rotator.model.policy import MirrorPolicy
from rotator.model.secrets import Sealed
from rotator.stores.aws_secrets_verdicts import must_be_ours
from rotator.stores.aws_secrets_versions import CURRENT, LARGEST, Secrets

Path = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9/_+=.@-]+$", max_length=400)]


class AwsSecretsMirror:
    """Copies under the names that the store has, or below a path of their own."""

    needs: ClassVar[str] = "secretsmanager:… of the copies"
    tried_on: ClassVar[str] = "a stand-in for Secrets Manager"

    class Options(AdapterOptions):
        """`path` keeps the last part of each name: with `path: copies`, /taly/staging/KEY is copies/KEY."""

        region: Region | None = None  # by default the environment's
        path: Path | None = None
        kms_key: str | None = None  # of secrets that are made; by default the account's aws/secretsmanager

    def __init__(self, mirror: MirrorPolicy, around: Surroundings) -> None:
        self._options = self.Options.taken_from(mirror.settings, f"the mirror {mirror.id}")
        self._around = around
        self._secrets = Secrets(self._options.region or around.region, around)

    @classmethod
    def place(cls, mirror: MirrorPolicy, region: str, name: str) -> str:
        """Where a copy stands, in the words that the store has for it; `region` is the environment's."""
        options = cls.Options.taken_from(mirror.settings, f"the mirror {mirror.id}")
        return f"Secrets Manager in {options.region or region}: {_copy(options.path, name)}"

    def write(self, name: str, value: Sealed) -> None:
        """Writes the value; the same value again is no change. Raises Transient where somebody writes it, too."""
        copy = _copy(self._options.path, name)
        if not 0 < value.size <= LARGEST:
            raise Refused(f"{copy}: the value has {value.size} bytes, and a secret holds 1 to {LARGEST}")
        there = self._secrets.held([copy]).get(copy)
        if there is None:
            self._secrets.create(copy, value, self._options.kms_key)
            return
        if there.value != value:
            must_be_ours(copy, self._secrets.described(copy) or {})
            self._secrets.replace(copy, value, after=there.id, number=there.number + 1)
            return
        self._secrets.tidy(copy)

    def stale(self, name: str, since: datetime) -> bool | None:
        """Whether the copy that is current was written before `since`, or is not there."""
        copy = _copy(self._options.path, name)
        if self._secrets.described(copy) is None:
            return True
        current = [version for version in self._secrets.versions(copy) if CURRENT in version.stages]
        return not current or current[0].created_at < since


def _copy(path: str | None, name: str) -> str:
    return name if path is None else f"{path.rstrip('/')}/{name.rpartition('/')[2]}"
