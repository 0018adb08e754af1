"""The life of a secret as a drawing: two lanes in which its credentials take turns, against its period.

Every drawing has the same scale, its own period: now stands at the same place in all of them, and so does a period
that began today. What has its end left of now is overdue, and a column of them is read at a glance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from rotator.contracts.journal import Ended
from rotator.engine.ages import due_at, period_ends, spell
from rotator.engine.report.overview import PAST_PERIODS
from rotator.engine.report.times import moment
from rotator.engine.standing import Gathered
from rotator.engine.words import replaced
from rotator.model.rotation import UNDOING, Ledger, State

#: Units of the drawing: a period is 400 of them, now is at 600.
WIDTH: Final = 1000
NOW: Final = 600
_PERIOD: Final = NOW / PAST_PERIODS
#: What lasts minutes is still seen.
_LEAST: Final = 5
#: A credential whose beginning nobody knows.
_STUB: Final = 30


class Bar(NamedTuple):
    """A credential while it lives, or a part of that."""

    kind: str  # past, life, late, rest, grace, undone: the class that gives it its look
    lane: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn, and the same in words."""

    bars: Sequence[Bar]
    due: float | None
    sentence: str


class _Pen:
    """Moments as places; what is outside stands at the edge."""

    def __init__(self, at: Gathered) -> None:
        self._now, self._period = at.now, at.policy.rotate_every

    def place(self, moment_of_it: datetime) -> float:
        return min(max(NOW + (moment_of_it - self._now) / self._period * _PERIOD, 0.0), float(WIDTH))

    def bar(self, kind: str, lane: int, begins: datetime | None, ends: datetime) -> Bar:
        right = self.place(ends)
        left = self.place(begins) if begins is not None else max(0.0, right - _STUB)
        return Bar(kind, lane, round(min(left, WIDTH - _LEAST), 1), round(max(right - left, _LEAST), 1))


def drawing_of(at: Gathered, past: Sequence[Ended]) -> Drawing:
    """The secret's life; `past` has its ended rotations, the oldest first."""
    pen, bars, lane, begun = _Pen(at), list[Bar](), 0, None
    for one in past:
        if one.state is State.DONE:
            bars.append(pen.bar("past", lane, begun, one.ended_at))
            lane, begun = 1 - lane, one.opened_at
        else:
            bars.append(pen.bar("undone", 1 - lane, one.opened_at, one.ended_at))
    both = _successor(at)
    if both is not None:
        bars += _two(at, pen, both, lane, begun)
    else:
        bars += _one(at, pen, lane)
    visible = [bar for bar in bars if bar.x + bar.width > 0]
    due = pen.place(due_at(at.policy, at.age)) if at.age is not None and not replaced(at) else None
    return Drawing(visible, None if due is None else round(due, 1), _sentence(at, past, both))


def _successor(at: Gathered) -> Ledger | None:
    """The ledger of a rotation that has put its successor into the store, and does not go back."""
    active = at.history.active
    return (
        active.ledger
        if active and active.ledger.wrote_at is not None and active.phase not in UNDOING
        else None
    )


def _one(at: Gathered, pen: _Pen, lane: int) -> Iterator[Bar]:
    """The credential in use: what it has lived, and what is left of its period or too much."""
    if at.age is None:
        return
    ends = period_ends(at.policy, at.age)
    yield pen.bar("life", lane, at.age.born, min(ends, at.now))
    yield pen.bar("late", lane, ends, at.now) if ends < at.now else pen.bar("rest", lane, at.now, ends)


def _two(at: Gathered, pen: _Pen, ledger: Ledger, lane: int, begun: datetime | None) -> Iterator[Bar]:
    """The successor, and the predecessor until it is dead."""
    assert ledger.wrote_at is not None
    known = begun or ledger.predecessor_born_at
    if known is None and at.age is not None and at.age.born < ledger.wrote_at:
        known = at.age.born
    dead = ledger.disabled_at or ledger.proved_at
    yield pen.bar("life" if dead is None else "past", lane, known, dead or at.now)
    if dead is None and ledger.grace_until is not None and ledger.grace_until > at.now:
        yield pen.bar("grace", lane, at.now, ledger.grace_until)
    yield pen.bar("life", 1 - lane, ledger.wrote_at, at.now)
    yield pen.bar("rest", 1 - lane, at.now, ledger.wrote_at + at.policy.rotate_every)


def _sentence(at: Gathered, past: Sequence[Ended], both: Ledger | None) -> str:
    if at.age is None:
        told = ["Its age is not known"]
    else:
        left = period_ends(at.policy, at.age) - at.now
        way = "left" if left.total_seconds() >= 0 else "too old"
        age = spell(at.now - at.age.born)
        told = [f"{age} old, period {spell(at.policy.rotate_every)}, {spell(left)} {way}"]
    if both is not None and both.disabled_at is None and both.proved_at is None:
        ends = f", until {moment(both.grace_until)}" if both.grace_until else ""
        told.append(f"the old and the new one both work{ends}")
    done = sum(one.state is State.DONE for one in past)
    told += [f"rotated {_times(done)} in the time shown"] if done else []
    undone = len(past) - done
    told += [f"undone {_times(undone)}"] if undone else []
    return "; ".join(told)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
