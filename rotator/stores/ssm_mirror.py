"""SSM Parameter Store as a mirror: a second copy in another region, below another path, or at another endpoint.

It is the store, used for copies: metadata is carried along, what is no secret is never written over, and where another
installation owns the path nothing is written. The account's rate in the region is shared with the store. A copy that
is not there is made.

Permissions: those of the store below the copies' path, without ssm:GetParameterHistory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from rotator.contracts.adapter import Surroundings
from rotator.model.errors import Drifted, Raced, Refused, Transient
from rotator.model.policy import EnvironmentPolicy, MirrorPolicy
from rotator.model.secrets import Sealed
from rotator.stores.ssm import Ssm

Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
Prefix = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.-]+)+$", max_length=400)]
Place = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]
#: Nobody's name: no path that any installation owns is written to.
_NOBODY = ""


class SsmMirror:
    """Parameters that are copies of others."""

    needs: ClassVar[str] = "ssm:… below the copies' path, and their KMS key"
    tried_on: ClassVar[str] = "moto behind a proxy with AWS's limits"

    class Options(BaseModel):
        """`/taly/production/NAME` of the store is copied to `/copies/production/NAME`, or to its own name elsewhere."""

        model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

        of: Prefix  # the parameters' prefix in the store: /taly/{env}
        path: Prefix | None = None  # the copies' prefix; by default the same
        region: Region | None = None  # by default the environment's
        at: Place | None = None  # an endpoint that settings name: `dr` is ROTATOR_ENDPOINT_SSM_DR
        kms_key: str | None = None  # of copies that are made; by default the account's aws/ssm

        @model_validator(mode="after")
        def _elsewhere(self) -> SsmMirror.Options:
            if self.path in {None, self.of} and self.region is None and self.at is None:
                raise ValueError("copies onto the parameters themselves; write another path, region or at")
            return self

    def __init__(self, mirror: MirrorPolicy, around: Surroundings) -> None:
        self._options = options = self.Options.model_validate(mirror.settings)
        copies = EnvironmentPolicy(
            name=around.environment,
            path=options.path or options.of,
            region=options.region or around.region,
            kms_key=options.kms_key,
        )
        self._ssm = Ssm(copies, replace(around, endpoint=_endpoint(around, options.at)), _NOBODY)

    @classmethod
    def place(cls, mirror: MirrorPolicy, region: str, name: str) -> str:
        """Where a copy stands, in the words that the store has for it; `region` is the environment's."""
        options = cls.Options.model_validate(mirror.settings)
        at = f" at {options.at}" if options.at else ""
        return f"SSM{at} in {options.region or region}: {_copy(options, name)}"

    def write(self, name: str, value: Sealed) -> None:
        """Writes the value over whatever is there. The same value again is a version more, and its date is the copy's.

        Raises Transient where somebody writes it at the same moment, and ours is not in place.
        """
        copy = _copy(self._options, name)
        there = self._ssm.look([copy]).get(copy)
        try:
            self._ssm.write(copy, value, there.version if there else None)
        except Raced:
            return  # ours is in place
        except Drifted as drift:
            trouble = Transient(f"{drift}; the next attempt looks again")
        else:
            return
        raise trouble

    def stale(self, name: str, since: datetime) -> bool | None:
        """Whether the copy was last written before `since`, or is not there."""
        age = self._ssm.age(_copy(self._options, name))
        return age is None or age.modified_at < since


def _endpoint(around: Surroundings, at: str | None) -> Callable[[str], str | None]:
    """Where SSM is: an `at` that settings do not know must not lead to where SSM is by default."""
    if at is None:
        return around.endpoint

    def there(service: str) -> str | None:
        address = around.endpoint(f"{service}_{at}")
        if address is None:
            variable = f"ROTATOR_ENDPOINT_{service}_{at}".upper()
            raise Refused(f"settings do not say where `at: {at}` is: set {variable}")
        return address

    return there


def _copy(options: SsmMirror.Options, name: str) -> str:
    below = name.removeprefix(f"{options.of}/")
    if below == name:
        raise Refused(f"{name} does not stand below {options.of}, so it has no copy")
    return f"{options.path or options.of}/{below}"
