"""Alerts about the installation: what holds up many secrets at once is told once, not once for each.

A store, a source, KMS or a channel that is away has one alert, and one message when it is back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from rotator.engine.ages import spell
from rotator.engine.alerts.finding import Finding, identity, listed
from rotator.engine.alerts.impact import NOTHING
from rotator.engine.budget import held
from rotator.engine.decisions import Decided
from rotator.engine.outages import store_explains, stuck, unreachable
from rotator.engine.repeats import unheard
from rotator.engine.standing import Decision
from rotator.model.alerts import Alert, AlertKind, AlertRow, Severity
from rotator.model.numbers import counted
from rotator.model.observations import Observed, Surveyed
from rotator.model.policy import Budget, Policies
from rotator.model.rotation import Rotation

#: A census that did not come about for so long is news; it is taken once a day.
CENSUS_OVERDUE = timedelta(days=2)
#: Where most read the log; the pages of docs/how-to/alerts say the same.
LOG = "kubectl -n rotator logs deployment/rotator --since 1h"


class Deaf(NamedTuple):
    """Why no click on a message can be heard, and since when."""

    sentence: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Installation:
    """What alerts about the whole installation start from."""

    policies: Policies
    now: datetime

    def finding(
        self,
        kind: AlertKind,
        severity: Severity,
        title: str,
        facts: Mapping[str, str],
        action: str = "",
        *,
        environment: str = "",
        about: str = "",
        passing: bool = False,
        since: datetime | None = None,
    ) -> Finding:
        """A finding for the default owner."""
        alert = Alert(
            identity=identity(kind, environment, about),
            kind=kind,
            severity=severity,
            environment=environment,
            owner=self.policies.default_owner,
            title=title,
            facts=dict(facts),
            action=action,
            opened_at=self.now,
        )
        return Finding(alert, passing=passing, since=since)


def about_policy(here: Installation, rejected: str, yes_wanted: str) -> Iterator[Finding]:
    """A policies.yaml that was not taken; `yes_wanted`: what a person may say yes to, where that would be enough."""
    if rejected:
        facts = {
            "What": rejected,
            "Impact": "none yet: the last good policy stays in force, and this change is not",
            "Done": "the file was read, and nothing of it taken over",
            "Next": "rotator reads the file again as soon as it changes"
            + (f". If it is wanted as it is: rotator approve {yes_wanted} --reason …" if yes_wanted else ""),
        }
        yield here.finding(
            AlertKind.POLICY_REJECTED,
            Severity.WARNING,
            "policies.yaml waits for a yes" if yes_wanted else "policies.yaml was rejected",
            facts,
            "rotator policy diff" if yes_wanted else "rotator policy check",
        )


def about_environment(here: Installation, survey: Surveyed, pages: Collection[str]) -> Iterator[Finding]:
    """Whose it is, whether its store answers, and what is in no policy. `pages`: secrets far too long overdue."""
    environment, policies = survey.environment, here.policies
    if survey.foreign_owner:
        facts = {
            "What": survey.foreign_owner,
            "Impact": "this rotator rotates nothing there, and nobody may be doing it",
            "Done": "stopped before the next step of whatever was under way there",
            "Next": "rotator looks again every minute, and goes on when it may",
        }
        action = (
            "stop one of the two. Only if the other is gone for good: "
            f"rotator take-over {environment} --yes --reason …"
        )
        yield here.finding(
            AlertKind.FOREIGN_OWNER,
            Severity.CRITICAL,
            f"{environment} belongs to another rotator",
            facts,
            action,
            environment=environment,
        )
        return
    if unreachable(survey):
        yield _unreachable(here, survey, pages)
    if survey.unmanaged and policies.unmanaged != "ignore":
        facts = {
            "Names": listed(survey.unmanaged),
            "Impact": "nobody watches how old they are",
            "Done": f"{NOTHING}: no value of theirs was read",
            "Next": "nothing by itself",
        }
        yield here.finding(
            AlertKind.UNMANAGED,
            Severity.INFO,
            f"{counted(len(survey.unmanaged), 'parameter')} of {environment} "
            f"{'is' if len(survey.unmanaged) == 1 else 'are'} in no policy",
            facts,
            "add them to policies.yaml, or to its ignore list",
            environment=environment,
        )


def stuck_together(
    here: Installation, stuck_ones: Sequence[Rotation], pages: Collection[str], *, told: bool
) -> Iterator[Finding]:
    """Rotations that do not get on, when there are several or people have been told of several."""
    if not stuck_ones or (len(stuck_ones) == 1 and not told):
        return
    failing = sorted(one.ledger.failing_since or here.now for one in stuck_ones)
    facts = {
        "Which": listed(tuple(rotation.secret for rotation in stuck_ones)),
        "What": "; ".join(dict.fromkeys(f"{one.phase}: {one.sentence}" for one in stuck_ones[:3])),
        "Impact": "none yet: credentials in use stay as they are",
        "Done": "each was tried again and again; how far it is: rotator history SECRET",
        "Next": f"each tries again by itself, the next {min(one.run_at for one in stuck_ones):%Y-%m-%d %H:%M} UTC",
    }
    yield here.finding(
        AlertKind.UNREACHABLE,
        _severity(pages, [one.secret for one in stuck_ones]),
        f"{counted(len(stuck_ones), 'rotation')} {'does' if len(stuck_ones) == 1 else 'do'} not get on",
        facts,
        "see whether KMS or the sources are away: rotator status",
        about="rotations",
        passing=True,
        since=failing[:2][-1],  # when it was no longer one alone
    )


def stuck_rotations(rotations: Iterable[Rotation], surveys: Mapping[str, Surveyed]) -> list[Rotation]:
    """Those whose attempts fail for another reason than a store that is, or was, away."""
    return [
        one
        for one in rotations
        if stuck(one) and not store_explains(one, surveys.get(one.recipe.environment))
    ]


def about_census(here: Installation, decided: Iterable[Decided]) -> Iterator[Finding]:
    """Sources that were never counted, or not for so long that unknown credentials would not be seen.

    Of a secret that is due, and cannot be rotated because of that trouble, people hear anyway.
    """
    blind = [
        entry.gathered
        for entry in decided
        if entry.gathered.observed is not None and _uncounted(here, entry.gathered.observed, entry.decision)
    ]
    if blind:
        troubles = dict.fromkeys(at.observed.trouble for at in blind[:3] if at.observed)
        never = all(at.observed is not None and at.observed.census_at is None for at in blind)
        sources = "a source" if len(blind) == 1 else "sources"
        facts = {
            "Which": listed(tuple(at.policy.secret for at in blind)),
            "What": "; ".join(troubles),
            "Impact": "a credential that nobody knows would not be seen there",
            "Done": f"asked, and {NOTHING}",
            "Next": "the census asks again within a day",
        }
        yield here.finding(
            AlertKind.UNREACHABLE,
            Severity.WARNING,
            f"{sources} could not be counted {'yet' if never else 'for two days'}",
            facts,
            "see what is away: rotator status",
            about="census",
            passing=never,
        )


def _uncounted(here: Installation, observed: Observed, decision: Decision) -> bool:
    if not observed.trouble:
        return False
    if observed.census_at is None:
        return not decision.due
    return here.now - observed.census_at > CENSUS_OVERDUE


def about_channels(
    here: Installation, rows: Iterable[AlertRow], attempts_in_silence: int
) -> Iterator[Finding]:
    """Addresses that hear nothing, after so many attempts; told through all the others."""
    waiting: dict[str, list[AlertRow]] = {}
    for row in rows:
        if row.alert.kind is not AlertKind.DELIVERY_FAILED and row.attempt >= attempts_in_silence:
            for address in unheard(row):
                waiting.setdefault(address, []).append(row)
    for address, late in waiting.items():
        since = spell(here.now - min(row.alert.opened_at for row in late))
        why = "; ".join(dict.fromkeys(row.failures[address] for row in late if address in row.failures))
        facts = {
            "Where": address,
            **({"What": why} if why else {}),
            "Impact": f"1 alert has not been heard there for {since}"
            if len(late) == 1
            else f"{len(late)} alerts have not been heard there, the oldest for {since}",
            "Done": f"tried {max(row.attempt for row in late)} times; told here instead",
            "Next": "rotator goes on trying; nothing is lost",
        }
        yield here.finding(
            AlertKind.DELIVERY_FAILED,
            Severity.CRITICAL,
            f"alerts do not reach {address}",
            facts,
            "correct what it says there; the log has every attempt: " + f"{LOG} | grep 'alert not delivered'"
            if why
            else f"see in the log why: {LOG} | grep 'alert not delivered'",
            about=address,
        )


def about_pages(here: Installation, rows: Iterable[AlertRow]) -> Iterator[Finding]:
    """Critical alerts that were not told to whom they escalate: one message for all of them, to each of those."""
    waiting: dict[str, list[Alert]] = {}
    for row in held(rows):
        owner = here.policies.owners.get(row.alert.owner) or here.policies.owners.get(
            here.policies.default_owner
        )
        if owner is not None and owner.escalate_to:
            waiting.setdefault(owner.escalate_to, []).append(row.alert)
    budget = here.policies.alerts.budget or Budget()
    for owner_name, alerts in waiting.items():
        facts = {
            "Which": listed(tuple(sorted(alert.title for alert in alerts))),
            "Why": f"{counted(budget.pages, 'page')} within {spell(budget.shift)} is the budget of policies.yaml",
            "Impact": "each says its own",
            "Done": "each was told at its owner's addresses",
            "Next": "what is still critical when the shift is over is told then",
        }
        finding = here.finding(
            AlertKind.PAGES_HELD,
            Severity.CRITICAL,
            f"{counted(len(alerts), 'more critical alert')}",
            facts,
            "rotator status",
            about=owner_name,
        )
        yield replace(finding, alert=finding.alert.model_copy(update={"owner": owner_name}))


def _unreachable(here: Installation, survey: Surveyed, pages: Collection[str]) -> Finding:
    """One message for all secrets of the environment; severe once one of them cannot be rotated in time."""
    ours = [one for one in here.policies.secrets.values() if one.environment == survey.environment]
    facts = {
        "What": survey.trouble or survey.unheld,
        "Since": f"last seen whole {survey.scanned_at:%Y-%m-%d %H:%M} UTC"
        if survey.digest
        else "it was never seen whole",
        "Impact": "none yet: 1 credential stays as it is, and is not rotated"
        if len(ours) == 1
        else f"none yet: {len(ours)} credentials stay as they are, and none is rotated",
        "Done": "asked again and again",
        "Next": "rotator tries again by itself every few minutes",
    }
    return here.finding(
        AlertKind.UNREACHABLE,
        _severity(pages, [one.secret for one in ours]),
        f"the store of {survey.environment} cannot be reached",
        facts,
        "do what it says there; if it says only that nothing answers, wait. The log says since when: "
        f"{LOG} | grep -i trouble",
        environment=survey.environment,
        passing=True,
    )


def _severity(pages: Collection[str], held_up: Iterable[str]) -> Severity:
    """Worse once it holds up a secret that is far too long overdue."""
    return Severity.CRITICAL if any(secret in pages for secret in held_up) else Severity.WARNING


def about_clicks(here: Installation, deaf: Deaf | None) -> Iterator[Finding]:
    """Messages whose buttons do nothing."""
    if deaf is None:
        return
    facts = {
        "What": deaf.sentence,
        "Impact": "messages arrive, and their buttons do nothing; the commands that they name do",
        "Done": "tried to connect again and again",
        "Next": "rotator tries again, at least once a minute",
    }
    yield here.finding(
        AlertKind.UNREACHABLE,
        Severity.WARNING,
        "nobody is heard who clicks on a button in Slack",
        facts,
        f"see why: {LOG} | grep clicks",
        about="clicks",
        passing=True,
        since=deaf.since,
    )
