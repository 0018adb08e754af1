"""A source where only people make and end credentials, and the people who do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from rotator.contracts.sealer import Sealer
from rotator.engine.submissions import sealed_in
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import Reason, Rotation
from rotator.model.secrets import Credential, Sealed
from rotator.testing.hostile_source import HostileProvider, HostileSource


class HandSource(HostileSource):
    """It takes nothing from rotator."""

    def adapter(self) -> type[HostileProvider]:
        """The provider's class for this source."""
        return type("HandProvider", (HandProvider,), {"traits": self.traits, "source": self})


class HandProvider(HostileProvider):
    """Takes what a person submitted as the successor."""

    def take(self, label: str, fields: Mapping[str, Sealed]) -> Credential:
        """As the adapter `assisted` does."""
        return Credential(f"submitted@{label}", dict(fields))


def submission(source: HostileSource, request_id: str, secret: str, sealer: Sealer, at: datetime) -> Request:
    """Ana makes the next credential and submits it; the value is sealed where she types it."""
    made = source.somebody_makes()
    asked = Request(id=request_id, kind=RequestKind.SUBMIT, about=secret, by="ana", at=at)
    return sealed_in(asked, made.fields, sealer)


def end_what_is_asked_for(sources: Mapping[str, HostileSource], rotations: Iterable[Rotation]) -> None:
    """Whatever rotations wait for the end of has an end."""
    for row in rotations:
        held = sources[row.secret].by_id(str(row.ledger.predecessor_id)) if _asks(row) else None
        if held is not None:
            sources[row.secret].remove(held)


def _asks(row: Rotation) -> bool:
    return row.reason is Reason.AWAITING_END
