"""The far side of a provider under test: what a provider's test class gives to the contract suite."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from rotator.contracts.clock import Clock
from rotator.contracts.provider import Provider, SubmittedProvider, VerifiedProvider
from rotator.model.secrets import Sealed

#: What consumers read of one credential.
Fields = Mapping[str, Sealed]


class SourceWorld(Protocol):
    """A source with one principal, empty at first. Everything but `provider` acts past the provider.

    Where a source has no such thing, a method skips the test with the reason (`pytest.skip`).
    """

    clock: Clock

    @property
    def provider(self) -> Provider:
        """The provider under test; a new one each time, as after a restart."""

    def predecessor(self) -> Fields:
        """A live credential that consumers use, made before rotator came."""

    def foreign(self) -> Fields:
        """One more live credential of the same principal, made by somebody else."""

    def unknown(self) -> Fields:
        """What consumers could read, of a credential that the source does not know."""

    def relabel(self, fields: Fields) -> None:
        """Somebody else marks the credential as theirs, where rotator's label would be."""

    def accepts(self, fields: Fields) -> bool:
        """Whether a consumer gets in with it right now."""

    def in_use(self, fields: Fields) -> AbstractContextManager[None]:
        """A consumer uses it, inside."""

    def unsayable(self, fields: Fields) -> tuple[Sealed, ...]:
        """The parts of it that no message may hold; a user's name is none."""

    def lose_next_answer(self) -> None:
        """The next effect happens, and its answer is lost."""

    def throttle_next(self) -> None:
        """The next call is turned away with "later"."""

    def away(self) -> AbstractContextManager[None]:
        """Nobody answers, inside."""

    def settle(self) -> None:
        """Lets the source's own bounds pass: what was changed is seen everywhere, what was made is listed."""


class SubmittedWorld(Protocol):
    """A source where people make and end credentials. Everything but `provider` is done by them."""

    @property
    def provider(self) -> SubmittedProvider:
        """The provider under test; a new one each time, as after a restart."""

    def made(self) -> Fields:
        """A person makes a credential; each time another."""

    def ended(self, fields: Fields) -> None:
        """A person ends it."""

    def unfit(self) -> Fields:
        """What can be no credential of this kind; skips where anything can."""

    def throttle_next(self) -> None:
        """The next call is turned away with "later"."""

    def away(self) -> AbstractContextManager[None]:
        """Nobody answers, inside."""


class VerifierWorld(Protocol):
    """Verifiers of a shared secret behind a URL of this machine; `LoopbackVerifiers` is most of one."""

    url: str

    @property
    def provider(self) -> VerifiedProvider:
        """The provider under test; a new one each time, as after a restart."""

    def predecessor(self) -> Fields:
        """What is in use before rotator came; no other test has the same."""

    def accept(self, *members: Sealed) -> None:
        """The verifiers accept what these members of the accepted set make, and nothing else."""

    def answer(self, status: int, **headers: str) -> None:
        """The verifiers answer everything with this status, `Retry_After="7"` as a header."""

    def away(self) -> AbstractContextManager[None]:
        """Nobody answers, inside."""

    def arrived(self) -> list[str]:
        """The paths that were asked for, in order."""
