"""Whose yes counts, where a policy says mode: approve: an approver's, and never that of whoever asked.

Every replica decides it again from the requests themselves, right before it would begin: a yes is never taken on trust.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rotator.model.policy import SecretPolicy
from rotator.model.requests import Request, RequestKind

#: What needs another's yes. What is compromised waits for nobody's, and what somebody made and submitted is a yes.
ASKED = frozenset({RequestKind.ROTATE})
_WITH_ID = re.compile(r"(.+) \(([A-Z0-9]+)\)")


def cannot_approve(policy: SecretPolicy, by: str, asked: Iterable[str]) -> str:
    """Why that person's yes does not count, a sentence; empty where it does. `asked`: who asked for the rotation."""
    if policy.approvers and not any(same_person(by, one) for one in policy.approvers):
        return f"{by} may not say yes to {policy.secret}: {' or '.join(policy.approvers)} may"
    if any(same_person(by, other) for other in asked):
        return f"{by} asked for the rotation of {policy.secret}: somebody else has to say yes"
    return ""


def yes_among(policy: SecretPolicy, requests: Iterable[Request]) -> Request | None:
    """The first yes that counts among what waits for one secret."""
    waiting = tuple(requests)
    asked = [one.by for one in waiting if one.kind in ASKED]
    given = (one for one in waiting if one.kind is RequestKind.APPROVE)
    return next((one for one in given if not cannot_approve(policy, one.by, asked)), None)


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person's: at a terminal, under `people` in policies.yaml, or by the id behind a name.

    Slack vouches for the id in `ana (U024BE7LH)`; the name may be what somebody calls themselves there.
    """
    (name, ident), (other_name, other_ident) = _parts(one), _parts(other)
    return name == other_name or (ident != "" and ident == other_ident)


def _parts(name: str) -> tuple[str, str]:
    """A name, and the id that follows it; empty where none does."""
    spelt = _WITH_ID.fullmatch(name)
    return (spelt[1].casefold(), spelt[2]) if spelt else (name.casefold(), "")
