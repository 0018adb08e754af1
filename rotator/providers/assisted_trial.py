"""The request that tells whether a credential is good: what a policy may say of it, and how it is sent.

A policy chooses an address and where the fields go in a login or in headers. Nothing of the credential is ever in the
address, which others log, and nothing that the policy writes reaches the connection.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from rotator.addresses import host_of
from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions
from rotator.model.errors import CredentialRefused, Transient
from rotator.model.secrets import Sealed
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


def try_at(how: Verify, fields: Mapping[str, Sealed], secret: str, around: Surroundings) -> None:
    """Sends it. Raises CredentialRefused for the service's no, Transient for what is neither yes nor no."""
    url = moved(how.url, around.endpoint("assisted"))
    host = host_of(url)
    around.pacer.pace(f"assisted:{host}", _PER_SECOND, burst=3)
    answer = Line(host, around).send(Request(how.method, url, _headers(how, fields)), f"try {secret}")
    if answer.status < 300:
        return
    if answer.status in how.refused:
        raise CredentialRefused(f"{host} refuses {secret} (HTTP {answer.status})")
    raise Transient(
        f"{host} answers HTTP {answer.status} when {secret} is tried, which says nothing of it: see "
        "whether verify asks for something that this credential may see"
    )


def _headers(how: Verify, fields: Mapping[str, Sealed]) -> dict[str, str]:
    headers = {name: templates.header(template, fields) for name, template in how.headers.items()}
    if how.basic is not None:
        login = f"{templates.text(how.basic.user, fields)}:{templates.text(how.basic.password, fields)}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    return headers
