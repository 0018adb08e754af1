"""Alerts about what is in the store and at the source: drift, missing parameters, credentials that nobody knows."""

from __future__ import annotations

from collections.abc import Iterator

from rotator.engine.ages import due_at, origin
from rotator.engine.alerts.finding import About, Finding, listed
from rotator.engine.alerts.impact import NOTHING
from rotator.engine.standing import Decision, Gathered, Standing, rotate_command
from rotator.model.alerts import AlertKind, Severity
from rotator.model.environments import is_production
from rotator.model.rotation import State

#: More unknown credentials than this are told in one message.
_TOLD_ONE_BY_ONE = 3


def about_contents(about: About, at: Gathered, decision: Decision) -> Iterator[Finding]:
    """What the last scan and the last census found that should not be so."""
    if decision.standing is Standing.FOREIGN:
        return
    if decision.standing is Standing.MISSING:
        yield _missing(about, at, decision)
    yield from _drift(about, at)
    if decision.standing is not Standing.OBSERVED:
        yield from _behind(about, at)
    if at.observed is not None:
        yield from _unknown(about, at.observed.unknown)


def _missing(about: About, at: Gathered, decision: Decision) -> Finding:
    """Worse if rotator wrote it once: then consumers need it, and somebody deleted it."""
    was_there = at.history.last_done is not None
    facts = {
        "What": decision.sentence,
        "Impact": "consumers that start now do not find it"
        if was_there
        else "nothing of it is rotated or watched",
        "Done": NOTHING,
        "Next": "nothing by itself: rotator makes no parameter that was not there",
    }
    return about.finding(
        AlertKind.MISSING,
        Severity.CRITICAL if was_there else Severity.WARNING,
        "not in the store",
        facts,
        "put the parameter back, or take the secret out of policies.yaml",
        passing=True,
    )


def _drift(about: About, at: Gathered) -> Iterator[Finding]:
    """The store holds another version than the one we left there, and the one who wrote it was not us."""
    done, seen, active = at.history.last_done, at.observed, at.history.active
    if done is None or done.ended_at is None or seen is None or not seen.present:
        return
    at_rest = active.ledger.before if active and active.ledger.before else seen.versions
    there = origin(at.history, at_rest)
    changed = [name for name, version in done.ledger.wrote.items() if there.get(name, version) != version]
    if not changed or seen.observed_at <= done.ended_at:
        return
    name, due = changed[0], f", due {due_at(at.policy, at.age):%Y-%m-%d}," if at.age else ""
    facts = {
        "What": f"{name} is at version {there[name]}, we wrote {done.ledger.wrote[name]}",
        "By": seen.modified_by or "unknown",
        "Impact": "rotator does not know whether this value works",
        "Done": f"{NOTHING}: what was written stays",
        "Next": f"its age counts from that write; the next rotation{due} replaces it",
    }
    yield about.finding(
        AlertKind.DRIFT,
        Severity.CRITICAL if is_production(about.environment) else Severity.WARNING,
        "changed by someone else",
        facts,
        rotate_command(about.secret, by_hand=at.policy.submitted),
        about=f"{name}/{there[name]}",
        quiet=active is not None and active.state is State.PARKED,
    )


def _behind(about: About, at: Gathered) -> Iterator[Finding]:
    """Mirrors that could not be given their copy. A rotation under way writes it itself, and says so if it cannot."""
    behind = at.observed.behind if at.observed else {}
    for mirror in at.policy.recipe.mirrors:
        if mirror not in behind:
            continue
        facts = {
            "Mirror": mirror,
            "What": behind[mirror].sentence,
            "Since": f"{behind[mirror].since:%Y-%m-%d %H:%M} UTC",
            "Impact": "whoever reads the parameter has the credential in use; who reads this copy may find none, or "
            "one that has ended",
            "Done": "written again with each scan, in vain",
            "Next": "rotator tries again with each scan",
        }
        yield about.finding(
            AlertKind.MIRROR_OUT_OF_SYNC,
            Severity.WARNING,
            f"its copy in {mirror} may be missing, or an earlier one",
            facts,
            f"see why the mirror does not take it: rotator status {about.secret}",
            about=mirror,
            passing=True,
            since=behind[mirror].since,
        )


def _unknown(about: About, unknown: tuple[str, ...]) -> Iterator[Finding]:
    """Each by itself, so that one more is told too and one that is gone is closed; many in one message."""
    together = len(unknown) > _TOLD_ONE_BY_ONE
    title = "a credential that nobody knows is alive"
    if together:
        title = f"{len(unknown)} credentials that nobody knows are alive"
    for which in [listed(unknown)] if together else unknown:
        facts = {
            "Which": which,
            "Impact": "somebody can log in with a credential that rotator did not make",
            "Done": f"{NOTHING}: it stays alive",
            "Next": "nothing by itself: rotator never removes what it does not know",
        }
        yield about.finding(
            AlertKind.UNKNOWN_CREDENTIAL,
            Severity.WARNING,
            title,
            facts,
            "find out who uses it, or remove it at the source",
            about="several" if together else which,
        )
