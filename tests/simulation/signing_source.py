"""The adapter of a source that signs what it sends with the credential, and whose signatures consumers verify."""

from __future__ import annotations

from rotator.model.secrets import Credential, Sealed
from tests.simulation.source import SimProvider


class SimSigningProvider(SimProvider):
    """A source that signs with all live credentials, or with the one that was promoted last."""

    def member(self, credential: Credential) -> Sealed:
        """The value itself."""
        return credential.fields["value"]

    def probe(self, url: str, credential: Credential) -> None:
        """Nobody asks: no secret of this kind has a probe here."""
        raise NotImplementedError

    def promote(self, predecessor: Credential, successor: Credential) -> None:
        """The successor takes the predecessor's place."""

        def promoted() -> None:
            taking = self._source.held.get(successor.id)
            if taking is None or not taking.beside:
                return
            leaving = self._source.find({"value": predecessor.fields["value"].reveal()})
            if leaving is not None:
                self._take(leaving.id, "gone")
            taking.beside = False
            self._world.promises.dirty = True

        self._effect("promote", promoted)
