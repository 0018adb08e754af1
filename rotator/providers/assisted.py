"""Assisted: what has no API: a person makes the credential and ends the old one, rotator does everything else.

Stripe's secret keys, Google's OAuth clients, what rotator itself logs in with. Where the service has any address that
tells whether a credential is good, `verify` names it, and both ends are proved by trying: the new one before anybody
reads it, the old one until it is refused. Where there is none, a person's word is all there is, and the record says so.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, NoReturn

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from rotator.addresses import host_of, unsafe
from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions, Duration
from rotator.contracts.provider import LastUsed, Observation, Overlap, Sight, Traits
from rotator.model.errors import CredentialRefused, Refused, Transient
from rotator.model.policy import Recipe
from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed
from rotator.providers import oauth_templates as templates
from rotator.providers.oauth_http import Line, Request
from rotator.providers.oauth_recipe import Template
from rotator.providers.vendor_http import moved

#: A person's credential is tried now and then; no service minds that.
_PER_SECOND = 1.0
#: About the connection or the message and not the credential (RFC 9110, 7.6.1 and 7.2; RFC 9112, 6).
_NOT_THE_POLICYS = frozenset(
    {
        "host",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "content-length",
        "content-encoding",
    }
)


def _harmless(name: str) -> str:
    if name.lower() in _NOT_THE_POLICYS or name.lower().startswith(("proxy-", "transfer-")):
        raise ValueError(
            "may not set where a request goes or how it is carried: Host, Connection, Content-Length …"
        )
    return name


HeaderName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,60}$"), AfterValidator(_harmless)
]
#: Behind the host only a slash: whatever else stood there could end it for one parser and go on for another.
Url = Annotated[
    str,
    StringConstraints(
        pattern=r"^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?((/[\w.~%-]*)+(\?[\w.~%=&-]*)?)?$",
        max_length=500,
    ),
]


class Basic(AdapterOptions):
    """A login as RFC 7617 has it."""

    user: Template = ""
    password: Template = ""


class Verify(AdapterOptions):
    """One request whose answer tells whether a credential is good: 2xx if so, one of `refused` if not."""

    url: Url
    method: Literal["GET", "HEAD", "POST"] = "GET"
    basic: Basic | None = None
    headers: dict[HeaderName, Template] = Field(default_factory=dict)
    refused: tuple[Annotated[int, Field(ge=400, le=404)], ...] = (401,)

    @property
    def names(self) -> set[str]:
        """The fields that its templates name."""
        basic = (self.basic.user, self.basic.password) if self.basic else ()
        return templates.names_in((basic, self.headers))


class Assisted:
    """One credential that only a person can make and end.

    With `verify` its death is proved by trying it (`tried`); without, a person answers for it (`assumed`).
    """

    needs: ClassVar[str] = "a person: `rotator submit`"
    tried_on: ClassVar[str] = "a stand-in for a service with an address to try keys at"

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
        url = moved(how.url, self._around.endpoint("assisted"))
        host = host_of(url)
        self._around.pacer.pace(f"assisted:{host}", _PER_SECOND, burst=3)
        answer = Line(host, self._around).send(
            Request(how.method, url, _headers(how, credential.fields)), f"try {self._recipe.secret}"
        )
        if answer.status < 300:
            return
        if answer.status in how.refused:
            raise CredentialRefused(f"{host} refuses {self._recipe.secret} (HTTP {answer.status})")
        raise Transient(
            f"{host} answers HTTP {answer.status} when {self._recipe.secret} is tried, which says nothing of it: see "
            "whether verify asks for something that this credential may see"
        )

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


def _headers(how: Verify, fields: Mapping[str, Sealed]) -> dict[str, str]:
    headers = {name: templates.header(template, fields) for name, template in how.headers.items()}
    if how.basic is not None:
        login = f"{templates.text(how.basic.user, fields)}:{templates.text(how.basic.password, fields)}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    return headers
