"""AWS SSM Parameter Store: the store that consumers read by default.

SSM has no compare-and-swap. So a write looks first, writes only what was expected to be next, and compares the
version that it got: a race cannot be prevented, but it is never missed. A write that is repeated after its answer was
lost finds its own value at the version it wanted, and has succeeded. Where versions came between, they are read: a
worker that froze after its look and woke late has written our own value once more, and that is nobody's change.

The default quota of PutParameter (3 a second, said by AWS in 2023) wants confirming in a sandbox account [M].

Permissions: ssm:DescribeParameters on *, ssm:GetParameter, ssm:GetParameters, ssm:PutParameter and
ssm:GetParameterHistory below the environment's path; kms:Decrypt, kms:Encrypt and (advanced tier)
kms:GenerateDataKey on the environment's key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from rotator.contracts.adapter import Surroundings
from rotator.contracts.store import Change, Look
from rotator.model.errors import Drifted, Refused
from rotator.model.policy import EnvironmentPolicy
from rotator.model.references import owner_parameter
from rotator.model.secrets import Owner, ParameterAge, Sealed, StoredValue
from rotator.stores.owner import claimed_twice, must_be_free, must_not_be_foreign, written
from rotator.stores.ssm_parameters import VERSIONS_KEPT, Parameter, Parameters
from rotator.stores.ssm_verdicts import AlreadyThere

if TYPE_CHECKING:
    from mypy_boto3_ssm.type_defs import PutParameterRequestTypeDef


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
        self._parameters = Parameters(environment.region, around, writes_per_second)

    def ages(self, prefix: str) -> Iterator[ParameterAge]:
        """Metadata of every parameter below `prefix`: ceil(N/50) calls, nothing is decrypted."""
        return self._parameters.ages(prefix)

    def read(self, name: str) -> StoredValue:
        """The value and its version. Raises Refused when there is no such parameter."""
        return self._parameters.read(name)

    def look(self, names: Iterable[str]) -> Look:
        """Those that exist: one call for ten."""
        return {name: found.stored for name, found in self._parameters.get(*names).items()}

    def write(self, name: str, value: Sealed, after: int | None) -> int:
        """Writes the value as the version after `after`; see SecretStore. Raises NotYet when the quota is used up."""
        owner_name = owner_parameter(self._environment.path)
        self._parameters.wait_for_turn()
        # One call for both: nothing is written on an older look at either.
        found = self._parameters.get(name, owner_name)
        self._must_be_ours(found.get(owner_name))
        there = found.get(name)
        version = there.version if there else None
        if (
            there
            and there.value == value
            and self._parameters.only_ours(name, value, after or 0, there.version)
        ):
            return there.version
        if version != after:
            raise Drifted(name, after, version)
        if there is None:
            return self._parameters.create(name, value, self._environment.kms_key)
        return self._parameters.overwrite(there, value)

    def edit(self, name: str, change: Change, beside: Iterable[str] = ()) -> int:
        """Writes what `change` makes of one look; see SecretStore. Raises NotYet when the quota is used up."""
        owner_name, wanted = owner_parameter(self._environment.path), (name, *beside)
        self._parameters.wait_for_turn()
        found = self._parameters.get(*wanted, owner_name)
        self._must_be_ours(found.get(owner_name))
        for one in wanted:
            if one not in found:
                raise Refused(f"SSM has no parameter {one}; nothing was written")
        value = change({one: found[one].stored for one in wanted})
        there = found[name]
        return there.version if value == there.value else self._parameters.overwrite(there, value)

    def check_writable(self, name: str, largest: int) -> None:
        """Raises Refused when a value of `largest` bytes could not be written to `name`. Writes nothing.

        An AllowedPattern is checked by SSM alone, at the write.
        """
        owner_name = owner_parameter(self._environment.path)
        self._must_be_ours(self._parameters.get(owner_name).get(owner_name))
        metadata = self._parameters.described(name)
        metadata.must_hold(largest)
        if metadata.version >= VERSIONS_KEPT:
            self._parameters.oldest_must_be_free(name)

    def owner(self, path: str) -> Owner | None:
        """Who owns the environment below `path`. Raises Refused when its owner parameter cannot be understood."""
        parameter = self._parameters.get(owner_parameter(path)).get(owner_parameter(path))
        return parameter.owner if parameter else None

    def claim_owner(self, path: str, owner: Owner, instead_of: Owner | None) -> None:
        """Writes the owner parameter: our heartbeat, or a claim on what nobody or `instead_of` owns."""
        name = owner_parameter(path)
        self._parameters.wait_for_turn()
        parameter = self._parameters.get(name).get(name)
        there = parameter.owner if parameter else None
        must_be_free(there, owner, instead_of, path)
        ours = there is not None and there.installation == owner.installation
        request: PutParameterRequestTypeDef = {
            "Name": name,
            "Value": written(owner),
            "Type": "String",
            "Overwrite": parameter is not None,
        }
        try:
            version = self._parameters.put(request)
        except AlreadyThere:
            raise claimed_twice(path) from None
        # Replicas of one installation may write their heartbeats at the same moment; that is no quarrel.
        if not ours and version != (parameter.version if parameter else 0) + 1:
            raise claimed_twice(path)

    def _must_be_ours(self, parameter: Parameter | None) -> None:
        """Raises ForeignOwner when the owner parameter names another living installation."""
        owner = parameter.owner if parameter else None
        must_not_be_foreign(owner, self._installation, self._environment.path, self._around.clock.now())
