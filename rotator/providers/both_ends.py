"""What every shared secret has in common: no source keeps it, and verifiers are asked over HTTP.

There is nothing to list, to disable or to remove: a shared secret lives in the store alone, as the value in use and in
the accepted set, and both are the engine's. What is left is to make values, and to ask verifiers about them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

import httpx
from pydantic import BaseModel

from rotator.contracts.adapter import Surroundings
from rotator.contracts.provider import LastUsed, Observation, Overlap, Sight, Traits
from rotator.model.errors import CredentialRefused, Refused, Transient
from rotator.model.policy import Recipe
from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed
from rotator.providers.loopback import on_this_machine

#: Connecting and answering each end within this; a probe is 10 s in the worst case.
_PROBE_SECONDS = 4.0


class BothEndsOurs(ABC):
    """A secret that one of ours uses and others of ours verify."""

    needs: ClassVar[str] = "nothing: both ends are consumers of the recipe"
    tried_on: ClassVar[str] = "services of the sandbox that sign and verify"

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.MANY,
        mints=False,
        labels=False,
        reversible=False,
        sight=Sight.OURS,
        death=Death.PROBE,
        shared=True,
    )
    Options: ClassVar[type[BaseModel]]

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        self._recipe, self._around = recipe, around

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """What is wrong with a policy that Options alone cannot see; one sentence each."""
        complaints = []
        if set(recipe.fields) != {"value"}:
            complaints.append("it is one value in one parameter: take `fields` out")
        complaints += [f"probe {url}: {trouble}" for url in recipe.probe if (trouble := _unsafe(url))]
        return complaints

    @property
    def principal(self) -> str:
        """The secret itself: verifiers accept any number of members."""
        return self._recipe.secret

    def observe(self) -> Observation:
        """Nothing: no source keeps it."""
        return Observation(())

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """A name for what is in use when the journal does not remember it; never made from the value."""
        return f"before-{self._recipe.secret}" if "value" in current else None

    def create(self, label: str, predecessor: str | None) -> Credential:  # noqa: ARG002 - all values are of one kind
        """A new value by the system's random generator."""
        return Credential(f"{self._recipe.secret}@{label}", {"value": Sealed(self._generated())})

    def activate(self, successor: Credential) -> None:  # noqa: B027 - there is nobody to tell
        """Nothing: the accepted set makes verifiers accept it."""

    def verify(self, credential: Credential) -> None:
        """Makes something with it, here; whether verifiers accept that is what probe() asks.

        A weaker value than those made here passes: it is in use, and rotating it is the cure.
        """
        self._proof(credential)

    def disable(self, credential_id: str) -> None:
        """Raises Refused: there is no such step."""
        raise Refused(f"{credential_id} cannot be disabled at a source: it ends by leaving the accepted set")

    def enable(self, credential_id: str) -> None:
        """Raises Refused: there is no such step."""
        raise Refused(f"{credential_id} cannot be enabled at a source: it lives by being in the accepted set")

    def remove(self, credential_id: str) -> None:  # noqa: B027 - there is nobody to tell
        """Nothing: no source keeps it."""

    def last_used(self, credential_id: str) -> LastUsed:  # noqa: ARG002 - the same for all
        """Unknown: both ends are consumers of the recipe, and seeing them is the engine's."""
        return LastUsed(known=False)

    def member(self, credential: Credential) -> Sealed:
        """The value itself, where it is symmetric."""
        return credential.fields["value"]

    def probe(self, url: str, credential: Credential) -> None:
        """GET with `Authorization: Bearer <something made by the credential>`.

        2xx: accepted. 401 and 403: CredentialRefused. Everything else says nothing about the credential and is
        Transient: a verifier in the middle of its restart may answer anything. Redirects are not followed, because
        what is in the header would go elsewhere.
        """
        if trouble := _unsafe(url):
            raise Refused(f"probe {url}: {trouble}")
        status, retry_after = _asked(url, self._proof(credential))
        if status in {401, 403}:
            raise CredentialRefused(f"{url} does not accept what {credential.id} makes (HTTP {status})")
        if not 200 <= status < 300:
            raise Transient(f"{url} answers HTTP {status}: neither yes (2xx) nor no (401, 403)", retry_after)

    @abstractmethod
    def _generated(self) -> str:
        """A new value: printable ASCII without blanks, that every store takes as it is."""

    @abstractmethod
    def _proof(self, credential: Credential) -> str:
        """Something that only a holder of the credential can make. Raises Refused when nothing can be made with it."""


def _asked(url: str, proof: str) -> tuple[int, timedelta | None]:
    """The status and Retry-After of the answer; its body is nobody's business. Raises Transient when there is none."""
    timeout = httpx.Timeout(_PROBE_SECONDS)
    try:
        # Proxies of the environment are for the outside: what goes to this machine stays on it.
        with (
            httpx.Client(timeout=timeout, trust_env=not on_this_machine(httpx.URL(url).host)) as client,
            client.stream("GET", url, headers={"Authorization": f"Bearer {proof}"}) as answer,
        ):
            seconds = answer.headers.get("Retry-After", "")
            return answer.status_code, timedelta(seconds=int(seconds)) if seconds.isdecimal() else None
    except httpx.TimeoutException:
        trouble = f"did not answer within {_PROBE_SECONDS:.0f} s"
    except httpx.ConnectError as error:
        trouble = f"cannot be reached ({error})"
    except httpx.HTTPError as error:
        trouble = f"gave no whole answer ({type(error).__name__})"
    raise Transient(f"{url} {trouble}: whether verifiers accept it is not known")


def _unsafe(url: str) -> str:
    """Why a proof must not be sent to the URL; empty when it may."""
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL:
        return "it is not a URL"
    if read.scheme == "https" or (read.scheme == "http" and on_this_machine(read.host)):
        return ""
    return "it must begin with https:// (plain http only to this machine), or others on the way could read the token"
