"""A source of the matrix: what to start, what consumers do with a credential, and what lives there.

One class for each adapter, some forty lines, and one line in `sources/__init__.py`; the rig does everything else. The
far side is real, or the sandbox's stand-in served by a thread of this process, so that it can be asked past its API.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from rotator.contracts.provider import Traits
from rotator.daemon import adapters
from tests.company.secret import Held
from tests.crash.made import Minted
from tests.crash.reckoning import STRANGE

ENVIRONMENT = "staging"
PATH = f"/taly/{ENVIRONMENT}"
NAME = "SECRET"
#: How late the stand-ins' changes are heard of, and their lists show what is new.
LATE = timedelta(seconds=0.2)


class There(NamedTuple):
    """One credential at the source. `label`: the rotation that it bears; not `accepted`: it is kept, and refused."""

    id: str
    label: str = ""
    accepted: bool = True


class Asked(NamedTuple):
    """A request that verifiers of ours check."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Known(NamedTuple):
    """Everything that create() ever returned; `recent`: of the last two credentials, which are worth a try."""

    made: Sequence[Minted]
    recent: Sequence[Minted]

    def id_of(self, value: str) -> str:
        """Which credential a value belongs to."""
        return next((one.id for one in self.made if one.value == value), STRANGE)


class Source(ABC):
    """One kind of secret at one far side. `adapter`: its provider's name; `rules`: what its policy accepts."""

    adapter: ClassVar[str]
    fields: ClassVar[tuple[str, ...]] = ("value",)
    rules: ClassVar[tuple[str, ...]] = ()
    #: The id of the credential that is there first, where the source has one.
    first_id: str = f"before-{ENVIRONMENT}/{NAME}"
    #: After a lost answer nobody can tell whose an unknown credential is: it parks, and a person removes that one.
    asks_people: ClassVar[bool] = False
    #: Everybody's answer is known at the moment of the reading; else a refusal counts if somebody still lives by it.
    at_once: ClassVar[bool] = False

    @property
    def traits(self) -> Traits:
        """As the adapter tells them."""
        traits: Traits = adapters.adapter("providers", self.adapter).traits
        return traits

    @property
    def accepted_as(self) -> str | None:
        """Where its accepted set is, if it has one."""
        return f"{PATH}/{NAME}_ACCEPTED" if self.traits.shared or self.traits.verified else None

    @property
    def parameters(self) -> tuple[str, ...]:
        """Everything that consumers read for it."""
        fields = tuple(map(parameter, self.fields))
        return (*fields, self.accepted_as) if self.accepted_as else fields

    def shown(self, held: Held) -> dict[str, str]:
        """The fields of what an instance holds."""
        return {field: held[parameter(field)] for field in self.fields}

    def members(self, held: Held) -> list[str]:
        """The accepted set that an instance holds."""
        members: list[str] = json.loads(held[self.accepted_as or ""])
        return members

    def first_set(self, fields: Mapping[str, str]) -> str:
        """The accepted set that a person has made, with the credential that is there first."""
        return json.dumps([*fields.values()])

    # What an adapter's author writes

    @classmethod
    def lacking(cls) -> str:
        """What is not there on this machine, and it cannot be met without; empty where all is there."""
        return ""

    @abstractmethod
    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        """Brings the far side up, to be ended with `around`. The fields of the credential that is in use there."""

    def settings(self) -> Mapping[str, Any]:
        """The adapter's own options."""
        return {}

    def own(self) -> Mapping[str, str]:
        """What rotator itself logs in with: `NAME` -> value of `<path>/rotator/NAME`."""
        return {}

    def environment(self) -> Mapping[str, str]:
        """Variables of the daemon: where the far side is."""
        return {}

    @abstractmethod
    def refused(self, everybody: Mapping[str, Held]) -> Iterator[tuple[Held, str]]:
        """Uses what everybody holds as consumers do. Yields what was refused, and of whom.

        Raises OSError, HTTPException or the driver's own error where there was neither yes nor no.
        """

    @abstractmethod
    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        """What the source has of this secret: by its own list, and where it has none by trying what is `recent`."""

    def lets_in(self, held: Held, asked: Asked) -> bool:
        """Whether an instance lets in who asks; of sources with an accepted set."""
        raise NotImplementedError

    def person_removes(self, credential_id: str) -> None:
        """Somebody removes at the source what an alert has shown; where `asks_people`."""
        raise NotImplementedError

    def person_makes(self) -> Mapping[str, str]:
        """Somebody makes a credential by hand, its fields; where people submit them."""
        raise NotImplementedError

    def person_ends_all_but(self, kept: Mapping[str, str]) -> None:
        """Somebody ends by hand every credential but the one with these fields; where people submit them."""
        raise NotImplementedError


class Login(Source):
    """A source that consumers log in to, with all fields."""

    @abstractmethod
    def takes(self, fields: Mapping[str, str]) -> bool:
        """Whether the far side lets in who shows these fields."""

    def refused(self, everybody: Mapping[str, Held]) -> Iterator[tuple[Held, str]]:
        """Each login once, whoever has it."""
        holders = {tuple(self.shown(held).values()): (held, who) for who, held in everybody.items()}
        for held, who in holders.values():
            if not self.takes(self.shown(held)):
                yield held, who

    def tried(self, known: Known) -> Iterator[There]:
        """Which of the recent ones are let in. What is generated again after a crash has the id that it had before."""
        values: dict[tuple[str, str], list[str]] = {}
        for one in known.recent:
            values.setdefault((one.id, one.rotation), []).append(one.value)
        for (made, label), all_values in values.items():
            fields = [iter(all_values)] * len(self.fields)
            if any(self.takes(dict(zip(self.fields, one, strict=True))) for one in zip(*fields, strict=True)):
                yield There(made, label)


class Both(Source):
    """A shared secret: both ends are ours, and everybody accepts what anybody makes."""

    at_once = True

    @abstractmethod
    def bearer(self, value: str) -> str:
        """What an instance makes with the value and shows to others."""

    @abstractmethod
    def accepts(self, member: str, bearer: str) -> bool:
        """Whether whoever has the member lets the bearer in."""

    def lets_in(self, held: Held, asked: Asked) -> bool:
        """By any member."""
        bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
        return any(self.accepts(member, bearer) for member in self.members(held))

    def refused(self, everybody: Mapping[str, Held]) -> Iterator[tuple[Held, str]]:
        """All were there at the moment of the reading. Who reads a copy has no accepted set."""
        verifiers = {who: held for who, held in everybody.items() if self.accepted_as in held}
        for signer, held in everybody.items():
            bearer = self.bearer(held[parameter("value")])
            for verifier, theirs in verifiers.items():
                if not any(self.accepts(member, bearer) for member in self.members(theirs)):
                    yield held, f"{signer} by {verifier}"

    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        """Whatever anybody accepts."""
        members = {member for held in everybody for member in self.members(held)}
        return [There(known.id_of(member)) for member in members]


def parameter(field: str) -> str:
    """Where a field stands in the store."""
    return f"{PATH}/{NAME}" if field == "value" else f"{PATH}/{NAME}_{field.upper()}"
