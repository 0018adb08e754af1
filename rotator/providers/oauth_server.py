"""The secrets of one client in the management API of one authorization server, as a recipe says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeGuard

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions
from rotator.model.errors import Refused, RotatorError, Transient
from rotator.model.secrets import Sealed
from rotator.providers import oauth_templates as templates
from rotator.providers.oauth_http import (
    CHANGING,
    MINTING,
    READING,
    Answer,
    Effect,
    Line,
    Request,
    moment,
    same_place,
)
from rotator.providers.oauth_recipe import Ask, Listing, Look, OauthRecipe, Pointer, Said, Values, at
from rotator.providers.oauth_tokens import Access, TokenEndpoint

# An id is written down, and told in alerts: a server's text that may be anything is none.
_ID = re.compile(r"[A-Za-z0-9_.~-]{1,128}")
#: A list that has no end is no list.
_MOST_PAGES = 50


class Client(AdapterOptions):
    """Whose secret it is, and where. Hosts are checked against the settings' allowed hosts by `policy check`."""

    address: str  # of the management API
    token_address: str  # where tokens are given
    client_id: str
    client_auth: Literal["basic", "post"]  # how consumers present the secret
    values: Values  # what the recipe's templates name
    access: Access


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret as the server lists it. `shown` is the secret itself where the server shows it, `hint` its start."""

    id: str
    live: bool
    created_at: datetime | None = None
    label: str = ""
    shown: Sealed | None = None
    hint: Sealed | None = None

    def may_be(self, value: Sealed) -> bool:
        """Whether it is, or begins like, the value; False where the server shows nothing of it."""
        if self.shown is not None:
            return self.shown == value
        return self.hint is not None and value.reveal().startswith(self.hint.reveal())


class OauthServer:
    """The recipe, filled in for one client."""

    def __init__(self, recipe: OauthRecipe, client: Client, around: Surroundings) -> None:
        self._recipe, self._client, self._around = recipe, client, around
        self._line = Line(recipe.name, around)
        known = {**recipe.values, **client.values, "client_id": client.client_id}
        self._known = {name: Sealed(value) for name, value in known.items()}
        self._tokens = TokenEndpoint(
            recipe, client.token_address, self._known, client.access, self._line, around
        )

    def listed(self, listing: Listing) -> tuple[Secret, ...]:
        """All of the client's secrets. Pages may be empty and have a successor."""
        return tuple(_secret(listing, item) for page in self._pages(listing) for item in page)

    def look(self, look: Look) -> Mapping[str, Any]:
        """The client as it is shown, which may hold its secret.

        Raises Refused where the management API knows it by another id: it would be told its secret.
        """
        doing = f"show the client {self._client.client_id}"
        shown = self._asked(look, doing, READING).said()
        if at(shown, look.client) != self._client.client_id:
            raise Refused(
                f"{self._recipe.name} was asked to {doing} and showed another one: values lead to a client that "
                "client_id does not name; nothing was changed"
            )
        return dict(shown)

    def mint(self, label: str) -> tuple[str, Sealed]:
        """One more: its id and value. Asked once, since a lost answer may have minted."""
        minting = self._recipe.create
        assert minting is not None, "the recipe was checked"
        doing = f"make a secret for {self._client.client_id}"
        answer = self._asked(minting, doing, MINTING, label=Sealed(label))
        body = answer.said()
        found, value = at(body, minting.id), at(body, minting.secret)
        if not (_is_id(found, value) and isinstance(value, str) and value):
            raise Transient(
                f"{self._recipe.name} was asked to {doing} and answered without it or an id that may be shown; "
                "it may have made one"
            )
        return found, Sealed(value)

    def tell(self, secret: Sealed) -> None:
        """The client has this secret from now on, and no other; all else of it stays as it is."""
        telling, look = self._recipe.activate, self._recipe.look
        assert telling is not None, "the recipe was checked"
        onto = self.look(look) if telling.onto_look and look else {}
        doing = f"set the secret of {self._client.client_id}"
        self._asked(telling, doing, CHANGING, onto, secret=secret)

    def change(self, ask: Ask, doing: str, secret_id: str) -> bool:
        """Disables, enables or removes one of its secrets; False where it is gone."""
        return self._asked(ask, f"{doing} {secret_id}", CHANGING, id=Sealed(secret_id)).status < 400

    def try_secret(self, client_id: str, secret: Sealed) -> None:
        """As a consumer would use it. Raises CredentialRefused on the token endpoint's word for it."""
        self._tokens.try_secret(client_id, self._client.client_auth, secret)

    def _pages(self, listing: Listing) -> Iterator[list[Any]]:
        doing, seen = f"list the secrets of {self._client.client_id}", list[str]()
        url: str | None = self._url(listing)
        while url is not None:
            if url in seen or len(seen) == _MOST_PAGES or not same_place(url, self._client.address):
                raise Transient(
                    f"{self._recipe.name} was asked to {doing} and leads from page to page without end"
                )
            seen.append(url)
            answer = self._answered(
                listing, Request(listing.method, url, self._headers(doing)), doing, READING
            )
            items = at(answer.said(), listing.items)
            if not isinstance(items, list):
                raise Transient(f"{self._recipe.name} was asked to {doing} and answered with something else")
            yield items
            following = at(answer.said(), listing.next) if listing.next else answer.next_link()
            url = following if isinstance(following, str) else None

    def _asked(
        self, ask: Ask, doing: str, effect: Effect | None, onto: Mapping[str, Any] = {}, **own: Sealed
    ) -> Answer:
        known = {**self._known, **own}
        headers, content = self._headers(doing), b""
        if ask.body is not None:
            headers["Content-Type"] = "application/json"
            content = templates.json_body(ask.body, known, onto)
        return self._answered(ask, Request(ask.method, self._url(ask, own), headers, content), doing, effect)

    def _answered(self, ask: Ask, request: Request, doing: str, effect: Effect | None) -> Answer:
        """The answer of the management API, if it is a yes, or that what is asked for is gone."""
        self._around.pacer.pace(self._account, self._recipe.per_second, burst=5)
        try:
            answer = self._line.send(request, doing, effect)
        except Transient as later:
            if later.retry_after is not None:
                self._around.pacer.back_off(self._account, later.retry_after)
            raise
        if answer.status < 300 or any(_says(answer, said) for said in ask.gone):
            return answer
        raise self._no(answer, doing)

    def _no(self, answer: Answer, doing: str) -> RotatorError:
        name = self._recipe.name
        if answer.status == 401:
            self._tokens.forget()  # the next attempt asks for another
            return Transient(
                f"{name} does not know rotator's own token and did not {doing}; nothing was changed"
            )
        if answer.status == 403:
            return Transient(
                f"{name} does not allow rotator to {doing}: its own client lacks a right. Nothing was changed, and the "
                "work goes on by itself once it is allowed"
            )
        return Refused(f"{name} will not {doing} (HTTP {answer.status}); nothing was changed")

    def _headers(self, doing: str) -> dict[str, str]:
        return {
            "Authorization": templates.header(self._recipe.authorization, {"token": self._tokens.own(doing)})
        }

    def _url(self, ask: Ask, own: Mapping[str, Sealed] = {}) -> str:
        known = {**self._known, **own}
        query = templates.query(ask.query, known)
        return f"{self._client.address}{templates.path(ask.path, known)}{'?' if query else ''}{query}"

    @property
    def _account(self) -> str:
        return f"oauth:{self._client.address}"


def _secret(listing: Listing, item: Any) -> Secret:
    found, shown = at(item, listing.id), at(item, listing.shown) if listing.shown else None
    if not _is_id(found, shown):
        raise Transient(
            "a secret is listed without an id that may be shown: the recipe does not fit this server"
        )
    return Secret(
        found,
        live=listing.state is None or at(item, listing.state) == listing.live,
        created_at=moment(at(item, listing.created)) if listing.created else None,
        label=str(at(item, listing.label) or "") if listing.label else "",
        shown=_sealed(item, listing.shown),
        hint=_sealed(item, listing.hint),
    )


def _is_id(found: Any, secret: Any) -> TypeGuard[str]:
    """Whether it may be shown, and is not the secret itself."""
    return isinstance(found, str) and bool(_ID.fullmatch(found)) and found != secret


def _sealed(item: Any, keys: Pointer | None) -> Sealed | None:
    value = at(item, keys) if keys else None
    return Sealed(value) if isinstance(value, str) and value else None


def _says(answer: Answer, said: Said) -> bool:
    return answer.status == said.status and said.words.encode() in answer.content
