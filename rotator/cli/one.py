"""status SECRET: what is wrong with it, deepest first; then everything that is known of it, and its steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import typer

from rotator.cli.liveness import liveness
from rotator.cli.names import secret_named
from rotator.cli.opening import Place, looking
from rotator.cli.rows import CSV_COLUMNS, facts_of, next_step, way_back, when
from rotator.cli.show import (
    Format,
    Tint,
    as_json,
    as_lines,
    as_rows,
    as_table,
    capital,
    heading,
    moment,
    say,
)
from rotator.cli.status import TINTS, code_of
from rotator.cli.steps import Step, StepState, chain_of, deepest_failure
from rotator.engine.ages import due_at, period_ends, spell
from rotator.engine.alerts.impact import impact
from rotator.engine.answers import answered
from rotator.engine.decisions import Decided
from rotator.engine.standing import setback
from rotator.engine.words import word_of
from rotator.model.alerts import AlertRow
from rotator.model.rotation import Rotation, State

_TINTS = {
    StepState.FAILING.value: Tint.BAD,
    StepState.FAILED.value: Tint.BAD,
    StepState.WAITS.value: Tint.WAITS,
}


def show_secret(typed: str, env: str | None, *, form: Format, exit_code: bool) -> None:
    """Prints what is known of one secret."""
    place = looking()
    entry = place.decided[secret_named(typed, place.policies, env)]
    rotation = entry.gathered.history.active or setback(entry.gathered.history)
    chain = chain_of(rotation, place.journal.events(rotation.id)) if rotation else []
    alerts = _alerts(place, entry)
    if form is Format.JSON:
        as_json(
            secret={
                **facts_of(entry),
                "problems": list(_problems(place, entry, chain)),
                "impact": impact(rotation) if rotation else None,
                "steps": [step.facts() for step in chain],
                "alerts": [_alert_facts(row, entry.gathered.now) for row in alerts],
            }
        )
    elif form is Format.TABLE:
        _print(place, entry, rotation, chain, alerts)
    else:
        as_rows(form, [facts_of(entry)], CSV_COLUMNS)
    if exit_code:
        raise typer.Exit(code_of(place, [entry], entry.gathered.policy.environment, liveness(place)))


def _print(
    place: Place, entry: Decided, rotation: Rotation | None, chain: Sequence[Step], alerts: Sequence[AlertRow]
) -> None:
    word = word_of(entry)
    heading(f"{entry.gathered.policy.secret}  {word}", TINTS.get(word.value, Tint.BOLD))
    problems = list(_problems(place, entry, chain))
    for problem in problems:
        heading(f"  ! {problem}", Tint.BAD)
    if problems and rotation is not None and rotation.ended_at is None:
        as_lines(f"  impact: {impact(rotation)}")
    as_lines(*(f"  {line}" for line in _facts(entry, alerts)))
    if rotation is not None:
        as_lines("")
        heading(_title(rotation))
        taken = [step for step in chain if step.state is not StepState.TO_COME]
        as_table([_row(step) for step in taken], ("step", "state", "began", "took"), "what", _TINTS)
        as_lines(*_failures(taken), *_to_come(chain))
    say(f"{capital(liveness(place).sentence)}.")


def _problems(place: Place, entry: Decided, chain: Sequence[Step]) -> Iterator[str]:
    """What is wrong, a sentence each, the deepest first: the step, its source, then what holds up everything there."""
    at, rotation = entry.gathered, entry.gathered.history.active
    wrong = deepest_failure(chain)
    if wrong is not None and rotation is not None and rotation.state is State.PARKED:
        yield f"parked at {rotation.phase} since {moment(rotation.phase_since)}: {rotation.sentence}"
    elif wrong is not None and wrong.state is StepState.FAILING and rotation is not None:
        failed = sum(failure.times for failure in wrong.failures)
        again = f"{wrong.phase} failed {failed} times, tried again {when(rotation.run_at, at.now)}"
        yield f"{again}: {rotation.sentence}"
    elif wrong is not None:
        yield f"the last rotation failed at {wrong.phase} {_ago(wrong.ended, at.now)}: {wrong.sentence}"
    if at.observed is not None and at.observed.trouble:
        yield f"its source cannot be asked: {at.observed.trouble}"
    if at.observed is not None and at.observed.unknown:
        yield f"alive at its source, and known to nobody here: {', '.join(at.observed.unknown)}"
    survey = place.journal.surveyed().get(at.policy.environment)
    if survey is not None:
        held = (survey.foreign_owner, survey.trouble, survey.unheld)
        yield from (f"{at.policy.environment}: {sentence}" for sentence in held if sentence)


def _facts(entry: Decided, alerts: Sequence[AlertRow]) -> Iterator[str]:
    at, age = entry.gathered, entry.gathered.age
    yield f"next: {next_step(entry)}"
    back = way_back(at)
    if back:
        yield f"rollback: {back}"
    if age is not None:
        yield f"age: {spell(at.now - age.born)} by the {age.source} (policy: {spell(at.policy.rotate_every)})"
        yield f"due: {moment(due_at(at.policy, age))}, overdue from {moment(period_ends(at.policy, age))}"
    for name in at.policy.recipe.parameters:
        version = at.observed.versions.get(name) if at.observed else None
        yield f"parameter: {name}" + (f", version {version}" if version is not None else "")
    yield f"source: {at.policy.recipe.provider} (type {at.policy.type})"
    if at.policy.note:
        yield f"watched only: {at.policy.note}"
    yield f"owner: {at.policy.owner or 'nobody'}" + (
        f", runbook {at.policy.runbook}" if at.policy.runbook else ""
    )
    if at.pause is not None and at.pause.until > at.now:
        yield f"paused: by {at.pause.by} until {moment(at.pause.until)}: {at.pause.because}"
    for request in at.requests:
        because = f": {request.because}" if request.because else ""
        yield f"asked: {request.kind} by {request.by} at {moment(request.at)}{because}"
    for row in alerts:
        alert, hush = row.alert, row.hushed(at.now)
        loud = f"{alert.kind}, {alert.severity.name.lower()}"
        answer = answered(hush) if hush else f"I am on it: rotator ack {alert.id}"
        yield f"alert {alert.id}: {alert.title} ({loud}), since {moment(alert.opened_at)}; {answer}"


def _title(rotation: Rotation) -> str:
    if rotation.ended_at is None:
        return f"Rotation {rotation.id}, begun {moment(rotation.opened_at)}:"
    return f"The last rotation, {rotation.id}, was {rotation.state} at {moment(rotation.ended_at)}:"


def _row(step: Step) -> dict[str, str]:
    took = spell(step.ended - step.began) if step.began and step.ended else ""
    return {
        "step": f"  {step.phase}",
        "state": step.state,
        "began": f"{step.began:%Y-%m-%d %H:%M:%S}" if step.began else "",
        "took": took,
        "what": step.sentence,
    }


def _failures(chain: Sequence[Step]) -> Iterator[str]:
    """What failed on the way, with times, the deepest first."""
    for step in reversed(chain):
        for failure in reversed(step.failures):
            if failure.times == 1 and failure.sentence == step.sentence:
                continue
            times = (
                f"{failure.times} times from {failure.first:%Y-%m-%d %H:%M:%S} to "
                if failure.times > 1
                else ""
            )
            yield f"  failed at {step.phase}: {times}{failure.last:%Y-%m-%d %H:%M:%S}: {failure.sentence}"


def _to_come(chain: Sequence[Step]) -> Iterator[str]:
    phases = [step.phase.value for step in chain if step.state is StepState.TO_COME]
    if phases:
        yield f"  to come: {', '.join(phases)}"


def _ago(moment_of_it: datetime | None, now: datetime) -> str:
    return f"{spell(now - moment_of_it)} ago" if moment_of_it else ""


def _alerts(place: Place, entry: Decided) -> list[AlertRow]:
    """What people have been told about it and is not over, the loudest first."""
    secret = entry.gathered.policy.secret
    rows = place.journal.alerts(unclosed=True)
    return [row for row in rows if row.alert.secret == secret and not row.alert.closed]


def _alert_facts(row: AlertRow, now: datetime) -> dict[str, Any]:
    told = row.alert.model_dump(mode="json", include={"identity", "kind", "severity", "title", "opened_at"})
    hush = row.hushed(now)
    answer = hush.model_dump(mode="json", include={"by", "at", "until", "because"}) if hush else None
    return {**told, "id": row.alert.id, "state": row.state(now).value, "answer": answer}
