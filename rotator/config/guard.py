"""What a policy may not do by itself: stop managing many secrets, make many due at once, or change where values go.

A person has to want that: a slip of the hand, `rotate_every: 9d` for 90d in defaults, would else restart everything
today.
"""

from __future__ import annotations

from rotator.config.complaints import listed
from rotator.config.whereabouts import moved
from rotator.contracts.record import Record
from rotator.engine.decisions import decisions
from rotator.engine.standing import DUE, Standing
from rotator.model.numbers import counted
from rotator.model.policy import Policies

_VANISHED_SHARE = 0.2
#: So many may become due at once in any installation, and this share of a larger one.
_DUE_AT_ONCE = 5
_DUE_SHARE = 0.1
#: Rotated without a person: at the next scan, or once what holds it back is over.
_BY_ITSELF = DUE | {Standing.COOLING_DOWN, Standing.WINDOW, Standing.FREEZE, Standing.SOAK}


def objections(before: Policies, after: Policies, record: Record) -> tuple[str, ...]:
    """Why `after` must not replace `before` without a person's yes, a sentence each; none where it may."""
    many = mass_deletion(before, after), rush(due_at_once(before, after, record), after)
    return (*(sentence for sentence in many if sentence), *moved(before, after, record))


def mass_deletion(before: Policies, after: Policies) -> str:
    """A sentence when more than 20 % of the secrets would no longer be managed, else nothing."""
    gone = [secret for secret in before.secrets if secret not in after.secrets]
    if len(gone) <= len(before.secrets) * _VANISHED_SHARE:
        return ""
    share = 100 * len(gone) / len(before.secrets)
    return (
        f"{len(gone)} of {counted(len(before.secrets), 'secret')} ({share:.0f} %) would no longer be managed, "
        f"more than {100 * _VANISHED_SHARE:.0f} % at once: {listed(gone, most=5)}"
    )


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
