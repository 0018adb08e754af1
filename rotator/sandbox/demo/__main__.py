"""The story: rotator lives through 200 days; a rollout fails on purpose, and the daemon is killed in the middle."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rotator.contracts.journal import Journal
from rotator.journal import open_journal
from rotator.model.errors import RotatorError
from rotator.model.numbers import counted
from rotator.model.rotation import Phase, Reason, State
from rotator.sandbox.demo.audit import Reckoning, reckon
from rotator.sandbox.demo.seeds import ENVIRONMENTS, ROTATED
from rotator.sandbox.demo.world import DAY, World
from rotator.sandbox.faults import Fault, Rule
from rotator.sandbox.processes import Child, NotReady

#: It ends by itself after so many seconds, whatever was reached.
LONGEST = 160.0
REPORT = Path("demo-report.json")
_FAULTS = (
    Rule(Fault.LOST_ANSWER, "PutParameter", 0.08),
    Rule(Fault.LOST_ANSWER, "GetParameters", 0.01),
    Rule(Fault.THROTTLED, "PutParameter", 0.08),
    Rule(Fault.EMPTY_PAGE, "DescribeParameters", 0.15),
    Rule(Fault.INTERNAL_ERROR, "GenerateDataKey", 0.05),
    Rule(Fault.INTERNAL_ERROR, "GetParameter", 0.01),
)
_PEOPLE_FAULTS = (
    Rule(Fault.THROTTLED, "chat.postMessage", 0.05),
    Rule(Fault.INTERNAL_ERROR, "mail.data", 0.05),
)


@dataclass
class Story:
    """One run of the demo."""

    world: World
    folder: Path
    begun: float = field(default_factory=time.monotonic)
    daemon: Child | None = None
    kills: int = 0
    failed_on_purpose: bool = False
    failing: bool = False

    def tell(self, sentence: str) -> None:
        """A line for the person who watches, with the day it happens on."""
        print(f"day {self.elapsed / DAY:5.0f}  {sentence}", flush=True)

    @property
    def elapsed(self) -> float:
        """Seconds since the daemon was first started."""
        return time.monotonic() - self.begun

    def start_daemon(self) -> None:
        """`rotator run`, as a pod would run it."""
        self.daemon = Child(
            "rotator",
            [sys.executable, "-m", "rotator", "run"],
            log=self.folder / "rotator.log",
            environment=self.world.daemon_environment(),
        )

    def kill_daemon(self) -> None:
        """SIGKILL, in the middle of whatever it does; then a new pod."""
        assert self.daemon is not None, "there is a daemon to kill"
        self.daemon.kill()
        self.kills += 1
        self.start_daemon()

    def approve(self, rotation_id: str) -> bool:
        """The person whose yes the last step waits for, at a terminal. Whether rotator took it."""
        asked = subprocess.run(
            [
                sys.executable,
                "-m",
                "rotator",
                "approve",
                rotation_id,
                "--reason",
                "all customers have the new key",
            ],
            env={**os.environ, **self.world.daemon_environment()},
            capture_output=True,
            timeout=60,
            check=False,
        )
        return asked.returncode == 0


def main() -> int:
    """Runs the story; 0 when everything that must be zero is zero and everything that must have happened has."""
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    folder = Path(tempfile.mkdtemp(prefix="rotator-demo-"))
    print("starting AWS, two PostgreSQL servers, eight consumers, Slack and mail …", flush=True)
    exit_code = 1
    try:
        with World(folder) as world:
            exit_code = _run(Story(world, folder))
    except NotReady as trouble:
        print(f"the sandbox did not come up: {trouble}", file=sys.stderr)
    if exit_code:
        print(f"logs and journal are kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return exit_code


def _run(story: Story) -> int:
    story.world.aws.control.set_faults(_FAULTS, seed=20)
    story.world.people.control.set_faults(_PEOPLE_FAULTS, seed=20)
    story.begun = time.monotonic()
    story.start_daemon()
    journal = _journal(story)
    _live(story, journal)
    assert story.daemon is not None, "it was started above"
    story.world.aws.control.set_faults((), seed=0)
    story.tell("the end: rotator is asked to stop")
    exit_code = story.daemon.stop(within=25.0)
    reckoning = reckon(story.world, journal, _places(story.folder))
    report = _report(story, journal, reckoning, exit_code)
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    return _verdict(report)


def _journal(story: Story) -> Journal:
    """The daemon's journal, as soon as it is there."""
    url = story.world.daemon_environment()["ROTATOR_JOURNAL"]
    deadline = time.monotonic() + 30
    while True:
        try:
            return open_journal(url, daemon=False)
        except RotatorError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _live(story: Story, journal: Journal) -> None:
    """Days pass, until every rotated secret was rotated twice or the time is over."""
    known: dict[str, tuple[State, Phase]] = {}
    approved: set[str] = set()
    last_word = 0.0
    while story.elapsed < LONGEST:
        time.sleep(0.3)
        rotations = journal.rotations(limit=1000)
        for rotation in reversed(rotations):
            if known.get(rotation.id, (None, None))[0] is not rotation.state:
                story.tell(f"{rotation.secret}: {_word(rotation.state, rotation.sentence)}")
            known[rotation.id] = (rotation.state, rotation.phase)
            if (
                rotation.reason is Reason.AWAITING_YES
                and rotation.id not in approved
                and story.approve(rotation.id)
            ):
                approved.add(rotation.id)
                story.tell(f"{rotation.secret}: a person said yes to its last step")
        done = Counter(rotation.secret for rotation in rotations if rotation.state is State.DONE)
        _accidents(
            story,
            sum(done.values()),
            [rotation.phase for rotation in rotations if rotation.state is State.ACTIVE],
        )
        if story.elapsed - last_word > 7:
            last_word = story.elapsed
            story.tell(_progress(story, done, len(known)))
        wanted = [f"{environment}/{name}" for environment in ENVIRONMENTS for name in ROTATED]
        if all(done[secret] >= 2 for secret in wanted) and story.failed_on_purpose and story.kills:
            return


