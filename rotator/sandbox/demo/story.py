"""The story: days pass, a rollout fails on purpose, the daemon is killed in the middle, people do what they must."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rotator.contracts.journal import Journal
from rotator.journal import SqlJournal, open_journal
from rotator.model.policy import Mode, Policies, SecretPolicy
from rotator.model.rotation import UNDOING, Phase, Rotation, State
from rotator.sandbox.demo.looks import listening_on
from rotator.sandbox.demo.world import DAY, World
from rotator.sandbox.processes import Child

#: It ends by itself after so many seconds, whatever was reached.
LONGEST = 160.0
#: Every rotated secret is rotated so often, in every environment.
WANTED = 2
_TELL_EVERY, _UP_WITHIN = 10.0, 60.0
#: What is under way is looked at often, so that no value in it is missed; everything there ever was less often.
_BETWEEN_LOOKS, _LOOKS = 0.3, 3


@dataclass
class Story:
    """One run of the demo, from the daemon's first start to its end."""

    world: World
    log: Path
    begun: float = field(default_factory=time.monotonic)
    daemon: Child | None = None
    kills: int = 0
    failures_ordered: int = 0  # rollouts that are made to fail
    told: list[str] = field(default_factory=list)
    lasted: float = 0.0  # seconds, when the daemon had been asked to stop
    exit_code: int | None = None  # of the daemon
    _known: dict[str, State] = field(default_factory=dict)
    _replaced: list[str] = field(default_factory=list)  # since the last word
    _last_word: float = 0.0

    @property
    def undone(self) -> bool:
        """Whether a rotation was."""
        return State.UNDONE in self._known.values()

    @property
    def elapsed(self) -> float:
        """Seconds since the daemon was first started."""
        return time.monotonic() - self.begun

    def tell(self, sentence: str) -> None:
        """A line for the person who watches, with the day it happens on."""
        line = f"day {self.elapsed / DAY:5.0f}  {sentence}"
        self.told.append(line)
        print(line, flush=True)

    def start_daemon(self) -> None:
        """`rotator run`, as a pod would run it."""
        self.daemon = Child(
            "rotator",
            [sys.executable, "-m", "rotator", "run"],
            log=self.log,
            environment=self.world.daemon_environment,
        )

    def open_journal(self) -> tuple[SqlJournal, Policies]:
        """The daemon's journal, once the daemon serves its pages, and the policy as soon as it is in force."""
        assert self.daemon is not None, "it was started"
        self.daemon.wait_until(lambda: listening_on(self.log) is not None, within=_UP_WITHIN)
        journal = open_journal(self.world.daemon_environment["ROTATOR_JOURNAL"], daemon=False)
        self.daemon.wait_until(lambda: journal.policies_in_force() is not None, within=_UP_WITHIN)
        policies = journal.policies_in_force()
        assert policies is not None, "it was there a moment ago"
        return journal, policies

    def live(self, journal: Journal, policies: Policies) -> None:
        """Days pass, until every rotated secret was rotated often enough or the time is over."""
        wanted = [secret.secret for secret in rotated(policies)]
        while self.elapsed < LONGEST:
            for _ in range(_LOOKS):
                time.sleep(_BETWEEN_LOOKS)
                self.world.known.watch(journal.rotations(unfinished=True))
            rotations = journal.rotations()
            for rotation in reversed(rotations):
                self._notice(rotation)
            done = Counter(rotation.secret for rotation in rotations if rotation.state is State.DONE)
            self._cause_accidents(done.total(), rotations)
            if self.elapsed - self._last_word > _TELL_EVERY:
                self._tell_progress(done.total())
            if all(done[secret] >= WANTED for secret in wanted) and self.undone and self.kills:
                return

    def end(self) -> None:
        """The daemon is asked to stop, as a pod is."""
        assert self.daemon is not None, "it was started"
        self.lasted = self.elapsed
        self._tell_progress(sum(state is State.DONE for state in self._known.values()))
        self.tell("the end: rotator is asked to stop")
        self.exit_code = self.daemon.stop(within=25.0)

    def _notice(self, rotation: Rotation) -> None:
        """What went well is told now and then, together; what did not, at once."""
        if self._known.get(rotation.id) is not rotation.state:
            if rotation.state is State.DONE:
                self._replaced.append(rotation.secret)
            elif rotation.state in {State.UNDONE, State.PARKED}:
                self.tell(f"{rotation.secret} was {rotation.state}: {rotation.sentence}")
        self._known[rotation.id] = rotation.state

    def _cause_accidents(self, done: int, rotations: Sequence[Rotation]) -> None:
        """The two things that are made to go wrong, once each.

        Not in the middle of a mint: who is killed there waits until the vendor lists everything, which takes IAM two
        minutes, however short the days are. `make crash` kills there, too.
        """
        phases = {rotation.phase for rotation in rotations if rotation.state is State.ACTIVE}
        minting = phases & {Phase.PLAN, Phase.TIDY, Phase.CREATE}
        midway = phases & {Phase.STORE, Phase.CONFIRM, Phase.ANNOUNCE}
        if not self.kills and done >= 8 and midway and not minting:
            self._kill_daemon()
            self.tell("rotator was killed with kill -9 in the middle of a rotation, and started again")
        if self.kills and done >= 12 and not self.undone and self._consumers_wait(rotations):
            self.failures_ordered += 1
            self.world.fail_rollouts("staging/worker", 1)
            self.tell("the next rollout of staging/worker is made to fail")

    def _consumers_wait(self, rotations: Sequence[Rotation]) -> bool:
        """Whether one of staging/worker's secrets is about to be rolled out, and no failure is under way.

        A rollout that only takes the old one out of an accepted set is tried again when it fails; then once more.
        """
        if self.world.statistics()["rollouts_failed"] < self.failures_ordered:
            return False
        mine = [
            rotation
            for rotation in rotations
            if rotation.state is State.ACTIVE
            and "staging/worker" in {deployment.id for deployment in rotation.recipe.deployments}
        ]
        undoing = any(rotation.phase in UNDOING for rotation in mine)
        return not undoing and any(rotation.phase in {Phase.STORE, Phase.ANNOUNCE} for rotation in mine)

    def _kill_daemon(self) -> None:
        """SIGKILL, in the middle of whatever it does; then a new pod."""
        assert self.daemon is not None, "there is a daemon to kill"
        self.daemon.kill()
        self.kills += 1
        self.start_daemon()

    def _tell_progress(self, done: int) -> None:
        """How it stands, and what was replaced since the last word."""
        seen, states = self.world.statistics(), Counter(self._known.values())
        refused = ", ".join(
            f"{seen[f'{what}_refused']:,} of {seen[all_of_them]:,} {word}"
            for what, all_of_them, word in (
                ("logins", "logins", "logins"),
                ("tokens", "tokens_checked", "tokens"),
                ("events", "events_checked", "customers' events"),
                ("sms", "sms_sent", "SMS"),
                ("mails", "mails_sent", "mails"),
            )
        )
        self.tell(
            f"{done} credentials replaced, {states[State.ACTIVE]} are being replaced. Refused so far: {refused}"
        )
        if self._replaced:
            print(f"{'':10} replaced: {', '.join(self._replaced)}", flush=True)
        self._replaced.clear()
        self._last_word = self.elapsed


def rotated(policies: Policies) -> list[SecretPolicy]:
    """The secrets that are rotated, not only watched, by the policy in force."""
    return [
        secret
        for secret in policies.secrets.values()
        if secret.mode is not Mode.OBSERVE and secret.exempt_until is None
    ]
