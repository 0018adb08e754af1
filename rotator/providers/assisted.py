"""Assisted: what has no API: a person makes the credential and ends the old one, rotator does everything else.

Stripe's secret keys, Google's OAuth clients, what rotator itself logs in with. Where the service has any address that
tells whether a credential is good, `verify` names it, and both ends are proved by trying: the new one before anybody
reads it, the old one until it is refused. Where there is none, a person's word is all there is, and the record says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar, NoReturn

from pydantic import Field, ValidationError

from rotator.addresses import host_of, unsafe
from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions, Duration
from rotator.contracts.provider import LastUsed, Observation, Overlap, Sight, Traits
from rotator.model.errors import Refused
from rotator.model.policy import Recipe
from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed
from rotator.providers.assisted_trial import Verify, try_at


class Assisted:
    """One credential that only a person can make and end.

    With `verify` its death is proved by trying it (`tried`); without, a person answers for it (`assumed`).
    """

    needs: ClassVar[str] = "a person: `rotator submit`"
    tried_on: ClassVar[str] = "a stand-in for a service with an address to try keys at"
    remark: ClassVar[str] = (
        "no API: a person makes it, and looks who uses it; `tried` where the policy says how"
    )

    class Options(AdapterOptions):
        """`policy check` holds the address against ROTATOR_ALLOWED_HOSTS."""

        verify: Verify | None = None  # the request that tries a credential, with ${field} in its templates
        settles: Duration | None = (
            None  # without it: so long a new one may not be accepted yet; 1m by default
        )
        begins_with: dict[str, str] = Field(default_factory=dict)  # by field: how all of that kind begin

    #: Of a source that nobody can ask; one with `verify` is told dead by trying.
    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.MANY,
        mints=False,
        labels=False,
        reversible=False,
        sight=Sight.NO,
        death=Death.ASSUMED,
        submitted=True,
        propagation=timedelta(seconds=60),
    )

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        self._options = self.Options.taken_from(recipe.settings, recipe.secret)
        self._recipe, self._around = recipe, around
        if self._options.verify is not None:
            vars(self)["traits"] = replace(self.traits, death=Death.TRIED)
        else:
            settles = (self._options.settles or self.traits.propagation) * recipe.scale
            vars(self)["traits"] = replace(self.traits, propagation=settles)

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """What is wrong with a policy that Options alone cannot see; one sentence each."""
        try:
            options = cls.Options.model_validate(recipe.settings)
        except ValidationError:
            return []  # what is wrong with it is said already
        known = ", ".join(sorted(recipe.fields))
        complaints = [
            f"begins_with names {field}, which is no field of it: there is {known}"
            for field in options.begins_with
            if field not in recipe.fields
        ]
        if options.verify is None:
            return complaints
        if options.settles is not None:
            complaints.append(
                "settles is for what nobody can ask about; with verify the service is asked: take it out"
            )
        if trouble := unsafe(options.verify.url):
            complaints.append(f"verify.url: {trouble}")
        if not options.verify.names:
            complaints.append(
                f"verify sends no field of the credential: write ${{field}} into it; there is {known}"
            )
        complaints += [
            f"verify names ${{{name}}}, which is no field of it: there is {known}"
            for name in sorted(options.verify.names - set(recipe.fields))
        ]
        return complaints

    @classmethod
    def hosts(cls, recipe: Recipe) -> dict[str, list[str]]:
        """Setting -> the hosts that are sent secrets: what `policy check` holds against the allowed hosts."""
        verify = cls.Options.model_validate(recipe.settings).verify
        return {"verify": [host_of(verify.url)]} if verify and not unsafe(verify.url) else {}

    @property
    def principal(self) -> str:
        """The secret: nobody counts what a service keeps for it."""
        return f"assisted:{self._recipe.secret}"

    def observe(self) -> Observation:
        """Nothing: there is nobody to list it."""
        return Observation(())

    def identify(self, current: Mapping[str, Sealed]) -> str | None:  # noqa: ARG002 - the same for all
        """None: the service does not tell."""
        return None

    def take(self, label: str, fields: Mapping[str, Sealed]) -> Credential:
        """`submitted@<rotation>`. Raises Refused for a value that begins otherwise than all of its kind."""
        for field, beginning in self._options.begins_with.items():
            if field in fields and not fields[field].reveal().startswith(beginning):
                which = (
                    f"{self._recipe.secret}, {field}" if len(self._recipe.fields) > 1 else self._recipe.secret
                )
                raise Refused(f"{which}: it does not begin with {beginning}, as all of its kind do")
        return Credential(f"submitted@{label}", dict(fields))

    def create(self, label: str, predecessor: str | None) -> Credential:  # noqa: ARG002 - only a person can
        """Refused."""
        self._refuse("make")

    def activate(self, successor: Credential) -> None:
        """It is accepted from the moment when a person made it."""

    def verify(self, credential: Credential) -> None:
        """Tries it, where policy says how. Without, everything passes, and the traits say that it is no proof."""
        how = self._options.verify
        if how is None:
            return
        try_at(how, credential.fields, self._recipe.secret, self._around)

    def disable(self, credential_id: str) -> None:  # noqa: ARG002 - only a person can
        """Refused."""
        self._refuse("disable")

    def enable(self, credential_id: str) -> None:  # noqa: ARG002 - only a person can
        """Refused."""
        self._refuse("enable")

    def remove(self, credential_id: str) -> None:  # noqa: ARG002 - only a person can
        """Refused."""
        self._refuse("end")

    def last_used(self, credential_id: str) -> LastUsed:  # noqa: ARG002 - the same for all
        """Unknown: the service does not tell rotator."""
        return LastUsed(known=False)

    def _refuse(self, doing: str) -> NoReturn:
        raise Refused(f"only a person can {doing} {self._recipe.secret} at its source")
