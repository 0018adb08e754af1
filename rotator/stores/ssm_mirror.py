"""SSM Parameter Store as a mirror: a second copy in another region, below another path, or at another endpoint.

Written as the store is: metadata is carried along, what is no secret is never written over, and the account's rate in
the region is shared. But whatever is there is written over: a copy has one writer. Where an installation owns the path
or a folder above it, ours or another, nothing is written: parameters there are for rotations to write, and whoever
reads that environment would read the copies. Only folders that the parameter itself is in are no matter. A copy that
is not there is made.

Permissions: those of the store below the copies' path, without ssm:GetParameterHistory. Where the path is deeper than
`of`, also ssm:GetParameters of `rotator/owner` in the folders above it that are no higher than `of`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import accumulate
from typing import Annotated, ClassVar

from pydantic import StringConstraints, model_validator

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions, Region
from rotator.model.errors import Raced, Refused
from rotator.model.policy import MirrorPolicy
from rotator.model.references import owner_parameter
from rotator.model.secrets import Sealed
from rotator.stores.owner import foreign
from rotator.stores.ssm_parameters import Parameter, Parameters

Prefix = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.-]+)+$", max_length=400)]
Place = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]


class SsmMirror:
    """Parameters that are copies of others."""

    needs: ClassVar[str] = "ssm:… below the copies' path, and their KMS key"
    tried_on: ClassVar[str] = "moto behind a proxy with AWS's limits"

    class Options(AdapterOptions):
        """`/taly/production/NAME` of the store is copied to `/copies/production/NAME`, or to its own name elsewhere."""

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
        self._options = options = self.Options.taken_from(mirror.settings, f"the mirror {mirror.id}")
        self._around = around
        there = replace(around, endpoint=_endpoint(around, options.at))
        self._parameters = Parameters(options.region or around.region, there)

    @classmethod
    def place(cls, mirror: MirrorPolicy, region: str, name: str) -> str:
        """Where a copy stands, in the words that the store has for it; `region` is the environment's."""
        options = cls.Options.taken_from(mirror.settings, f"the mirror {mirror.id}")
        at = f" at {options.at}" if options.at else ""
        return f"SSM{at} in {options.region or region}: {_copy(options, name)}"

    def write(self, name: str, value: Sealed) -> None:
        """Writes the value over whatever is there. The same value again is one version more: its date is the copy's."""
        copy = _copy(self._options, name)
        owners = {owner_parameter(folder): folder for folder in self._folders(name, copy)}
        self._parameters.wait_for_turn()
        found = self._parameters.get(copy, *owners)
        for owner_name, folder in owners.items():
            self._must_be_nobodys(found.get(owner_name), folder)
        with suppress(Raced):  # somebody wrote it, too, and ours is in place
            if copy in found:
                self._parameters.overwrite(found[copy], value)
            else:
                self._parameters.create(copy, value, self._options.kms_key)

    def stale(self, name: str, since: datetime) -> bool | None:
        """Whether the copy was last written before `since`, or is not there."""
        age = self._parameters.age(_copy(self._options, name))
        return age is None or age.modified_at < since

    def _folders(self, name: str, copy: str) -> list[str]:
        """Where an environment could be that the copy would stand in: from its own folder up to the level of `of`."""
        options = self._options
        path, beside = (
            options.path or options.of,
            not options.at and options.region in {None, self._around.region},
        )
        highest = min(options.of.count("/"), path.count("/"))
        own = set(_above(name)) if beside else set()
        return [folder for folder in _above(copy) if folder.count("/") >= highest and folder not in own]

    def _must_be_nobodys(self, parameter: Parameter | None, folder: str) -> None:
        """Raises ForeignOwner when a living installation owns the folder."""
        if parameter is not None and parameter.owner.lives(self._around.clock.now()):
            raise foreign(parameter.owner, folder)


def _above(name: str) -> list[str]:
    """Every folder that a parameter is in, its own first."""
    folders = accumulate(name.split("/")[1:-1], lambda above, one: f"{above}/{one}", initial="")
    return list(folders)[:0:-1]


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
