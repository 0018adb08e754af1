"""Learning: until a day that policies.yaml names, what a rule could allow is kept quiet, and shown together afterwards.

Only what a rule can put right waits. A history, an old version, what was denied or written, and whoever uses rotator's
own role are told as ever: no allow-list makes them good, and whoever is there already must not get two weeks for them.
"""

from __future__ import annotations

from rotator.engine.access.readers import is_of_its_role
from rotator.model.access import AccessFinding, AccessKind
from rotator.model.policy import AccessPolicy

#: What a rule of access.allow makes expected, and many reads at once by the same.
_LEARNED = frozenset({AccessKind.UNKNOWN_ACTOR, AccessKind.ACCESS_OUTSIDE_DEPLOYMENT, AccessKind.BULK_READ})


def is_learned(policy: AccessPolicy, finding: AccessFinding) -> bool:
    """Whether nobody is told of it now."""
    if policy.learn_until is None or finding.at >= policy.learn_until or finding.kind not in _LEARNED:
        return False
    return not is_of_its_role(policy, finding)
