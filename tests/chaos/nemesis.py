"""The nemesis: one blow after the other, all of them chosen by the seed, several at work at a time.

    kill        SIGKILL, and a new process a little later
    freeze      SIGSTOP at any moment, for longer than a claim lasts, then SIGCONT
    aim         the same, between guard and send of an effect of a certain phase, in whichever daemon gets there first
    late        a write to the store is held up on its way; whoever sent it gives up before, and it arrives all the same
    journal     PostgreSQL ends at once ("immediate shutdown"), and recovers when it is started again
    cut         a wire is cut: of one daemon to the journal or to AWS, or of all to a source

At least one daemon is left alone at any time, or nothing would go on.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from tests.chaos.wire import Cut, Wire
from tests.chaos.world import ENVIRONMENTS, REPLICAS, Replica, World

#: Effects that can be aimed at; writes to the store, which nothing can fence, twice.
_UNFENCED = ("announce", "store", "forget")
_AIMS = ("create", "create", "activate", "rollout", "disable", "remove", *_UNFENCED, *_UNFENCED)
#: A claim lasts 20 s. It is lost 13 s after the freeze at the earliest, and settled for 25 s (world.py): by then the
#: frozen one has to be awake, as a signed request has to be dead by then in AWS. The longer, the more others have done.
_FREEZE = (28.0, 33.0)
_TICK_SECONDS = 0.1
_START_AGAIN_SECONDS = 1.0


class Kind(StrEnum):
    """What a blow does."""

    KILL = "kill"
    FREEZE = "freeze"
    AIM = "aim"
    LATE = "late"
    JOURNAL = "journal"
    CUT_JOURNAL = "cut from the journal"
    CUT_AWS = "cut from AWS"
    CUT_SOURCE = "cut off"


#: How often, and for how many seconds.
_WEIGHTS = {
    Kind.KILL: (42, (0.0, 3.0)),
    Kind.FREEZE: (6, _FREEZE),
    Kind.AIM: (14, _FREEZE),
    Kind.LATE: (8, (12.0, 20.0)),
    Kind.JOURNAL: (8, (0.2, 6.0)),
    Kind.CUT_JOURNAL: (10, (2.0, 28.0)),
    Kind.CUT_AWS: (12, (2.0, 15.0)),
    Kind.CUT_SOURCE: (8, (2.0, 12.0)),
}


class Blow(NamedTuple):
    """What happens, to whom, for how long, and how long it is quiet before."""

    kind: Kind
    victim: int
    seconds: float
    pause: float
    cut: Cut
    aim: str
    environment: str


def blows(seed: int) -> Iterator[Blow]:
    """All blows of a seed, in their order."""
    chance = random.Random(seed)  # a run has to be repeatable as far as it can be
    kinds, weights = list(_WEIGHTS), [weight for weight, _ in _WEIGHTS.values()]
    while True:
        kind = chance.choices(kinds, weights)[0]
        yield Blow(
            kind,
            victim=chance.randrange(REPLICAS),
            seconds=chance.uniform(*_WEIGHTS[kind][1]),
            pause=chance.uniform(0.5, 4.0),
            cut=chance.choice(list(Cut)),
            aim=chance.choice(_UNFENCED if kind is Kind.LATE else _AIMS),
            environment=chance.choice(ENVIRONMENTS),
        )


@dataclass
class Trouble:
    """Something that is at work, and how it ends."""

    whom: str
    ends: float
    end: Callable[[], object]


@dataclass
class Nemesis:
    """`say` gets one line for each blow. `struck` counts them; `fallen` are daemons that ended in the middle."""

    world: World
    seed: int
    say: Callable[[str], None]
    struck: Counter[Kind] = field(default_factory=Counter)
    fallen: list[str] = field(default_factory=list)
    _at_work: list[Trouble] = field(default_factory=list)

    def rage(self, seconds: float) -> None:
        """Strikes for that long. What is at work then goes on until `rest()`."""
        over = time.monotonic() + seconds
        for blow in blows(self.seed):
            strikes = time.monotonic() + blow.pause
            while time.monotonic() < min(strikes, over):
                self._look_who_was_hit()
                self.watch()
                time.sleep(_TICK_SECONDS)
            if time.monotonic() >= over:
                return
            self._strike(blow)

    def rest(self) -> None:
        """Everything is mended. Called again and again, because a daemon may meet an aim at the last moment."""
        for trouble in self._at_work:
            trouble.end()
        self._at_work.clear()
        self.world.aim.unlink(missing_ok=True)
        for replica in self.world.replicas:
            replica.mend()

    def watch(self) -> None:
        """Ends what is over. A daemon that ended by itself is started again, as its platform would."""
        now = time.monotonic()
        over = [trouble for trouble in self._at_work if now >= trouble.ends]
        for trouble in over:
            trouble.end()
            self._at_work.remove(trouble)
        for replica in self.world.replicas:
            if not replica.running and not self._will_start(replica):
                self._start_again(replica)

    def _start_again(self, replica: Replica) -> None:
        said = f"ended by itself with exit code {replica.child.exit_code}, starts again"
        if replica.began:
            self.fallen.append(f"{replica}: {said}; see {replica.log}")
        self.say(f"{replica}: {said}")
        self._at_work.append(Trouble(str(replica), time.monotonic() + _START_AGAIN_SECONDS, replica.start))

    def _strike(self, blow: Blow) -> None:
        match blow.kind:
            case Kind.JOURNAL:
                self._stop_journal(blow)
            case Kind.AIM | Kind.LATE:
                self._aim(blow)
            case Kind.KILL:
                self._kill(blow)
            case Kind.CUT_SOURCE:
                where = f"the source of {blow.environment}"
                self._cut(blow, where, self.world.sources[blow.environment])
            case _:
                self._strike_daemon(blow)

    def _kill(self, blow: Blow) -> None:
        """Also one that is cut off; one that is frozen has to wake up."""
        alive = [one for one in self.world.replicas if one.running and not one.frozen]
        if alive:
            replica = _first(alive, blow.victim)
            replica.child.kill()
            self._begin(blow, replica, f"killed, back after {blow.seconds:.1f} s", replica.start)

    def _strike_daemon(self, blow: Blow) -> None:
        well = [one for one in self.world.replicas if not self._busy(one)]
        if len(well) < 2:
            return
        replica = _first(well, blow.victim)
        match blow.kind:
            case Kind.FREEZE:
                self._freeze(blow, replica, "frozen")
            case Kind.CUT_JOURNAL:
                self._cut(blow, replica, replica.journal)
            case Kind.CUT_AWS:
                self._cut(blow, replica, replica.aws)

    def _busy(self, whom: object) -> bool:
        return any(trouble.whom == str(whom) for trouble in self._at_work)

    def _will_start(self, replica: Replica) -> bool:
        return any(trouble.end == replica.start for trouble in self._at_work)

    def _freeze(self, blow: Blow, replica: Replica, where: str) -> None:
        replica.child.send(signal.SIGSTOP)

        def thaw() -> None:
            replica.child.send(signal.SIGCONT)

        self._begin(blow, replica, f"{where} for {blow.seconds:.1f} s", thaw)

    def _aim(self, blow: Blow) -> None:
        """An aim lies there until somebody meets it, or another takes its place."""
        self.world.aim.write_text(blow.aim)
        self._aimed = blow

    def _look_who_was_hit(self) -> None:
        for replica in self.world.replicas:
            mark = self.world.aim.with_suffix(f".{replica.child.pid}")
            if mark.exists():
                where = f"frozen between guard and send of {mark.read_text()}"
                mark.unlink()
                if self._aimed.kind is Kind.AIM:
                    self._freeze(self._aimed, replica, where)
                else:
                    self._hold_up(self._aimed, replica)

    def _hold_up(self, blow: Blow, replica: Replica) -> None:
        replica.aws.cut(Cut.SILENT)
        said = f"its request in {blow.aim} arrives {blow.seconds:.1f} s late"
        self._begin(blow, replica, said, replica.aws.mend)
        replica.child.send(signal.SIGCONT)

    def _stop_journal(self, blow: Blow) -> None:
        if not self._busy("the journal"):
            self.world.journals.kill()
            said = f"stopped at once, back after {blow.seconds:.1f} s"
            self._begin(blow, "the journal", said, self.world.journals.start)

    def _cut(self, blow: Blow, whom: object, wire: Wire) -> None:
        if not self._busy(whom):
            wire.cut(blow.cut)
            self._begin(blow, whom, f"{blow.kind} ({blow.cut}) for {blow.seconds:.1f} s", wire.mend)

    def _begin(self, blow: Blow, whom: object, said: str, end: Callable[[], object]) -> None:
        self.struck[blow.kind] += 1
        self._at_work.append(Trouble(str(whom), time.monotonic() + blow.seconds, end))
        self.say(f"{whom}: {said}")


def _first(replicas: list[Replica], wanted: int) -> Replica:
    """The one that was wanted, or the next one."""
    return next((one for one in replicas if one.number >= wanted), replicas[0])
