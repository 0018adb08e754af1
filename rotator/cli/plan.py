"""plan: what would happen, why, at what cost, and what is held back until when. It only reads the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import typer

from rotator.cli.liveness import liveness
from rotator.cli.names import in_environment
from rotator.cli.opening import looking
from rotator.cli.rows import row_of
from rotator.cli.show import as_json, as_lines, capital, heading, moment, say
from rotator.cli.status import code_of
from rotator.engine.ages import due_at, spell
from rotator.engine.decisions import Decided
from rotator.engine.due import HELD, Standing
from rotator.model.numbers import counted
from rotator.model.policy import Recipe


def show_plan(env: str | None, *, json: bool, exit_code: bool) -> None:
    """Prints what the next scan would begin, and what it would leave for later."""
    place = looking()
    entries = list(in_environment(place.policies, place.decided, env).values())
    due = [entry for entry in entries if entry.decision.due]
    held = [entry for entry in entries if _held(entry)]
    if json:
        as_json(
            due=[_facts(entry) for entry in due],
            held=[_facts(entry) for entry in held],
            writes=sum(writes(entry.gathered.policy.recipe) for entry in due),
            restarts=dict(restarts(due)),
            next=_next_due(entries),
        )
    else:
        _print(due, held, entries)
        say(f"Nothing was changed. {capital(liveness(place).sentence)}.")
    if exit_code:
        raise typer.Exit(code_of(place, [*due, *held]))


def writes(recipe: Recipe) -> int:
    """Store writes of one rotation: its fields, and twice the accepted set."""
    return len(recipe.fields) + (2 if recipe.accepted_as else 0)


def restarts(due: Collection[Decided]) -> Counter[str]:
    """How often each workload is restarted: rotations of one workload share their rollouts."""
    most: Counter[str] = Counter()
    for entry in due:
        recipe = entry.gathered.policy.recipe
        for deployment in recipe.deployments:
            most[deployment.id] = max(most[deployment.id], 3 if recipe.accepted_as else 1)
    return most


def steps(recipe: Recipe) -> str:
    """The rotation in one line, as an operator would say it."""
    workloads = ", ".join(deployment.id.split("/", 1)[-1] for deployment in recipe.deployments)
    restart = [f"restart {workloads}"] if workloads else []
    story = [f"new one from {recipe.provider}"]
    if recipe.accepted_as:
        story += ["accept both", *restart]
    story += [f"write {counted(len(recipe.fields), 'parameter')}", *restart, f"grace {spell(recipe.grace)}"]
    if recipe.external_consumers:
        story += ["wait for a person's yes"]
    story += ["stop accepting the old one", *restart] if recipe.accepted_as else ["disable the old one"]
    return " -> ".join([*story, "prove it dead"])


def nothing_due(entries: Collection[Decided]) -> str:
    """The sentence for a plan without work."""
    upcoming = _next_due(entries)
    return f"nothing due; next: {upcoming['secret']} in {upcoming['in']}" if upcoming else "nothing due"


def _held(entry: Decided) -> bool:
    unsurveyed = entry.decision.standing is Standing.UNSURVEYED and entry.gathered.past_due
    return entry.decision.standing in HELD or unsurveyed


def _print(due: list[Decided], held: list[Decided], entries: Collection[Decided]) -> None:
    if not due:
        say(capital(nothing_due(entries)))
    for entry in due:
        heading(f"~ {entry.gathered.policy.secret}")
        as_lines(f"    why: {entry.decision.sentence}", f"    {steps(entry.gathered.policy.recipe)}")
    for entry in held:
        until = f" (until {moment(entry.decision.until)})" if entry.decision.until else ""
        heading(f"! {entry.gathered.policy.secret}")
        as_lines(f"    held back{until}: {entry.decision.sentence}")
    if due:
        total = sum(writes(entry.gathered.policy.recipe) for entry in due)
        each = ", ".join(f"{name} x{times}" for name, times in sorted(restarts(due).items())) or "none"
        as_lines(f"  store writes: {total}   restarts: {each}   failed logins expected: 0")


def _facts(entry: Decided) -> dict[str, Any]:
    recipe = entry.gathered.policy.recipe
    return {
        "secret": recipe.secret,
        "why": entry.decision.sentence,
        "standing": entry.decision.standing.value,
        "until": entry.decision.until.isoformat() if entry.decision.until else None,
        "due": row_of(entry, full=True).get("due"),
        "steps": steps(recipe),
        "writes": writes(recipe),
        "restarts": [deployment.id for deployment in recipe.deployments],
    }


def _next_due(entries: Collection[Decided]) -> dict[str, str] | None:
    coming = [
        (due_at(entry.gathered.policy, age), entry.gathered.policy.secret, entry.gathered.now)
        for entry in entries
        if (age := entry.gathered.age) is not None and entry.decision.standing is Standing.FRESH
    ]
    if not coming:
        return None
    at, secret, now = min(coming)
    return {"secret": secret, "at": at.isoformat(), "in": spell(at - now)}
