"""What a recipe says: how one kind of authorization server is asked, as data.

Four are shipped (oauth_recipes/), written from their vendors' documentation; another is written in the policy, where
settings allow that: it is requests with rotator's own token. A recipe names paths, never code; hosts are the policy's,
and checked against the settings' allowed hosts. What only looks is a GET, and no name of a secret has two meanings.

A source either mints (`create`, with `observe` and `remove`), or is told a value that rotator made (`look`, then
`activate`). Being told is better where there is one secret only: what consumers will need is sealed in the journal
before the source forgets what they have.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from rotator.contracts.options import AdapterOptions
from rotator.contracts.provider import Overlap, Sight, Traits
from rotator.model.rotation import Death
from rotator.providers.oauth_templates import names_in

RECIPES = Path(__file__).parent / "oauth_recipes"
#: Known in some steps, besides `client_id` and what the policy's `values` say.
_NOTHING = frozenset[str]()
_RESERVED = frozenset(
    {"client_secret", "secret", "token", "id", "label"}
)  # each said by one step or by nobody
_MADE, _NAMED, _TOLD = frozenset({"label"}), frozenset({"id"}), frozenset({"secret"})


def _templates(value: Any) -> Any:
    names_in(value)
    return value


def _keys(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _unreserved(values: dict[str, str]) -> dict[str, str]:
    if _RESERVED & values.keys():
        raise ValueError(f"may not say what {', '.join(sorted(_RESERVED))} are: requests bring their own")
    return values


Template = Annotated[str, AfterValidator(_templates)]
Templates = Annotated[dict[str, Any], AfterValidator(_templates)]
#: The keys that lead to something in a JSON answer, from the outside in; one key may stand alone.
Pointer = Annotated[tuple[str, ...], BeforeValidator(_keys)]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[\w.\[\]:-]+(/[\w.~-]+)*$", max_length=300)]
#: A path of the server; a query has a place of its own.
UrlPath = Annotated[Template, StringConstraints(pattern=r"^(/[\w.~${}-]+)+$", max_length=300)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
#: What templates name.
Values = Annotated[dict[Name, str], AfterValidator(_unreserved)]


class Said(AdapterOptions):
    """An answer that means something particular: its status, and words that it must hold."""

    status: int = Field(ge=400, le=499)
    words: str = ""


class Ask(AdapterOptions):
    """One request. A body is JSON; a form is for who wants one."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: UrlPath
    query: dict[str, Template] = Field(default_factory=dict)
    body: Templates | None = None
    gone: tuple[Said, ...] = ()  # there is no such secret (any more)

    @property
    def names(self) -> set[str]:
        """What its templates name."""
        return names_in((self.path, self.query, self.body))


class Minting(Ask):
    """A request whose answer holds a new secret, this once."""

    id: Pointer
    secret: Pointer


class Listing(Ask):
    """A request that lists a client's secrets, page by page."""

    method: Literal["GET"]
    items: Pointer = ()  # where the list is; empty: the answer is the list
    id: Pointer
    created: Pointer | None = None  # RFC 3339
    label: Pointer | None = None  # where `${label}` of `create` shows
    state: Pointer | None = None
    live: str = ""  # what `state` says of a secret that is accepted
    shown: Pointer | None = None  # the secret itself, where the source shows it
    hint: Pointer | None = None  # how the secret begins
    next: Pointer | None = (
        None  # the next page's URL in the answer; else it is in the Link header, if anywhere
    )


class Look(Ask):
    """A request that changes nothing, before anything is told: whether rotator may, and that it means this client."""

    method: Literal["GET"]
    client: Pointer  # the client's id in the answer


class Telling(Ask):
    """A request that gives the client its next secret."""

    #: The body is laid over what `look` shows: for a server that resets what a request says nothing of.
    onto_look: bool = False


class Word(AdapterOptions):
    """An OAuth error (RFC 6749, 5.2), and words that its description must hold."""

    error: str
    words: str = ""


class Grant(AdapterOptions):
    """The client-credentials grant (RFC 6749, 4.4). The client's id and secret are added as `client` says."""

    path: UrlPath
    form: dict[str, Template] = Field(default_factory=dict)
    client: Literal["basic", "post"] = "post"  # RFC 6749, 2.3.1
    refused: tuple[Word, ...] = (Word(error="invalid_client"),)  # with status 400 or 401 only


