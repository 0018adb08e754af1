"""IamUser: the two access keys that IAM allows a user, of which consumers use one; what both uses of them share.

IAM keeps no name, tag or label on a key and CreateAccessKey takes no token, so a key whose answer was lost can only be
told from others by its id: what rotator does not know stays as it is. Two keys are the limit, disabled ones included.

IAM is eventually consistent. A new key is refused here and accepted there for some seconds, and nobody says when that
is over [M: 5 to 15 s are reported; wants confirming in a sandbox account]; so the key must be accepted several times
in a row. The same holds for a key that was disabled, which is refused everywhere only after a while.

Use is known late. AWS names no bound for GetAccessKeyLastUsed; for its own report of the same facts it says that
"recent activity usually appears within four hours" (IAM API reference, GenerateServiceLastAccessedDetails). USE_SHOWS
is twice that [M: wants confirming in a sandbox account], and grace must not be shorter: the look at its end would miss
what was used after the restart.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import StringConstraints

from rotator.contracts.adapter import Surroundings
from rotator.contracts.provider import AtSource, LastUsed, Observation, Overlap, Sight, Traits
from rotator.model.durations import spell_duration
from rotator.model.errors import Refused
from rotator.model.policy import Recipe
from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed

if TYPE_CHECKING:
    from rotator.providers.iam_keys import Keys

#: By then a use shows in GetAccessKeyLastUsed.
USE_SHOWS = timedelta(hours=8)
#: Keys of one user, whatever their state (IAM and AWS STS quotas).
KEYS_PER_USER = 2

#: Without its path (IAM API reference, CreateUser).
UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+=,.@-]{1,64}$")]


class IamUser(ABC):
    """The access keys of one IAM user. A kind of use says what consumers read of a key, and how they log in."""

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.PAIR,
        mints=True,
        labels=False,
        reversible=True,
        sight=Sight.LAGGING,
        death=Death.TRIED,
        acceptances=3,
        propagation=timedelta(minutes=2),
        listing=timedelta(minutes=2),
    )

    def __init__(self, recipe: Recipe, around: Surroundings, user: str) -> None:
        self._recipe, self._around, self._user = recipe, around, user
        self._made: Keys | None = None

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """What is wrong with a policy that Options alone cannot see; one sentence each."""
        if recipe.grace < USE_SHOWS * recipe.scale:
            sentence = (
                f"grace is shorter than {spell_duration(USE_SHOWS)}: AWS shows so late that an access key was used, "
                "and the old one would be disabled although somebody uses it"
            )
            return [sentence]
        return []

    @property
    def principal(self) -> str:
        """The user: its keys are counted whoever uses them, and for what."""
        return f"iam:{self._user}"

    def observe(self) -> Observation:
        """The user's keys, disabled ones too."""
        listed = self._keys.listed()
        free = KEYS_PER_USER - len(listed)
        return Observation(listed, free_slots=max(free, 0), blocker="" if free > 0 else self._full(listed))

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """By the key's id in the store; None when this user has no such key."""
        key_id = self._key_id(current)
        return key_id if any(one.id == key_id for one in self._keys.listed()) else None

    def create(self, label: str, predecessor: str | None) -> Credential:  # noqa: ARG002 - keys have no label, no kind
        """One more key. Raises Refused where the user has two; rotator makes no room."""
        minted = self._keys.mint()
        return Credential(minted.id, self._fields(minted.id, minted.secret))

    def activate(self, successor: Credential) -> None:  # noqa: B027 - there is nothing to do, for every use
        """Nothing: IAM minted it, and it is accepted as soon as everybody has heard of it."""

    @abstractmethod
    def verify(self, credential: Credential) -> None:
        """Uses it as a consumer would."""

    def disable(self, credential_id: str) -> None:
        """Inactive. Silent where the key is gone."""
        self._keys.turn(credential_id, "Inactive")

    def enable(self, credential_id: str) -> None:
        """Active again. Raises Refused where the key is gone."""
        if not self._keys.turn(credential_id, "Active"):
            raise Refused(f"{credential_id} was deleted: nothing can enable it")

    def remove(self, credential_id: str) -> None:
        """Deletes that key of this user, and no other."""
        self._keys.delete(credential_id)

    def last_used(self, credential_id: str) -> LastUsed:
        """When it was used last, as far as IAM has heard."""
        return self._keys.last_used(credential_id)

    @abstractmethod
    def _fields(self, key_id: str, secret: Sealed) -> dict[str, Sealed]:
        """What consumers read of a key."""

    @abstractmethod
    def _key_id(self, fields: Mapping[str, Sealed]) -> str:
        """The id of the key that they read."""

    @property
    def _keys(self) -> Keys:
        from rotator.providers.iam_keys import Keys  # noqa: PLC0415 - a policy check must not load boto3

        self._made = self._made or Keys(self._user, self._around, self._recipe.scale)
        return self._made

    def _full(self, listed: Sequence[AtSource]) -> str:
        keys = ", ".join(f"{one.id} ({one.liveness}, made {one.created_at:%Y-%m-%d})" for one in listed)
        return (
            f"the IAM user {self._user} has {len(listed)} access keys, as many as IAM allows: {keys}. rotator "
            "deletes none that it does not know: see which of them nobody uses, and delete it"
        )