def _accidents(story: Story, done: int, phases: list[Phase]) -> None:
    """The two things that are made to go wrong, once each."""
    if (
        not story.kills
        and done >= 3
        and any(phase in {Phase.STORE, Phase.CONFIRM, Phase.ANNOUNCE} for phase in phases)
    ):
        story.kill_daemon()
        story.tell("rotator was killed with kill -9 in the middle of a rotation, and started again")
    if story.kills and not story.failing and done >= 5:
        story.failing = True
        story.world.fail_rollouts("staging/worker", 1)
        story.tell("the next rollout of staging/worker is made to fail")
    if story.failing and not story.failed_on_purpose:
        story.failed_on_purpose = story.world.statistics()["rollouts_failed"] > 0


def _word(state: State, sentence: str) -> str:
    return {
        State.ACTIVE: f"rotation begins ({sentence})",
        State.DONE: f"rotated. {sentence}",
        State.UNDONE: f"undone. {sentence}",
        State.PARKED: f"PARKED. {sentence}",
    }[state]


def _progress(story: Story, done: Counter[str], opened: int) -> str:
    seen = story.world.statistics()
    return (
        f"… {sum(done.values())} of {opened} rotations done; {seen['logins']:,} logins, "
        f"{seen['logins_refused']} refused; {seen['tokens_checked']:,} tokens, {seen['tokens_refused']} refused"
    )


def _places(folder: Path) -> list[Path]:
    """Where a value must never stand: the journal, every log, the output of the looking verbs."""
    return [path for path in folder.rglob("*") if path.suffix == ".log" or "journal" in path.parts]


