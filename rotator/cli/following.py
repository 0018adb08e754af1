"""Following rotations that were asked for, until consumers use the new credentials or something stops them.

The work is the daemon's: a journal that gives no answer for a while ends neither the work nor the following.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from rotator.cli.codes import Code
from rotator.cli.opening import Place
from rotator.cli.progress import Progress, Seen, progress
from rotator.cli.show import say
from rotator.clock import SystemClock
from rotator.contracts.clock import Clock
from rotator.engine.ages import spell
from rotator.engine.report.steps import progress_of
from rotator.engine.report.times import moment
from rotator.model.errors import JournalAway
from rotator.model.observations import History
from rotator.model.requests import Request, RequestState
from rotator.model.rotation import UNDOING, Rotation, State

_POLL_SECONDS = 0.5


@dataclass(slots=True)
class Followed:
    """What became of the requests."""

    code: Code
    requests: tuple[Request, ...]
    rotations: tuple[Rotation, ...]


def follow(place: Place, requests: Sequence[Request], limit: timedelta) -> Followed:
    """Says each step once, with the time it has taken. Ctrl-C or the limit end the following, never the work.

    A look that the journal does not answer is a step, too: it is looked again until the limit.
    """
    following = _Following(place, {request.id: request for request in requests})
    with progress() as display:
        code = following.until(limit, display)
    if code in {Code.TIMEOUT, Code.INTERRUPTED}:
        say(
            f"not followed any more; the work goes on, and this shows how it stands: rotator status {following.names}"
        )
    return Followed(code, tuple(following.requests.values()), tuple(following.rotations.values()))


@dataclass(slots=True)
class _Following:
    """The requests by id, and what is known of each."""

    place: Place
    requests: dict[str, Request]
    rotations: dict[str, Rotation] = field(default_factory=dict)
    endings: dict[str, bool] = field(default_factory=dict)
    histories: Mapping[str, History] | None = None  # as they were at the first look
    outage: tuple[float, str] | None = (
        None  # of the journal: since when, by the monotonic clock, and how it is said
    )

    @property
    def names(self) -> str:
        """The one secret that goes on, or nothing where it is several."""
        going = {request.about for request in self.requests.values() if request.id not in self.endings}
        return going.pop() if len(going) == 1 else ""

    def until(self, limit: timedelta, display: Progress) -> Code:
        clock = SystemClock()
        deadline = clock.monotonic() + limit.total_seconds()
        try:
            while True:
                self._look_if_it_answers(clock, display)
                if len(self.endings) == len(self.requests):
                    return self._code()
                if clock.monotonic() >= deadline:
                    return Code.TIMEOUT
                clock.sleep(min(_POLL_SECONDS, max(0.0, deadline - clock.monotonic())))
        except KeyboardInterrupt:
            return Code.INTERRUPTED

    def _code(self) -> Code:
        failed = [went_well for went_well in self.endings.values() if not went_well]
        if not failed:
            return Code.OK
        return Code.SOME_FAILED if len(failed) < len(self.endings) else Code.ERROR

    def _look_if_it_answers(self, clock: Clock, display: Progress) -> None:
        try:
            self._look(display)
        except JournalAway as away:
            self.outage = self.outage or (
                clock.monotonic(),
                f"{away}; the work goes on unseen, and it is looked at again",
            )
            since, sentence = self.outage
            display.step(Seen("following", sentence, timedelta(seconds=clock.monotonic() - since)))
        else:
            if self.outage is not None:
                display.end("following", "the journal answers again", well=True)
            self.outage = None

    def _look(self, display: Progress) -> None:
        if self.histories is None:
            self.histories = self.place.journal.histories()
        self._read_answers()
        for request in self.requests.values():
            if request.id in self.endings:
                continue
            if request.state is RequestState.REFUSED:
                display.end(request.about, f"refused, {request.sentence}", well=False)
                self.endings[request.id] = False
                continue
            rotation = self.place.journal.rotation(request.rotation) if request.rotation else None
            if rotation is None:
                display.step(self._waiting(request))
                continue
            self.rotations[request.id] = rotation
            display.step(self._seen(rotation, self.histories.get(rotation.secret, History())))
            ending = _ending(rotation)
            if ending is not None:
                sentence, well = ending
                display.end(rotation.secret, sentence, well=well)
                self.endings[request.id] = well

    def _read_answers(self) -> None:
        """The journal is asked for settled requests only once one of ours has left those that wait."""
        if all(request.rotation for request in self.requests.values()):
            return
        waiting = {request.id for request in self.place.journal.requests(waiting=True)}
        if any(one.id not in waiting and one.state is RequestState.WAITING for one in self.requests.values()):
            for kept in self.place.journal.requests(waiting=False):
                if kept.id in self.requests:
                    self.requests[kept.id] = kept

    def _waiting(self, request: Request) -> Seen:
        """A request that no rotation has come of yet."""
        active = next(iter(self.place.journal.rotations(secret=request.about, unfinished=True)), None)
        sentence = f"waits for {active.id}, which is at {active.phase}" if active else "waits to be taken up"
        return Seen(request.about, sentence, self.place.journal.now() - request.at)

    def _seen(self, rotation: Rotation, history: History) -> Seen:
        now = self.place.journal.now()
        done, total = progress_of(rotation)
        line = f"{rotation.phase.heading}, {rotation.phase}"
        if rotation.reason is not None:
            line += f": {rotation.sentence}"
        elapsed = now - rotation.opened_at
        return Seen(
            rotation.secret,
            line,
            elapsed,
            _remaining(rotation, history, now - rotation.opened_at),
            done,
            total,
        )


def _remaining(rotation: Rotation, history: History, elapsed: timedelta) -> str:
    """How long it will take yet until consumers use the new one, as far as the last rotation of the secret tells."""
    if rotation.phase in UNDOING:
        return "going back"
    done = history.last_done
    if rotation.ledger.confirmed_at or done is None or done.ledger.confirmed_at is None:
        return ""
    whole = done.ledger.confirmed_at - done.opened_at
    if elapsed > whole:
        return f"longer than last time ({spell(whole)})"
    left = whole - elapsed
    return f"about {spell(left)} left" if left.total_seconds() >= 1 else "a moment left"


def _ending(rotation: Rotation) -> tuple[str, bool] | None:
    """How it ended, and whether well; None while it goes on."""
    ledger = rotation.ledger
    if rotation.state in {State.PARKED, State.UNDONE}:
        return f"{rotation.state}, {rotation.sentence}; see `rotator status {rotation.secret}`", False
    if rotation.state is State.ACTIVE and (ledger.confirmed_at is None or ledger.undo_reason is not None):
        return None
    versions = ", ".join(
        f"{name} {ledger.before.get(name, '?')} -> {version}" for name, version in ledger.wrote.items()
    )
    restarted = ", ".join(deployment.id for deployment in rotation.recipe.deployments)
    told = f"consumers use the new one ({versions}" + (f"; restarted: {restarted})" if restarted else ")")
    if rotation.state is State.DONE:
        return f"{told}; the old one is dead", True
    if ledger.grace_until is None:
        return f"{told}; the old one is invalidated next", True
    back = f"; until then back with: rotator rollback {rotation.id} --reason …"
    return f"{told}; the old one lives until {moment(ledger.grace_until)}{back}", True
