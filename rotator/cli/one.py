"""status SECRET: what is wrong with it, deepest first; then everything that is known of it, and its steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer

from rotator.cli.deeds import last_refused
from rotator.cli.liveness import liveness
from rotator.cli.names import secret_named
from rotator.cli.opening import Place, looking
from rotator.cli.rows import CSV_COLUMNS
from rotator.cli.show import (
    Format,
    Tint,
    as_json,
    as_lines,
    as_rows,
    as_table,
    capital,
    heading,
    say,
)
from rotator.cli.status import TINTS, code_of
from rotator.engine.ages import spell
from rotator.engine.report.facts import facts_of
from rotator.engine.report.secret import Account, account_facts, account_of, details, rotation_title
from rotator.engine.report.steps import Step, StepState, failures_worth_telling
from rotator.engine.report.times import moment
from rotator.engine.words import word_of
from rotator.model.requests import Request

_TINTS = {
    StepState.FAILING.value: Tint.BAD,
    StepState.FAILED.value: Tint.BAD,
    StepState.WAITS.value: Tint.WAITS,
}


def show_secret(typed: str, env: str | None, *, form: Format, exit_code: bool) -> None:
    """Prints what is known of one secret."""
    place = looking()
    entry = place.decided[secret_named(typed, place.policies, env)]
    account = account_of(place.journal, entry)
    refused = last_refused(place, entry.gathered.policy.secret)
    if form is Format.JSON:
        as_json(secret=account_facts(account), refused=refused.model_dump(mode="json") if refused else None)
    elif form is Format.TABLE:
        _print(place, account, refused)
    else:
        as_rows(form, [facts_of(entry)], CSV_COLUMNS)
    if exit_code:
        raise typer.Exit(code_of(place, [entry], entry.gathered.policy.environment, liveness(place)))


def _print(place: Place, account: Account, refused: Request | None) -> None:
    word, rotation = word_of(account.entry), account.rotation
    heading(f"{account.entry.gathered.policy.secret}  {word}", TINTS.get(word.value, Tint.BOLD))
    for problem in account.problems:
        heading(f"  ! {problem}", Tint.BAD)
    if account.problems and rotation is not None and rotation.ended_at is None:
        as_lines(f"  impact: {account.impact}")
    as_lines(*(f"  {name}: {what}" for name, what in details(account)))
    if refused is not None:
        asked = f"{refused.kind.replace('_', ' ')} by {refused.by} at {moment(refused.at)}"
        as_lines(f"  refused: {asked}: {refused.sentence}")
    if rotation is not None:
        as_lines("")
        heading(f"{rotation_title(rotation)}:")
        taken = [step for step in account.chain if step.state is not StepState.TO_COME]
        as_table([_row(step) for step in taken], ("step", "state", "began", "took"), "what", _TINTS)
        as_lines(*_failures(taken), *_to_come(account.chain))
    say(f"{capital(liveness(place).sentence)}.")


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
        yield from (f"  failed at {step.phase}: {failure}" for failure in failures_worth_telling(step))


def _to_come(chain: Sequence[Step]) -> Iterator[str]:
    phases = [step.phase.value for step in chain if step.state is StepState.TO_COME]
    if phases:
        yield f"  to come: {', '.join(phases)}"
