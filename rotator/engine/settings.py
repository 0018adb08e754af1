"""The engine's own bounds: real work, never scaled with the calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long things may take and how often they are asked."""

    lease: timedelta = timedelta(seconds=60)  # a claim lasts this long and is renewed
    poll: timedelta = timedelta(seconds=2)  # between two looks at something that is on its way
    slow_poll: timedelta = timedelta(minutes=5)  # between two looks at something that waits for people
    linger: timedelta = timedelta(minutes=2)  # a rollout stays open for others to join
    signed_request_life: timedelta = timedelta(
        minutes=15
    )  # a frozen worker's signed request may land this late
    patience: timedelta = timedelta(
        minutes=10
    )  # trouble that mostly passes stands this long before it is told
    attempts_in_silence: int = (
        6  # so many fail at an address before the others hear of it: about four minutes
    )
    stand_in_after: timedelta = timedelta(
        minutes=15
    )  # where nobody heard an alert for so long, the default owner is told
    reconfirm_timeout_factor: int = 2  # an undo's rollout gets this many times the deployment's timeout
