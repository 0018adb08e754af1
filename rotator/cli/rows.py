"""One secret as a row of a table, and the columns of a spreadsheet."""

from __future__ import annotations

from rotator.engine.ages import spell
from rotator.engine.decisions import Decided
from rotator.engine.report.facts import due_sentence, last_ended, next_step
from rotator.engine.words import word_of
from rotator.model.rotation import State

#: The facts of a secret that fit into a spreadsheet.
CSV_COLUMNS = (
    "secret", "environment", "name", "type", "owner", "state", "standing", "sentence", "until", "age_seconds", "age_by",
    "due_at", "overdue_at", "overdue", "paused_until", "rollback_until", "unknown_credentials", "rotation.id",
    "rotation.phase", "rotation.opened_at", "rotation.attempt", "last.id", "last.state", "last.ended_at",
)  # fmt: skip


def row_of(entry: Decided, *, full: bool) -> dict[str, str]:
    """For people; `full` names the environment, too."""
    at = entry.gathered
    row = {
        "secret": at.policy.secret if full else at.policy.name,
        "state": word_of(entry).value,
        "next": next_step(entry),
    }
    if at.age is not None:
        row["age"] = f"{spell(at.now - at.age.born)} ({at.age.source})"
        row["due"] = due_sentence(entry)
    last = last_ended(entry)
    if last is not None and last.ended_at is not None:
        row["last"] = f"{'ok' if last.state is State.DONE else 'undone'} {last.ended_at:%Y-%m-%d}"
    return row