def _report(story: Story, journal: Journal, reckoning: Reckoning, exit_code: int) -> dict[str, Any]:
    seen, rotations = story.world.statistics(), journal.rotations(limit=10000)
    states = Counter(rotation.state for rotation in rotations)
    per_secret = Counter(rotation.secret for rotation in rotations if rotation.state is State.DONE)
    people, aws = story.world.people.control.statistics(), story.world.aws.control.statistics()
    wanted = [f"{environment}/{name}" for environment in ENVIRONMENTS for name in ROTATED]
    return {
        "secrets": 11 * len(ENVIRONMENTS),
        "rotations_done": states[State.DONE],
        "rotations_done_by_secret": dict(per_secret),
        "fewest_rotations_of_a_secret": min(per_secret[secret] for secret in wanted),
        "rotations_undone": states[State.UNDONE],
        "rotations_parked": states[State.PARKED],
        "logins": seen["logins"],
        "logins_refused": seen["logins_refused"],
        "login_troubles": seen["login_troubles"],
        "tokens_checked": seen["tokens_checked"],
        "tokens_refused": seen["tokens_refused"],
        "rollouts": seen["rollouts"],
        "rollouts_failed_on_purpose": seen["rollouts_failed"],
        "old_credentials_tried": reckoning.tried,
        "old_credentials_alive": len(reckoning.alive),
        "credentials_unaccounted": len(reckoning.unaccounted),
        "faults_injected": sum(aws["faults"].values()) + sum(people["faults"].values()),
        "findings": aws["findings"],
        "alerts_delivered": len(people["alerts"]),
        "values_leaked": len(reckoning.leaked),
        "details": {
            "alive": reckoning.alive,
            "unaccounted": reckoning.unaccounted,
            "leaked": sorted(set(reckoning.leaked)),
        },
        "daemon_kills": story.kills,
        "daemon_exit_code": exit_code,
        "seconds": round(story.elapsed, 1),
    }


def _verdict(report: dict[str, Any]) -> int:
    """The summary that a person reads, and whether it is good."""
    must_be_zero = (
        "logins_refused", "tokens_refused", "old_credentials_alive", "credentials_unaccounted", "values_leaked",
        "rotations_parked", "daemon_exit_code",
    )  # fmt: skip
    at_least = {
        "logins": 5000, "fewest_rotations_of_a_secret": 2, "faults_injected": 1, "rotations_undone": 1,
        "rollouts_failed_on_purpose": 1, "daemon_kills": 1, "alerts_delivered": 1, "old_credentials_tried": 1,
        "tokens_checked": 1,
    }  # fmt: skip
    wrong = [f"{name} is {report[name]}, must be 0" for name in must_be_zero if report[name]]
    wrong += [
        f"{name} is {report[name]}, must be at least {least}"
        for name, least in at_least.items()
        if report[name] < least
    ]
    print(_summary(report))
    for complaint in wrong:
        print(f"NOT AS PROMISED: {complaint}")
    return 1 if wrong else 0


def _summary(of: dict[str, Any]) -> str:
    return f"""
{of["seconds"] / DAY:.0f} days in {of["seconds"]:.0f} seconds.
  {of["rotations_done"]} credentials were replaced, {counted(of["rotations_undone"], "rotation")} undone, \
{of["rotations_parked"]} parked.
  Consumers logged in {of["logins"]:,} times: {of["logins_refused"]} refused.
  They showed each other {of["tokens_checked"]:,} tokens: {of["tokens_refused"]} refused.
  {of["old_credentials_tried"]} old credentials were tried: {of["old_credentials_alive"]} still alive. \
{of["credentials_unaccounted"]} credentials unaccounted for.
  {of["faults_injected"]} faults were injected, rotator was killed {counted(of["daemon_kills"], "time")}, \
{of["alerts_delivered"]} alerts reached people.
  {of["values_leaked"]} values were found in the journal, in logs or in messages.
The figures are in {REPORT}."""


if __name__ == "__main__":
    sys.exit(main())
