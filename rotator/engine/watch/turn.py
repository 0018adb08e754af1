"""One turn of the watch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from rotator.contracts.guard import guard
from rotator.contracts.parts import Parts
from rotator.contracts.trail import Delivery, Trail
from rotator.engine.access.managed import Managed
from rotator.engine.watch.judging import DAY, Watched, judge_held, judge_open_anew
from rotator.engine.watch.memory import REMEMBERED
from rotator.engine.watch.own_reads import expectations, own_reads, says_who_it_is
from rotator.engine.watch.starting import STARTS_KEPT, ask_starts
from rotator.model.access import Access, Outcome
from rotator.model.errors import LostClaim, NotYet, Refused, Transient
from rotator.model.policy import TrailPolicy
from rotator.model.watch import Watch

log = structlog.get_logger()

#: A flood is read in pieces, so that what came before it is judged meanwhile.
_LONGEST_READ = 30.0
#: Whoever dies in a turn holds the others up for so long.
_LEASE = timedelta(minutes=2)
#: In between it is said so often that the turn goes on, and how far it is: a flood has ten thousand deliveries.
_SAID_EVERY = 5.0
#: Nobody watched for so long: what rotator itself read before is no promise any more.
GAP = timedelta(minutes=5)
#: So many sentences of one delivery are said.
_MOST_SENTENCES = 10
#: A record of longer ago, or of a moment yet to come, tells of no call: clocks of AWS are not so far from ours. One of
#: the next century would hide for so long how far behind the trail is.
_LONG_AGO, _SOON = timedelta(days=366), timedelta(hours=1)
_UNTIMELY = "a record is of more than a year ago or of the future"
#: How long sightings that are over stay as evidence. Auditors look at a year.
_EVIDENCE = timedelta(days=400)


def source_of(policy: TrailPolicy) -> str:
    """What the journal calls a source: another place is another one, read from its beginning."""
    return " ".join(filter(None, (policy.kind, policy.queue, policy.bucket)))


def keep_watch(parts: Parts, trail: Trail, owner: str) -> None:
    """A turn, unless another replica has it. Raises LostClaim when it is asked to stop, or was too slow."""
    source = parts.policies().access.source
    if source is None:
        return
    watch = parts.journal.take_watch(source_of(source), owner, _LEASE)
    if watch is not None:
        _Turn(parts, trail, owner, watch).take()


@dataclass
class _Turn:
    """What one replica does while it has the turn."""

    parts: Parts
    trail: Trail
    owner: str
    watch: Watch
    _said: float = 0.0

    def take(self) -> None:
        """Reads, asks and judges."""
        self._arrive()
        ask_starts(self.parts, self)
        self._read()
        watched = Watched(self.parts, self.watch)
        judge_held(watched, self.keep, self.complain)
        self.note(judged_all_at=self.parts.journal.now())
        judge_open_anew(watched, self.note)
        self.parts.journal.forget_accesses(DAY, STARTS_KEPT, _EVIDENCE, REMEMBERED)

    def note(self, **changes: Any) -> None:
        """Writes down how far it is. Raises LostClaim when it took too long and somebody else has the turn."""
        self.watch = self.watch.model_copy(update={"looked_at": self.parts.journal.now(), **changes})
        self.parts.journal.note_watch(self.watch, self.owner)
        self._said = self.parts.clock.monotonic()

    def keep(self) -> None:
        """It goes on. Raises LostClaim."""
        guard()
        if self.parts.clock.monotonic() - self._said > _SAID_EVERY:
            if self.parts.journal.take_watch(self.watch.source, self.owner, _LEASE) is None:
                raise LostClaim(f"another replica reads {self.watch.source} by now")
            self.note()

    def complain(self, unread: Sequence[str]) -> None:
        """Counts what cannot be used, for people; it is written down with the next note."""
        self._say_once_an_hour(unread)
        self.watch = self.watch.model_copy(update=_counted(self.watch, unread, self.parts.journal.now()))

    def _arrive(self) -> None:
        now = self.parts.journal.now()
        gap = now - self.watch.looked_at > GAP
        since = now if gap else self.watch.since
        expected = {} if gap else self.watch.expected
        judged_all = now if gap else self.watch.judged_all_at or now
        remembers = self.watch.remembers_since or now
        changes: dict[str, Any] = {"since": since, "remembers_since": remembers, "judged_all_at": judged_all}
        newest = self.watch.newest_at
        if newest is not None and newest > now + _SOON:  # an earlier version believed it
            changes["newest_at"] = None
        self.note(expected=expectations(self.parts, expected, now), **changes)

    def _read(self) -> None:
        """What waits at the source. Trouble there is kept for people, and the next turn tries again."""
        begun, now = self.parts.clock.monotonic(), self.parts.journal.now()
        try:
            for delivery in self.trail.poll(self.watch.progress):
                self._take(delivery)
                if self.parts.clock.monotonic() - begun > _LONGEST_READ:
                    break
        except (Transient, Refused, NotYet) as trouble:
            log.warning("the trail cannot be read", trouble=str(trouble))
            self.note(trouble=str(trouble), trouble_since=self.watch.trouble_since or now)
        else:
            self.note(answered_at=now, trouble="", trouble_since=None)

    def _take(self, delivery: Delivery) -> None:
        """Writes down what one delivery says, and only then lets go of it."""
        self.keep()
        policies, managed = self.parts.policies(), Managed(self.parts.policies())
        now = self.parts.journal.now()
        timely = [one for one in delivery.accesses if now - _LONG_AGO < one.at < now + _SOON]
        ours = [one for one in timely if not managed.elsewhere(one)]
        self.parts.journal.note_accesses(
            (_by_one_id(one) for one in ours if _concerns(managed, one)), policies.access.hold
        )
        foreign = sorted({managed.elsewhere(one) for one in timely} - {""})
        unread = [
            *delivery.malformed,
            *[_UNTIMELY] * (len(delivery.accesses) - len(timely)),
            *(f"records of account {account}, which is not that of policies.yaml" for account in foreign),
        ]
        if unread:
            self.complain(unread)
        installation = self.parts.journal.installation()
        changes: dict[str, Any] = {
            "own": own_reads(policies, ours, self.watch.own, installation),
            "named_since": says_who_it_is(ours, self.watch.named_since, installation),
        }
        if ours:
            newest = max(one.at for one in ours)
            changes["newest_at"] = max(newest, self.watch.newest_at or newest)
        self.watch = self.watch.model_copy(update=changes)
        if delivery.progress:
            self.note(progress=delivery.progress)
        if delivery.receipt:
            self.trail.forget(delivery)

    def _say_once_an_hour(self, unread: Sequence[str]) -> None:
        """In the log: whoever may send to the queue must not be able to fill it. People have an alert that counts."""
        said, now = self.watch.unread_at, self.parts.journal.now()
        if said is None or _hour(said) != _hour(now):
            log.warning("records cannot be used", why=unread[:_MOST_SENTENCES], before=self.watch.unread)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _by_one_id(access: Access) -> Access:
    """Two accounts that record one call give it one id beside their own: by that it is judged once."""
    return replace(access, event_id=access.shared_id) if access.shared_id else access


def _concerns(managed: Managed, access: Access) -> bool:
    """Whether it is about one of our secrets, or was denied before AWS wrote down what it was about."""
    nameless = not (access.asked or access.subtree)
    return bool(managed.touched(access)) or (access.outcome is Outcome.DENIED and nameless)


def _counted(watch: Watch, unread: Sequence[str], now: datetime) -> dict[str, Any]:
    return {"unread": watch.unread + len(unread), "unread_said": unread[-1], "unread_at": now}
