"""One secret: the same facts for a table, for a page and for JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rotator.contracts.record import Record
from rotator.engine.ages import due_at, period_ends, spell
from rotator.engine.decisions import Decided
from rotator.engine.heartbeat import Process
from rotator.engine.report.heartbeat import heartbeat_facts
from rotator.engine.report.times import moment, spelled, when
from rotator.engine.report.troubles import troubles
from rotator.engine.standing import Gathered, Standing, rotate_command
from rotator.engine.words import Word, late, word_of
from rotator.model.observations import Surveyed
from rotator.model.policy import Policies
from rotator.model.rotation import Phase, Rotation

#: The facts of a rotation that anybody may see.
_TOLD = {"id", "secret", "state", "phase", "reason", "sentence", "attempt", "opened_at", "run_at", "ended_at"}


def status_facts(
    record: Record,
    policies: Policies,
    entries: Iterable[Decided],
    *,
    env: str | None = None,
    running: bool | None,
    process: Process,
) -> dict[str, Any]:
    """All that `rotator status` knows, for machines; `running`: whether a daemon is at work, where that is known.

    `process`: what is known of it that the journal does not tell.
    """
    known = installation_facts(record, policies, env=env, running=running, process=process)
    return {**known, "secrets": [facts_of(entry) for entry in entries]}


def installation_facts(
    record: Record, policies: Policies, *, env: str | None = None, running: bool | None, process: Process
) -> dict[str, Any]:
    """The same without the secrets."""
    surveyed = record.surveyed()
    return {
        "policy_version": policies.version,
        "daemon_running": running,
        "troubles": list(troubles(record, policies, env)),
        "heartbeat": heartbeat_facts(record, policies, process),
        "clock_ahead_seconds": round(process.ahead.total_seconds(), 1),
        "environments": [
            _survey_facts(name, surveyed.get(name)) for name in policies.environments if env in {None, name}
        ],
    }


def _survey_facts(name: str, survey: Surveyed | None) -> dict[str, object]:
    return {
        "environment": name,
        "scanned_at": survey.scanned_at.isoformat() if survey and survey.digest else None,
        "trouble": (survey.trouble or survey.unheld) if survey else "",
        "foreign_owner": survey.foreign_owner if survey else "",
        "unmanaged": len(survey.unmanaged) if survey else 0,
    }


def facts_of(entry: Decided) -> dict[str, Any]:
    """For machines: stable keys, RFC 3339 times, seconds."""
    at, decision, age = entry.gathered, entry.decision, entry.gathered.age
    return {
        "secret": at.policy.secret,
        "environment": at.policy.environment,
        "name": at.policy.name,
        "type": at.policy.type,
        "state": word_of(entry).value.lower().replace(" ", "_"),
        "standing": decision.standing.value,
        "sentence": next_step(entry),
        "until": spelled(decision.until),
        "age_seconds": round((at.now - age.born).total_seconds()) if age else None,
        "age_by": age.source.value if age else None,
        "due_at": spelled(due_at(at.policy, age)) if age else None,
        "overdue_at": spelled(period_ends(at.policy, age)) if age else None,
        "overdue": late(entry),
        "owner": at.policy.owner,
        "rotation": rotation_facts(at.history.active) if at.history.active else None,
        "last": rotation_facts(last) if (last := last_ended(entry)) else None,
        "paused_until": spelled(at.pause.until) if at.pause and at.pause.until > at.now else None,
        "rollback_until": spelled(at.history.active.ledger.grace_until)
        if at.history.active and way_back(at)
        else None,
        "unknown_credentials": list(at.observed.unknown) if at.observed else [],
    }


def rotation_facts(rotation: Rotation) -> dict[str, Any]:
    """A rotation for machines; no value is ever in it."""
    return rotation.model_dump(mode="json", include=_TOLD)


def next_step(entry: Decided) -> str:
    """What happens next, and when; or what a person has to do."""
    at, decision = entry.gathered, entry.decision
    word, rotation = word_of(entry), entry.gathered.history.active
    if word is Word.UNKNOWN:
        return "not looked at yet"
    if word is Word.PARKED and rotation is not None:
        return (
            f"a person must look: {decision.sentence}; see `rotator history {at.policy.secret}`, "
            f"then: rotator approve {rotation.id} --reason …"
        )
    if word is Word.APPROVAL and rotation is not None and "rotator approve" not in decision.sentence:
        return f"{decision.sentence}; say yes: rotator approve {rotation.id} --reason …"
    if word is Word.FAILED and rotation is not None:
        return f"{decision.sentence}; attempt {rotation.attempt + 1}, again {when(rotation.run_at, at.now)}"
    if word is Word.GRACE and rotation is not None and rotation.phase is Phase.GRACE:
        until = rotation.ledger.grace_until
        return f"the old one is invalidated {when(until, at.now)}" if until else decision.sentence
    if at.policy.submitted and word in {Word.MANUAL_DUE, Word.OVERDUE}:
        todo = rotate_command(at.policy.secret, by_hand=True) if decision.standing is Standing.FRESH else ""
        return "; ".join(filter(None, (decision.sentence, todo, at.policy.runbook)))
    if word is Word.MANUAL_DUE or (word is Word.OVERDUE and entry.decision.standing.value == "observed"):
        return f"{decision.sentence}; {at.policy.runbook or 'rotate it by hand'}"
    if word is Word.DUE:
        held_up = at.observed.trouble if at.observed else ""
        return f"{decision.sentence}; {held_up or 'begins at the next scan'}"
    return decision.sentence


def due_sentence(entry: Decided) -> str:
    """How far its date is, for people; empty where its age is not known."""
    at, age = entry.gathered, entry.gathered.age
    if age is None:
        return ""
    left = period_ends(at.policy, age) - at.now
    if left.total_seconds() <= 0:
        return f"{spell(left)} overdue" if late(entry) else "replaced"
    first = due_at(at.policy, age) - at.now
    return f"in {spell(first)}" if first.total_seconds() > 0 else f"now ({spell(left)} left)"


def way_back(at: Gathered) -> str:
    """Until when a rotation under way can be rolled back, for people; empty where there is none, or no way back.

    Where the policy accepts a gap the source may keep one credential only; what `rotator rollback` answers is so.
    """
    from rotator.engine.phases.undo import no_way_back  # noqa: PLC0415 - brings the whole engine along

    rotation = at.history.active
    if rotation is None or no_way_back(rotation, gapped=rotation.recipe.accept_gap):
        return ""
    until = rotation.ledger.grace_until
    ends = (
        f"until {moment(until)}, or later if somebody is seen using the old one"
        if until is not None
        else f"until {spell(rotation.recipe.grace)} after everybody uses the new one"
    )
    return f"possible {ends}: rotator rollback {rotation.id} --reason …"


def last_ended(entry: Decided) -> Rotation | None:
    """The rotation that ended last, well or not."""
    history = entry.gathered.history
    ended = [one for one in (history.last_done, history.last_undone) if one is not None and one.ended_at]
    return max(ended, key=lambda one: one.ended_at or entry.gathered.now, default=None)
