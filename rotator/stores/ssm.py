"""AWS SSM Parameter Store: the store that consumers read by default.

SSM has no compare-and-swap. So a write looks first, writes only what was expected to be next, and compares the
version that it got: a race cannot be prevented, but it is never missed. A write that is repeated after its answer was
lost finds its own value at the version it wanted, and has succeeded. Where versions came between, they are read: a
worker that froze after its look and woke late has written our own value once more, and that is nobody's change.

Permissions: ssm:DescribeParameters on *, ssm:GetParameter, ssm:GetParameters, ssm:PutParameter and
ssm:GetParameterHistory below the environment's path; kms:Decrypt, kms:Encrypt and (advanced tier)
kms:GenerateDataKey on the environment's key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from boto3.session import Session
from botocore.config import Config

from rotator.aws import CHANGING, READING, Service, Throttled
from rotator.contracts.adapter import Surroundings
from rotator.contracts.guard import guard
from rotator.contracts.store import Change, Look
from rotator.model.errors import Drifted, ForeignOwner, Raced, Refused, Transient
from rotator.model.policy import EnvironmentPolicy
from rotator.model.secrets import Owner, ParameterAge, Sealed, StoredValue
from rotator.stores.owner import foreign, owner_parameter, parsed, written
from rotator.stores.ssm_requests import Metadata, creation
from rotator.stores.ssm_verdicts import AlreadyThere, free_oldest, verdict

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm.type_defs import (
        DescribeParametersRequestTypeDef,
        GetParametersResultTypeDef,
        ParameterHistoryTypeDef,
        ParameterMetadataTypeDef,
        PutParameterRequestTypeDef,
    )

PAGE = 50
#: GetParameters takes so many.
NAMES_AT_ONCE = 10
VERSIONS_KEPT = 100
#: So many may have frozen in the middle of one write and woken up one after the other.
LATE_WORKERS = 5
# AWS publishes no figure for DescribeParameters, only that it is low.
DESCRIBES_PER_SECOND, DESCRIBES_AT_ONCE = 2.0, 20


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    version: int
    value: Sealed

    @property
    def owner(self) -> Owner:
        """Who owns the environment, when this is its owner parameter."""
        return parsed(self.value.reveal(), self.name)

    @property
    def stored(self) -> StoredValue:
        """What it holds."""
        return StoredValue(self.value, self.version)


class Ssm:
    """The parameters of one environment in Parameter Store.

    `installation` is who we are; writes are refused while another living installation owns the environment.
    `writes_per_second` is the account's quota for PutParameter in the region (AWS: 3 unless raised).
    """

    needs: ClassVar[str] = "ssm:… below the path, and its KMS key"
    tried_on: ClassVar[str] = "moto behind a proxy with AWS's limits"

    def __init__(
        self,
        environment: EnvironmentPolicy,
        around: Surroundings,
        installation: str,
        writes_per_second: float = 3.0,
    ) -> None:
        self._environment, self._around, self._installation = environment, around, installation
        self._writes_per_second = writes_per_second
        self._reading = Service("SSM", self._connect, READING, verdict)
        self._changing = Service("SSM", self._connect, CHANGING, verdict)
        self._metadata: dict[str, Metadata] = {}

    def ages(self, prefix: str) -> Iterator[ParameterAge]:
        """Metadata of every parameter below `prefix`: ceil(N/50) calls, nothing is decrypted."""
        below: DescribeParametersRequestTypeDef = {
            "ParameterFilters": [{"Key": "Path", "Option": "Recursive", "Values": [prefix]}]
        }
        for described in self._described(below, f"list the parameters below {prefix}"):
            # What a scan has seen spares each write a call: DescribeParameters has the smallest quota of all.
            self._metadata[described["Name"]] = Metadata(described)
            yield _aged(described)

    def age(self, name: str) -> ParameterAge | None:
        """Metadata of one parameter, as ages() has it; None when there is none."""
        described = next(self._described(_named(name), f"read the metadata of {name}"), None)
        return _aged(described) if described else None

    def read(self, name: str) -> StoredValue:
        """The value and its version. Raises Refused when there is no such parameter."""
        answer = self._reading.ask(
            lambda ssm: ssm.get_parameter(Name=name, WithDecryption=True), f"read {name}"
        )
        return StoredValue(Sealed(answer["Parameter"]["Value"]), answer["Parameter"]["Version"])

    def look(self, names: Iterable[str]) -> Look:
        """Those that exist: one call for ten."""
        return {name: found.stored for name, found in self._get(*names).items()}

    def write(self, name: str, value: Sealed, after: int | None) -> int:
        """Writes the value as the version after `after`; see SecretStore. Raises NotYet when the quota is used up."""
        owner_name = owner_parameter(self._environment.path)
        self._wait_for_turn()
        # One call for both: nothing is written on an older look at either.
        found = self._get(name, owner_name)
        self._must_be_ours(found.get(owner_name))
        there = found.get(name)
        version = there.version if there else None
        if there and there.value == value and self._only_ours(name, value, after or 0, there.version):
            return there.version
        if version != after:
            raise Drifted(name, after, version)
        return self._create(name, value) if there is None else self._overwrite(there, value)

    def edit(self, name: str, change: Change, beside: Iterable[str] = ()) -> int:
        """Writes what `change` makes of one look; see SecretStore. Raises NotYet when the quota is used up."""
        owner_name, wanted = owner_parameter(self._environment.path), (name, *beside)
        self._wait_for_turn()
        found = self._get(*wanted, owner_name)
        self._must_be_ours(found.get(owner_name))
        for one in wanted:
            if one not in found:
                raise Refused(f"SSM has no parameter {one}; nothing was written")
        value = change({one: found[one].stored for one in wanted})
        there = found[name]
        return there.version if value == there.value else self._overwrite(there, value)

    def check_writable(self, name: str, largest: int) -> None:
        """Raises Refused when a value of `largest` bytes could not be written to `name`. Writes nothing.

        An AllowedPattern is checked by SSM alone, at the write.
        """
        owner_name = owner_parameter(self._environment.path)
        self._must_be_ours(self._get(owner_name).get(owner_name))
        metadata = self._describe(name)
        metadata.must_hold(largest)
        if metadata.version >= VERSIONS_KEPT:
            self._oldest_must_be_free(name)

    def owner(self, path: str) -> Owner | None:
        """Who owns the environment below `path`. Raises Refused when its owner parameter cannot be understood."""
        parameter = self._get(owner_parameter(path)).get(owner_parameter(path))
        return parameter.owner if parameter else None

    def claim_owner(self, path: str, owner: Owner, instead_of: Owner | None) -> None:
        """Writes the owner parameter: our heartbeat, or a claim on what nobody or `instead_of` owns."""
        name = owner_parameter(path)
        self._wait_for_turn()
        parameter = self._get(name).get(name)
        there = parameter.owner if parameter else None
        ours = there is not None and there.installation == owner.installation
        if there is not None and not ours and there != instead_of:
            raise foreign(there, path)
        request: PutParameterRequestTypeDef = {
            "Name": name,
            "Value": written(owner),
            "Type": "String",
            "Overwrite": parameter is not None,
        }
        try:
            version = self._put(request)
        except AlreadyThere:
            raise _claimed_twice(path) from None
        # Replicas of one installation may write their heartbeats at the same moment; that is no quarrel.
        if not ours and version != (parameter.version if parameter else 0) + 1:
            raise _claimed_twice(path)

    # looking

    def _get(self, *names: str) -> dict[str, _Parameter]:
        """Those of the parameters that exist, by name."""
        found: dict[str, _Parameter] = {}
        for first in range(0, len(names), NAMES_AT_ONCE):
            some = names[first : first + NAMES_AT_ONCE]
            for one in self._got(some)["Parameters"]:
                found[one["Name"]] = _Parameter(one["Name"], one["Version"], Sealed(one["Value"]))
        return found

    def _got(self, names: Sequence[str]) -> GetParametersResultTypeDef:
        return self._reading.ask(
            lambda ssm: ssm.get_parameters(Names=names, WithDecryption=True), f"read {' and '.join(names)}"
        )

    def _must_be_ours(self, parameter: _Parameter | None) -> None:
        """Raises ForeignOwner when the owner parameter names another living installation."""
        if parameter is None:
            return
        owner = parameter.owner
        if owner.installation != self._installation and owner.lives(self._around.clock.now()):
            raise foreign(owner, self._environment.path)

    def _described(
        self, request: DescribeParametersRequestTypeDef, doing: str
    ) -> Iterator[ParameterMetadataTypeDef]:
        """Page by page. A page may be empty and have a successor: only the token says when it is over."""
        page: DescribeParametersRequestTypeDef = {**request, "MaxResults": PAGE}
        while True:
            self._around.pacer.pace(f"{self._account}:describe", DESCRIBES_PER_SECOND, DESCRIBES_AT_ONCE)
            answer = self._reading.ask(lambda ssm: ssm.describe_parameters(**page), doing)
            yield from answer["Parameters"]
            if not answer.get("NextToken"):
                return
            page["NextToken"] = answer["NextToken"]

    def _describe(self, name: str) -> Metadata:
        for described in self._described(_named(name), f"read the metadata of {name}"):
            return Metadata(described)
        raise Refused(f"SSM has no parameter {name}; nothing was written")

    def _metadata_of(self, parameter: _Parameter) -> Metadata:
        """Metadata cannot change without a new version, so what is known of a version stays true."""
        name, version = parameter.name, parameter.version
        known = self._metadata.get(name)
        if known is None or known.version != version:
            known = self._metadata[name] = self._describe(name)
        if known.version != version:
            raise Transient(
                f"SSM lists version {known.version} of {name} while version {version} is there: somebody is changing "
                "it, or the listing lags; nothing was written, and the next attempt looks again"
            )
        return known

    def _oldest_must_be_free(self, name: str) -> None:
        """Raises Refused when the version that has to make room bears a label. Nothing is decrypted."""

        def oldest_of(ssm: SSMClient) -> ParameterHistoryTypeDef:
            pages = ssm.get_paginator("get_parameter_history").paginate(Name=name, WithDecryption=False)
            versions = (version for page in pages for version in page["Parameters"])
            return min(versions, key=lambda version: version["Version"])

        oldest = self._reading.ask(oldest_of, f"read the labels of {name}")
        if oldest.get("Labels"):
            raise Refused(
                f"SSM keeps {VERSIONS_KEPT} versions of {name}, and the oldest, version {oldest['Version']}, cannot "
                f"make room because it bears the label {', '.join(oldest['Labels'])}; nothing was written. "
                f"{free_oldest(str(oldest['Version']))}"
            )

    # writing

    def _wait_for_turn(self) -> None:
        """Waits for the account's rate before looking, so that a put follows its look at once."""
        self._around.pacer.pace(self._account, self._writes_per_second)

    def _create(self, name: str, value: Sealed) -> int:
        version = self._put(creation(name, value, self._environment.kms_key))
        if version != 1:
            raise Raced(name, None, version)
        return version

    def _overwrite(self, there: _Parameter, value: Sealed) -> int:
        metadata = self._metadata_of(there)
        version = self._put(metadata.overwrite(value))
        if version == there.version + 1:
            self._metadata[there.name] = metadata.of_next_version()
        elif not self._only_ours(there.name, value, there.version, version):
            raise Raced(there.name, there.version, version)
        return version

    def _only_ours(self, name: str, value: Sealed, after: int, newest: int) -> bool:
        """Whether `newest`, which holds the value, came after `after` and nothing else between them.

        A few versions are read; more than that would be no late worker's.
        """
        between = range(after + 1, newest)
        return (
            newest > after
            and len(between) <= LATE_WORKERS
            and all(self._at(name, one) == value for one in between)
        )

    def _at(self, name: str, version: int) -> Sealed | None:
        """What an earlier version held; None when SSM does not keep it any more."""
        try:
            return self.read(f"{name}:{version}").value
        except Refused:
            return None

    def _put(self, request: PutParameterRequestTypeDef) -> int:
        """One PutParameter; the new version."""
        try:
            answer = self._changing.ask(lambda ssm: ssm.put_parameter(**request), f"write {request['Name']}")
        except Throttled as slow:
            self._around.pacer.back_off(self._account, slow.pause)
            raise
        return answer["Version"]

    @property
    def _account(self) -> str:
        """Whose rate is used up: one process acts in one account of AWS, or against one endpoint."""
        return f"ssm:{self._around.endpoint('ssm') or 'aws'}:{self._environment.region}"

    def _connect(self, session: Session, config: Config) -> SSMClient:
        client = session.client(
            "ssm",
            region_name=self._environment.region,
            endpoint_url=self._around.endpoint("ssm"),
            config=config,
        )
        client.meta.events.register("before-send.ssm.PutParameter", _last_look)
        return client


def _named(name: str) -> DescribeParametersRequestTypeDef:
    return {"ParameterFilters": [{"Key": "Name", "Option": "Equals", "Values": [name]}]}


def _aged(described: ParameterMetadataTypeDef) -> ParameterAge:
    return ParameterAge(
        name=described["Name"],
        version=described["Version"],
        modified_at=described["LastModifiedDate"],
        modified_by=described.get("LastModifiedUser", ""),
        kind=described["Type"],
    )


def _last_look(**_event: object) -> None:
    """Runs after signing, right before the bytes leave. What guard() raises ends the call unsent and unretried."""
    guard()


def _claimed_twice(path: str) -> ForeignOwner:
    return ForeignOwner(
        f"another installation claimed {path} at the same moment; nothing else was written. "
        "Stop one of the two, then run `rotator take-over ENVIRONMENT`"
    )
