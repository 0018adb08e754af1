"""What a campaign met: every I/O point by every kind of fault. A pair that was never met is a place without proof."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.simulation.faults import Fault
from tests.simulation.gate import possible
from tests.simulation.people import EVENTS
from tests.simulation.world import ROLLOUT_KINDS

Coverage = Counter[tuple[str, str]]

#: As many runs must have met every pair that can be met; after fewer, those that were not are only named.
ENOUGH = 20_000
#: And after so few, naming them would say nothing.
FEW = 2_000

_LOOKS = (
    "provider.identify", "provider.last_used", "provider.observe", "provider.probe", "provider.verify",
    "redeployer.progress", "redeployer.starts", "sealer.new_key", "sealer.open_key", "mirror.stale",
    "store.ages", "store.check_writable", "store.owner", "store.read",
)  # fmt: skip
_EFFECTS = (
    "provider.activate", "provider.create", "provider.disable", "provider.enable", "provider.promote",
    "provider.remove",
    "redeployer.redeploy", "channel.deliver", "mirror.write", "store.claim_owner", "store.put",
)  # fmt: skip
_JOURNAL = (
    "alerts", "approve", "checkpoint", "checkpoint_alerts", "checkpoint_rollout", "claim_alerts", "claim_company",
    "claim_rollouts", "claim_rotations", "escalate", "generation", "histories", "join_rollout", "note_observed",
    "note_pause", "note_surveyed", "observed", "on_their_way", "open_rotations", "pauses", "post_alert",
    "rejections", "renew", "reopen",
    "requests", "roll_back", "rollouts", "rotation", "rotations", "settle_request", "start_rollout", "surveyed", "wake",
)  # fmt: skip
#: What happens beside I/Os: whether anybody did it at all.
_HAPPENS = {"people": (*EVENTS, "raced"), "rollout": tuple(dict.fromkeys(ROLLOUT_KINDS))}

#: Why some kinds of fault cannot happen, by the kind of I/O.
CANNOT_HAPPEN: Mapping[str, Mapping[Fault, str]] = {
    "a look": {
        Fault.CRASH_LATE: "it has no effect that could land",
        Fault.HELD_UP: "it has no effect that could land",
    },
    "an effect that means the same at any time": {
        Fault.HELD_UP: "it names what it is about once and for all, so late means twice: answer lost",
    },
    "the journal": {
        Fault.CRASH_LATE: "the statement of a dead process is rolled back, or was committed: crash after",
        Fault.HELD_UP: "a statement that was given up is rolled back, or was committed: answer lost",
        Fault.THROTTLED: "databases do not throttle",
        Fault.SLOW: "time that passes in the database is time in which others go first: frozen",
        Fault.SURPRISE: "whatever its driver raises has become JournalAway (rotator/journal/away.py has tests)",
    },
}


def expected() -> Iterator[tuple[str, str]]:
    """Every pair that can be met."""
    for point in (*_LOOKS, *_EFFECTS, *(f"journal.{name}" for name in _JOURNAL)):
        for fault in possible(point, looks=point in _LOOKS):
            yield point, fault
    for point, kinds in _HAPPENS.items():
        for kind in kinds:
            yield point, kind


def never_met(coverage: Coverage) -> list[str]:
    """The pairs that can be met and were not, and the points that nobody has thought of here."""
    pairs = list(expected())
    missing = [f"{point}: {kind}" for point, kind in pairs if not coverage[point, kind]]
    strange = {point for point, _ in coverage} - {point for point, _ in pairs}
    return sorted(missing) + [
        f"{point}: not in the table of tests/simulation/coverage.py" for point in sorted(strange)
    ]


def table(coverage: Coverage) -> Iterator[str]:
    """How often each pair was met; a dash where it cannot be."""
    kinds, pairs = list(Fault), set(expected())
    yield f"{'':28}" + "".join(f"{kind.split(',')[0][:13]:>15}" for kind in kinds)
    for point in sorted({point for point, _ in (*pairs, *coverage)}):
        if point in _HAPPENS:
            counts = sorted((kind, count) for (at, kind), count in coverage.items() if at == point)
            yield f"{point:28}  " + ", ".join(f"{kind} {count}" for kind, count in counts)
        else:
            cells = (coverage[point, kind] or ("0" if (point, kind) in pairs else "-") for kind in kinds)
            yield f"{point:28}" + "".join(f"{cell:>15}" for cell in cells)


def reasons() -> Iterator[str]:
    """Why a dash is a dash."""
    for what, kinds in CANNOT_HAPPEN.items():
        for kind, reason in kinds.items():
            yield f"    {what}, {kind}: {reason}"
