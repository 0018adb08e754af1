"""The worker: claims due rows, advances them while its claim lasts, and writes down what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Final, TypeVar

import structlog
from structlog.contextvars import bound_contextvars

from rotator.contracts.guard import claimed
from rotator.contracts.journal import Told
from rotator.contracts.parts import Parts
from rotator.engine.disowned import Disowned
from rotator.engine.outages import others_go_on, stuck
from rotator.engine.outcomes import Stopping, outcome
from rotator.engine.phases import PHASES
from rotator.engine.phases.step import Move, Step
from rotator.engine.principals import Principals
from rotator.engine.rollouts import advance_rollout
from rotator.engine.settings import Bounds
from rotator.model.errors import JournalAway, LostClaim
from rotator.model.rotation import Phase, RolloutRow, Rotation, State

log = structlog.get_logger()
Row = TypeVar("Row", Rotation, RolloutRow)

#: As a set that is made once: it is a part of each question for work.
_ALL: Final = frozenset(PHASES)


@dataclass
class Claim:
    """How long a row is surely ours, by the local monotonic clock."""

    ends: float
    lost: bool = False


@dataclass
class Worker:
    """One owner of claims. Several workers may share a journal; each has its own owner name.

    Every line that is logged while it works on a row, by whatever part, bears the rotation's id.
    """

    parts: Parts
    owner: str
    bounds: Bounds = field(default_factory=Bounds)
    stopping: Callable[[], bool] = lambda: False
    _claims: dict[str, Claim] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _rollouts_from: float = 0.0  # when they are next looked for, whatever else there is to do

    def __post_init__(self) -> None:
        self._principals = Principals(self.parts)
        self._disowned = Disowned(self.parts, self.bounds)

    def work(self, limit: int = 1) -> int:
        """Claims up to `limit` due rollouts and rotations and advances each as far as it goes now. How many it was."""
        if self.stopping():
            return 0
        self._disowned.remove()
        asked = self.parts.clock.monotonic()
        rotations = self.parts.journal.claim_rotations(self.owner, limit, _ALL, self.bounds.lease)
        rollouts = self._rollouts(limit) if not rotations or asked >= self._rollouts_from else ()
        for row_id in [row.id for row in rollouts] + [row.id for row in rotations]:
            self._hold(row_id, asked)
        for rollout in rollouts:
            with bound_contextvars(rollout=rollout.id, rotations=list(rollout.members)):
                self._run(rollout.id, partial(self._advance_rollout, rollout))
        for rotation in rotations:
            with bound_contextvars(rotation=rotation.id, secret=rotation.secret):
                self._run(rotation.id, partial(self._advance, rotation))
        return len(rollouts) + len(rotations)

    def _rollouts(self, limit: int) -> Sequence[RolloutRow]:
        """Claimed ones. While there are rotations to advance they are asked for now and then: many may wait for one."""
        rollouts = self.parts.journal.claim_rollouts(self.owner, limit, self.bounds.lease)
        pause = timedelta() if rollouts else self.bounds.poll / 4
        self._rollouts_from = self.parts.clock.monotonic() + pause.total_seconds()
        return rollouts

    def renew(self) -> None:
        """Prolongs every claim that is held; those that are lost are known as lost at once."""
        with self._lock:
            held_ids = set(self._claims)
        if not held_ids:
            return
        asked = self.parts.clock.monotonic()
        kept = self.parts.journal.renew(self.owner, held_ids, held_ids, self.bounds.lease)
        with self._lock:
            for row_id in held_ids & set(self._claims):
                claim = self._claims[row_id]
                claim.lost = claim.lost or row_id not in kept
                claim.ends = asked + self.bounds.lease.total_seconds()

    def _hold(self, row_id: str, asked: float) -> None:
        with self._lock:
            self._claims[row_id] = Claim(asked + self.bounds.lease.total_seconds())

    def _run(self, row_id: str, advance: Callable[[], None]) -> None:
        """Runs one row under its claim; whatever happens, the claim is let go of here."""
        try:
            with claimed(lambda seconds: self._check(row_id, seconds)):
                advance()
        except LostClaim:
            log.info("claim lost", row=row_id)
        except JournalAway as away:
            log.warning("the journal gave no answer", row=row_id, trouble=str(away))
        finally:
            with self._lock:
                self._claims.pop(row_id, None)

    def _check(self, row_id: str, seconds: float) -> None:
        """guard(): a call of that length would end inside the claim, and we are not stopping."""
        with self._lock:
            claim = self._claims.get(row_id)
        if claim is None or claim.lost or self.parts.clock.monotonic() + seconds >= claim.ends:
            raise LostClaim("the claim does not outlive the call")
        if self.stopping():
            raise Stopping

    def _advance_rollout(self, rollout: RolloutRow) -> None:
        try:
            changed = advance_rollout(self.parts, self.bounds, rollout)
        except Stopping:
            changed = rollout
        self._record(
            rollout.id,
            lambda: self.parts.journal.checkpoint_rollout(rollout, changed, release=True),
        )

    def _advance(self, rotation: Rotation) -> None:
        """Phase after phase while the next one is due now."""
        current, carried = rotation, tuple[Told, ...]()  # what is told with the next move that is recorded
        resumed = True
        while True:
            move = self._decide(current, resumed=resumed)
            resumed = False
            if not move.durable:
                carried += _told(current, move)
                current = current.model_copy(update={"phase": move.phase, "ledger": move.ledger})
                continue
            changed = self._changed(rotation, move)
            goes_on = move.run_at is None and changed.state is State.ACTIVE and not self.stopping()
            acted, told = current.phase, (*carried, *_told(current, move))
            write = partial(self.parts.journal.checkpoint, rotation, changed, *told, release=not goes_on)
            try:
                current = self._record(rotation.id, write)
            except LostClaim:
                made = move.ledger.successor_id
                if acted is Phase.CREATE and made is not None:
                    self._disowned.add(made, current)
                raise
            _say([*(line.phase or acted for line in carried), acted], current)
            carried = ()
            if stuck(rotation) and current.phase is not rotation.phase:
                self._let_others_go_on(rotation.phase)
            rotation = current
            if not goes_on:
                return

    def _let_others_go_on(self, phase: Phase) -> None:
        """A convenience for those that are stuck there, too: without it they wait for their own times."""
        with suppress(JournalAway):
            others_go_on(self.parts, phase)

    def _decide(self, rotation: Rotation, *, resumed: bool) -> Move:
        """What the row's phase answers; every line that is logged meanwhile bears the phase."""
        step = Step(rotation, self.parts, self.bounds, self.parts.journal.now(), self._principals, resumed)
        with bound_contextvars(phase=rotation.phase.value):
            return outcome(step)

    def _changed(self, rotation: Rotation, move: Move) -> Rotation:
        """The row as the move wants it."""
        now = self.parts.journal.now()
        failed = move.kind == "retries"
        return rotation.model_copy(
            update={
                "phase": move.phase,
                "state": move.state,
                "ledger": move.ledger,
                "sentence": move.sentence or rotation.sentence,
                "reason": move.reason,
                "run_at": move.run_at or now,
                "attempt": rotation.attempt + 1 if failed else 0,
                "phase_since": now if move.phase is not rotation.phase else rotation.phase_since,
                "ended_at": now if move.state in {State.DONE, State.UNDONE} else None,
                **(move.sealed or {}),
            }
        )

    def _record(self, row_id: str, write: Callable[[], Row]) -> Row:
        """Writes a result down; while the journal does not answer, tries again as long as the claim lasts."""
        while True:
            try:
                return write()
            except JournalAway as away:
                if self._ended(row_id):
                    raise
                log.warning("a result could not be recorded yet", row=row_id, trouble=str(away))
                self.parts.clock.sleep(self.bounds.poll.total_seconds() / 2)

    def _ended(self, row_id: str) -> bool:
        with self._lock:
            claim = self._claims.get(row_id)
        return claim is None or claim.lost or self.parts.clock.monotonic() >= claim.ends


def _told(rotation: Rotation, move: Move) -> tuple[Told, ...]:
    """What the move adds to the rotation's story: nothing where it stands as before."""
    stands = move.kind == "stopped" or (move.kind == "waits" and rotation.reason is move.reason)
    skips = not move.durable and not move.sentence
    return () if stands or skips else (Told(move.kind, move.sentence, rotation.phase),)


def _say(acted: Sequence[Phase], row: Rotation) -> None:
    """One line for each step that was recorded: the phase that acted, and the next one or how it ended."""
    ended = row.phase if row.state is State.ACTIVE else row.state
    for phase, following in pairwise((*acted, ended)):
        if following is not phase:
            log.info("advanced", rotation=row.id, secret=row.secret, phase=phase.value, next=following.value)
