"""status: how every secret stands, the deepest problem first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import typer

from rotator.cli.codes import Code
from rotator.cli.liveness import Liveness, liveness
from rotator.cli.names import in_environment
from rotator.cli.opening import Place, looking
from rotator.cli.rows import CSV_COLUMNS, row_of
from rotator.cli.show import Format, Tint, as_json, as_rows, as_table, capital, say
from rotator.clock import SystemClock
from rotator.engine.clocks import ahead_of, apart
from rotator.engine.decisions import Decided
from rotator.engine.heartbeat import Process
from rotator.engine.report.facts import facts_of, status_facts
from rotator.engine.report.heartbeat import heartbeat_facts, heartbeat_told, known_beside
from rotator.engine.report.troubles import troubles
from rotator.engine.words import ASKS, ORDER, QUIET, WRONG, Word, late, word_of
from rotator.model.alerts import AlertKind

_COLUMNS = ("secret", "state", "age", "due", "last")
#: Red: somebody has to do something, or to look. Yellow: it waits, for a person or for its time.
_WAITS = {*ASKS, Word.WAITING, Word.PAUSED, Word.DUE}
TINTS = {word.value: Tint.BAD if word in WRONG else Tint.WAITS for word in Word if word in {*WRONG, *_WAITS}}


def show_status(env: str | None, *, everything: bool, form: Format, exit_code: bool) -> None:
    """Prints every secret's row and, for people, what it amounts to."""
    place = looking()
    chosen = in_environment(place.policies, place.decided, env)
    entries = sorted(chosen.values(), key=lambda entry: ORDER[word_of(entry)])
    alive = liveness(place)
    if form is Format.JSON:
        _print_json(place, entries, env, alive)
    elif form is Format.TABLE:
        _print_table(place, entries, env, alive, everything=everything)
    else:
        as_rows(form, map(facts_of, entries), CSV_COLUMNS)
    if exit_code:
        raise typer.Exit(code_of(place, entries, env, alive))


def code_of(
    place: Place, entries: Collection[Decided], env: str | None, alive: Liveness | None = None
) -> Code:
    """The highest code that anything deserves.

    What holds up an environment is a failure, whatever rows say: also that nobody has looked at it yet and, where
    `alive` is given, that no daemon runs.
    """
    words = {word_of(entry) for entry in entries}
    secrets = {entry.gathered.policy.secret for entry in entries}
    findings = {AlertKind.DRIFT, AlertKind.UNKNOWN_CREDENTIAL}
    found = Code.OK
    if words & {Word.DUE, Word.WAITING, Word.APPROVAL, Word.MANUAL_DUE}:
        found = Code.DUE
    if any(late(entry) and word_of(entry) is not Word.EXEMPT for entry in entries):
        found = Code.OVERDUE
    failed = words & {Word.PARKED, Word.FAILED, Word.UNDOING, Word.MISSING, Word.NOT_OURS}
    blind = not_looked_at(place, entries) or (alive is not None and alive.seems_down)
    if failed or blind or any(troubles(place.journal, place.policies, env)):
        found = Code.FAILED
    if any(
        row.alert.kind in findings and row.alert.secret in secrets and not row.alert.closed
        for row in place.journal.alerts(unclosed=True)
    ):
        found = Code.FINDING
    return found


def not_looked_at(place: Place, entries: Collection[Decided]) -> int:
    """How many of them are in environments that were never scanned: nothing is known of those."""
    surveyed = place.journal.surveyed()
    seen = {name for name, survey in surveyed.items() if survey.digest}
    return sum(entry.gathered.policy.environment not in seen for entry in entries)


def _print_json(place: Place, entries: Collection[Decided], env: str | None, alive: Liveness) -> None:
    known = status_facts(
        place.journal, place.policies, entries, env=env, running=alive.running, process=_process(place)
    )
    as_json(**known)


def _process(place: Place) -> Process:
    ahead = ahead_of(SystemClock(), place.journal)
    return known_beside(place.journal, Process(scan_every=place.settings.scan_every, ahead=ahead))


def _print_table(
    place: Place, entries: Collection[Decided], env: str | None, alive: Liveness, *, everything: bool
) -> None:
    shown = [entry for entry in entries if everything or word_of(entry) not in QUIET]
    if shown:
        as_table([row_of(entry, full=env is None) for entry in shown], _COLUMNS, "next", TINTS)
    hidden = len(entries) - len(shown)
    if hidden:
        say(f"… {hidden} with nothing to do (--all to list)")
    counts = Counter(word_of(entry) for entry in entries)
    say(
        ", ".join(f"{number} {word.value.lower()}" for word, number in sorted(counts.items(), key=_weight))
        + "."
    )
    for sentence in troubles(place.journal, place.policies, env):
        say(sentence)
    paging = any("pagerduty" in owner.addresses for owner in place.policies.owners.values())
    if not place.settings.can_tell and not paging:
        say("Nobody can be told of anything: settings name no Slack, no mail and no webhook.")
    process = _process(place)
    if silent := heartbeat_told(heartbeat_facts(place.journal, place.policies, process)):
        say(silent)
    if differs := apart(process.ahead):
        say(differs)
    say(f"{capital(alive.sentence)}. Policy {place.policies.version[:12]}.")


def _weight(counted: tuple[Word, int]) -> int:
    return ORDER[counted[0]]
