"""What a run of the matrix says at its end, so that nobody takes a zero for more than it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rotator.model.rotation import Phase
from tests.crash.matrix import Freeze, Kill, met
from tests.crash.rig import Findings
from tests.crash.roads import reachable
from tests.crash.sweeps import Sweep
from tests.crash.witness import TRAITS


class Report:
    """Of all sweeps. `leaks`: values in plain sight; `mails`: how many people got."""

    def __init__(self, sweeps: Sequence[Sweep], leaks: Sequence[str], mails: int) -> None:
        self._sweeps, self._mails = sweeps, mails
        self._found: Mapping[str, Sequence[str]] = {
            what: [one for sweep in sweeps for one in getattr(sweep.lane.findings, what)]
            for what in Findings.__dataclass_fields__
        } | {"leaks": list(leaks)}
        self._not_met, self._missed = _what_was_not(sweeps), _what_was_missed(sweeps)
        self._points = sum(len(sweep.reached) for sweep in sweeps)

    @property
    def well(self) -> bool:
        """Whether everything that had to happen did, somebody looked, and nothing was found."""
        looked = self._mails and all(sweep.lane.prober.looks for sweep in self._sweeps)
        wrong = self._not_met or self._missed or any(self._found.values())
        return bool(self._points and looked and not wrong)

    def lines(self) -> Iterator[str]:
        """Everything to be said but for the last line."""
        yield from _what_was_met(self._sweeps)
        for sweep in self._sweeps:
            yield from (f"a poll, not taken again: {sweep.name}: {case}" for case in sweep.skipped)
        yield from (*self._not_met, *self._missed)
        for what, lines in self._found.items():
            yield from (f"{what}: {line}" for line in lines)
        yield _how_it_was_watched(self._sweeps, self._mails)
        yield f"missed {len(self._missed)}"

    def last_line(self) -> str:
        """What it comes to."""
        counts = ", ".join(f"{what} {len(lines)}" for what, lines in self._found.items())
        return f"crash points {self._points}, {counts}"


def _what_was_met(sweeps: Sequence[Sweep]) -> Iterator[str]:
    """Lines: where daemons died and froze."""
    for source, cases in _by_source(sweeps).items():
        died = [case for case in cases if isinstance(case, Kill)]
        phases = met(died)
        yield f"{source}: {len(died)} kills, in the phases {_in_order(phases)}"
        yield f"{source}: and beside them in {', '.join(sorted({case.place for case in died} - phases))}"
        froze = [case.effect for case in cases if isinstance(case, Freeze)]
        yield f"{source}: {len(froze)} freezes, in {', '.join(dict.fromkeys(froze))}"
    if any(sweep.lane.embedded for sweep in sweeps):
        yield (
            "On SQLite a frozen daemon keeps the lock on the journal's file and a second one is refused (exit code 5): "
            "nobody takes its work over. So freezes are left out there, but for one a source that tries just that."
        )


def _what_was_not(sweeps: Sequence[Sweep]) -> list[str]:
    """A line for each phase that rotations of a source can reach, and in which no daemon died."""
    found = []
    for source, cases in _by_source(sweeps).items():
        left = reachable(TRAITS[source]) - met(case for case in cases if isinstance(case, Kill))
        found += [f"not met: {source}: {_in_order(left)}"] if left else []
    return found


def _what_was_missed(sweeps: Sequence[Sweep]) -> list[str]:
    """A line for each accident that did not happen."""
    return [f"missed: {sweep.name}: {case}" for sweep in sweeps for case in sweep.missed]


def _how_it_was_watched(sweeps: Sequence[Sweep], mails: int) -> str:
    """How often consumers used what they hold, and what people read."""
    probers = [sweep.lane.prober for sweep in sweeps]
    looks, unanswered = sum(one.looks for one in probers), sum(one.unanswered for one in probers)
    longest = max((one.longest for one in probers), default=0.0)
    return (
        f"consumers used what they hold {looks} times, {unanswered} times without an answer, "
        f"at the longest {longest:.1f} s apart; people read {mails} mails"
    )


def _by_source(sweeps: Sequence[Sweep]) -> dict[str, list[Kill | Freeze]]:
    found: dict[str, list[Kill | Freeze]] = {}
    for sweep in sweeps:
        found.setdefault(sweep.lane.source, []).extend(sweep.reached)
    return found


def _in_order(phases: set[Phase] | frozenset[Phase]) -> str:
    return " ".join(phase for phase in Phase if phase in phases)
