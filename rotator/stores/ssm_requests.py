"""PutParameter requests: what a new version carries along, and what SSM would not take.

An overwrite that leaves out KeyId falls back to the account's own key `aws/ssm`, which every principal of the account
may decrypt with; Description, AllowedPattern, Tier, Policies and DataType are sent again for the same reason. Sizes,
types and braces are checked here, because a request that SSM refuses may be quoted in its answer.
What SSM makes of an overwrite without them is read in its reference; it wants confirming in a sandbox account [M].
Source: PutParameter and DescribeParameters in the API reference of AWS Systems Manager.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotator.model.errors import Refused
from rotator.model.secrets import Sealed

if TYPE_CHECKING:
    from mypy_boto3_ssm.type_defs import ParameterMetadataTypeDef, PutParameterRequestTypeDef

#: Bytes of a value by tier.
LARGEST_VALUE = {"Standard": 4096, "Advanced": 8192, "Intelligent-Tiering": 8192}
_REFERENCE = re.compile(r"\{\{.*\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Metadata:
    """One version's metadata, as DescribeParameters told it."""

    described: ParameterMetadataTypeDef

    @property
    def name(self) -> str:
        """The parameter's full name."""
        return self.described["Name"]

    @property
    def version(self) -> int:
        """The version that this is true of."""
        return self.described["Version"]

    def of_next_version(self) -> Metadata:
        """The same metadata, carried along."""
        return Metadata({**self.described, "Version": self.version + 1})

    def must_hold(self, size: int) -> None:
        """Raises Refused unless a new version of `size` bytes could be written with this metadata."""
        if self.described["Type"] != "SecureString":
            raise Refused(
                f"{self.name} is a {self.described['Type']}, readable without a KMS key, and SSM cannot change a type; "
                "nothing was written. Make a new SecureString parameter and point consumers and policies.yaml at it"
            )
        if not self.described.get("KeyId"):
            raise Refused(
                f"SSM does not say which KMS key seals {self.name}; nothing was written. "
                "Write it once by hand with --key-id"
            )
        _must_fit(self.name, size, self.described.get("Tier", "Standard"))

    def overwrite(self, value: Sealed) -> PutParameterRequestTypeDef:
        """The request for the next version. Raises Refused when SSM would not take it."""
        self.must_hold(value.size)
        _must_be_plain(self.name, value)
        described = self.described
        request: PutParameterRequestTypeDef = {
            "Name": self.name,
            "Value": value.reveal(),
            "Type": "SecureString",
            "Overwrite": True,
            "KeyId": described["KeyId"],
            "Tier": described.get("Tier", "Standard"),
            "DataType": described.get("DataType", "text"),
        }
        if description := described.get("Description"):
            request["Description"] = description
        if pattern := described.get("AllowedPattern"):
            request["AllowedPattern"] = pattern
        if policies := described.get("Policies"):
            request["Policies"] = "[" + ",".join(policy["PolicyText"] for policy in policies) + "]"
        return request


def creation(name: str, value: Sealed, kms_key: str | None) -> PutParameterRequestTypeDef:
    """The request for a new parameter; without `kms_key` it is sealed with the account's own key. Raises Refused."""
    _must_fit(name, value.size, "Standard")
    _must_be_plain(name, value)
    request: PutParameterRequestTypeDef = {
        "Name": name,
        "Value": value.reveal(),
        "Type": "SecureString",
        "Overwrite": False,
        "Tier": "Standard",
    }
    if kms_key:
        request["KeyId"] = kms_key
    return request


def _must_fit(name: str, size: int, tier: str) -> None:
    largest = LARGEST_VALUE.get(tier, LARGEST_VALUE["Standard"])
    if size > largest:
        raise Refused(
            f"{name}: the value has {size} bytes, and the {tier.lower()} tier holds {largest}; nothing was written. "
            "Make it shorter, or move the parameter to the advanced tier by hand (it costs money, and there is no "
            "way back)"
        )
    if size == 0:
        raise Refused(f"{name}: SSM holds no empty values; nothing was written")


def _must_be_plain(name: str, value: Sealed) -> None:
    if _REFERENCE.search(value.reveal()):
        raise Refused(
            f"{name}: SSM takes no value with {{{{…}}}} in it; nothing was written. Use other characters"
        )