class OauthRecipe(AdapterOptions):
    """One kind of authorization server. Durations are seconds; what is not known for sure is said in the file."""

    name: Name  # also of the setting ROTATOR_ENDPOINT_OAUTH_<NAME>, which takes the place of both addresses
    overlap: Overlap
    slots: int | None = Field(default=None, ge=1, le=1000)  # secrets of a client; None: no limit known
    acceptances: int = Field(default=3, ge=1, le=20)
    propagation: int = Field(ge=0, le=3600)
    listing: int = Field(default=0, ge=0, le=3600)
    per_second: float = Field(default=1.0, gt=0, le=100)  # how often the source's management API is asked
    address: Address | None = None  # where it is the same for everybody
    token_address: Address | None = None  # where tokens are given, if that is another host
    values: Values = Field(default_factory=dict)  # what templates name, unless the policy says otherwise
    authorization: Template = "Bearer ${token}"  # the header by which rotator is known
    access: Grant | None = None  # how rotator gets its own token; None: it has a static one
    verify: Grant
    observe: Listing | None = None
    create: Minting | None = None
    look: Look | None = None
    activate: Telling | None = None
    disable: Ask | None = None
    enable: Ask | None = None
    remove: Ask | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        minting = (self.observe, self.create, self.remove)
        if self.activate is not None:
            if any(minting) or self.disable or self.enable or self.overlap is not Overlap.NONE:
                raise ValueError(
                    "a source that is told (activate) has one secret: overlap none, nothing else to ask"
                )
        elif not all(minting) or self.overlap is Overlap.NONE:
            raise ValueError("a source that mints needs create, observe and remove, and overlap pair or many")
        if (
            self.activate
            and self.activate.onto_look
            and not (self.look and isinstance(self.activate.body, dict))
        ):
            raise ValueError("activate.onto_look lays the keys of a body over what look shows: it needs both")
        if (self.disable is None) is not (self.enable is None):
            raise ValueError("disable and enable are there both, or not at all")
        if names_in(self.authorization) != {"token"}:
            raise ValueError("authorization is a header with ${token} in it")
        self._silent_urls()
        self._harmless_names()
        return self

    def _silent_urls(self) -> None:
        """URLs are logged on the way."""
        urls = [(names_in((ask.path, ask.query)), own - _TOLD) for ask, own in self._steps()]
        urls += [(names_in(grant.path), _NOTHING) for grant in (self.verify, self.access) if grant]
        if any(named & _RESERVED - own for named, own in urls):
            raise ValueError(
                "a secret never stands in a path or a query, nor id or label where the step has none"
            )

    def _harmless_names(self) -> None:
        """An id and a label are written down and shown."""
        minting, listing = self.create, self.observe
        if minting is None or listing is None:
            return
        secret = {minting.secret, listing.shown, listing.hint} - {None}
        if secret & {minting.id, listing.id, listing.label}:
            raise ValueError("a secret is no id and no label: both are shown")

    @property
    def traits(self) -> Traits:
        """What the engine is told about such a source."""
        return Traits(
            overlap=self.overlap,
            mints=self.create is not None,
            labels=self.observe is not None and self.observe.label is not None,
            reversible=self.disable is not None,
            sight=Sight.NO,
            death=Death.TRIED,
            acceptances=self.acceptances,
            propagation=timedelta(seconds=self.propagation),
            listing=timedelta(seconds=self.listing),
        )

    def unknown(self, values: frozenset[str]) -> list[str]:
        """What templates name and nobody says, given what the policy says."""
        known = values | self.values.keys() | {"client_id"}
        wanted = {name for ask, own in self._steps() for name in ask.names - own}
        for grant in filter(None, (self.verify, self.access)):
            wanted |= names_in((grant.path, grant.form))
        return sorted(wanted - known)

    def _steps(self) -> Iterator[tuple[Ask, frozenset[str]]]:
        """Every request of the management API, and what is known in it alone."""
        asks = (
            (self.observe, _NOTHING), (self.look, _NOTHING), (self.create, _MADE), (self.activate, _TOLD),
            (self.disable, _NAMED), (self.enable, _NAMED), (self.remove, _NAMED),
        )  # fmt: skip
        yield from ((ask, own) for ask, own in asks if ask is not None)


def shipped_names() -> list[str]:
    """The recipes that come with rotator."""
    return sorted(file.stem for file in RECIPES.glob("*.yaml"))


@cache
def shipped(name: str) -> OauthRecipe:
    """One of them. Raises ValueError when there is none of that name."""
    if name not in shipped_names():
        raise ValueError(f"there is no recipe of that name; there are {', '.join(shipped_names())}")
    return OauthRecipe.model_validate(
        yaml.safe_load((RECIPES / f"{name}.yaml").read_text(encoding="utf-8")) | {"name": name}
    )


def at(said: Any, keys: Pointer) -> Any:
    """What stands there in a JSON answer; None where the way ends before."""
    for key in keys:
        said = said.get(key) if isinstance(said, dict) else None
    return said
