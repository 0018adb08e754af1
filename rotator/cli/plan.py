"""plan: what would happen, why, at what cost, and what is held back until when. It only reads the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import typer

from rotator.cli.codes import Code
from rotator.cli.liveness import liveness
from rotator.cli.opening import Place, looking
from rotator.cli.plan_file import save_plan
from rotator.cli.selection import Choice, chosen, impossible, narrowed, waits_its_turn, why_left_out
from rotator.cli.show import Format, Tint, as_json, as_lines, as_rows, capital, heading, say
from rotator.cli.status import code_of, not_looked_at
from rotator.engine.ages import due_at, spell
from rotator.engine.decisions import Decided
from rotator.engine.due import HELD, Standing
from rotator.engine.report.facts import due_sentence
from rotator.engine.report.times import moment
from rotator.engine.report.troubles import troubles
from rotator.model.numbers import counted
from rotator.model.policy import Mode, Recipe, SecretPolicy
from rotator.model.references import IN_SSM

_CSV_COLUMNS = (
    "secret", "begins", "why", "standing", "until", "due", "writes", "restarts", "expected_seconds", "steps",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What would begin, what waits and for what, and what cannot be."""

    begin: tuple[Decided, ...]
    held: Mapping[str, tuple[Decided, str]]
    refused: Mapping[str, str]


def show_plan(choice: Choice, *, form: Format, exit_code: bool, save: Path | None) -> None:
    """Prints what the next scan would begin, or what asking for the named ones would, and what is left for later."""
    place = looking()
    entries = narrowed(place, choice)
    if not (choice.names or choice.everything):
        choice = replace(choice, due=True)
    plan = _due(entries) if choice.due else _asked_for(place, choice)
    told = facts_of_plan(place, plan, entries.values())
    if save is not None:
        save_plan(save, told)
    if form is Format.JSON:
        as_json(**told)
    elif form is Format.TABLE:
        _print(place, plan, entries.values(), nothing_in(place, choice))
        if choice.due and choice.narrowing:
            say(
                f"`rotator rotate {choice.narrowing}` would ask for all of them, due or not: "
                f"rotator plan --all {choice.narrowing}"
            )
        written = f" The plan is in {save}: rotator apply {save}" if save else ""
        for sentence in troubles(place.journal, place.policies, choice.environment):
            say(sentence)
        say(f"Nothing was changed. {capital(liveness(place).sentence)}.{written}")
    else:
        as_rows(form, _rows(told), _CSV_COLUMNS)
    if exit_code:
        considered = [*plan.begin, *(entry for entry, _ in plan.held.values())]
        if not_looked_at(place, entries.values()):
            raise typer.Exit(Code.FAILED)
        raise typer.Exit(code_of(place, considered, choice.environment))


def writes(recipe: Recipe) -> int:
    """Store writes of one rotation: its parameters, and twice the accepted set."""
    return len(recipe.parameters) + (2 if recipe.accepted_as else 0)


def restarts(begin: Collection[Decided]) -> Counter[str]:
    """How often each workload is restarted: rotations of one workload share their rollouts."""
    most: Counter[str] = Counter()
    for entry in begin:
        recipe = entry.gathered.policy.recipe
        for deployment in recipe.deployments:
            most[deployment.id] = max(most[deployment.id], 3 if recipe.accepted_as else 1)
    return most


def steps(policy: SecretPolicy) -> str:
    """The rotation in one line, as an operator would say it."""
    recipe = policy.recipe
    workloads = ", ".join(deployment.id.split("/", 1)[-1] for deployment in recipe.deployments)
    restart = [f"restart {workloads}"] if workloads else []
    story = ["the new one that a person made" if policy.submitted else f"new one from {recipe.provider}"]
    if recipe.accepted_as:
        story += ["accept both", *restart]
    story += [
        f"write {counted(len(recipe.parameters), 'parameter')}",
        *restart,
        f"grace {spell(recipe.grace)}",
    ]
    if recipe.external_consumers:
        story += ["wait for a person's yes"]
    if policy.submitted:
        story += ["wait until a person has ended the old one"]
    else:
        story += ["stop accepting the old one", *restart] if recipe.accepted_as else ["disable the old one"]
    return " -> ".join([*story, "prove it dead"])


def nothing_due(entries: Collection[Decided]) -> str:
    """The sentence for a plan without work."""
    held = sum(entry.gathered.past_due for entry in entries if _held(entry))
    nothing = f"nothing due but {counted(held, 'secret')} held back" if held else "nothing due"
    upcoming = _next_due(entries)
    return f"{nothing}; next: {upcoming['secret']} in {upcoming['in']}" if upcoming else nothing


def nothing_in(place: Place, choice: Choice) -> str:
    """The sentence for a choice of which nothing is asked for."""
    return nothing_due(narrowed(place, choice).values()) if choice.due else "nothing to ask for"


def took_last_time(entry: Decided) -> timedelta | None:
    """How long the last rotation of this secret took until consumers were on the new one; None where none is known."""
    done = entry.gathered.history.last_done
    if done is None or done.ledger.confirmed_at is None:
        return None
    return done.ledger.confirmed_at - done.opened_at


