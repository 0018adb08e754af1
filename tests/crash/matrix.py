"""The matrix: which accidents there are, by what undisturbed rotations passed, and which of them CI tries.

Nothing is listed by hand: a rotation that makes one call more has two points more, and an effect more where guard()
was asked.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rotator.model.rotation import Phase
from tests.crash.orders import Point
from tests.crash.roads import Road
from tests.crash.tripwire import EFFECT, is_poll

#: Looks at what is on its way that are tried: what a later one finds, and leaves behind, is what the third did. How
#: many more there are says how slow the machine was.
_LOOKS = 3


class Kill(NamedTuple):
    """The daemon dies at a point of a rotation on this road."""

    road: Road
    point: Point

    @property
    def place(self) -> str:
        """The phase, or the rollout's purpose, as points name it."""
        return self.point.name.partition("/")[0]

    @property
    def chance(self) -> bool:
        """Whether it is chance that another rotation comes there: a look at what is on its way."""
        return is_poll(self.point.name)

    @property
    def again(self) -> bool:
        """Whether it is one look more than are tried."""
        return self.chance and int(self.point.name.rpartition("#")[2]) > _LOOKS

    def __str__(self) -> str:
        return f"{self.road.name}, {self.point}"


class Freeze(NamedTuple):
    """The daemon freezes between guard and send of an effect."""

    road: Road
    effect: str

    def __str__(self) -> str:
        return f"{self.road.name}, frozen in {self.effect}"


Traces = Mapping[Road, Sequence[str]]


def kills(traces: Traces) -> list[Kill]:
    """Before and after each call of each road; of looks at what is on its way, the first few."""
    points = [
        Kill(road, Point(name, when))
        for road, trace in traces.items()
        for name in road.own(trace)
        if EFFECT not in name
        for when in ("before", "after")
    ]
    return [point for point in points if not point.again]


def freezes(traces: Traces) -> list[Freeze]:
    """Every effect of each road."""
    return [
        Freeze(road, name) for road, trace in traces.items() for name in road.own(trace) if EFFECT in name
    ]


def lost_answers(traces: Traces, contract: str) -> list[Kill]:
    """After the first call of that contract in each phase of each road, if it had an effect."""
    found: dict[tuple[Road, str], Kill] = {}
    for road, trace in traces.items():
        for name in road.own(trace):
            call, effect, _number = name.partition(EFFECT)
            if effect and f"/{contract}" in call:
                found.setdefault((road, call.partition("/")[0]), Kill(road, Point(call, "after")))
    return [*found.values()]


def sampled(cases: Iterable[Kill], turn: int, turns: int) -> list[Kill]:
    """For CI: of each phase on each road one kill that is sure to be met, another one in each of so many turns."""
    groups: dict[tuple[Road, str], list[Kill]] = {}
    for case in cases:
        if not case.chance:
            groups.setdefault((case.road, case.place), []).append(case)
    return [
        group[_spread(len(group), (turn + number) % turns, turns)]
        for number, group in enumerate(groups.values())
    ]


def drawn(traces: Traces, contract: str, sure: int, more: int, chance: random.Random) -> list[Kill]:
    """For CI: so many lost answers of that contract (of any, where it had no effect), and so many other points."""
    lost = lost_answers(traces, contract) or lost_answers(traces, "")
    first = chance.sample(lost, min(sure, len(lost)))
    others = [
        case
        for case in kills(traces)
        # A second call in a phase may have been another try: not every rotation comes there.
        if case not in first and not case.chance and case.point.name.partition(EFFECT)[0].endswith("#1")
    ]
    return [*first, *chance.sample(others, min(more, len(others)))]


def few(cases: Sequence[Freeze], count: int, turn: int) -> list[Freeze]:
    """For CI: so many of them, evenly spread; others for another turn."""
    places = [(_spread(len(cases), each, count) + turn) % len(cases) for each in range(count if cases else 0)]
    return [cases[place] for place in places]


def met(cases: Iterable[Kill]) -> set[Phase]:
    """Phases in which the daemon died."""
    return {Phase(case.place) for case in cases if case.place in set(Phase)}


def dealt(cases: Sequence[Kill | Freeze], number: int, of: int) -> list[Kill | Freeze]:
    """One share of so many."""
    return list(cases[number::of])


def _spread(length: int, each: int, count: int) -> int:
    """The middle of one of `count` equal parts."""
    return length * (2 * each + 1) // (2 * count)
