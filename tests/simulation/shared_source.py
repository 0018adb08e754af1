"""The adapter of a secret whose both ends are consumers: no source keeps it, verifiers accept it."""

from __future__ import annotations

from collections.abc import Mapping

from rotator.contracts.provider import Observation
from rotator.model.errors import CredentialRefused, Refused
from rotator.model.secrets import Credential, Sealed
from tests.simulation.source import SimProvider


class SimSharedProvider(SimProvider):
    """A secret whose both ends are consumers: what counts is what living verifiers accept."""

    def member(self, credential: Credential) -> Sealed:
        """The value itself."""
        return credential.fields["value"]

    def probe(self, url: str, credential: Credential) -> None:
        """One verifier behind the URL, as a load balancer picks it."""
        value = credential.fields["value"].reveal()

        def asked() -> None:
            workload = self._world.workloads[url]
            verifier = self._world.random.choice(workload.living())
            if value not in verifier.accepted_set(self._world.accepted_names[self._source.secret]):
                raise CredentialRefused("the verifier refuses a token made by it")

        self._read("probe", asked)

    def verify(self, credential: Credential) -> None:
        """Well formed: there is no far side to ask."""

    def observe(self) -> Observation:
        """No source keeps these."""
        return Observation(())

    def activate(self, successor: Credential) -> None:
        """Nobody has to be told."""

    def disable(self, credential_id: str) -> None:
        """Verifiers decide; the accepted set is the way."""
        raise Refused("the accepted set decides")

    def remove(self, credential_id: str) -> None:
        """As disable()."""
        raise Refused("the accepted set decides")

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """A key id that depends on the value, as a thumbprint does."""
        value = current["value"].reveal()
        return self._world.key_id(value) if self._source.names_credentials else None
