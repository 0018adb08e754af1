"""The static roles of Vault's database engine that hold the users of one pair.

A static role has no place for a note, so a rotation's id is a part of its name: `app-rotator-<rotation>`. A role that
rotator is about to delete is marked by a rotation period that nobody would choose: a crash between the last rotation
of its password and its deletion is finished by the next attempt, and never taken for somebody's own rotation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rotator.contracts.provider import AtSource, Liveness
from rotator.vault.client import NotThere, Vault

#: Ten years: rotator decides when, and Vault insists on a period. One second more says "about to be deleted".
FOREVER_SECONDS = 10 * 365 * 24 * 3600
RETIRING_SECONDS = FOREVER_SECONDS + 1
_OURS = "-rotator-"


@dataclass(frozen=True, slots=True)
class Role:
    """A static role as Vault has it."""

    name: str
    prefix: str
    user: str
    connection: str
    statements: tuple[str, ...]
    rotated_at: str  # to the nanosecond, as Vault writes it
    period: int | None  # seconds; None: Vault rotates by a schedule

    @property
    def credential_id(self) -> str:
        """Unique for ever: a role's name may come back, the moment of its rotation does not."""
        return f"{self.name}@{self.rotated_at}"

    @property
    def label(self) -> str | None:
        """The rotation that made it."""
        ours = f"{self.prefix}{_OURS}"
        return self.name.removeprefix(ours) if self.name.startswith(ours) else None

    @property
    def retiring(self) -> bool:
        """Whether rotator has begun to remove it."""
        return self.period == RETIRING_SECONDS

    def at_source(self) -> AtSource:
        """The credential for observe()."""
        return AtSource(
            self.credential_id, Liveness.LIVE, datetime.fromisoformat(self.rotated_at), self.label
        )


@dataclass(frozen=True, slots=True)
class Roles:
    """The database engine at one mount, as far as the names begin with `prefix`."""

    vault: Vault
    mount: str
    prefix: str

    def named(self, label: str) -> str:
        """What a rotation's role is called."""
        return f"{self.prefix}{_OURS}{label}"

    def of(self, users: tuple[str, str]) -> tuple[Role, ...]:
        """Those that hold one of the users; the others are nobody's business."""
        return tuple(role for role in self._all() if role.user in users)

    def role(self, name: str) -> Role | None:
        """One role; None when there is none of that name."""
        try:
            answer = self.vault.ask(
                lambda vault: vault.secrets.database.read_static_role(name, mount_point=self.mount),
                f"read the static role {name}",
            )
        except NotThere:
            return None
        return _role(name, self.prefix, answer["data"])

    def password(self, name: str) -> tuple[str, str, str]:
        """User and password that it holds now, and since when."""
        answer = self.vault.ask(
            lambda vault: vault.secrets.database.get_static_credentials(name, mount_point=self.mount),
            f"read the credentials of the static role {name}",
        )
        held = answer["data"]
        return held["username"], held["password"], held["last_vault_rotation"]

    def make(self, name: str, connection: str, user: str, statements: tuple[str, ...]) -> None:
        """A new role; Vault gives the user a new password at once."""
        self.vault.mint(
            lambda vault: vault.secrets.database.create_static_role(
                name, connection, user, list(statements), f"{FOREVER_SECONDS}s", mount_point=self.mount
            ),
            f"make the static role {name} (its connection must allow that name)",
        )

    def retire(self, role: Role) -> None:
        """The mark, a password that nobody has read, and the end of the role."""
        if not role.retiring:
            self.vault.change(
                lambda vault: vault.secrets.database.create_static_role(
                    role.name,
                    role.connection,
                    role.user,
                    list(role.statements),
                    f"{RETIRING_SECONDS}s",
                    mount_point=self.mount,
                ),
                f"mark the static role {role.name}",
            )
        self.vault.mint(
            lambda vault: vault.secrets.database.rotate_static_role_credentials(
                role.name, mount_point=self.mount
            ),
            f"rotate the static role {role.name}",
        )
        self.vault.change(
            lambda vault: vault.secrets.database.delete_static_role(role.name, mount_point=self.mount),
            f"delete the static role {role.name}",
        )

    def _all(self) -> Iterator[Role]:
        names: list[str] = []
        with suppress(NotThere):  # an empty list is told so
            answer = self.vault.ask(
                lambda vault: vault.secrets.database.list_static_roles(mount_point=self.mount),
                "list the static roles",
            )
            names = answer["data"]["keys"]
        for name in sorted(names):
            found = self.role(name) if name.startswith(self.prefix) else None
            if found is not None:
                yield found


def _role(name: str, prefix: str, data: Mapping[str, Any]) -> Role:
    return Role(
        name=name,
        prefix=prefix,
        user=data["username"],
        connection=data["db_name"],
        statements=tuple(data.get("rotation_statements") or ()),
        rotated_at=data["last_vault_rotation"],
        period=None if data.get("rotation_schedule") else data.get("rotation_period"),
    )
