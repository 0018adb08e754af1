"""The passwords of one account as the server keeps them, and whose each is.

MySQL and MariaDB let one account have two passwords, and neither says who made which. So rotator writes names down,
bound to a digest of what the server keeps of a password (its verifier): whatever people do to the account by hand,
no name can end up on a password that it does not belong to.

Unnamed: `first` is what was there before rotator came, `after-<rotation>` what people made since that one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rotator.contracts.provider import AtSource, Liveness
from rotator.model.errors import Refused
from rotator.providers.mysql_verifiers import VERIFIERS, digest, is_of

if TYPE_CHECKING:
    from rotator.providers.mysql_session import Session

FIRST = "first"
_BY_HAND = "after-"
#: An account's host pattern is part of its name: `app`@`10.%` is another account than `app`@`%`.
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Names:
    """What rotator wrote down about an account's passwords."""

    holders: Mapping[str, str] = field(
        default_factory=dict
    )  # digest of a verifier -> the rotation that made it
    newest: str = ""  # the last rotation that gave the account a password
    newest_at: int = 0  # by the server's clock, seconds since 1970
    newest_session: int = 0  # connections opened later have higher ids, until the server starts anew

    def of(self, verifier: str, otherwise: str = "") -> str:
        """Whose a password is; `otherwise` where nothing is written."""
        by_hand = f"{_BY_HAND}{self.newest}" if self.newest else FIRST
        return self.holders.get(digest(verifier)) or otherwise or by_hand


@dataclass(frozen=True, slots=True)
class Password:
    """One password of the account."""

    plugin: str
    verifier: str = field(repr=False)
    holder: str


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it is at one moment."""

    name: Name
    passwords: tuple[Password, ...]  # the one that a client is asked for first comes first
    names: Names
    locked: bool = False
    beside: tuple[tuple[str, str], ...] = ()  # ways in that are no passwords: (plugin, its string)

    def credential_id(self, password: Password) -> str:
        """Unique for ever, by the rotation's id."""
        return f"{self.name[0]}@{password.holder}"

    def at_source(self) -> tuple[AtSource, ...]:
        """The credentials for observe()."""
        liveness = Liveness.DISABLED if self.locked else Liveness.LIVE
        return tuple(
            AtSource(self.credential_id(one), liveness, label=None if is_nobodys(one.holder) else one.holder)
            for one in self.passwords
        )

    def holding(self, credential_id: str) -> Password | None:
        """The password that the credential is."""
        return next((one for one in self.passwords if self.credential_id(one) == credential_id), None)

    def having(self, password: str) -> Password | None:
        """The password with this value."""
        return next((one for one in self.passwords if is_of(password, one.plugin, one.verifier)), None)

    def blocker(self) -> str:
        """Why there is no room for a successor; empty when there is."""
        if len(self.passwords) < 2:
            return ""
        return (
            f"{self} has two passwords already, so there is no room for a successor's. If nobody uses the one that "
            "the store does not hold, a DBA can take it off: DISCARD OLD PASSWORD (MySQL), IDENTIFIED VIA (MariaDB)"
        )

    def check_plugins(self) -> None:
        """Raises Refused when the account's passwords are not such that two can stand side by side."""
        if not self.passwords:
            raise Refused(f"{self} has no password: rotator gives a successor's to accounts that have one")
        for one in self.passwords:
            if one.plugin not in VERIFIERS or not one.verifier:
                raise Refused(
                    f"{self} logs in by {one.plugin}{'' if one.verifier else ' with an empty password'}, and rotator "
                    f"knows {', '.join(VERIFIERS)} with a password. A DBA can change it: ALTER USER … IDENTIFIED …"
                )

    def __str__(self) -> str:
        return f"'{self.name[0]}'@'{self.name[1]}'"


class Dialect(Protocol):
    """How one kind of server is asked about accounts, and told."""

    def read(self, server: Session, name: Name) -> Account:
        """The account. Raises Refused when there is none."""

    def add(self, server: Session, account: Account, password: str, holder: str, plugin: str | None) -> None:
        """The account takes `password` besides the one that it has, and its name is `holder`'s.

        `plugin` is to keep it, by default the present one's. Raises Refused where the two cannot stand side by side.
        """

    def take_off(self, server: Session, account: Account, gone: Password) -> None:
        """The account takes only the other password from now on."""


def is_nobodys(holder: str) -> bool:
    """Whether a holder is not a rotation."""
    return holder == FIRST or holder.startswith(_BY_HAND)


def missing(name: Name) -> Refused:
    """What is said where there is no such account."""
    return Refused(
        f"there is no account '{name[0]}'@'{name[1]}' (its host pattern is part of its name: see `host` in the policy)"
    )
