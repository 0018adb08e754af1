"""Secret values and the things that carry them.

A value is a `Sealed` from the moment it enters the process until an adapter hands it to the far side. Everything
that shows, logs or serialises objects goes through repr, str, format, pickle or JSON; a `Sealed` answers none of
them, so a leak needs somebody to write `.reveal()`, and a test keeps that word inside the adapter packages.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from rotator.model.json_text import Places, is_text, parsed, places, string_at, with_strings
from rotator.model.jwks import public_thumbprint


class Sealed:
    """A secret value in memory. `reveal()` is the only way in; equality takes constant time."""

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]  # a hash of a secret in a set or dict would be a fingerprint

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The plain value, for the far side only."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sealed):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __repr__(self) -> str:
        return "Sealed(…)"

    def __format__(self, _spec: str) -> str:
        return "Sealed(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sealed value is never pickled or copied into a message")

    @property
    def size(self) -> int:
        """Length in bytes of the value as UTF-8, which is what stores limit."""
        return len(self._value.encode())


@dataclass(frozen=True, slots=True)
class Credential:
    """One thing a source accepts: a public id, unique for ever, and sealed fields.

    `fields` are exactly what consumers read (`value` when there is only one): each in a store parameter of its own, or
    all in one as a JSON object.
    """

    id: str
    fields: Mapping[str, Sealed]


class MalformedSet(ValueError):
    """An accepted set that nobody can read, or that is of another form than the member; the message never shows it."""


class AcceptedSet:
    """What verifiers of a shared secret accept, in one parameter, edited and never replaced.

    A JSON list of strings; for asymmetric keys a JWKS (RFC 7517 section 5), whose members are public JWKs. Members of a
    JWKS are the same when their RFC 7638 thumbprints are, whatever `kid` somebody has given them.
    """

    __slots__ = ("_document", "_members")

    def __init__(self, members: Iterable[Sealed], document: Mapping[str, Any] | None = None) -> None:
        self._members = tuple(members)
        self._document = document  # the JWKS with all that it says besides its keys; None: a JSON list

    @classmethod
    def of(cls, member: Sealed) -> AcceptedSet:
        """The first one, with one member: a JWKS when that is a public JWK."""
        return cls([member], None if public_thumbprint(member._value) is None else {})

    @classmethod
    def parse(cls, value: Sealed) -> AcceptedSet:
        """Read the parameter's value. Raises MalformedSet when it is neither a JSON list of strings nor a JWKS."""
        try:
            read = parsed(value._value)
        except ValueError:
            read = None
        if isinstance(read, list) and all(map(is_text, read)):
            return cls(Sealed(member) for member in read)
        keys = read.get("keys") if isinstance(read, dict) else None
        if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
            raise MalformedSet("the accepted set is not a JSON list of strings, and no JWKS either")
        return cls((Sealed(json.dumps(key)) for key in keys), read)

    def sealed(self) -> Sealed:
        """The value to write back. A JWKS without blanks: some stores take 4 KB."""
        if self._document is None:
            return Sealed(json.dumps([member._value for member in self._members]))
        keys = [json.loads(member._value) for member in self._members]
        return Sealed(json.dumps({**self._document, "keys": keys}, separators=(",", ":")))

    def __contains__(self, member: Sealed) -> bool:
        return any(self._same(member, other) for other in self._members)

    def __len__(self) -> int:
        return len(self._members)

    def including(self, member: Sealed) -> AcceptedSet:
        """The set with `member` in it; other members stay as they are. Raises MalformedSet."""
        self._must_suit(member)
        return self if member in self else AcceptedSet((*self._members, member), self._document)

    def without(self, member: Sealed) -> AcceptedSet:
        """The set with `member` gone; other members stay as they are. Raises MalformedSet."""
        self._must_suit(member)
        return AcceptedSet(
            (other for other in self._members if not self._same(other, member)), self._document
        )

    def strangers(self, *ours: Sealed) -> int:
        """How many members are none of `ours`: somebody else wrote them."""
        return sum(1 for member in self._members if not any(self._same(member, own) for own in ours))

    def _same(self, one: Sealed, other: Sealed) -> bool:
        if self._document is None:
            return one == other
        named = public_thumbprint(one._value)
        return named is not None and named == public_thumbprint(other._value)

    def _must_suit(self, member: Sealed) -> None:
        """Verifiers that read the one form cannot read the other."""
        is_key = public_thumbprint(member._value) is not None
        if is_key and self._document is None:
            raise MalformedSet(
                'the accepted set is a JSON list, but a public key belongs into {"keys": [...]}'
            )
        if not is_key and self._document is not None:
            raise MalformedSet(
                "the accepted set is a JWKS, but what rotates is no public key: see `algorithm`"
            )


class MalformedObject(ValueError):
    """No JSON object, or one without a field that should be in it; the message never shows it."""


class JsonObject:
    """All fields of one credential in one parameter, so that nobody reads halves of two; edited, never replaced.

    What other people keep in it stays as it is, to the letter.
    """

    __slots__ = ("_places", "_text")

    def __init__(self, text: Sealed, there: Places) -> None:
        self._text, self._places = text, there

    @classmethod
    def parse(cls, value: Sealed) -> JsonObject:
        """Read the parameter's value. Raises MalformedObject when it is none, or says a key twice."""
        there = places(value._value)
        if there is None:
            raise MalformedObject("it is no JSON object, or one that says a key twice")
        return cls(value, there)

    def sealed(self) -> Sealed:
        """The value to write."""
        return self._text

    def fields(self, names: Iterable[str]) -> dict[str, Sealed]:
        """These fields. Raises MalformedObject when one is not there, or is no text."""
        found = {}
        for name in names:
            text = string_at(self._text._value, self._places[name]) if name in self._places else None
            if text is None:
                raise MalformedObject(f'its field "{name}" is missing, or is no text')
            found[name] = Sealed(text)
        return found

    def having(self, fields: Mapping[str, Sealed]) -> JsonObject:
        """The object with these fields; all else stays as it is. Raises MalformedObject as fields() does."""
        there = self.fields(fields)
        changed = {name: value._value for name, value in fields.items() if value != there[name]}
        return JsonObject.parse(Sealed(with_strings(self._text._value, self._places, changed)))


@dataclass(frozen=True, slots=True)
class StoredValue:
    """What a store holds under a name at one version."""

    value: Sealed
    version: int


@dataclass(frozen=True, slots=True)
class ParameterAge:
    """Metadata of one parameter, never its value.

    `modified_at` is the time of the last write by anyone: a put of the same value resets it.
    """

    name: str
    version: int
    modified_at: datetime
    modified_by: str = ""
    kind: str = "SecureString"


#: Three heartbeats; an owner not seen for so long is dead, and its environment may be claimed.
OWNER_LIFE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Owner:
    """The installation that owns an environment: who, since when seen alive, and its journal's generation."""

    installation: str
    heartbeat_at: datetime
    generation: int = 0

    def lives(self, at: datetime) -> bool:
        """Whether it was seen alive within OWNER_LIFE before `at`: then nobody else may write to its environment."""
        return at - self.heartbeat_at < OWNER_LIFE
