"""demo-report.json and the summary that a person reads; whether what was promised is so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rotator.contracts.journal import Journal
from rotator.model.numbers import counted
from rotator.model.policy import Policies
from rotator.model.rotation import State
from rotator.sandbox.demo.audit import Reckoning
from rotator.sandbox.demo.looks import Onlooker
from rotator.sandbox.demo.seeds import ENVIRONMENTS
from rotator.sandbox.demo.story import WANTED, Story, rotated
from rotator.sandbox.demo.traffic import Traffic
from rotator.sandbox.demo.world import DAY
from rotator.sandbox.diet import TROUBLE

REPORT = Path("demo-report.json")
MUST_BE_ZERO = (
    "logins_refused", "login_troubles", "tokens_refused", "events_refused",
    "events_lost", "sms_refused", "sms_troubles", "mails_refused", "mails_troubles",
    "payments_refused", "payments_troubles", "callbacks_refused", "ci_jobs_refused",
    "old_credentials_alive", "credentials_unaccounted", "copies_stale", "successors_never_seen", "values_leaked",
    "rotations_parked", "looks_failed", "daemon_exit_code",
)  # fmt: skip
AT_LEAST = {
    "logins": 5000, "tokens_checked": 1000, "events_checked": 500, "fewest_rotations_of_a_secret": WANTED,
    "events_delivered": 200, "events_duplicate": 1, "sms_sent": 200, "mails_sent": 200, "payments_made": 200,
    "callbacks_checked": 200, "ci_jobs": 50, "credentials_submitted": 1, "fewest_old_credentials_tried_of_a_secret": 1,
    "faults_injected": 1, "rotations_undone": 1, "rollouts_failed_on_purpose": 1, "daemon_kills": 1,
    "alerts_delivered": 1, "old_credentials_tried": 1, "fewest_looks_at_a_page": 1,
}  # fmt: skip
#: What is counted by consumers, as they count it.
_OF_CONSUMERS = (
    "logins", "logins_refused", "login_troubles", "tokens_checked", "tokens_refused",
    "events_checked", "events_refused",
    "sms_sent", "sms_refused", "sms_troubles", "mails_sent", "mails_refused", "mails_troubles",
    "payments_made", "payments_refused", "payments_troubles", "callbacks_checked", "callbacks_refused",
    "reads_torn", "rollouts",
)  # fmt: skip


def report(
    story: Story,
    journal: Journal,
    policies: Policies,
    reckoning: Reckoning,
    onlooker: Onlooker,
    traffic: Traffic,
    submitted: int,
) -> dict[str, Any]:
    """Every figure, counted; `details` names what should not be there. `values_leaked` is the caller's to add.

    `submitted`: how many credentials a person made.
    """
    world = story.world
    seen, rotations = world.statistics(), journal.rotations()
    states = Counter(rotation.state for rotation in rotations)
    per_secret = Counter(rotation.secret for rotation in rotations if rotation.state is State.DONE)
    people, aws = world.people.control.statistics(), world.aws.control.statistics()
    turning, never_seen, looks = rotated(policies), world.known.never_opened(rotations), onlooker.looks()
    return {
        "secrets": len(policies.secrets),
        "secrets_rotated": len(turning),
        "rotations_done": states[State.DONE],
        "rotations_done_by_secret": dict(per_secret),
        "fewest_rotations_of_a_secret": min(per_secret[secret.secret] for secret in turning),
        "credentials_submitted": submitted,
        "rotations_undone": states[State.UNDONE],
        "rotations_parked": states[State.PARKED],
        **{name: seen[name] for name in _OF_CONSUMERS},
        **_of_stripe(seen, traffic.events, [world.witnesses.taken(each) for each in ENVIRONMENTS]),
        **{name: traffic.counts[name] for name in ("ci_jobs", "ci_jobs_started_again", "ci_jobs_refused")},
        "rollouts_failed_on_purpose": seen["rollouts_failed"],
        "old_credentials_tried": reckoning.tried.total(),
        "old_credentials_tried_by_name": dict(reckoning.tried),
        "fewest_old_credentials_tried_of_a_secret": min(reckoning.tried[secret.name] for secret in turning),
        "old_credentials_alive": len(reckoning.alive),
        "credentials_unaccounted": len(reckoning.unaccounted),
        "copies_stale": len(reckoning.stale),
        "faults_injected": sum(aws["faults"].values())
        + sum(people["faults"].values())
        + world.vendors.faults(),
        "findings": aws["findings"],
        "alerts_delivered": len(people["alerts"]),
        "values_known": len(world.known.values),
        "successors_never_seen": len(never_seen),
        "looks": dict(looks),
        "fewest_looks_at_a_page": min(looks[page] for page in onlooker.expected()),
        "looks_failed": len(onlooker.failed),
        "details": {
            "alive": reckoning.alive,
            "unaccounted": reckoning.unaccounted,
            "stale": reckoning.stale,
            "never_seen": never_seen,
            "looks_failed": onlooker.failed,
            "troubles": _troubles(world.folder / "platform.log"),
        },
        "daemon_kills": story.kills,
        "daemon_exit_code": story.exit_code,
        "seconds": round(story.lasted, 1),
    }


def _of_stripe(seen: Mapping[str, int], events: Sequence[str], taken: Sequence[set[str]]) -> dict[str, int]:
    """Stripe's events, each for every environment, and what became of them by what the company has written down.

    A delivery that is refused is no loss: another endpoint delivers the same event, or Stripe tries again.
    """
    delivered = sum(event in there for there in taken for event in events)
    return {
        "events_sent_by_stripe": len(events) * len(taken),
        "events_delivered": delivered,
        "events_lost": len(events) * len(taken) - delivered,
        "events_duplicate": seen["stripe_duplicates"],
        "deliveries_refused": seen["stripe_refused"],
    }


def verdict(of: Mapping[str, Any]) -> list[str]:
    """What is not as it was promised; empty when all is well."""
    wrong = [f"{name} is {of[name]}, must be 0" for name in MUST_BE_ZERO if of[name] != 0]
    wrong += [
        f"{name} is {of[name]}, must be at least {least}"
        for name, least in AT_LEAST.items()
        if of[name] < least
    ]
    return wrong


def too_little(of: Mapping[str, Any]) -> bool:
    """Whether all that is not as promised is that too little happened in the time there was, as on a busy machine."""
    return bool(verdict(of)) and all(of[name] == 0 for name in MUST_BE_ZERO)


def summary(of: Mapping[str, Any]) -> str:
    """What happened, for a person."""
    return f"""
{of["seconds"] / DAY:.0f} days in {of["seconds"]:.0f} seconds. {of["secrets_rotated"]} of {of["secrets"]} secrets \
were rotated, each at least {of["fewest_rotations_of_a_secret"]} times.
  {of["rotations_done"]} credentials were replaced, {of["credentials_submitted"]} of them made by a person; \
{counted(of["rotations_undone"], "rotation")} undone, {of["rotations_parked"]} parked; {of["rollouts"]} restarts.
  Nobody may notice. What was refused while consumers worked on:
    {of["logins_refused"]} of {of["logins"]:,} logins to PostgreSQL ({of["login_troubles"]} troubles)
    {of["tokens_refused"]} of {of["tokens_checked"]:,} tokens that services showed each other
    {of["events_refused"]} of {of["events_checked"]:,} signed events to customers
    {of["sms_refused"]} of {of["sms_sent"]:,} SMS by Twilio, {of["callbacks_refused"]} of \
{of["callbacks_checked"]:,} of Twilio's signed reports
    {of["mails_refused"]} of {of["mails_sent"]:,} mails by SES, {of["payments_refused"]} of \
{of["payments_made"]:,} calls to Stripe, {of["ci_jobs_refused"]} of {of["ci_jobs"]:,} deploy jobs in CI
    {of["reads_torn"]} containers read half of a credential in two parameters, and were started again
  Stripe sent {of["events_sent_by_stripe"]:,} events: {of["events_lost"]} lost, \
{of["events_duplicate"]:,} came twice and were recognised.
  {of["old_credentials_tried"]} old credentials were tried: {of["old_credentials_alive"]} still alive. \
{of["credentials_unaccounted"]} credentials unaccounted for, {of["copies_stale"]} stale copies.
  {of["faults_injected"]} faults were injected, rotator was killed {counted(of["daemon_kills"], "time")}, \
{of["alerts_delivered"]} alerts reached people.
  {of["values_known"]} secret values were looked for in the journal, in logs, messages, metrics and verbs' output \
({of["places_searched"]} places): {of["values_leaked"]} found.
The figures are in {REPORT}."""


def _troubles(log: Path) -> dict[str, int]:
    """What consumers said of each refusal and each trouble -> how often."""
    lines = log.read_text(errors="replace").splitlines()
    return dict(Counter(line.removeprefix(TROUBLE).strip() for line in lines if line.startswith(TROUBLE)))