def facts_of_plan(place: Place, plan: Plan, entries: Collection[Decided]) -> dict[str, Any]:
    """The plan for machines, and for `rotator apply`: ids, versions and times, never a value."""
    return {
        "kind": "plan",
        "made_at": place.journal.now().isoformat(),
        "policy_version": place.policies.version,
        "due": [_facts(entry, entry.decision.sentence) for entry in plan.begin],
        "held": [_facts(entry, why) for entry, why in plan.held.values()],
        "refused": dict(plan.refused),
        "writes": sum(writes(entry.gathered.policy.recipe) for entry in plan.begin),
        "restarts": dict(restarts(plan.begin)),
        "next": _next_due(entries),
    }


def _due(entries: Mapping[str, Decided]) -> Plan:
    """What the next scan begins, and what is past its date and held back."""
    begin = tuple(entry for entry in entries.values() if entry.decision.due)
    held = {secret: (entry, entry.decision.sentence) for secret, entry in entries.items() if _held(entry)}
    return Plan(begin, held, {})


def _asked_for(place: Place, choice: Choice) -> Plan:
    """What asking for it would begin: neither age nor window matters to the start."""
    wanted = chosen(place, choice)
    refused = {secret: why for secret, entry in wanted.items() if (why := impossible(entry))}
    held = {
        secret: (entry, f"{why}; a request would wait its turn" if choice.names else why_left_out(entry))
        for secret, entry in wanted.items()
        if secret not in refused and (why := waits_its_turn(entry))
    }
    begin = tuple(_if_asked_for(entry) for secret, entry in wanted.items() if secret not in {*refused, *held})
    return Plan(begin, held, refused)


def _if_asked_for(entry: Decided) -> Decided:
    """Says also what becomes of that when somebody asks: the calendar holds no request, but a yes may be wanted."""
    at, decision = entry.gathered, entry.decision
    if decision.due or decision.standing is Standing.AWAITING_YES:  # which say so themselves
        return entry
    if at.policy.mode is Mode.APPROVE and at.consent is None:
        then = f"waits for somebody else's yes: rotator approve {at.policy.secret} --reason …"
    elif decision.standing in HELD:
        then = "begins all the same"
    else:
        return entry
    return Decided(at, replace(decision, sentence=f"{decision.sentence}; asked for, it {then}"))


def _held(entry: Decided) -> bool:
    unsurveyed = entry.decision.standing is Standing.UNSURVEYED and entry.gathered.past_due
    return entry.decision.standing in HELD or unsurveyed


def _print(place: Place, plan: Plan, entries: Collection[Decided], nothing: str) -> None:
    unseen = not_looked_at(place, entries)
    if unseen:
        have = "has" if unseen == 1 else "have"
        known = "Nothing is known yet: " if unseen == len(entries) else ""
        say(f"{known}{counted(unseen, 'secret')} {have} not been looked at")
    if not plan.begin and unseen < len(entries):
        say(capital(nothing))
    for entry in plan.begin:
        recipe = entry.gathered.policy.recipe
        heading(f"~ {recipe.secret}  {due_sentence(entry)}".rstrip())
        as_lines(f"    why: {entry.decision.sentence}", f"    {steps(entry.gathered.policy)}")
    for entry, why in plan.held.values():
        until = f" (until {moment(entry.decision.until)})" if entry.decision.until else ""
        heading(f"! {entry.gathered.policy.secret}  {due_sentence(entry)}".rstrip(), Tint.WAITS)
        as_lines(f"    held back{until}: {why}")
    for secret, why in plan.refused.items():
        heading(f"x {secret}", Tint.BAD)
        as_lines(f"    cannot be rotated: {why}")
    if plan.begin:
        as_lines(f"  {'   '.join(_costs(place, plan.begin))}")


def _costs(place: Place, begin: Collection[Decided]) -> Iterator[str]:
    """What it costs, for the last line."""
    total = sum(writes(entry.gathered.policy.recipe) for entry in begin)
    in_ssm = any(entry.gathered.environment.store == IN_SSM for entry in begin)
    pace = f" (at most {place.settings.ssm_writes_per_second:g}/s)" if in_ssm else ""
    yield f"store writes: {total}{pace}"
    yield f"restarts: {', '.join(f'{name} x{times}' for name, times in sorted(restarts(begin).items())) or 'none'}"
    known = [took for entry in begin if (took := took_last_time(entry)) is not None]
    if known:
        spans = dict.fromkeys((spell(min(known)), spell(max(known))))
        yield f"time until consumers are on the new one: {' to '.join(spans)}, as last time"
    gaps = [entry.gathered.policy.secret for entry in begin if entry.gathered.policy.recipe.accept_gap]
    yield f"failed logins expected: {'a moment of ' + ', '.join(gaps) + ' (accept_gap)' if gaps else '0'}"


def _facts(entry: Decided, why: str) -> dict[str, Any]:
    at, recipe, took = entry.gathered, entry.gathered.policy.recipe, took_last_time(entry)
    return {
        "secret": recipe.secret,
        "why": why,
        "standing": entry.decision.standing.value,
        "until": entry.decision.until.isoformat() if entry.decision.until else None,
        "due": due_sentence(entry) or None,
        "versions": dict(at.versions),
        "steps": steps(at.policy),
        "writes": writes(recipe),
        "restarts": [deployment.id for deployment in recipe.deployments],
        "expected_seconds": round(took.total_seconds()) if took else None,
    }


def _rows(told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row for each secret: whether it begins, and why."""
    for begins, kind in ((True, "due"), (False, "held")):
        for facts in told[kind]:
            yield {"begins": begins, **facts}
    for secret, why in told["refused"].items():
        yield {"begins": False, "secret": secret, "why": why}


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
