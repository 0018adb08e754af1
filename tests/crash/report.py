"""What a run of the matrix says at its end, so that nobody takes a zero for more than it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rotator.model.rotation import Phase, State
from tests.crash.matrix import Freeze, Kill, met
from tests.crash.rig import Findings
from tests.crash.roads import reachable
from tests.crash.sweeps import Sweep

#: Accidents of one lane that did not happen: the others did not for the same reason, mostly.
_SHOWN = 5


class Report:
    """Of all sweeps. `leaks`: values in plain sight; `mails`: how many people got."""

    def __init__(self, sweeps: Sequence[Sweep], leaks: Sequence[str], mails: int) -> None:
        self._sweeps, self._mails = sweeps, mails
        self._found: Mapping[str, Sequence[str]] = {
            what: [one for sweep in sweeps for one in getattr(sweep.lane.findings, what)]
            for what in Findings.__dataclass_fields__
        } | {"leaks": list(leaks)}
        self._not_met, self._missed = _what_was_not(sweeps), sum(len(sweep.missed) for sweep in sweeps)
        self._points = sum(len(sweep.reached) for sweep in sweeps)

    @property
    def well(self) -> bool:
        """Whether everything that had to happen did, somebody looked, and nothing was found.

        People hear of rotations that were undone; where a company has no way back there is nothing to tell.
        """
        undone = any(case.road.ends is State.UNDONE for sweep in self._sweeps for case in sweep.reached)
        looked = (self._mails or not undone) and all(sweep.lane.prober.looks for sweep in self._sweeps)
        wrong = self._not_met or self._missed or any(self._found.values())
        return bool(self._points and looked and not wrong)

    def lines(self) -> Iterator[str]:
        """Everything to be said but for the last line."""
        yield from _what_was_met(self._sweeps)
        for sweep in self._sweeps:
            yield from (f"a poll, not taken again: {sweep.name}: {case}" for case in sweep.skipped)
        yield from (*self._not_met, *_what_was_missed(self._sweeps))
        for what, lines in self._found.items():
            yield from (f"{what}: {line}" for line in lines)
        yield _how_it_was_watched(self._sweeps, self._mails)
        yield f"missed {self._missed}"

    def last_line(self) -> str:
        """What it comes to."""
        counts = ", ".join(f"{what} {len(lines)}" for what, lines in self._found.items())
        return f"crash points {self._points}, {counts}"


def _what_was_met(sweeps: Sequence[Sweep]) -> Iterator[str]:
    """Lines: where daemons died and froze."""
    for company, some in _by_company(sweeps).items():
        cases = [case for sweep in some for case in sweep.reached]
        died = [case for case in cases if isinstance(case, Kill)]
        phases, froze = met(died), [case.effect for case in cases if isinstance(case, Freeze)]
        beside = sorted({case.place for case in died} - phases)
        yield f"{company}: {len(died)} kills, in the phases {_in_order(phases)}; beside them in {', '.join(beside)}"
        if froze:
            yield f"{company}: {len(froze)} freezes, in {', '.join(dict.fromkeys(froze))}"
        yield from (f"{company}: {line}" for line in _what_its_policy_accepts(some))
    if any(sweep.lane.embedded for sweep in sweeps):
        yield (
            "On SQLite a frozen daemon keeps the lock on the journal's file and a second one is refused (exit code 5): "
            "nobody takes its work over. So freezes are left out there, but for one a source that tries just that."
        )


def _what_its_policy_accepts(sweeps: Sequence[Sweep]) -> Iterator[str]:
    """Lines: what is not dark and not stuck because a policy says that it accepts it, or a person has to look."""
    lanes = [sweep.lane for sweep in sweeps]
    gap = max(lane.prober.gap for lane in lanes)
    torn, asked = sum(lane.prober.torn for lane in lanes), sum(lane.person.asked for lane in lanes)
    if gap:
        yield f"the source keeps one credential: somebody was refused for {gap:.1f} s at the longest (accept_gap)"
    if torn:
        yield f"{torn} looks fell between the writes of two parameters (torn_ok)"
    if asked:
        yield f"{asked} times a person removed what a lost answer had left: the source bears no labels"


def _what_was_not(sweeps: Sequence[Sweep]) -> list[str]:
    """A line for each phase that rotations of a source can reach, and in which no daemon died."""
    found = []
    for company, some in _by_company(sweeps).items():
        if not all(sweep.throughout for sweep in some):
            continue
        can = reachable(some[0].lane.source.traits, fails=some[0].lane.fails)
        left = can - met(case for sweep in some for case in sweep.reached if isinstance(case, Kill))
        found += [f"not met: {company}: {_in_order(left)}"] if left else []
    return found


def _what_was_missed(sweeps: Sequence[Sweep]) -> Iterator[str]:
    """A line for each accident that did not happen; of a lane that got stuck, for the first few."""
    for sweep in sweeps:
        missed = sweep.missed
        yield from (f"missed: {sweep.name}: {case}" for case in missed[:_SHOWN])
        if missed[_SHOWN:]:
            yield f"missed: {sweep.name}: and {len(missed[_SHOWN:])} others"


def _how_it_was_watched(sweeps: Sequence[Sweep], mails: int) -> str:
    """How often consumers used what they hold, and what people read."""
    probers = [sweep.lane.prober for sweep in sweeps]
    looks, unanswered = sum(one.looks for one in probers), sum(one.unanswered for one in probers)
    longest = max((one.longest for one in probers), default=0.0)
    return (
        f"consumers used what they hold {looks} times, {unanswered} times without an answer, "
        f"at the longest {longest:.1f} s apart; people read {mails} mails"
    )


def _by_company(sweeps: Sequence[Sweep]) -> dict[str, list[Sweep]]:
    found: dict[str, list[Sweep]] = {}
    for sweep in sweeps:
        found.setdefault(str(sweep.lane.company), []).append(sweep)
    return found


def _in_order(phases: set[Phase] | frozenset[Phase]) -> str:
    return " ".join(phase for phase in Phase if phase in phases)
