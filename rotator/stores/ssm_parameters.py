"""What Parameter Store keeps, one parameter at a time: for the store and for the mirror.

Metadata that a scan has seen is remembered for as long as it is true: DescribeParameters has the smallest quota of all.
An overwrite carries the metadata along, and tells when its version is not the one after what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boto3.session import Session
from botocore.config import Config

from rotator.aws import CHANGING, READING, Service, Throttled, guarded
from rotator.contracts.adapter import Surroundings
from rotator.model.errors import Raced, Refused, Transient
from rotator.model.secrets import Owner, ParameterAge, Sealed, StoredValue
from rotator.stores.owner import parsed
from rotator.stores.ssm_requests import Metadata, creation
from rotator.stores.ssm_verdicts import free_oldest, verdict

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
class Parameter:
    """One parameter's newest version, decrypted."""

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


class Parameters:
    """Those of one account in one region. `writes_per_second` is its quota for PutParameter (AWS: 3 unless raised)."""

    def __init__(self, region: str, around: Surroundings, writes_per_second: float = 3.0) -> None:
        self._region, self._around, self._writes_per_second = region, around, writes_per_second
        self._reading = Service("SSM", self._connect, READING, verdict, around.installation)
        self._changing = Service("SSM", self._connect, CHANGING, verdict, around.installation)
        self._metadata: dict[str, Metadata] = {}

    # looking

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

    def get(self, *names: str) -> dict[str, Parameter]:
        """Those of the parameters that exist, by name."""
        found: dict[str, Parameter] = {}
        for first in range(0, len(names), NAMES_AT_ONCE):
            some = names[first : first + NAMES_AT_ONCE]
            for one in self._got(some)["Parameters"]:
                found[one["Name"]] = Parameter(one["Name"], one["Version"], Sealed(one["Value"]))
        return found

    def _got(self, names: Sequence[str]) -> GetParametersResultTypeDef:
        return self._reading.ask(
            lambda ssm: ssm.get_parameters(Names=names, WithDecryption=True), f"read {' and '.join(names)}"
        )

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

    def described(self, name: str) -> Metadata:
        """What a write carries along. Raises Refused when there is no such parameter."""
        for described in self._described(_named(name), f"read the metadata of {name}"):
            return Metadata(described)
        raise Refused(f"SSM has no parameter {name}; nothing was written")

    def _metadata_of(self, parameter: Parameter) -> Metadata:
        """Metadata cannot change without a new version, so what is known of a version stays true."""
        name, version = parameter.name, parameter.version
        known = self._metadata.get(name)
        if known is None or known.version != version:
            known = self._metadata[name] = self.described(name)
        if known.version != version:
            raise Transient(
                f"SSM lists version {known.version} of {name} while version {version} is there: somebody is changing "
                "it, or the listing lags; nothing was written, and the next attempt looks again"
            )
        return known

    def oldest_must_be_free(self, name: str) -> None:
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

    def wait_for_turn(self) -> None:
        """Waits for the account's rate before looking, so that a put follows its look at once."""
        self._around.pacer.pace(self._account, self._writes_per_second)

    def create(self, name: str, value: Sealed, kms_key: str | None) -> int:
        """Makes a parameter; its version. Raises AlreadyThere, or Raced where that is not the first."""
        version = self.put(creation(name, value, kms_key))
        if version != 1:
            raise Raced(name, None, version)
        return version

    def overwrite(self, there: Parameter, value: Sealed) -> int:
        """Writes on top of what was seen; the version. Raises Raced where somebody came between: ours is in place."""
        metadata = self._metadata_of(there)
        version = self.put(metadata.overwrite(value))
        if version == there.version + 1:
            self._metadata[there.name] = metadata.of_next_version()
        elif not self.only_ours(there.name, value, there.version, version):
            raise Raced(there.name, there.version, version)
        return version

    def only_ours(self, name: str, value: Sealed, after: int, newest: int) -> bool:
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

    def put(self, request: PutParameterRequestTypeDef) -> int:
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
        return f"ssm:{self._around.endpoint('ssm') or 'aws'}:{self._region}"

    def _connect(self, session: Session, config: Config) -> SSMClient:
        client = session.client(
            "ssm", region_name=self._region, endpoint_url=self._around.endpoint("ssm"), config=config
        )
        return guarded(client, ["PutParameter"])


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
