"""The bad weather of the sandbox's AWS: faults by chance, quotas, outages; switched while it runs, and counted.

By chance does not mean unrepeatable: every operation has its own seeded sequence, so the n-th PutParameter of two runs
with one seed meets the same fault, however the calls of other operations interleave.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from threading import Lock
from typing import Any, NamedTuple, Self


class Fault(StrEnum):
    """What can happen to one call."""

    LOST_ANSWER = "lost_answer"  # it takes effect, and the connection closes without an answer
    INTERNAL_ERROR = "internal_error"  # 500, nothing happened
    THROTTLED = "throttled"  # ThrottlingException, nothing happened
    SLOW = "slow"  # it takes effect, and the answer comes late
    EMPTY_PAGE = "empty_page"  # DescribeParameters: no items, and a NextToken
    SHORT_PAGE = "short_page"  # DescribeParameters: a single item, and a NextToken


PAGE_FAULTS = frozenset({Fault.EMPTY_PAGE, Fault.SHORT_PAGE})


class Outage(StrEnum):
    """What a service that is away does to every call."""

    CLOSED = "closed"  # the connection closes without an answer
    UNAVAILABLE = "unavailable"  # 503


class Rule(NamedTuple):
    """`fault` happens to a share `rate` (0 to 1) of the calls of `operation` ("*": of all), at most `times` times."""

    fault: Fault
    operation: str = "*"
    rate: float = 1.0
    times: int | None = None
    seconds: float = 2.0  # how long SLOW takes

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(**{**document, "fault": Fault(document["fault"])})

    def concerns(self, operation: str) -> bool:
        if self.fault in PAGE_FAULTS and operation != "DescribeParameters":
            return False
        return self.operation in ("*", operation)


class Faults:
    """Draws the fault of each call from the rules in force."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.set((), seed=0)

    def set(self, rules: Sequence[Rule], seed: int) -> None:
        """Replaces all rules; `()` ends all faults."""
        with self._lock:
            self._rules = [(rule, rule.times) for rule in rules]
            self._seed = seed
            self._chances: dict[str, random.Random] = {}

    def draw(self, operation: str) -> Rule | None:
        """The first rule that hits this call. Every rule that concerns it takes one number from its sequence."""
        with self._lock:
            chance = self._chances.setdefault(operation, random.Random(f"{self._seed}:{operation}"))
            for index, (rule, left) in enumerate(self._rules):
                if rule.concerns(operation) and chance.random() < rule.rate and left != 0:
                    self._rules[index] = (rule, None if left is None else left - 1)
                    return rule
        return None


class Quota(NamedTuple):
    """A token bucket: `per_second` calls for ever, `burst` at once after a pause."""

    per_second: float
    burst: float


# AWS: 3 PutParameter a second and 40 reads a second per account and region unless raised; for DescribeParameters
# AWS publishes only that it is low. The bursts are ours.
DEFAULT_QUOTAS = {"writes": Quota(3, 6), "reads": Quota(40, 80), "describes": Quota(5, 10)}
COUNTS_AS = {
    "PutParameter": "writes",
    "GetParameter": "reads",
    "GetParameters": "reads",
    "GetParametersByPath": "reads",
    "DescribeParameters": "describes",
}


class Quotas:
    """Says whether a call is within the quota of its kind."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.set(DEFAULT_QUOTAS)

    def set(self, quotas: Mapping[str, Quota]) -> None:
        """Replaces all quotas, with full buckets; a kind that is left out is not limited."""
        with self._lock:
            self._quotas = dict(quotas)
            self._levels = {kind: (quota.burst, time.monotonic()) for kind, quota in quotas.items()}

    def take(self, operation: str) -> bool:
        """Takes one call out of its bucket; False if the bucket is empty."""
        with self._lock:
            kind = COUNTS_AS.get(operation)
            if kind not in self._quotas:
                return True
            quota, (level, then), now = self._quotas[kind], self._levels[kind], time.monotonic()
            level = min(quota.burst, level + (now - then) * quota.per_second)
            within = level >= 1
            self._levels[kind] = (level - 1 if within else level, now)
            return within
