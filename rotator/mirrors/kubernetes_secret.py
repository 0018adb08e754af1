"""One Secret in a Kubernetes cluster: each parameter's copy is one of its keys.

A key is written by a merge patch, which leaves other keys and everything else of the Secret as they are and needs no
look at what is there: rotator may have the right to write it and none to read it. The time of the write is put beside
it as an annotation in the same patch, so that staleness is compared by rotator's own clock; without the right to read,
nobody can tell. Reading a Secret's annotations reads its values, too: Kubernetes has no narrower right.

The Secret is made by a person, with its type, labels and owner. Sources: Kubernetes, "Secrets" and "Update API objects
in place using kubectl patch".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import StringConstraints

from rotator.cluster.words import NAME, Forbidden
from rotator.contracts.adapter import Surroundings
from rotator.contracts.guard import guard
from rotator.contracts.options import AdapterOptions
from rotator.model.errors import Refused, Transient
from rotator.model.once import once
from rotator.model.policy import MirrorPolicy
from rotator.model.secrets import Sealed

if TYPE_CHECKING:
    from lightkube.resources.core_v1 import Secret

    from rotator.cluster.client import Cluster

#: Bytes of a value: half of what all keys of a Secret may have together.
LARGEST = 512 * 1024
#: Beside each copy: when it was written, as an annotation of this name and the key's.
WRITTEN = "rotator/written-"
# A key that is also the end of an annotation's name, which has 63 characters at most.
_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,53}[A-Za-z0-9])?")
_Name = Annotated[str, StringConstraints(pattern=rf"^{NAME}$")]


class KubernetesSecret:
    """The keys of one Secret. A parameter's copy is called as the last part of its name."""

    needs: ClassVar[str] = "patch of the one Secret"
    tried_on: ClassVar[str] = "Kubernetes' own API server, and a played one"

    class Options(AdapterOptions):
        """What the mirror in policies.yaml may say, beside `kind`."""

        namespace: _Name
        secret: _Name

    def __init__(self, mirror: MirrorPolicy, around: Surroundings) -> None:
        """Raises Refused when the settings cannot be used."""
        options = self.Options.taken_from(mirror.settings, f"the mirror {mirror.id}")
        self._secret, self._namespace, self._around = options.secret, options.namespace, around

    def write(self, name: str, value: Sealed) -> None:
        """Puts the value under its key. Raises Refused when the value or the name does not fit, else Transient."""
        key = _key(name)
        if value.size > LARGEST:
            raise Refused(
                f"the value of {name} has {value.size} bytes, and a key takes {LARGEST}; nothing was written"
            )
        data = base64.b64encode(value.reveal().encode()).decode()
        written = {WRITTEN + key: self._around.clock.now().isoformat()}
        guard()
        try:
            self._cluster.patch(
                self._kind, self._secret, {"metadata": {"annotations": written}, "data": {key: data}}
            )
        except Refused:
            trouble = Transient(
                f"the cluster calls it invalid to write {key} into Secret {self._secret}; nothing was written. See "
                "whether it is immutable, or full (1 MiB), or an admission policy forbids it"
            )
        else:
            return
        raise trouble

    def stale(self, name: str, since: datetime) -> bool | None:
        """Whether it was written before `since`, or not by us, or is not there; None without the right to look.

        Raises Transient where the Secret itself is missing: nothing could be written to it.
        """
        key = _key(name)
        try:
            held = self._cluster.get(self._kind, self._secret)
        except Forbidden:
            return None
        if held is None:
            raise Transient(f"there is no Secret {self._secret} in namespace {self._namespace}; make it")
        if key not in (held.data or {}):
            return True
        written = _moment((held.metadata and held.metadata.annotations) or {}, key)
        return written is None or written < since

    @once
    def _cluster(self) -> Cluster:
        from rotator.cluster.client import Cluster  # noqa: PLC0415 - a policy check loads no client

        return Cluster(self._namespace, self._around.kubeconfig)

    @property
    def _kind(self) -> type[Secret]:
        from lightkube.resources.core_v1 import Secret  # noqa: PLC0415 - as above

        return Secret


def _moment(annotations: Mapping[str, str], key: str) -> datetime | None:
    """When we wrote it; None when that is not told."""
    try:
        at = datetime.fromisoformat(annotations.get(WRITTEN + key, ""))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _key(name: str) -> str:
    key = name.rpartition("/")[2]
    if not _KEY.fullmatch(key):
        raise Refused(
            f"{name} has no name that a key of a Secret takes: letters, digits, _, - and ., at most 55, a letter or "
            "digit first and last"
        )
    return key
