"""All secrets of an installation at one moment, from a fixed number of looks at the journal, however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rotator.contracts.journal import Ended, Journal
from rotator.engine.ages import period_ends
from rotator.engine.clocks import apart
from rotator.engine.decisions import Decided, decisions
from rotator.engine.heartbeat import Process
from rotator.engine.report.alerts import alert_facts, alert_told, alerts_beside, alerts_by_secret
from rotator.engine.report.facts import installation_facts
from rotator.engine.report.heartbeat import heartbeat_told
from rotator.engine.report.scans import Scans, scans_of
from rotator.engine.report.secret import Account, account_facts, as_told, rotation_told
from rotator.engine.report.sections import Section, needs_somebody, section_of
from rotator.engine.report.troubles import troubles
from rotator.engine.words import ORDER, word_of
from rotator.model.alerts import AlertRow
from rotator.model.policy import Policies

#: What is drawn of a secret's past, in its own periods.
PAST_PERIODS = 1.5
#: The longest past that is looked up, however long a period is.
_LONGEST_PAST = timedelta(days=3 * 366)


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page and its JSON tell."""

    now: datetime
    policies: Policies
    scans: Scans
    troubles: Sequence[str]
    beside: Sequence[AlertRow]  # alerts that no secret shows
    sections: Mapping[Section, Sequence[Account]]  # in each, the deepest problem first, then what ends first
    needing: Sequence[Account]  # those that need somebody
    past: Mapping[str, Sequence[Ended]]  # by secret, the oldest first
    unmanaged: Mapping[str, Sequence[str]]  # names of parameters by environment
    installation: Mapping[str, Any]  # what `rotator status --json` prints of it

    @property
    def also(self) -> list[str]:
        """The alerts that no secret shows, a sentence each."""
        return [alert_told(row, self.now) for row in self.beside]

    @property
    def in_the_way(self) -> list[str]:
        """What holds up environments or rotator itself, and why nobody outside hears from it, a sentence each."""
        clock = apart(timedelta(seconds=self.installation["clock_ahead_seconds"]))
        return [*self.troubles, *filter(None, (self.heartbeat, clock))]

    @property
    def heartbeat(self) -> str:
        """Since when the outside hears nothing, and why; empty while all is well, or where nobody listens."""
        return heartbeat_told(self.installation["heartbeat"])

    @property
    def accounts(self) -> Iterator[Account]:
        """All secrets, section by section."""
        for section in Section:
            yield from self.sections[section]

    @property
    def total(self) -> int:
        """How many secrets there are."""
        return len(self.policies.secrets)


def overview(journal: Journal, policies: Policies, process: Process) -> Overview:
    """Everything as it is now; `process`: what is not in the journal. Raises JournalAway."""
    entries = sorted(decisions(journal, policies).values(), key=_weight)
    surveyed, now = journal.surveyed(), journal.now()
    rows = journal.alerts(unclosed=True)
    alerts = alerts_by_secret(rows)
    told = [rotation for entry in entries if (rotation := rotation_told(entry))]
    stories = journal.stories(rotation.id for rotation in told)
    sections: dict[Section, list[Account]] = {section: [] for section in Section}
    for entry in entries:
        rotation = rotation_told(entry)
        story = stories.get(rotation.id, ()) if rotation else ()
        account = as_told(entry, story, surveyed, alerts.get(entry.gathered.policy.secret, ()))
        sections[section_of(entry)].append(account)
    return Overview(
        now=now,
        policies=policies,
        scans=scans_of(surveyed, policies, now, process.scan_every),
        troubles=list(troubles(journal, policies)),
        beside=alerts_beside(rows, policies),
        sections=sections,
        needing=[one for told in sections.values() for one in told if needs_somebody(one.entry)],
        past=_past(journal, policies, now),
        unmanaged={
            name: surveyed[name].unmanaged
            for name in policies.environments
            if name in surveyed and surveyed[name].unmanaged
        },
        installation=installation_facts(journal, policies, running=True, process=process),
    )


def overview_facts(seen: Overview) -> dict[str, Any]:
    """For machines: what `rotator status --json` prints, but for the secrets, which may be thousands."""
    return {
        **seen.installation,
        "as_of": seen.now.isoformat(),
        "summary": summary(seen),
        "scan_late": seen.scans.late,
        "alerts": [alert_facts(row, seen.now) for row in seen.beside],
        "needing": [account.entry.gathered.policy.secret for account in seen.needing],
        "sections": _section_facts(seen),
        "unmanaged": {name: list(names) for name, names in seen.unmanaged.items()},
    }


def secrets_facts(seen: Overview) -> Iterator[dict[str, Any]]:
    """Of each secret what `rotator status SECRET --json` prints, one after the other."""
    yield from map(account_facts, seen.accounts)


def summary(seen: Overview) -> str:
    """What there is to do, in one sentence, the worst first."""
    needing = seen.needing
    if not seen.total:
        return "There are no secrets in the policy."
    if not needing and seen.scans.oldest is None:
        return "Nothing is known yet: not every environment has been scanned."
    if not needing and seen.in_the_way:
        return "No secret needs you by itself, but something is in the way."
    if not needing and seen.beside:
        return "No secret needs you by itself, but something was seen."
    if not needing:
        return "Nothing needs you, by a scan that is too old." if seen.scans.late else "Nothing needs you."
    named = [
        f"{account.entry.gathered.policy.secret} ({word_of(account.entry).value.lower()})"
        for account in needing[:3]
    ]
    more = len(needing) - len(named)
    rest = f" and {more} more" if more else ""
    return f"{len(needing)} {'needs' if len(needing) == 1 else 'need'} you: {', '.join(named)}{rest}."


def _past(journal: Journal, policies: Policies, now: datetime) -> Mapping[str, Sequence[Ended]]:
    longest = max((policy.rotate_every for policy in policies.secrets.values()), default=timedelta())
    found: dict[str, list[Ended]] = {}
    for one in journal.ended(now - min(longest * PAST_PERIODS, _LONGEST_PAST)):
        found.setdefault(one.secret, []).append(one)
    return found


def _section_facts(seen: Overview) -> dict[str, list[str]]:
    named = {
        section.value: [account.entry.gathered.policy.secret for account in told]
        for section, told in seen.sections.items()
    }
    named[Section.UNMANAGED.value] = [name for names in seen.unmanaged.values() for name in names]
    return named


def _weight(entry: Decided) -> tuple[int, datetime]:
    at = entry.gathered
    return ORDER[word_of(entry)], period_ends(at.policy, at.age) if at.age else at.now
