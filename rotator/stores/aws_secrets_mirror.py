"""AWS Secrets Manager as a mirror: a second copy of what the store holds, in this region or another.

It can be read, so no version is made where the copy is right already, and a copy that somebody changed is put right at
the next write. A secret that is not there is made.

A version more would take AWSPREVIOUS off the value before. So that the value was written again is noted in a tag, with
the version that it is about, or the copy would look older than the parameter for ever.

Permissions: those of the store, without ListSecrets and with secretsmanager:TagResource. Where tags are not allowed, a
parameter that was written again is copied at every look.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import StringConstraints

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions, Region
from rotator.model.errors import Refused, Transient
from rotator.model.policy import MirrorPolicy
from rotator.model.secrets import Sealed
from rotator.stores.aws_secrets_verdicts import must_be_ours
from rotator.stores.aws_secrets_versions import CURRENT, LARGEST, Secrets

#: The tag: a version's name, and when it was found to be right.
COPIED_AT = "rotator:copied-at"

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
        """Writes the value; of the same value again only the time is noted.

        Raises Transient where somebody writes it, too.
        """
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
        with suppress(Refused, Transient):  # the copy is right: that it looks older than it is can wait
            must_be_ours(copy, self._secrets.described(copy) or {})
            self._secrets.tag(copy, COPIED_AT, f"{there.id} {self._around.clock.now().isoformat()}")

    def stale(self, name: str, since: datetime) -> bool | None:
        """Whether the copy that is current was last written before `since`, or is not there."""
        copy = _copy(self._options.path, name)
        described = self._secrets.described(copy)
        if described is None:
            return True
        current = [version for version in self._secrets.versions(copy) if CURRENT in version.stages]
        if not current:
            return True
        written_at = current[0].created_at
        noted = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}.get(COPIED_AT, "")
        version, _, moment = noted.partition(" ")
        if version == current[0].id:
            with suppress(ValueError, TypeError):  # people may write anything there
                written_at = max(written_at, datetime.fromisoformat(moment))
        return written_at < since


def _copy(path: str | None, name: str) -> str:
    return name if path is None else f"{path.rstrip('/')}/{name.rpartition('/')[2]}"
