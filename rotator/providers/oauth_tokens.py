"""Tokens: what a consumer's secret is tried with, and what rotator itself is known by to the management API.

rotator has a static token or a client of its own; either is read by reference when it is needed. A token of its own is
kept until a minute before it ends, or until the server does not take it any more.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote_plus

from pydantic import model_validator

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions, leads_to
from rotator.model.errors import CredentialRefused, Refused, Transient
from rotator.model.secrets import Sealed
from rotator.providers import oauth_templates as templates
from rotator.providers.oauth_http import Answer, Line, Request
from rotator.providers.oauth_recipe import Grant, OauthRecipe, at

#: Seconds; who gives a token for longer gives another one, too.
_LONGEST_LIFE = 86400


class Access(AdapterOptions):
    """How rotator is known to the management API: `{token: ssm:/…}`, or `{client_id: …, client_secret: ssm:/…}`."""

    token: Annotated[str, leads_to("OAUTH_ADMIN_TOKEN")] | None = None
    client_id: str | None = None
    client_secret: Annotated[str, leads_to("OAUTH_ADMIN_SECRET")] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Access:
        client = (self.client_id is not None, self.client_secret is not None)
        if client not in {(True, True), (False, False)} or (self.token is None) is not client[0]:
            raise ValueError("needs a token, or a client_id and a client_secret")
        return self


class TokenEndpoint:
    """Where the server gives tokens."""

    def __init__(
        self,
        recipe: OauthRecipe,
        address: str,
        known: Mapping[str, Sealed],
        access: Access,
        line: Line,
        around: Surroundings,
    ) -> None:
        """`known`: what the recipe's templates name."""
        self._recipe, self._address, self._known = recipe, address, known
        self._access, self._line, self._around = access, line, around
        self._token: tuple[Sealed, float] | None = None  # rotator's own, and its end by the monotonic clock

    def try_secret(self, client_id: str, how: str, secret: Sealed) -> None:
        """The grant, as a consumer asks for it (`how`: basic or post).

        Raises CredentialRefused on the endpoint's own word.
        """
        grant = self._recipe.verify
        answer = self._granted(grant, how, client_id, secret, f"try the secret of {client_id}")
        if answer.status < 300 and isinstance(at(answer.said(), ("access_token",)), str):
            return
        if answer.status in {400, 401} and _refuses(grant, answer.said()):
            raise CredentialRefused(f"{self._recipe.name} refuses the secret of {client_id}")
        raise Transient(
            f"{self._recipe.name} gives {client_id} no token (HTTP {answer.status}), for a reason that says nothing of "
            "its secret: see whether the client may use the client-credentials grant, and its scope or audience"
        )

    def own(self, doing: str) -> Sealed:
        """Rotator's own token, for the management API; `doing` completes "so it could not …"."""
        access, now = self._access, self._around.clock.monotonic()
        if access.token is not None:
            return self._read(access.token)
        if self._token is not None and now < self._token[1]:
            return self._token[0]
        assert access.client_id is not None, "one way in: Access sees to it"
        assert access.client_secret is not None, "one way in: Access sees to it"
        grant = self._recipe.access
        if grant is None:
            raise Refused(
                f"the recipe {self._recipe.name} knows no client of rotator's own: write access: {{token: …}}"
            )
        secret = self._read(access.client_secret)
        answer = self._granted(grant, grant.client, access.client_id, secret, f"let rotator {doing}")
        token, seconds = at(answer.said(), ("access_token",)), at(answer.said(), ("expires_in",))
        if answer.status >= 300 or not isinstance(token, str):
            raise Transient(
                f"{self._recipe.name} gives rotator's own client {access.client_id} no token (HTTP {answer.status}), "
                f"so it could not {doing}; nothing was changed"
            )
        life = min(seconds, _LONGEST_LIFE) - 60 if isinstance(seconds, int) else 0
        self._token = Sealed(token), now + life
        return self._token[0]

    def forget(self) -> None:
        """The server does not take rotator's own token any more."""
        self._token = None

    def _read(self, reference: str) -> Sealed:
        return Sealed(self._around.resolve(reference).reveal().strip())

    def _granted(self, grant: Grant, how: str, client_id: str, secret: Sealed, doing: str) -> Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        fields: dict[str, str] = dict(grant.form)
        known = {**self._known, "client_id": Sealed(client_id), "client_secret": secret}
        if how == "basic":  # RFC 6749, 2.3.1: both are form-encoded first
            login = f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
            headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        else:
            fields |= {"client_id": "${client_id}", "client_secret": "${client_secret}"}
        url = f"{self._address}{templates.path(grant.path, known)}"
        return self._line.send(Request("POST", url, headers, templates.form(fields, known)), doing)


def _refuses(grant: Grant, said: Any) -> bool:
    error, description = at(said, ("error",)), str(at(said, ("error_description",)) or "")
    return any(word.error == error and word.words in description for word in grant.refused)
