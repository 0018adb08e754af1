"""AWS Secrets Manager as a store: every secret is one of its secrets, below the environment's path.

Unlike SSM it can compare and swap, so nobody's write is ever overwritten: who came between is found, and nothing of
ours is seen by anyone. What is compared and swapped is how aws_secrets_versions.py says.

The owner is the description of a secret without a value, `<path>/rotator/owner`: a heartbeat every few minutes as a
version would soon be more than Secrets Manager keeps.

Permissions below the environment's path: secretsmanager:DescribeSecret, GetSecretValue, ListSecretVersionIds,
PutSecretValue, UpdateSecretVersionStage, CreateSecret, UpdateSecret; on *: BatchGetSecretValue, ListSecrets;
kms:Decrypt and kms:GenerateDataKey on the environment's key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from rotator.contracts.adapter import Surroundings
from rotator.contracts.store import Change, Look
from rotator.model.errors import Drifted, NotYet, Refused, Transient
from rotator.model.policy import EnvironmentPolicy
from rotator.model.references import owner_parameter
from rotator.model.secrets import Owner, ParameterAge, Sealed, StoredValue
from rotator.stores.aws_secrets_verdicts import AlreadyThere, NotAsExpected, must_be_ours
from rotator.stores.aws_secrets_versions import CURRENT, LARGEST, PENDING, Held, Secrets, is_ours
from rotator.stores.owner import claimed_twice, must_be_free, must_not_be_foreign, parsed, written

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.type_defs import SecretListEntryTypeDef

#: The life of a signed request: a secret that was not changed since is written by none of us at the moment.
LEFT_BEHIND = timedelta(minutes=15)
#: So many may have frozen in the middle of one write and woken up one after the other.
LATE_WORKERS = 5
#: AWS Secrets Manager API reference, CreateSecret.
LONGEST_NAME = 512


class AwsSecrets:
    """The secrets of one environment.

    `installation` is who we are; writes are refused while another living installation owns the environment.
    `writes_per_second` is the account's share of its quota for PutSecretValue in the region (AWS: 50).
    """

    needs: ClassVar[str] = "secretsmanager:… below the path"
    tried_on: ClassVar[str] = "a stand-in for Secrets Manager"

    def __init__(
        self,
        environment: EnvironmentPolicy,
        around: Surroundings,
        installation: str,
        writes_per_second: float = 10.0,
    ) -> None:
        self._environment, self._around, self._installation = environment, around, installation
        self._writes_per_second = writes_per_second
        self._secrets = Secrets(environment.region, around)

    @classmethod
    def place(cls, environment: EnvironmentPolicy, name: str) -> str:
        """Where a secret stands, in words that no other place has. Raises Refused for a name that is too long."""
        if len(name) > LONGEST_NAME:
            raise Refused(f"is too long; Secrets Manager allows {LONGEST_NAME} characters")
        return f"Secrets Manager in {environment.region}: {name}"

    def ages(self, prefix: str) -> Iterator[ParameterAge]:
        """Metadata of every secret below `prefix` that has a value; nothing is decrypted.

        It shows, too, what a write of ours left staged that was cut short: where no other write follows (an undo finds
        the earlier value in place), nobody else would take that off.
        """
        for listed in self._secrets.below(prefix):
            self._tidy_left_behind(listed)
            stages = listed.get("SecretVersionsToStages", {})
            current = next((version for version, names in stages.items() if CURRENT in names), None)
            if current is not None:
                number = self._secrets.number(listed["Name"], current)
                yield ParameterAge(
                    listed["Name"], number, listed.get("LastChangedDate", listed["CreatedDate"])
                )

    def read(self, name: str) -> StoredValue:
        """The value and its version. Raises Refused when there is no such secret."""
        there = self._secrets.held([name]).get(name)
        if there is None:
            raise Refused(f"Secrets Manager has no secret {name}, or it has no value")
        return StoredValue(there.value, there.number)

    def look(self, names: Iterable[str]) -> Look:
        """Those that exist: one call for twenty."""
        held = self._secrets.held(list(names))
        return {name: StoredValue(there.value, there.number) for name, there in held.items()}

    def write(self, name: str, value: Sealed, after: int | None) -> int:
        """Writes the value as the version after `after`; see SecretStore. Never raises Raced: it compares and swaps."""
        self._must_fit(name, value.size)
        self._wait_for_turn()
        self._must_be_ours()
        there = self._secrets.held([name]).get(name)
        done = self._found(name, value, after, there)
        if done is not None:
            return done
        if there is None:
            return self._secrets.create(name, value, self._environment.kms_key)
        return self._overwrite(name, value, there)

    def edit(self, name: str, change: Change, beside: Iterable[str] = ()) -> int:
        """Writes what `change` makes of one look; see SecretStore."""
        self._wait_for_turn()
        self._must_be_ours()
        wanted = [name, *beside]
        held = self._secrets.held(wanted)
        for one in wanted:
            if one not in held:
                raise Refused(f"Secrets Manager has no secret {one}, or it has no value; nothing was written")
        value = change({one: StoredValue(held[one].value, held[one].number) for one in wanted})
        there = held[name]
        if value == there.value:
            self._secrets.tidy(name)
            return there.number
        self._must_fit(name, value.size)
        return self._overwrite(name, value, there)

    def check_writable(self, name: str, largest: int) -> None:
        """Raises Refused when a value of `largest` bytes could not be written to `name`. Writes nothing."""
        self._must_be_ours()
        described = self._secrets.described(name)
        if described is None:
            raise Refused(f"Secrets Manager has no secret {name}")
        must_be_ours(name, described)
        self._must_fit(name, largest)

    def owner(self, path: str) -> Owner | None:
        """Who owns the environment below `path`. Raises Refused when its description cannot be understood."""
        name = owner_parameter(path)
        described = self._secrets.described(name)
        return parsed(described.get("Description", ""), name) if described else None

    def claim_owner(self, path: str, owner: Owner, instead_of: Owner | None) -> None:
        """Writes the owner: our heartbeat, or a claim on what nobody or `instead_of` owns."""
        self._wait_for_turn()
        there = self.owner(path)
        must_be_free(there, owner, instead_of, path)
        try:
            self._secrets.describe_as(owner_parameter(path), written(owner), there=there is not None)
        except AlreadyThere:
            raise claimed_twice(path) from None
        # A description cannot be compared and swapped: who wrote last is the owner, and the other one sees it here.
        now = self.owner(path)
        if now is not None and now.installation != owner.installation:
            raise claimed_twice(path)

    # deciding

    def _found(self, name: str, value: Sealed, after: int | None, there: Held | None) -> int | None:
        """The version, where it was written before; None where it is to be written now. Raises Drifted."""
        if there is not None and there.value == value and self._only_ours(name, value, after or 0, there):
            self._secrets.tidy(name)
            return there.number
        found = there.number if there else None
        if found != after:
            raise Drifted(name, after, found)
        return None

    def _only_ours(self, name: str, value: Sealed, after: int, there: Held) -> bool:
        """Whether what is there came after `after`, and nothing else between them but the same value."""
        if not after < there.number <= after + 1 + LATE_WORKERS:
            return False
        if there.number == after + 1:
            return True
        between = [one for one in self._secrets.versions(name) if after < one.number < there.number]
        return all(self._secrets.value(name, one.id) == value for one in between)

    def _tidy_left_behind(self, listed: SecretListEntryTypeDef) -> None:
        """Takes AWSPENDING off a version of ours that nobody will make current. In trouble the next look does."""
        left = [
            version
            for version, stages in listed.get("SecretVersionsToStages", {}).items()
            if PENDING in stages and is_ours(version)
        ]
        changed_at = listed.get("LastChangedDate", listed["CreatedDate"])
        if not left or changed_at > self._around.clock.now() - LEFT_BEHIND:
            return
        with suppress(Refused, Transient, NotYet):
            self._wait_for_turn()
            self._must_be_ours()
            for version in left:
                self._secrets.unstage(listed["Name"], version)

    def _overwrite(self, name: str, value: Sealed, there: Held) -> int:
        self._must_take(name, there)
        number = there.number + 1
        try:
            self._secrets.replace(name, value, after=there.id, number=number)
        except NotAsExpected:
            now = self._secrets.held([name]).get(name)
            done = self._found(name, value, there.number, now)
            if done is None:
                raise
            return done
        return number

    def _must_take(self, name: str, there: Held) -> None:
        """Raises Refused where the secret is not ours to write; Transient while somebody else is about to."""
        described = self._secrets.described(name)
        if described is None:
            raise Drifted(name, there.number, None)
        must_be_ours(name, described)

    def _must_be_ours(self) -> None:
        """Raises ForeignOwner when another living installation owns the environment."""
        path = self._environment.path
        must_not_be_foreign(self.owner(path), self._installation, path, self._around.clock.now())

    def _must_fit(self, name: str, size: int) -> None:
        if not 0 < size <= LARGEST:
            raise Refused(
                f"{name}: the value has {size} bytes, and a secret holds 1 to {LARGEST}; nothing was written"
            )

    def _wait_for_turn(self) -> None:
        self._around.pacer.pace(self._secrets.account, self._writes_per_second)
