"""demo-report.json and the summary that a person reads; whether what was promised is so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rotator.contracts.journal import Journal
from rotator.model.numbers import counted
from rotator.model.policy import Policies
from rotator.model.rotation import State
from rotator.sandbox.consumer import TROUBLE
from rotator.sandbox.demo.audit import Reckoning
from rotator.sandbox.demo.looks import Onlooker
from rotator.sandbox.demo.story import WANTED, Story, rotated
from rotator.sandbox.demo.world import DAY

REPORT = Path("demo-report.json")
MUST_BE_ZERO = (
    "logins_refused", "login_troubles", "tokens_refused", "events_refused", "old_credentials_alive",
    "credentials_unaccounted", "successors_never_seen", "values_leaked", "rotations_parked", "looks_failed",
    "daemon_exit_code",
)  # fmt: skip
AT_LEAST = {
    "logins": 5000, "tokens_checked": 1000, "events_checked": 500, "fewest_rotations_of_a_secret": WANTED,
    "faults_injected": 1, "rotations_undone": 1, "rollouts_failed_on_purpose": 1, "daemon_kills": 1,
    "alerts_delivered": 1, "old_credentials_tried": 1, "fewest_looks_at_a_page": 1,
}  # fmt: skip


def report(
    story: Story, journal: Journal, policies: Policies, reckoning: Reckoning, onlooker: Onlooker
) -> dict[str, Any]:
    """Every figure, counted; `details` names what should not be there. `values_leaked` is the caller's to add."""
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
        "rotations_undone": states[State.UNDONE],
        "rotations_parked": states[State.PARKED],
        "logins": seen["logins"],
        "logins_refused": seen["logins_refused"],
        "login_troubles": seen["login_troubles"],
        "tokens_checked": seen["tokens_checked"],
        "tokens_refused": seen["tokens_refused"],
        "events_checked": seen["events_checked"],
        "events_refused": seen["events_refused"],
        "rollouts": seen["rollouts"],
        "rollouts_failed_on_purpose": seen["rollouts_failed"],
        "old_credentials_tried": reckoning.tried,
        "old_credentials_alive": len(reckoning.alive),
        "credentials_unaccounted": len(reckoning.unaccounted),
        "faults_injected": sum(aws["faults"].values()) + sum(people["faults"].values()),
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
            "never_seen": never_seen,
            "looks_failed": onlooker.failed,
            "troubles": _troubles(world.folder / "platform.log"),
        },
        "daemon_kills": story.kills,
        "daemon_exit_code": story.exit_code,
        "seconds": round(story.lasted, 1),
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


def summary(of: Mapping[str, Any]) -> str:
    """What happened, for a person."""
    return f"""
{of["seconds"] / DAY:.0f} days in {of["seconds"]:.0f} seconds, {of["secrets"]} secrets in the policy, \
{of["secrets_rotated"]} of them rotated.
  {of["rotations_done"]} credentials were replaced, {counted(of["rotations_undone"], "rotation")} undone, \
{of["rotations_parked"]} parked.
  Consumers logged in {of["logins"]:,} times: {of["logins_refused"]} refused, {of["login_troubles"]} troubles.
  They showed each other {of["tokens_checked"]:,} tokens: {of["tokens_refused"]} refused.
  They sent customers {of["events_checked"]:,} signed events: {of["events_refused"]} refused.
  {of["old_credentials_tried"]} old credentials were tried: {of["old_credentials_alive"]} still alive. \
{of["credentials_unaccounted"]} credentials unaccounted for.
  {of["faults_injected"]} faults were injected, rotator was killed {counted(of["daemon_kills"], "time")}, \
{of["alerts_delivered"]} alerts reached people.
  {of["values_known"]} secret values were looked for in the journal, in logs, messages, metrics and verbs' output \
({of["places_searched"]} places): {of["values_leaked"]} found.
The figures are in {REPORT}."""


def _troubles(log: Path) -> dict[str, int]:
    """What consumers said of each refusal and each trouble -> how often."""
    lines = log.read_text(errors="replace").splitlines()
    return dict(Counter(line.removeprefix(TROUBLE).strip() for line in lines if line.startswith(TROUBLE)))
