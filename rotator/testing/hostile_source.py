"""A source as bad as a source may be: what it is like is a matter of its `Traits` and of a few numbers.

It lives in memory and in the time of a clock, and survives its providers: a crash of rotator throws a provider away,
not the source. Every call is an I/O with named moments, told to a hook (`io`) that may raise, freeze, let others run,
or let time pass:

    observe:before                     nothing has happened yet: a fault here is a request that was lost
    disable:before, disable:guarded    (effects only) guard() has let it pass: what freezes here cannot be fenced
    disable:after                      it has happened: a fault here is a lost answer

The effects are create (where the source mints), activate (where it is told), disable, enable, remove. What a
consumer or a person does goes past the hook.

    clock = VirtualClock()
    source = HostileSource(TRAITS, clock, slots=2, propagation=timedelta(seconds=30), io=faults)
    provider = source.adapter()(recipe, surroundings(clock=clock))
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar

from rotator.contracts.adapter import Surroundings
from rotator.contracts.clock import Clock
from rotator.contracts.guard import CALL_SECONDS, MINT_SECONDS, guard
from rotator.contracts.provider import AtSource, LastUsed, Liveness, Observation, Overlap, Sight, Traits
from rotator.model.errors import CredentialRefused, Refused
from rotator.model.policy import Recipe
from rotator.model.secrets import Credential, Sealed

Io = Callable[[str], None]
T = TypeVar("T")

_OURS = "rotator:"  # how a label of ours begins at this source
_PAIR = ("a", "b")


@dataclass
class Held:
    """One credential as the source has it."""

    id: str
    fields: Mapping[str, Sealed]
    created_at: datetime
    label: str = ""
    liveness: Liveness = Liveness.LIVE
    removed_at: datetime | None = None
    last_used: datetime | None = None
    changes: list[tuple[datetime, bool]] = field(default_factory=list)  # from when on it is accepted, or not

    def accepted(self, at: datetime) -> bool:
        """Whether the source accepts it; a change needs its time to get around."""
        return next((accepted for since, accepted in reversed(self.changes) if since <= at), False)


class HostileSource:
    """One principal. `propagation` and `listing` are how long it takes now; its traits only promise an upper bound.

    `slots` counts everything that is not removed. Sources that are told their values keep labels; the credential id
    needs them (`a@<rotation>`).
    """

    def __init__(
        self,
        traits: Traits,
        clock: Clock,
        *,
        io: Io = lambda _moment: None,
        slots: int | None = None,
        propagation: timedelta = timedelta(),
        listing: timedelta = timedelta(),
        fields: tuple[str, ...] = ("value",),
    ) -> None:
        assert traits.mints or traits.labels, "a source that is told its values needs labels for unique ids"
        assert propagation <= traits.propagation
        assert listing <= traits.listing
        self.traits, self.clock, self.io = traits, clock, io
        self.slots = 2 if traits.overlap is Overlap.PAIR else slots
        self.propagation, self.listing, self.field_names = propagation, listing, fields
        self.held: list[Held] = []

    def adapter(self) -> type[HostileProvider]:
        """The provider's class for this source; its instances are as short-lived as processes."""
        return type("HostileProvider", (HostileProvider,), {"traits": self.traits, "source": self})

    # what consumers and people do

    def accepts(self, fields: Mapping[str, Sealed]) -> bool:
        """A consumer gets in, and that counts as use."""
        found = self.find(fields)
        if found is None or not found.accepted(self.clock.now()):
            return False
        found.last_used = self.clock.now()
        return True

    def somebody_makes(self, label: str = "") -> Held:
        """A person makes a credential, accepted everywhere at once."""
        slot = next((name for name in _PAIR if self._in_slot(name) is None), "c")
        told = f"{slot if self.traits.overlap is Overlap.PAIR else slot + secrets.token_hex(8)}@first"
        held = Held(self._new_id() if self.traits.mints else told, self.new_fields(), self.clock.now(), label)
        held.changes.append((self.clock.now(), True))
        self.held.append(held)
        return held

    # what the source does

    def living(self) -> list[Held]:
        """What is not removed."""
        return [held for held in self.held if held.removed_at is None]

    def find(self, fields: Mapping[str, Sealed]) -> Held | None:
        """The credential with these values, removed ones included."""
        return next((held for held in self.held if held.fields == fields), None)

    def by_id(self, credential_id: str) -> Held | None:
        """The credential with this id that is not removed."""
        return next((held for held in self.living() if held.id == credential_id), None)

    def free(self) -> int | None:
        """How many more it takes; a disabled one of a pair is only a name that waits."""
        if self.slots is None:
            return None
        waits = self.traits.overlap is Overlap.PAIR and not self.traits.mints
        return self.slots - sum(1 for held in self.living() if not waits or held.liveness is Liveness.LIVE)

    def listed(self) -> list[Held]:
        """What a listing shows: the new late, and the removed for a while longer."""
        since = self.clock.now() - self.listing
        return [
            held
            for held in self.held
            if held.created_at <= since and (held.removed_at is None or held.removed_at > since)
        ]

    def mint(self, label: str) -> Held:
        """Makes one; its values are told once."""
        if self.traits.overlap is Overlap.NONE:
            for held in self.living():
                self.remove(held)
        elif self.free() == 0:
            raise Refused(f"the source keeps {self.slots} credentials at most")
        return self._add(self._new_id(), self.new_fields(), label)

    def tell(self, credential: Credential, label: str) -> None:
        """Takes a value; the same once more is no change."""
        there = self.by_id(credential.id)
        if there is not None:
            self.set_liveness(there, Liveness.LIVE)
            return
        if self.traits.overlap is Overlap.NONE:
            for held in self.living():
                self.remove(held)
        in_slot = self._in_slot(credential.id.partition("@")[0])
        if in_slot is not None and in_slot.liveness is Liveness.LIVE:
            raise Refused(f"{in_slot.id} is in somebody's use: nothing was changed")
        if in_slot is not None:
            self.remove(in_slot)
        self._add(credential.id, credential.fields, label)

    def set_liveness(self, held: Held, liveness: Liveness) -> None:
        """Enables or disables."""
        if held.liveness is not liveness:
            held.liveness = liveness
            held.changes.append((self.clock.now() + self.propagation, liveness is Liveness.LIVE))

    def remove(self, held: Held) -> None:
        """For good."""
        held.removed_at = self.clock.now()
        held.changes.append((self.clock.now() + self.propagation, False))

    def new_fields(self) -> dict[str, Sealed]:
        """Values that nobody has."""
        return {name: Sealed(secrets.token_hex(16)) for name in self.field_names}

    def _add(self, credential_id: str, fields: Mapping[str, Sealed], label: str) -> Held:
        held = Held(credential_id, fields, self.clock.now(), label)
        held.changes.append((self.clock.now() + self.propagation, True))
        self.held.append(held)
        return held

    def _new_id(self) -> str:
        return f"key-{len(self.held) + 1}"

    def _in_slot(self, slot: str) -> Held | None:
        return next((held for held in self.living() if held.id.partition("@")[0] == slot), None)


