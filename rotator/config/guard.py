"""What a policy may not do by itself: leave many secrets alone, make many due at once, or change where values go.

A person has to want that: a slip of the hand, `rotate_every: 9d` for 90d in defaults, would else restart everything
today, and one line, `mode: observe`, would leave everything to grow old. What many small steps leave alone is added up
from one yes to the next: a file that loses a secret a minute is emptied, too.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from rotator.config.complaints import listed
from rotator.config.whereabouts import moved
from rotator.contracts.record import Record
from rotator.engine.decisions import decisions
from rotator.engine.standing import DUE, Standing
from rotator.model.numbers import counted
from rotator.model.policy import Mode, Policies, SecretPolicy

_DROPPED_SHARE = 0.2
_SHOWN = 12  # characters of a version
#: So many may become due at once in any installation, and this share of a larger one.
_DUE_AT_ONCE = 5
_DUE_SHARE = 0.1
#: Rotated without a person: at the next scan, or once what holds it back is over.
_BY_ITSELF = DUE | {Standing.COOLING_DOWN, Standing.WINDOW, Standing.FREEZE, Standing.SOAK}


def objections(before: Policies | None, after: Policies, record: Record) -> tuple[str, ...]:
    """Why `after` must not replace `before` without a person's yes, a sentence each; none where it may.

    Without a `before` it is the first policy, which may. But where one was in force and cannot be read any more,
    nobody can tell what would change.
    """
    if before is None:
        applied = record.policy_applied()
        return () if applied is None else (_unreadable(*applied),)
    now = record.now()
    many = dropped(before, after, now, record.left_alone()), rush(due_at_once(before, after, record), after)
    return (*(sentence for sentence in many if sentence), *moved(before, after, record))


def _unreadable(version: str, since: datetime) -> str:
    return (
        f"nobody can tell what it would change: the policy in force since {since:%Y-%m-%d %H:%M} UTC, "
        f"{version[:_SHOWN]}, cannot be read here"
    )


def dropped(before: Policies, after: Policies, now: datetime, earlier: Collection[str]) -> str:
    """A sentence when more than 20 % of the secrets would be left to themselves, else nothing.

    `earlier`: those that policies have left to themselves since a person last said yes to one. They count, too.
    """
    fates = _fates(before, after, now)
    if not fates:
        return ""
    since = [secret for secret in _still_alone(after, now, earlier) if secret not in fates]
    count, total = len(fates) + len(since), len({*before.secrets, *since})
    if count <= total * _DROPPED_SHARE:
        return ""
    named: dict[str, list[str]] = {}
    for secret, fate in fates.items():
        named.setdefault(fate, []).append(secret)
    if since:
        named["already since a person last said yes to a policy"] = since
    each = "; ".join(f"{len(names)} {fate} ({listed(names, most=5)})" for fate, names in named.items())
    return (
        f"{count} of {counted(total, 'secret')} ({100 * count / total:.0f} %) would be left to themselves, "
        f"more than {100 * _DROPPED_SHARE:.0f} %: {each}"
    )


def left_alone(before: Policies, after: Policies, now: datetime, earlier: Collection[str]) -> tuple[str, ...]:
    """The secrets that are left to themselves under `after`, by it or by policies before it; sorted."""
    return tuple(sorted({*_still_alone(after, now, earlier), *_fates(before, after, now)}))


def _still_alone(after: Policies, now: datetime, earlier: Collection[str]) -> list[str]:
    return [secret for secret in earlier if _alone(after.secrets.get(secret), now)]


def _fates(before: Policies, after: Policies, now: datetime) -> dict[str, str]:
    """What becomes of each secret that would be left to itself."""
    fates = {secret: _fate(then, after.secrets.get(secret), now) for secret, then in before.secrets.items()}
    return {secret: fate for secret, fate in fates.items() if fate}


def _fate(before: SecretPolicy, after: SecretPolicy | None, now: datetime) -> str:
    """What becomes of a secret that would be left to itself; nothing for any other."""
    if after is None:
        return "no longer managed"
    if _alone(before, now):
        return ""
    if _exempt(after, now):
        return "exempt, neither rotated nor told about"
    return "only watched, never rotated" if after.mode is Mode.OBSERVE else ""


def _alone(policy: SecretPolicy | None, now: datetime) -> bool:
    """Whether nobody rotates it as it is."""
    return policy is None or policy.mode is Mode.OBSERVE or _exempt(policy, now)


def _exempt(policy: SecretPolicy, now: datetime) -> bool:
    return policy.exempt_until is not None and policy.exempt_until > now


def rush(newly: list[str], after: Policies) -> str:
    """A sentence when `newly` are too many to become due at once, else nothing."""
    most = max(_DUE_AT_ONCE, int(len(after.secrets) * _DUE_SHARE))
    if len(newly) <= most:
        return ""
    return (
        f"{len(newly)} of {counted(len(after.secrets), 'secret')} would become due at once, "
        f"more than {most}: {listed(newly, most=5)}"
    )


def due_at_once(before: Policies, after: Policies, record: Record) -> list[str]:
    """The secrets that would be rotated by themselves under `after`, and would not under `before`.

    A secret that nobody has looked at yet is in neither: its age is not known before the next scan.
    """
    already = _rotated_by_itself(before, record)
    return [secret for secret in _rotated_by_itself(after, record) if secret not in already]


def _rotated_by_itself(policies: Policies, record: Record) -> list[str]:
    return [
        secret
        for secret, entry in decisions(record, policies).items()
        if entry.decision.standing in _BY_ITSELF
    ]
