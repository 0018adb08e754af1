"""One secret as told to people: what is wrong with it, the deepest first; what is known of it; and its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rotator.contracts.record import Record
from rotator.engine.ages import due_at, period_ends, spell
from rotator.engine.alerts.impact import impact
from rotator.engine.decisions import Decided
from rotator.engine.report.alerts import alert_facts, alert_told, alerts_by_secret
from rotator.engine.report.facts import facts_of, next_step, way_back
from rotator.engine.report.steps import Step, StepState, chain_of, deepest_failure
from rotator.engine.report.times import ago, moment, when
from rotator.engine.standing import setback
from rotator.model.alerts import AlertRow
from rotator.model.observations import Surveyed
from rotator.model.rotation import Event, Rotation, State


@dataclass(frozen=True, slots=True)
class Account:
    """What is told of one secret."""

    entry: Decided
    rotation: Rotation | None  # the one under way, or the last if that was undone
    chain: Sequence[Step]  # its steps
    problems: Sequence[str]  # a sentence each, the deepest first
    alerts: Sequence[AlertRow]  # what people have been told about it and is not over

    @property
    def impact(self) -> str | None:
        """What the rotation means for the credential that consumers use."""
        return impact(self.rotation) if self.rotation else None


def rotation_told(entry: Decided) -> Rotation | None:
    """The rotation whose steps are told: the one under way, or the last if that was undone."""
    return entry.gathered.history.active or setback(entry.gathered.history)


def account_of(record: Record, entry: Decided) -> Account:
    """What is told of one secret, as the record has it."""
    rotation = rotation_told(entry)
    story = record.events(rotation.id) if rotation else ()
    alerts = alerts_by_secret(record.alerts(unclosed=True)).get(entry.gathered.policy.secret, ())
    return as_told(entry, story, record.surveyed(), alerts)


def as_told(
    entry: Decided, story: Sequence[Event], surveyed: Mapping[str, Surveyed], alerts: Sequence[AlertRow]
) -> Account:
    """What is told of one secret; `story` is that of `rotation_told`."""
    rotation = rotation_told(entry)
    chain = chain_of(rotation, story) if rotation else []
    return Account(entry, rotation, chain, list(_problems(entry, chain, surveyed)), alerts)


def account_facts(account: Account) -> dict[str, Any]:
    """For machines."""
    return {
        **facts_of(account.entry),
        "problems": list(account.problems),
        "impact": account.impact,
        "steps": [step.facts() for step in account.chain],
        "alerts": [alert_facts(row, account.entry.gathered.now) for row in account.alerts],
    }


def details(account: Account) -> Iterator[tuple[str, str]]:
    """For people: what it is called, and what is known."""
    entry, at, age = account.entry, account.entry.gathered, account.entry.gathered.age
    yield "next", next_step(entry)
    back = way_back(at)
    if back:
        yield "rollback", back
    if age is not None:
        yield (
            "age",
            f"{spell(at.now - age.born)} by the {age.source} (policy: {spell(at.policy.rotate_every)})",
        )
        yield "due", f"{moment(due_at(at.policy, age))}, overdue from {moment(period_ends(at.policy, age))}"
    for name in at.policy.recipe.parameters:
        version = at.observed.versions.get(name) if at.observed else None
        yield "parameter", name + (f", version {version}" if version is not None else "")
    yield "source", f"{at.policy.recipe.provider} (type {at.policy.type})"
    if at.policy.note:
        yield "watched only", at.policy.note
    yield (
        "owner",
        (at.policy.owner or "nobody") + (f", runbook {at.policy.runbook}" if at.policy.runbook else ""),
    )
    if at.pause is not None and at.pause.until > at.now:
        yield "paused", f"by {at.pause.by} until {moment(at.pause.until)}: {at.pause.because}"
    for request in at.requests:
        because = f": {request.because}" if request.because else ""
        yield "asked", f"{request.kind} by {request.by} at {moment(request.at)}{because}"
    for row in account.alerts:
        yield "alert", alert_told(row, at.now)


def rotation_title(rotation: Rotation) -> str:
    """What its steps stand under."""
    if rotation.ended_at is None:
        return f"Rotation {rotation.id}, begun {moment(rotation.opened_at)}"
    return f"The last rotation, {rotation.id}, was {rotation.state} at {moment(rotation.ended_at)}"


def _problems(entry: Decided, chain: Sequence[Step], surveyed: Mapping[str, Surveyed]) -> Iterator[str]:
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
        yield f"the last rotation failed at {wrong.phase} {ago(wrong.ended, at.now)}: {wrong.sentence}"
    if at.observed is not None and at.observed.trouble:
        yield f"cannot be rotated now: {at.observed.trouble}"
    for mirror in at.policy.recipe.mirrors:
        if at.observed is not None and mirror in at.observed.behind:
            yield f"mirror {mirror} may hold no copy, or an earlier one: {at.observed.behind[mirror].sentence}"
    if at.observed is not None and at.observed.unknown:
        yield f"alive at its source, and known to nobody here: {', '.join(at.observed.unknown)}"
    survey = surveyed.get(at.policy.environment)
    if survey is not None:
        held = (survey.foreign_owner, survey.trouble, survey.unheld)
        yield from (f"{at.policy.environment}: {sentence}" for sentence in held if sentence)
