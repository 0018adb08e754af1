"""The steps of a rotation as a chain: what each did, since when, how long it took, and what failed in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from rotator.model.rotation import BEFORE_CONFIRMED, UNDOING, Event, Phase, Reason, Rotation, State

#: Kinds of events that tell of a failure.
_FAILURES = frozenset({"retries", "undo", "parked"})
_IN_ORDER = {phase: place for place, phase in enumerate(Phase)}


class StepState(StrEnum):
    """How a step stands."""

    DONE = "done"
    AT_WORK = "at work"
    WAITS = "waits"
    FAILING = "FAILING"  # it is tried again
    FAILED = "FAILED"  # the rotation went back, or parked
    TO_COME = "to come"


@dataclass(slots=True)
class Failure:
    """The same trouble, some times in a row."""

    sentence: str
    first: datetime
    last: datetime
    times: int = 1

    def __str__(self) -> str:
        """How often, when and why, for people."""
        since = f"{self.times} times from {self.first:%Y-%m-%d %H:%M:%S} to " if self.times > 1 else ""
        return f"{since}{self.last:%Y-%m-%d %H:%M:%S}: {self.sentence}"


@dataclass(slots=True)
class Step:
    """One visit to a phase."""

    phase: Phase
    began: datetime | None = None
    ended: datetime | None = None
    state: StepState = StepState.DONE
    sentence: str = ""
    failures: list[Failure] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """For machines."""
        return {
            "step": self.phase.value,
            "heading": self.phase.heading,
            "state": self.state.value.lower().replace(" ", "_"),
            "began_at": self.began.isoformat() if self.began else None,
            "ended_at": self.ended.isoformat() if self.ended else None,
            "sentence": self.sentence,
            "failures": [
                {
                    "sentence": one.sentence,
                    "first_at": one.first.isoformat(),
                    "last_at": one.last.isoformat(),
                    "times": one.times,
                }
                for one in self.failures
            ],
        }


def failures_worth_telling(step: Step) -> list[Failure]:
    """Its failures, the last one first, without one that only says what the step says."""
    alone = (one for one in step.failures if one.times > 1 or one.sentence != step.sentence)
    return list(alone)[::-1]


def way_of(rotation: Rotation) -> tuple[Phase, ...]:
    """The steps that such a rotation usually takes; a source may need fewer, or more."""
    recipe, by_hand = rotation.recipe, rotation.ledger.submitted_by is not None
    shared = recipe.accepted_as is not None
    unless_shared = () if shared or by_hand else (Phase.DISABLE,)
    return (
        Phase.PLAN,
        Phase.CREATE,
        Phase.VERIFY,
        *((Phase.ANNOUNCE,) if shared else ()),
        Phase.STORE,
        *((Phase.REDEPLOY,) if recipe.deployments else ()),
        Phase.CONFIRM,
        Phase.GRACE,
        *((Phase.FORGET,) if shared else unless_shared),
        Phase.PROVE,
        *(() if shared or by_hand else (Phase.QUARANTINE, Phase.REMOVE)),
    )


def progress_of(rotation: Rotation) -> tuple[int, int]:
    """How many steps until consumers are on the successor are behind it, and how many there are."""
    way = [phase for phase in way_of(rotation) if phase in BEFORE_CONFIRMED]
    if rotation.phase in UNDOING:
        return 0, len(way)
    return sum(_IN_ORDER[phase] < _IN_ORDER[rotation.phase] for phase in way), len(way)


def chain_of(rotation: Rotation, events: Sequence[Event]) -> list[Step]:
    """Every step that was taken, in order, the one where it stands, and those to come."""
    steps = list(_taken(rotation, events))
    if rotation.state is State.ACTIVE and steps[-1].phase is not rotation.phase:
        steps.append(Step(rotation.phase, rotation.phase_since, sentence=rotation.sentence))
    here = steps[-1]
    here.state = _state_of(rotation, here)
    if here.state is not StepState.DONE:
        here.ended = None
    ahead = rotation.state in {State.ACTIVE, State.PARKED} and rotation.phase not in UNDOING
    passed = _IN_ORDER[rotation.phase]
    to_come = [phase for phase in way_of(rotation) if ahead and _IN_ORDER[phase] > passed]
    return [*steps, *(Step(phase, state=StepState.TO_COME) for phase in to_come)]


def deepest_failure(chain: Sequence[Step]) -> Step | None:
    """The step that fails now, or the last that failed and made the rotation go back."""
    wrong = [step for step in chain if step.state in {StepState.FAILING, StepState.FAILED}]
    return wrong[-1] if wrong else None


def _taken(rotation: Rotation, events: Sequence[Event]) -> Iterator[Step]:
    """One step for each visit to a phase, with the trouble it had. At least one."""
    step = Step(Phase.PLAN, rotation.opened_at)
    for event in events:
        if event.phase is not step.phase:
            yield step
            step = Step(event.phase, step.ended)
        step.ended = event.at
        if event.kind in _FAILURES:
            _note(step, event)
        if event.kind in {"undo", "parked"}:
            step.state = StepState.FAILED
        elif event.kind != "retries":
            step.state = StepState.DONE
        step.sentence = event.sentence or step.sentence
    yield step


def _note(step: Step, event: Event) -> None:
    last = step.failures[-1] if step.failures else None
    if last is not None and last.sentence == event.sentence:
        last.last, last.times = event.at, last.times + 1
    else:
        step.failures.append(Failure(event.sentence, event.at, event.at))


def _state_of(rotation: Rotation, step: Step) -> StepState:
    """How the step stands at which the rotation stands."""
    if rotation.state is State.PARKED:
        return StepState.FAILED
    if rotation.state is not State.ACTIVE:
        return step.state
    if rotation.attempt or rotation.reason in {Reason.RETRYING, Reason.ROLLOUT_FAILED, Reason.NOT_SEEN}:
        return StepState.FAILING
    return StepState.WAITS if rotation.reason is not None else StepState.AT_WORK
