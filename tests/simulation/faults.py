"""What goes wrong, decided by the seed alone: every fault has a name, so a failing run can be tried without it.

A decision is a hash of seed and place, not the next number of a stream: dropping one fault leaves every other
decision as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from enum import StrEnum


class Fault(StrEnum):
    """What can happen to one I/O."""

    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    CRASH_LATE = "crash, effect lands later"
    LOST = "answer lost"
    HELD_UP = "given up, effect lands later"
    AWAY = "no answer"
    THROTTLED = "throttled"
    SLOW = "slow"
    FROZEN = "frozen before the effect"
    STOPPED = "asked to stop"
    SURPRISE = "undeclared exception"


_WEIGHTS = (
    (Fault.CRASH_BEFORE, 3), (Fault.CRASH_AFTER, 4), (Fault.CRASH_LATE, 2), (Fault.LOST, 5), (Fault.HELD_UP, 2),
    (Fault.AWAY, 3), (Fault.THROTTLED, 3), (Fault.SLOW, 3), (Fault.FROZEN, 4), (Fault.STOPPED, 1),
    (Fault.SURPRISE, 1),
)  # fmt: skip
_TOTAL = sum(weight for _, weight in _WEIGHTS)
#: The I/Os whose faults hurt most; many runs have one or two of them fail very often.
HOT = (
    *("provider.create",) * 4, *("store.put",) * 3, *("journal.checkpoint",) * 3, *("provider.activate",) * 2,
    "provider.remove", "provider.disable", "store.read", "journal.claim_rotations", "redeployer.redeploy",
    "provider.verify", "provider.observe", "journal.join_rollout", "journal.checkpoint_rollout", "journal.renew",
    "mirror.write", "redeployer.progress",
)  # fmt: skip
#: I/Os that a run has a few of at most, and those that many runs have none of: they fail often, and in every way, or
#: some pair would never be met.
_RARE = (
    "provider.probe", "provider.activate", "provider.disable", "provider.remove", "sealer.new_key",
    "journal.settle_request", "journal.open_rotations", "journal.join_rollout", "journal.start_rollout",
)  # fmt: skip
_RAREST = (
    "provider.enable", "provider.promote", "mirror.write", "mirror.stale", "store.check_writable", "redeployer.starts",
    "journal.approve", "journal.escalate", "journal.reopen", "journal.roll_back", "journal.note_pause",
    "journal.wake",
)  # fmt: skip
RARE: Mapping[str, float] = {**dict.fromkeys(_RARE, 0.1), **dict.fromkeys(_RAREST, 0.3)}
_FROZEN, _CHECKPOINT = (Fault.FROZEN,), "journal.checkpoint"
#: Aimed blows: at one of the first calls of an I/O, these faults in a row. First where a worker that stands still
#: wakes up with something in its hands, then mints whose answer is lost, then results that the journal does not take,
#: or takes without saying so.
_LATE = (
    ("store.put", 2, _FROZEN),
    ("store.read", 3, _FROZEN),
    ("store.read", 3, _FROZEN),
    ("provider.activate", 1, _FROZEN),
    ("sealer.open_key", 3, _FROZEN),
    ("provider.create", 1, _FROZEN),
)
_LOST_MINT = (("provider.create", 2, (Fault.LOST,)),)
_UNRECORDED = ((_CHECKPOINT, 4, (Fault.AWAY,)), (_CHECKPOINT, 4, (Fault.LOST, Fault.FROZEN)))
_MASK = (1 << 64) - 1


def mix(*numbers: int) -> int:
    """A 64-bit hash of small numbers (splitmix64)."""
    state = 0x9E3779B97F4A7C15
    for number in numbers:
        state = (state + number * 0xBF58476D1CE4E5B9 + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


def share(*numbers: int) -> float:
    """A number in [0, 1) that depends on `numbers` only."""
    return mix(*numbers) / 2**64


class Faults:
    """Decides and counts. `only` keeps the named faults and drops every other (for shrinking)."""

    def __init__(self, seed: int, only: Collection[str] | None = None) -> None:
        self.seed, self.only = seed, only
        self.on = True
        self.injected: list[str] = []
        self.coverage: Counter[tuple[str, str]] = Counter()
        self._count = 0
        level = share(seed, 1)
        self._rate = 0.0 if level < 0.04 else (0.004, 0.015, 0.04, 0.1)[mix(seed, 2) % 4]
        self._hot = {HOT[mix(seed, 4, n) % len(HOT)] for n in range((0, 0, 1, 1, 2)[mix(seed, 3) % 5])}
        favourite = mix(seed, 5) % (2 * len(_WEIGHTS))
        self._favourite = _WEIGHTS[favourite][0] if favourite < len(_WEIGHTS) else None
        self._lost: set[str] = set()
        self._rare = level >= 0.3
        #: Workers that stand still while others take their work back: the worst that a lost claim can do.
        self.late_hands = share(seed, 6) < 0.2
        self.unrecorded = 0.2 <= share(seed, 6) < 0.3
        lost_mint = 0.3 <= share(seed, 6) < 0.34
        #: Claims run out in the middle of slow work, because nothing renews them.
        self.spent_claims = 0.34 <= share(seed, 6) < 0.38
        self._aim, self._calls, self._blows = "", 0, list[Fault]()
        if self.late_hands or self.unrecorded or lost_mint:
            aims = _LATE if self.late_hands else _UNRECORDED if self.unrecorded else _LOST_MINT
            self._aim, calls, blows = aims[mix(seed, 7) % len(aims)]
            self._calls, self._blows = 1 + mix(seed, 8) % calls, list(blows)
            self._hot, self._rate, self._rare = set(), min(self._rate, 0.004), False

    def at(self, point: str, possible: Collection[Fault]) -> Fault | None:
        """What happens to this I/O."""
        self._count += 1
        if not self.on:
            return None
        if point == self._aim and self._blows and self._blows[0] in possible:
            self._calls -= 1
            if self._calls <= 0:
                return self._named(point, self._blows.pop(0))
        if self.spent_claims:
            point_fault, often = (Fault.AWAY, 0.9) if point == "journal.renew" else (Fault.SLOW, 0.8)
            if point_fault in possible and share(self.seed, 14, self._count) < often:
                return self._named(point, point_fault)
        rate = 0.3 if point in self._hot or point in self._lost else self._rate
        if self._rare and point in RARE:
            rate = max(rate, RARE[point])
        if share(self.seed, 10, self._count) >= rate:
            return None
        fault = self._pick(point, possible)
        if fault not in possible:
            return None
        if fault is Fault.LOST:
            self._lost.add(point)
        return self._named(point, fault)

    def _named(self, point: str, fault: Fault) -> Fault | None:
        return fault if self.happens(f"{point}#{self._count} {fault}", point, fault) else None

    def happens(self, name: str, point: str, kind: str) -> bool:
        """Whether the named fault, which the seed wants, happens; it is counted if so."""
        if self.only is not None and name not in self.only:
            return False
        self.injected.append(name)
        self.coverage[point, kind] += 1
        return True

    def chance(self, salt: int) -> float:
        """A number in [0, 1) for the I/O that is under way."""
        return share(self.seed, 20 + salt, self._count)

    def _pick(self, point: str, possible: Collection[Fault]) -> Fault:
        if point in self._lost:  # trouble comes in pairs
            self._lost.discard(point)
            return Fault.FROZEN
        if self._favourite is not None and share(self.seed, 11, self._count) < 0.6:
            return self._favourite
        if point in RARE:
            each = sorted(possible)
            return each[mix(self.seed, 13, self._count) % len(each)]
        at = mix(self.seed, 12, self._count) % _TOTAL
        for fault, weight in _WEIGHTS:
            at -= weight
            if at < 0:
                return fault
        raise AssertionError("the weights add up")
