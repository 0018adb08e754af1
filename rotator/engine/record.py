"""The record's proof: a signed head over all that was recorded in the last hour, and the look whether it still holds.

Neither ever stands in the way of a rotation: what cannot be signed now is covered by a later head.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import structlog

from rotator.contracts.parts import Parts
from rotator.contracts.sealer import DataKey
from rotator.model.errors import Refused
from rotator.model.record import Broken, Head

log = structlog.get_logger()

#: Heads are so far apart, also where several replicas sign.
SIGNED_EVERY = timedelta(hours=1)


def sign_record(parts: Parts) -> None:
    """Signs what no head covers yet, if the newest is old enough. Raises Transient or Refused where there is no key.

    The head is logged: it tells nothing, and whoever keeps the log elsewhere sees when heads are cut off.
    """
    newest = parts.journal.newest_head()
    if newest is not None and parts.journal.now() < newest.at + SIGNED_EVERY:
        return
    if parts.journal.unsigned():
        head = parts.journal.sign_heads(_key(parts, newest))
        log.info("head signed", number=head.number, digest=head.digest, mac=head.mac)


def faults_in_record(parts: Parts) -> Sequence[Broken]:
    """Whatever is not as it was written, in every story and every head. Raises Transient. Reads all of it."""
    return parts.journal.verify_all(lambda wrapped: parts.sealer.open_key(wrapped, _context(parts)))


def _key(parts: Parts, newest: Head | None) -> DataKey:
    """The newest head's key; another one for the first head, and where the sealer is not that one's any more."""
    if newest is not None:
        try:
            return parts.sealer.open_key(newest.data_key, _context(parts))
        except Refused as refusal:
            log.warning("heads get another key", after=newest.number, because=str(refusal))
    return parts.sealer.new_key(_context(parts))


def _context(parts: Parts) -> dict[str, str]:
    """What keys of heads are bound to: no rotation's key signs a head."""
    return {"app": "rotator", "heads": parts.journal.installation()}