class HostileProvider:
    """Provider of a HostileSource; see `HostileSource.adapter`."""

    traits: ClassVar[Traits]
    source: ClassVar[HostileSource]

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        self._recipe, self._around = recipe, around
        self._mark = f"{_OURS}{recipe.secret}:"

    @property
    def principal(self) -> str:
        """The secret."""
        return f"hostile:{self._recipe.secret}"

    def observe(self) -> Observation:
        """What is listed by now."""
        return self._read("observe", self._listing)

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """By the values."""
        found = self._read("identify", lambda: self.source.find(current))
        return found.id if found is not None else None

    def create(self, label: str, predecessor: str | None) -> Credential:
        """Mints, or generates."""
        if self.traits.mints:
            held = self._effect("create", lambda: self.source.mint(self._labelled(label)), MINT_SECONDS)
            return Credential(held.id, held.fields)
        slot = next(name for name in _PAIR if name != (predecessor or "").partition("@")[0])
        many = self.traits.overlap is Overlap.MANY
        return Credential(f"{secrets.token_hex(4) if many else slot}@{label}", self.source.new_fields())

    def activate(self, successor: Credential) -> None:
        """Tells a value that was generated."""
        if not self.traits.mints:
            label = self._labelled(successor.id.rpartition("@")[2])
            self._effect("activate", lambda: self.source.tell(successor, label))

    def verify(self, credential: Credential) -> None:
        """A login."""
        if not self._read("verify", lambda: self.source.accepts(credential.fields)):
            raise CredentialRefused(f"the source refuses {credential.id}")

    def disable(self, credential_id: str) -> None:
        """Reversibly, where the source can."""
        self._turn("disable", credential_id, Liveness.DISABLED)

    def enable(self, credential_id: str) -> None:
        """Takes it back."""
        if self._turn("enable", credential_id, Liveness.LIVE) is None:
            raise Refused(f"{credential_id} was removed")

    def remove(self, credential_id: str) -> None:
        """For good, unless somebody marked it as theirs."""

        def removed() -> None:
            held = self.source.by_id(credential_id)
            if held is not None and held.label and not held.label.startswith(self._mark):
                raise Refused(f"{credential_id} is marked as somebody else's: it was left as it is")
            if held is not None:
                self.source.remove(held)

        self._effect("remove", removed)

    def last_used(self, credential_id: str) -> LastUsed:
        """As far as the source shows it."""
        held = self._read("last_used", lambda: self.source.by_id(credential_id))
        if held is None or self.traits.sight is Sight.NO:
            return LastUsed(known=False)
        return LastUsed(at=held.last_used)

    def _turn(self, name: str, credential_id: str, liveness: Liveness) -> Held | None:
        if not self.traits.reversible:
            raise Refused("this source can only remove")

        def turned() -> Held | None:
            held = self.source.by_id(credential_id)
            if held is not None:
                self.source.set_liveness(held, liveness)
            return held

        return self._effect(name, turned)

    def _listing(self) -> Observation:
        free = self.source.free()
        blocker = "" if free is None or free > 0 else f"all {self.source.slots} slots are taken: remove one"
        return Observation(tuple(self._at_source(held) for held in self.source.listed()), free, blocker)

    def _at_source(self, held: Held) -> AtSource:
        ours = self.traits.labels and held.label.startswith(self._mark)
        return AtSource(
            held.id,
            held.liveness,
            created_at=held.created_at,
            label=held.label.removeprefix(self._mark) if ours else None,
            last_used=held.last_used if self.traits.sight is not Sight.NO else None,
        )

    def _labelled(self, label: str) -> str:
        return f"{self._mark}{label}" if self.traits.labels else ""

    def _read(self, name: str, look: Callable[[], T]) -> T:
        self.source.io(f"{name}:before")
        seen = look()
        self.source.io(f"{name}:after")
        return seen

    def _effect(self, name: str, happens: Callable[[], T], seconds: float = CALL_SECONDS) -> T:
        self.source.io(f"{name}:before")
        guard(seconds)
        self.source.io(f"{name}:guarded")
        made = happens()
        self.source.io(f"{name}:after")
        return made
