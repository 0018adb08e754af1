"""What an adapter may say when it cannot do what it was asked.

Three words are enough for the engine to decide: `Transient` (try again), `Refused` (a verdict) and `NotYet` (come
back then). Anything else is a bug of ours, and a bug never undoes a rotation. Messages are for people and never
hold a value.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from rotator.model.retry_after import believed


class RotatorError(Exception):
    """Everything that rotator raises on purpose. `str()` is a sentence a person can act on, without any value."""


class Transient(RotatorError):
    """The far side did not answer, or said "later".

    `retry_after` is its own word for when, if it gave one, as far as it is believed.
    """

    def __init__(self, sentence: str, retry_after: timedelta | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = None if retry_after is None else believed(retry_after)


class GaveUp(Transient):
    """We stopped waiting for the answer to a change: it may still happen, as late as a signed request is taken."""


class Refused(RotatorError):
    """The far side's verdict: this will not work by trying again."""


class CredentialRefused(Refused):
    """The source's own word that it does not accept this credential. Nothing else counts as proof of death."""


class NotYet(RotatorError):
    """Nothing is wrong; come back at `until`."""

    def __init__(self, sentence: str, until: datetime) -> None:
        super().__init__(sentence)
        self.until = until


class Drifted(Refused):
    """Somebody else wrote the parameter: `expected` is the version we knew, `found` the one that is there."""

    def __init__(self, name: str, expected: int | None, found: int | None) -> None:
        super().__init__(f"{name} was changed by someone else: expected version {expected}, found {found}")
        self.name, self.expected, self.found = name, expected, found


class Raced(RotatorError):
    """Our write landed, and somebody else's landed between the check and it: `wrote` is ours, `after` was expected."""

    def __init__(self, name: str, after: int | None, wrote: int) -> None:
        super().__init__(
            f"{name}: someone wrote between version {after} and our version {wrote}; ours is in place"
        )
        self.name, self.after, self.wrote = name, after, wrote


class ForeignOwner(Refused):
    """Another living installation owns this environment; nothing may be written."""


class LostClaim(RotatorError):
    """The claim on a row ran out or belongs to another worker: do nothing more."""


class JournalAway(RotatorError):
    """The journal gave no answer: do nothing more; the next plan finds what was done."""


class JournalBusy(RotatorError):
    """Another process holds the embedded journal (exit code 5)."""
