"""Vault, OpenBao: static roles of the database engine, two database users in turn.

A static role has one password, and Vault changes it under its consumers: at the moment of its rotation everybody who
holds the old one is out. So two database users take turns. A rotation makes a static role of its own for the user
whose turn it is, and Vault gives that user a new password; consumers move; then the predecessor's role gets a password
that nobody has read, and is deleted.

The roles that rotator makes have a rotation period of ten years: Vault must not rotate what consumers hold. Where a
rotation of Vault's own was cut off (the database was away), Vault goes on with it in the background; that is only ever
a user whose password nobody holds yet, or nobody may hold any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import StringConstraints, field_validator

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions
from rotator.contracts.provider import LastUsed, Observation, Overlap, Sight, Traits
from rotator.model.errors import Refused
from rotator.model.once import once
from rotator.model.policy import Recipe
from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed
from rotator.providers.login_fields import wrong_fields
from rotator.providers.vault_database_logins import hosts, logins_of, wrong_with
from rotator.vault.access import Auth, Mount, Name

if TYPE_CHECKING:
    from rotator.providers.vault_database_roles import Role, Roles

UserName = Annotated[str, StringConstraints(min_length=1, max_length=63)]


class VaultDatabase:
    """The two users of one application at one database, held by static roles of Vault or OpenBao.

    What is prepared: a connection of the database engine that allows the names (`allowed_roles="app-*"`), both users
    in the database with the same rights, and a static role for the one in use: its name is `role` or begins with it.
    """

    needs: ClassVar[str] = "a policy of Vault's on the static roles"
    tried_on: ClassVar[str] = "OpenBao 2.7 with PostgreSQL"
    remark: ClassVar[str] = "static roles of Vault and OpenBao, two in turn"

    class Options(AdapterOptions):
        """The database is named by `connection`, which Vault knows; `template` says where consumers log in."""

        role: Name  # what the names of the static roles begin with
        connection: Name  # the name of the database engine's connection
        users: tuple[UserName, UserName]
        template: str  # postgresql:// or mysql://{user}:{password}@host:port/database?options
        auth: Auth  # token, approle or kubernetes
        mount: Mount = "database"  # where the database engine is
        rotation_statements: tuple[str, ...] = ()  # as in Vault; only with ROTATOR_OWN_RECIPES

        @field_validator("users", mode="before")
        @classmethod
        def _take_turns(cls, users: object) -> object:
            if isinstance(users, list | tuple) and (len(users) != 2 or users[0] == users[1]):
                raise ValueError("needs two different users, one in use and one waiting: [app_a, app_b]")
            return users

        @field_validator("template")
        @classmethod
        def _can_be_filled_in(cls, template: str) -> str:
            if trouble := wrong_with(template):
                raise ValueError(trouble)
            return template

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.PAIR,
        mints=True,
        labels=True,
        reversible=False,
        sight=Sight.NO,
        death=Death.TRIED,
    )

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        self._options = self.Options.taken_from(recipe.settings, recipe.secret)
        if self.own_recipe(recipe) and not around.own_recipes:
            raise Refused(
                f"the rotation_statements of {recipe.secret} are written in the policy: Vault would run whatever they "
                "say as the administrator of the database. ROTATOR_OWN_RECIPES=true allows it"
            )
        self._recipe, self._around = recipe, around
        self._logins = logins_of(recipe, self._options.template, around)

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """What is wrong with a policy that Options alone cannot see; one sentence each."""
        return wrong_fields(recipe.fields, "user", "password")

    @classmethod
    def own_recipe(cls, recipe: Recipe) -> str | None:
        """The option in which the policy itself says what Vault runs with rights that the policy's author has not."""
        return "rotation_statements" if recipe.settings.get("rotation_statements") else None

    @classmethod
    def hosts(cls, recipe: Recipe) -> dict[str, list[str]]:
        """Setting -> the hosts that are sent secrets: what `policy check` holds against the allowed hosts."""
        return {"template": hosts(cls.Options.model_validate(recipe.settings).template)}

    @property
    def principal(self) -> str:
        """The pair of users, in whichever order the policy names them."""
        users = "+".join(sorted(self._options.users))
        return f"vault-database:{self._recipe.environment}:{self._options.connection}:{users}"

    def observe(self) -> Observation:
        """The credentials that static roles hold. A user without a static role is a free slot."""
        roles = self._roles.of(self._options.users)
        waiting = self._waiting(roles)
        return Observation(tuple(role.at_source() for role in roles), len(waiting), self._blocker(roles))

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """By comparing what the store holds with what Vault shows. None when Vault shows something else."""
        user, password = self._logins.read(current)
        for role in self._roles.of(self._options.users):
            if role.user == user:
                _user, held, rotated_at = self._roles.password(role.name)
                if Sealed(held) == password:
                    return f"{role.name}@{rotated_at}"
        return None

    def create(self, label: str, predecessor: str | None) -> Credential:  # noqa: ARG002 - the predecessor's role is there
        """A static role for the user whose turn it is. An answer that was lost is found again by the role's name."""
        name, roles = self._roles.named(label), self._roles.of(self._options.users)
        if name not in {role.name for role in roles}:
            if not (waiting := self._waiting(roles)):
                raise Refused(self._blocker(roles))
            options = self._options
            self._roles.make(name, options.connection, waiting[0], options.rotation_statements)
        user, password, rotated_at = self._roles.password(name)
        return Credential(f"{name}@{rotated_at}", self._logins.fields_for(user, password))

    def activate(self, successor: Credential) -> None:
        """Nothing: Vault has told the database already."""

    def verify(self, credential: Credential) -> None:
        """Logs in to the database with exactly what consumers read; Vault is not asked."""
        user, _password = self._logins.read(credential.fields)
        self._logins.attempt(credential.fields, user or "the user in the store")

    def disable(self, credential_id: str) -> None:
        """Raises Refused: Vault knows no such step."""
        raise Refused(f"{credential_id} cannot be disabled: Vault gives a user a password or takes it away")

    def enable(self, credential_id: str) -> None:
        """Raises Refused."""
        raise Refused(f"{credential_id} cannot be enabled: Vault has forgotten it, or it works already")

    def remove(self, credential_id: str) -> None:
        """The user gets a password that nobody has read, and waits without a static role. Open sessions go on.

        Raises Refused when the role holds another credential, because somebody has rotated it by hand.
        """
        name, _, rotated_at = credential_id.rpartition("@")
        role = self._roles.role(name)
        if role is None:
            return
        if role.user not in self._options.users:
            raise Refused(
                f"the static role {name} holds {role.user}, who is none of ours: it was left as it is"
            )
        if role.rotated_at != rotated_at and not role.retiring:
            raise Refused(
                f"somebody has rotated the static role {name} since: it holds {role.credential_id}, which rotator does "
                "not know, so it was left as it is"
            )
        self._roles.retire(role)

    def last_used(self, credential_id: str) -> LastUsed:  # noqa: ARG002 - nothing is known of any of them
        """Unknown: Vault does not see who logs in to the database."""
        return LastUsed(known=False)

    def _waiting(self, roles: tuple[Role, ...]) -> list[str]:
        held = {role.user for role in roles}
        return [user for user in self._options.users if user not in held]

    def _blocker(self, roles: tuple[Role, ...]) -> str:
        if self._waiting(roles):
            return ""
        names = " and ".join(f"{role.name} ({role.user})" for role in roles)
        return (
            f"both users are held by static roles, so neither waits for a successor: {names}. If nobody uses the one "
            "that the store does not hold: vault delete <mount>/static-roles/<its name>"
        )

    @once
    def _roles(self) -> Roles:
        from rotator.providers.vault_database_roles import Roles  # noqa: PLC0415 - hvac is imported on first use
        from rotator.vault.client import Vault  # noqa: PLC0415 - hvac is imported on first use

        vault = Vault(self._options.auth, self._around, lambda name: self._around.resolve(name).reveal())
        return Roles(vault, self._options.mount, self._options.role)
