"""What people did about a secret: asked, approved, rejected, acknowledged; who, when, why, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rotator.cli.opening import Place
from rotator.engine.report.times import moment
from rotator.model.requests import Request, RequestState, Via
from rotator.model.rotation import Rotation


def deeds_about(place: Place, secret: str, rotations: Sequence[Rotation], limit: int) -> list[Request]:
    """The newest requests about a secret (empty: only about the rotations), these rotations or their alerts."""
    ids = {rotation.id for rotation in rotations}
    alerts = {
        row.alert.identity
        for row in place.journal.alerts(unclosed=False)
        if (secret and row.alert.secret == secret) or row.alert.rotation in ids
    }
    about = {secret, *ids, *alerts} - {""}
    requests = place.journal.requests(waiting=False)
    return [one for one in requests if one.about in about or one.rotation in ids][-limit:]


def last_refused(place: Place, secret: str) -> Request | None:
    """What was asked of a secret last, if that was refused and no rotation of it has begun since."""
    asked = [one for one in place.journal.requests(waiting=False) if one.about == secret]
    if not asked or asked[-1].state is not RequestState.REFUSED:
        return None
    begun = place.journal.rotations(secret=secret, limit=1)
    return None if begun and begun[0].opened_at >= asked[-1].at else asked[-1]


def lines_of(place: Place, deeds: Sequence[Request]) -> Iterator[str]:
    """One line each, the oldest first."""
    titles = (
        {row.alert.identity: row.alert.id for row in place.journal.alerts(unclosed=False)} if deeds else {}
    )
    for one in deeds:
        via = f" ({one.via})" if one.via is not Via.CLI else ""
        because = f": {one.because}" if one.because else ""
        told = f"{one.state}, {one.sentence}" if one.sentence else str(one.state)
        about = titles.get(one.about, one.about)
        yield f"  {moment(one.at)}  {one.kind.replace('_', ' ')} of {about} by {one.by}{via}{because}; {told}"


def facts_of(deeds: Sequence[Request]) -> list[dict[str, Any]]:
    """For machines."""
    return [one.model_dump(mode="json") for one in deeds]
