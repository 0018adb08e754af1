"""Oauth-client: the secret of an OAuth client, at any authorization server that a recipe describes.

Consumers present it at a token endpoint, and so does verify(): the client-credentials grant, which makes a token that
nobody uses. Only that endpoint's own word (`invalid_client`, or what the recipe knows it to say) counts as a refusal.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationError, field_validator

from rotator.addresses import host_of, unsafe
from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions
from rotator.contracts.provider import AtSource, LastUsed, Liveness, Observation, Overlap, Sight, Traits
from rotator.model.errors import Refused, Transient
from rotator.model.once import once
from rotator.model.policy import Recipe
from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed
from rotator.providers.login_fields import wrong_fields
from rotator.providers.oauth_recipe import Address, Ask, OauthRecipe, Values, shipped
from rotator.providers.oauth_server import Client, OauthServer, Secret
from rotator.providers.oauth_tokens import Access

#: 48 letters, digits, - and _: what every token endpoint takes, in a form or a header.
_SECRET_BYTES = 36


class OauthClient:
    """One client. How many secrets it may have, and whether they can be disabled, its recipe says.

    okta: two, can be disabled; entra: many, bear the rotation's label; auth0 and keycloak: one, told by rotator.
    """

    apart: ClassVar[tuple[str, ...]] = ("address", "client_id")
    needs: ClassVar[str] = "an administrator's client or token of the identity provider"
    tried_on: ClassVar[str] = "stand-ins with the shapes of Okta, Entra, Auth0 and Keycloak"
    remark: ClassVar[str] = (
        "Okta, Entra; Auth0 and Keycloak keep one secret: `accept_gap`, and dark as `rds-master`"
    )

    class Options(AdapterOptions):
        """`policy check` holds the addresses against ROTATOR_ALLOWED_HOSTS."""

        recipe: OauthRecipe  # okta, entra, auth0, keycloak, or one that is written here
        client_id: str = Field(pattern=r"^[\x21-\x7e]{1,255}$")
        access: Access  # how rotator is known to the management API
        address: Address | None = None  # of the server, where the recipe does not know it
        token_address: Address | None = None  # where tokens are given, if that is another host
        client_auth: Literal["basic", "post"] | None = None  # how consumers present the secret
        values: Values = Field(default_factory=dict)  # what the recipe's templates name

        @field_validator("recipe", mode="before", json_schema_input_type=str | OauthRecipe)
        @classmethod
        def _by_name(cls, recipe: Any) -> Any:
            return shipped(recipe) if isinstance(recipe, str) else recipe

        @property
        def addresses(self) -> dict[str, str]:
            """Where secrets go, by the setting that says so; empty where nothing does."""
            address = self.address or self.recipe.address or ""
            token_address = self.token_address or self.recipe.token_address or address
            return {"address": address, "token_address": token_address}

    #: The most careful of all recipes, for who asks the class. An adapter that is made has its recipe's: see __init__;
    #: what a policy must say for a source with one secret only, check() demands.
    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.PAIR,
        mints=True,
        labels=False,
        reversible=False,
        sight=Sight.NO,
        death=Death.TRIED,
        acceptances=5,
        propagation=timedelta(minutes=5),
        listing=timedelta(minutes=2),
    )

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        self._options = self.Options.taken_from(recipe.settings, recipe.secret)
        if self.own_recipe(recipe) and not around.own_recipes:
            raise Refused(
                f"the recipe of {recipe.secret} is written in the policy, and not one of rotator's: it would ask "
                "whatever it likes with rotator's own token. ROTATOR_OWN_RECIPES=true allows it"
            )
        self._recipe, self._around, self._described = recipe, around, self._options.recipe
        vars(self)["traits"] = (
            self._described.traits
        )  # the contract says ClassVar: adapters of other kinds have one
        self._mark = f"rotator/{recipe.environment}/"

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """What is wrong with a policy that Options alone cannot see; one sentence each."""
        complaints = wrong_fields(recipe.fields, "client_id", "client_secret")
        try:
            options = cls.Options.model_validate(recipe.settings)
        except ValidationError:
            return complaints  # what is wrong with it is said already
        described = options.recipe
        complaints += [
            f"values must say what {name} is: the recipe {described.name} needs it"
            for name in described.unknown(frozenset(options.values))
        ]
        for key, address in options.addresses.items():
            if not address:
                complaints.append(f"{key} must say where the server is: https://…")
            elif trouble := unsafe(address):
                complaints.append(f"{key}: {trouble}")
        if described.access is None and options.access.token is None:
            complaints.append(
                f"access must be a token: the recipe {described.name} knows no client of rotator's own"
            )
        if described.overlap is Overlap.NONE and not recipe.accept_gap:
            sentence = (
                f"{described.name} accepts one secret at a time; write accept_gap: true to accept a gap"
            )
            complaints.append(sentence)
        return complaints

    @classmethod
    def own_recipe(cls, recipe: Recipe) -> str | None:
        """The option in which the policy itself says which requests are made with rotator's token."""
        return None if isinstance(recipe.settings.get("recipe"), str) else "recipe"

    @classmethod
    def hosts(cls, recipe: Recipe) -> dict[str, list[str]]:
        """Setting -> the hosts that are sent secrets: what `policy check` holds against the allowed hosts."""
        found = cls.Options.model_validate(recipe.settings).addresses
        return {key: [host_of(url)] for key, url in found.items() if not unsafe(url)}

    @property
    def principal(self) -> str:
        """The client: its secrets are counted whoever uses them."""
        return f"oauth-client:{self._options.addresses['address']}:{self._options.client_id}"

    def observe(self) -> Observation:
        """The client's secrets; where the server has one only it lists none, and the client is looked at."""
        if self._described.look is not None:
            self._server.look(self._described.look)
        found = self._listed()
        slots = self._described.slots
        if slots is None:
            return Observation(tuple(map(self._at_source, found)))
        free = max(slots - len(found), 0)
        return Observation(tuple(map(self._at_source, found)), free, "" if free else self._full(found))

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """The one secret that it is, or begins like, by what the server shows; None where that is none or several."""
        value = self._value(current)
        fitting = [secret.id for secret in self._listed() if secret.may_be(value)]
        return fitting[0] if len(fitting) == 1 else None

    def create(self, label: str, predecessor: str | None) -> Credential:  # noqa: ARG002 - secrets are of one kind
        """One more secret, or a value that the server is told later."""
        if self._described.create is None:
            value = Sealed(secrets.token_urlsafe(_SECRET_BYTES))
            return Credential(f"{self._options.client_id}@{label}", self._fields(value))
        secret_id, value = self._server.mint(f"{self._mark}{label}")
        return Credential(secret_id, self._fields(value))

    def activate(self, successor: Credential) -> None:
        """Tells the server, where it is told; the predecessor ends."""
        if self._described.activate is not None:
            self._server.tell(self._value(successor.fields))

    def verify(self, credential: Credential) -> None:
        """Asks for a token with it."""
        own = credential.fields.get("client_id")
        if own is not None and own != Sealed(self._options.client_id):
            raise Refused(
                f"{self._recipe.secret} holds another client's id than {self._options.client_id}: a rotation would "
                "give its consumers another client's rights. Correct client_id, or what is stored"
            )
        self._server.try_secret(self._options.client_id, self._value(credential.fields))

    def disable(self, credential_id: str) -> None:
        """Reversibly, where the recipe knows how. Silent where the secret is gone."""
        self._turn(self._described.disable, "disable", credential_id)

    def enable(self, credential_id: str) -> None:
        """Takes it back. Raises Refused where the secret is gone."""
        if not self._turn(self._described.enable, "enable", credential_id):
            raise Refused(f"{credential_id} is gone: {self._described.name} cannot enable it")

    def remove(self, credential_id: str) -> None:
        """For good; disabled first, where a live one cannot be removed. What is told has ended by the next one.

        Raises Refused for a secret that rotator made in another environment, and Transient for one that the source
        lists and does not find.
        """
        if self._described.remove is None:
            return
        found = next((secret for secret in self._listed() if secret.id == credential_id), None)
        if found and found.label.startswith("rotator/") and not found.label.startswith(self._mark):
            raise Refused(f"{credential_id} is marked as {found.label}, not as ours: it was left as it is")
        if self._described.disable is not None and (found is None or found.live):
            self._server.change(self._described.disable, "disable", credential_id)
        there = self._server.change(self._described.remove, "remove", credential_id)
        if found and not there:
            raise Transient(
                f"{self._described.name} lists {credential_id} and does not find it when asked to remove it: one of "
                "the two is behind; rotator looks again"
            )

    def last_used(self, credential_id: str) -> LastUsed:  # noqa: ARG002 - the same for all
        """Unknown: no management API says which secret a token was asked with."""
        return LastUsed(known=False)

    def _turn(self, ask: Ask | None, doing: str, credential_id: str) -> bool:
        if ask is None:
            raise Refused(
                f"{self._described.name} cannot {doing} {credential_id}: its secrets can only be removed"
            )
        return self._server.change(ask, doing, credential_id)

    def _listed(self) -> tuple[Secret, ...]:
        listing = self._described.observe
        return self._server.listed(listing) if listing else ()

    def _at_source(self, secret: Secret) -> AtSource:
        label = secret.label.removeprefix(self._mark) if secret.label.startswith(self._mark) else None
        return AtSource(
            secret.id, Liveness.LIVE if secret.live else Liveness.DISABLED, secret.created_at, label
        )

    def _full(self, found: tuple[Secret, ...]) -> str:
        return (
            f"{self._options.client_id} has {len(found)} secrets at {self._described.name} "
            f"({', '.join(secret.id for secret in found)}), and may have no more: remove the one that nobody uses"
        )

    def _fields(self, value: Sealed) -> dict[str, Sealed]:
        if "client_id" in self._recipe.fields:
            return {"client_id": Sealed(self._options.client_id), "client_secret": value}
        return {"value": value}

    def _value(self, fields: Mapping[str, Sealed]) -> Sealed:
        return fields["client_secret" if "client_id" in self._recipe.fields else "value"]

    @once
    def _server(self) -> OauthServer:
        options, elsewhere = self._options, self._around.endpoint(f"oauth_{self._described.name}")
        places = dict.fromkeys(options.addresses, elsewhere.rstrip("/")) if elsewhere else options.addresses
        client = Client(
            address=places["address"],
            token_address=places["token_address"],
            client_id=options.client_id,
            client_auth=options.client_auth or self._described.verify.client,
            values=options.values,
            access=options.access,
        )
        return OauthServer(self._described, client, self._around)
