"""`python -m tests.chaos [--seconds 600] [--seed N] [--mutant NAME]`: four daemons, one journal, and a nemesis.

Everything but a vendor is real: `rotator run` as processes, PostgreSQL as the journal and as sources, SSM and KMS
(moto behind a proxy) over HTTP. All secrets are rotated all the time, by requests. The nemesis (nemesis.py) strikes
for so many seconds; then all is mended, and everything has to come to its end. The last line is

    rotations N, kills K, dark 0, lost 0, orphans 0, stuck 0, harmful 0

rotations   that came to their end, done or undone
kills       SIGKILLs of daemons
dark        values that an instance held, or one that started would have read, and that somebody refused (prober.py)
lost        requests or rotations that the journal knew and does not know any more, or that came to nothing; and
            whatever in its record is not as it was written
orphans     at rest: living credentials of ours beside the one in use (a rotation that is stuck has two by right)
stuck       what has not ended within three minutes after the nemesis rests, parked rotations, daemons that ended by
            themselves or do not end when asked to
harmful     what a double effect can do, as reckoning.py defines it

Exit code 1 when one of the last five is not zero, or one of the first two is. The seed decides about every blow; the
moment at which a blow meets a daemon it cannot decide.
"""

from __future__ import annotations

import argparse
import json
import secrets as chance
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from rotator.model.errors import JournalAway
from rotator.model.rotation import Rotation, State
from rotator.sandbox.processes import NotReady
from tests.chaos.asking import Asking
from tests.chaos.history import StoreHistory
from tests.chaos.judgement import judge
from tests.chaos.mutants import MUTANTS
from tests.chaos.nemesis import Kind, Nemesis
from tests.chaos.prober import Prober
from tests.chaos.world import ENVIRONMENTS, World

_STUCK_SECONDS = 180.0
_READY_SECONDS = 90.0


def main() -> int:
    """The exit code."""
    options = _options()
    print(f"seed {options.seed}" + (f", mutant {options.mutant}" if options.mutant else ""), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="rotator-chaos-"))
    with World(folder, options.mutant, options.seed) as world:
        counts = _chaos(world, options.seconds, options.seed)
    done, found = list(counts.values())[:2], list(counts.values())[2:]
    well = all(done) and not any(found)
    if well and not options.keep:
        shutil.rmtree(folder)
    else:
        print(f"logs are in {folder}")
    print(", ".join(f"{what} {count}" for what, count in counts.items()))
    return 0 if well else 1


def _chaos(world: World, seconds: float, seed: int) -> dict[str, int]:
    """One run, with a line for each blow and each finding; what the last line counts, in its order."""
    _await(lambda: _surveyed(world), _READY_SECONDS, "two scans that agree")
    asking, prober, history = Asking(world, seed), Prober(world), StoreHistory(world)
    nemesis = Nemesis(world, seed, _teller())
    for player in (history, prober, asking):
        player.start()
    nemesis.rage(seconds)
    nemesis.rest()
    asking.stop()
    nemesis.say("the nemesis rests")
    stuck = _come_to_rest(asking, nemesis) + nemesis.fallen
    prober.stop()
    stuck += [f"{one}: did not end when asked to" for one in world.replicas if one.stop() != 0]
    history.stop()
    rotations, findings = judge(world, asking, history, prober, stuck)
    (world.folder / "rotations.json").write_text(_as_json(rotations))
    found = asdict(findings)
    for what, lines in found.items():
        for line in lines:
            print(f"{what}: {line}")
    print(", ".join(f"{kind} {nemesis.struck[kind]}" for kind in Kind))
    vanished = sum(one.claim_lost_at is not None for one in rotations)
    undone = sum(one.state is State.UNDONE for one in rotations)
    print(f"claims lost in {vanished} rotations, undone {undone}, looks of the prober {prober.looks}")
    ended = sum(one.ended_at is not None for one in rotations)
    counts = {what: len(lines) for what, lines in found.items()}
    return {"rotations": ended, "kills": nemesis.struck[Kind.KILL], **counts}


def _as_json(rotations: Sequence[Rotation]) -> str:
    """Every rotation as the journal had it at the end: it goes with the databases."""
    return json.dumps([one.model_dump(mode="json", exclude={"recipe"}) for one in rotations], indent=1)


def _come_to_rest(asking: Asking, nemesis: Nemesis) -> list[str]:
    """Waits until everything has ended; what has not, in time."""
    deadline = time.monotonic() + _STUCK_SECONDS
    while True:
        nemesis.watch()
        nemesis.rest()
        left = _unfinished(asking)
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.5)


def _unfinished(asking: Asking) -> list[str]:
    try:
        return asking.unfinished()
    except JournalAway:
        return ["the journal does not answer"]


def _surveyed(world: World) -> bool:
    """Whether rotations may begin."""
    seen = world.journal.surveyed()
    return all(name in seen and seen[name].agreed for name in ENVIRONMENTS)


def _await(so: Callable[[], bool], within: float, what: str) -> None:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if so():
                return
        except JournalAway:  # its tables are being made
            pass
        time.sleep(0.2)
    raise NotReady(f"not within {within:g} s: {what}")


def _teller() -> Callable[[str], None]:
    """Prints a line with the time since now."""
    began = time.monotonic()
    return lambda line: print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long the nemesis strikes")
    parser.add_argument("--seed", type=int, default=chance.randbelow(1_000_000))
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="a rule that all daemons drop")
    parser.add_argument("--keep", action="store_true", help="keep the logs, also when all is well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
