"""status SECRET: everything about one secret, and the steps of its rotation."""

from __future__ import annotations

from collections.abc import Iterator

from rotator.cli.history import story_of
from rotator.cli.liveness import liveness
from rotator.cli.names import secret_named
from rotator.cli.opening import looking
from rotator.cli.rows import facts_of, next_step, way_back
from rotator.cli.show import as_json, as_lines, capital, heading, moment, say
from rotator.engine.ages import due_at, period_ends, spell
from rotator.engine.decisions import Decided
from rotator.engine.words import word_of


def show_secret(typed: str, env: str | None, *, json: bool) -> None:
    """Prints what is known of one secret."""
    place = looking()
    secret = secret_named(typed, place.policies, env)
    entry = place.decided[secret]
    if json:
        as_json(secret=facts_of(entry))
        return
    heading(f"{secret}  {word_of(entry)}")
    as_lines(*(f"  {line}" for line in _facts(entry)))
    rotation = entry.gathered.history.active
    if rotation is not None:
        as_lines("", *story_of(rotation, place.journal.events(rotation.id)))
    say(f"{capital(liveness(place).sentence)}.")


def _facts(entry: Decided) -> Iterator[str]:
    at, age = entry.gathered, entry.gathered.age
    yield f"next: {next_step(entry)}"
    if age is not None:
        yield f"age: {spell(at.now - age.born)} by the {age.source} (policy: {spell(at.policy.rotate_every)})"
        yield f"due: {moment(due_at(at.policy, age))}, overdue from {moment(period_ends(at.policy, age))}"
    for name in at.policy.recipe.fields.values():
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
    back = way_back(at)
    if back:
        yield f"rollback: {back}"
    if at.observed is not None and at.observed.unknown:
        yield f"unknown at its source: {', '.join(at.observed.unknown)}"
    if at.observed is not None and at.observed.trouble:
        yield f"its source could not be asked: {at.observed.trouble}"
