"""Provider: our adapter to a source, the service that accepts or refuses a credential.

Every method may be called again with the same arguments after a crash and ends in the same place. Adapters raise
`Transient`, `Refused` (`CredentialRefused` for the source's word about a credential) or `NotYet`, never put a value
into a message, and call `guard()` in the last hook before the bytes of an effect leave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Protocol, runtime_checkable

from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed


class Overlap(StrEnum):
    """How many credentials the source keeps alive for one principal."""

    NONE = "none"
    PAIR = "pair"
    MANY = "many"


class Sight(StrEnum):
    """Whether the source shows that a credential is in use."""

    YES = "yes"
    LAGGING = "lagging"
    NO = "no"
    OURS = "ours"  # both ends are consumers of the recipe: confirming them is seeing


@dataclass(frozen=True, slots=True)
class Traits:
    """What a source is like. The engine decides by these and by nothing else about the adapter."""

    overlap: Overlap
    mints: bool  # False: the source is told a value that create() generated; create() then touches nothing
    labels: bool  # a credential at the source bears the rotation's id
    reversible: bool  # disable() exists and enable() takes it back
    sight: Sight
    death: Death
    shared: bool = False  # both ends are ours: the accepted set decides, and no source (`VerifiedProvider`)
    verified: bool = (
        False  # consumers check what its holder signs: it may have an accepted set (`VerifiedProvider`)
    )
    promotes: bool = False  # the predecessor ends when the successor takes its place (`PromotingProvider`)
    submitted: bool = False  # a person makes the successor, and ends the predecessor (`SubmittedProvider`)
    acceptances: int = 1  # how often in a row verify() must pass before the successor counts as accepted
    propagation: timedelta = timedelta(seconds=60)  # bound: an accepted change is seen everywhere by then
    listing: timedelta = timedelta()  # bound: a created credential shows in observe() by then
    verifier_cache: timedelta = timedelta()  # verifiers may keep a copy of the accepted set this long

    @property
    def tells(self) -> bool:
        """Whether anybody can be asked if a credential is accepted."""
        return self.death is not Death.ASSUMED

    @property
    def recognizes(self) -> bool:
        """Whether it knows a credential by its value. A source that only lists tells who is there, and no more."""
        return self.death is not Death.LISTED_GONE


class Liveness(StrEnum):
    """How a credential stands at the source."""

    LIVE = "live"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class AtSource:
    """One credential as the source lists it; no value."""

    id: str
    liveness: Liveness
    created_at: datetime | None = None
    label: str | None = None  # the rotation's id, where the source keeps labels
    last_used: datetime | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What lives at the source for this principal."""

    credentials: tuple[AtSource, ...]
    free_slots: int | None = None  # None: no limit known
    blocker: str = ""  # why there is no free slot, a sentence for people

    def by_id(self) -> Mapping[str, AtSource]:
        """The credentials by id."""
        return {one.id: one for one in self.credentials}


class Use(StrEnum):
    """Whether a credential has been used since a moment."""

    USED = "used"
    UNUSED = "unused"
    UNKNOWN = "unknown"  # an honest answer; never the same as unused


@dataclass(frozen=True, slots=True)
class LastUsed:
    """Use of one credential: when last (if the source says), whether right now (open sessions), by whom."""

    at: datetime | None = None
    now: bool = False
    known: bool = True
    by: str = field(default="")  # who, for people: "3 sessions from 10.0.4.7"

    def since(self, moment: datetime) -> Use:
        """Whether it was used after `moment`."""
        if not self.known:
            return Use.UNKNOWN
        return Use.USED if self.now or (self.at is not None and self.at > moment) else Use.UNUSED


@runtime_checkable
class Provider(Protocol):
    """One principal at one source.

    For `policy check` its class may have three methods more. A sentence stands at the line of the first key it names.
    `check(recipe)`: what is wrong with a recipe that Options alone cannot see, a sentence each.
    `advise(recipe, copies)`: what is worth knowing, a note each; `copies`: the kinds of the mirrors that get one.
    `hosts(recipe)`: setting -> the hosts that a credential is sent to because the policy says so; whoever has it asks
    Surroundings.allows again right before it sends.
    """

    traits: ClassVar[Traits]

    @property
    def principal(self) -> str:
        """The smallest thing whose slots the source counts. Known without asking the source."""

    def observe(self) -> Observation:
        """Lists what lives at the source for this principal. No effect, no values."""

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """The id of the credential that these store fields belong to; None when the source cannot tell."""

    def create(self, label: str, predecessor: str | None) -> Credential:
        """Mints a credential that bears `label` (a clone of the predecessor's kind), or generates a value.

        Never retried blindly: a lost answer raises Transient and may have minted.
        """

    def activate(self, successor: Credential) -> None:
        """Makes the source accept a generated successor. Nothing to do where create() mints."""

    def verify(self, credential: Credential) -> None:
        """Uses the credential as a consumer would. Raises CredentialRefused only on the source's own word."""

    def disable(self, credential_id: str) -> None:
        """The source refuses it from now on, reversibly. Raises Refused where the source has no such step."""

    def enable(self, credential_id: str) -> None:
        """Takes disable() back."""

    def remove(self, credential_id: str) -> None:
        """The source refuses it for good. Silent if already gone; raises Refused when it bears a foreign label."""

    def last_used(self, credential_id: str) -> LastUsed:
        """Use of one credential as far as the source shows it."""


@runtime_checkable
class VerifiedProvider(Provider, Protocol):
    """A secret that verifiers of ours check: whoever signs uses one value, verifiers accept a set.

    Signers are ours as well (`shared`), or the source itself signs what it sends (`verified`).
    """

    def member(self, credential: Credential) -> Sealed:
        """What the accepted set holds of this credential (the value itself for symmetric keys)."""

    def probe(self, url: str, credential: Credential) -> None:
        """Asks the verifiers behind `url` to accept something made by it; CredentialRefused if they do not."""


@runtime_checkable
class SubmittedProvider(Provider, Protocol):
    """A source where only a person can make a credential, and only a person can end one.

    create(), disable(), enable() and remove() raise Refused and have no effect; activate() has nothing to do. Where the
    source cannot even be asked (`tells` is False), verify() lets everything pass, and nobody calls that a proof.
    """

    def take(self, label: str, fields: Mapping[str, Sealed]) -> Credential:
        """What a person submitted, with an id: unique for ever, and made of the label, never of the value.

        Asks nobody. Raises Refused, without a value in its words, for what cannot be a credential of this kind.
        """


@runtime_checkable
class PromotingProvider(Provider, Protocol):
    """A source with one place for the credential in use and one beside it, as Twilio has for an auth token."""

    def promote(self, predecessor: Credential, successor: Credential) -> None:
        """The successor takes the predecessor's place, which the source refuses for good. Silent if that is so already.

        remove() of a successor that was never promoted takes it away from beside the predecessor.
        """
