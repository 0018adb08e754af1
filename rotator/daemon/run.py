"""The daemon: a scheduler that only wakes things, and worker threads that advance rows. The rows decide.

On SIGTERM no new effect begins, rows are given back, and the process ends within 20 seconds; a second one ends it at
once. kill -9 is as safe: stopping in order only saves the next owner the wait for the claims.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from types import FrameType

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from rotator.contracts.guard import claimed
from rotator.daemon.clock_watch import ClockWatch
from rotator.daemon.ears import Ears
from rotator.daemon.heartbeat import Heartbeat
from rotator.daemon.installation import Installation
from rotator.daemon.journal_watch import JournalWatch
from rotator.daemon.lookout import Lookout
from rotator.daemon.policy import PolicyInForce
from rotator.daemon.rhythm import Rhythm
from rotator.daemon.troubles import Troubles, place_of
from rotator.engine.alerts import keep_alerts
from rotator.engine.alerts.about_record import tell_of_record
from rotator.engine.census import take_census
from rotator.engine.digest import Digests
from rotator.engine.mirrors import keep_mirrors
from rotator.engine.outbox import deliver_next
from rotator.engine.ownership import hold_environments
from rotator.engine.record import faults_in_record, sign_record
from rotator.engine.requests import carry_out_requests
from rotator.engine.routing import addresses
from rotator.engine.scan import open_due, survey
from rotator.engine.settings import Bounds
from rotator.engine.watch import keep_watch
from rotator.engine.worker import Worker
from rotator.journal.place import journal_place
from rotator.model.errors import LostClaim, RotatorError
from rotator.web.pulse import SCHEDULER, SCHEDULER_MOVES_WITHIN, WORKER_MOVES_WITHIN, Pulse

log = structlog.get_logger()

#: How long recording what is under way may take after SIGTERM.
STOP_SECONDS = 18.0
#: A worker that met trouble tries again after one poll, then after twice as long, at most after this.
_LONGEST_PAUSE = 15.0
#: Looking at the whole record reads every event ever told.
_PROVED_EVERY = timedelta(days=1).total_seconds()
#: One by one, so that stopping waits for one message and not for all.
_MESSAGES_AT_ONCE = 20


@dataclass
class Daemon:
    """One process of an installation."""

    parts: Installation
    policy: PolicyInForce
    bounds: Bounds
    rhythm: Rhythm
    workers: int = 4
    _stop: threading.Event = field(default_factory=threading.Event)
    _lookout: Lookout = field(default_factory=Lookout)
    _threads: list[threading.Thread] = field(default_factory=list)
    _one_look: threading.Lock = field(
        default_factory=threading.Lock
    )  # who writes what environments look like
    _running: set[str] = field(default_factory=set)  # jobs that are being done
    _interrupted: bool = False
    _counted: bool = False  # the first census needs a scan before it
    _proved: float | None = None  # when the whole record was looked at

    def __post_init__(self) -> None:
        self._name = f"{socket.gethostname()}-{os.getpid()}"
        self._troubles = Troubles(self.parts.clock)
        seen_from_here = (
            self.parts,
            journal_place(self.parts.settings.journal),
            self.bounds.patience,
            self._name,
        )
        self._journal_watch, self._clock_watch = JournalWatch(*seen_from_here), ClockWatch(*seen_from_here)
        self._digests = Digests(self.parts)
        self._ears = Ears(self.parts, self._troubles, self._stop)
        self.pulse = Pulse(self.parts.clock)
        self.heartbeat = Heartbeat(
            self.parts,
            self._troubles,
            lambda: self.policy.rejected,
            self.pulse.silent,
            self.rhythm.scan,
            lambda: self._clock_watch.ahead,
        )

    def run(self) -> None:
        """Runs until SIGTERM (then it returns) or SIGINT (then it exits with 130)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_stop)
        secrets = len(self.parts.policies().secrets)
        log.info("running", workers=self.workers, secrets=secrets, policy=self.parts.policies().version[:12])
        self._say_if_nobody_can_be_told()
        self._do("ownership", self._hold)  # whose the environments are is known before anything is touched
        team = [
            Worker(self.parts, f"{self._name}-{number}", self.bounds, self._stop.is_set)
            for number in range(self.workers)
        ]
        scheduler = self._scheduled(team)
        for worker in team:
            thread = threading.Thread(
                target=self._keep_working, args=(worker,), name=worker.owner, daemon=True
            )
            thread.start()
            self._threads.append(thread)
        self._ears.open()
        while not self._stop.wait(1.0):
            pass
        self._end(scheduler)

    def _scheduled(self, team: list[Worker]) -> BackgroundScheduler:
        """Everything that has its times: spread a little, never piled up, each only once at a time."""
        scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        for name, often, job in self._jobs(team):
            scheduler.add_job(
                partial(self._do, name, job), "interval", seconds=often.total_seconds(), id=name,
                jitter=min(often.total_seconds() / 10, 30), next_run_time=self.parts.clock.now(),
            )  # fmt: skip
        scheduler.start()
        return scheduler

    def _jobs(self, team: list[Worker]) -> list[tuple[str, timedelta, Callable[[], None]]]:
        """What the scheduler wakes, and how often."""
        rhythm = self.rhythm
        return [
            ("ownership", rhythm.ownership, self._keep_owning),
            ("scan", rhythm.scan, self._scan),
            ("requests", rhythm.requests, self._requests),
            ("census", rhythm.census, self._census),
            ("mirrors", rhythm.scan, partial(keep_mirrors, self.parts, behind=True)),
            ("telling", rhythm.alerts, self._tell),
            ("journal", rhythm.alerts, self._look_at_journal),
            ("policy", rhythm.policy, self._reload),
            ("record", rhythm.record, self._prove),
            ("trail", rhythm.trail, self._watch),
            ("heartbeat", rhythm.alerts, self.heartbeat.look),
            ("renew", self.bounds.lease / 3, partial(self._renew, team)),
        ]

    def _keep_owning(self) -> None:
        self._hold()
        if any(seen.trouble and not seen.unheld for seen in self.parts.journal.surveyed().values()):
            self._scan()  # the store answers again: what waits for it need not wait for the next scan

    def _hold(self) -> None:
        with self._one_look:
            hold_environments(self.parts)

    def _scan(self) -> None:
        with self._one_look:
            survey(self.parts)
        if any(seen.unheld and not seen.trouble for seen in self.parts.journal.surveyed().values()):
            self._hold()  # the store answers again: whose it is need not wait for its turn
        self._say_what_is_away()
        if not self._counted:
            self._census()
        if open_due(self.parts):
            self._lookout.wake()

    def _census(self) -> None:
        self.parts.learn_addresses()
        if self.parts.journal.observed():
            take_census(self.parts)
            keep_mirrors(self.parts)
            self._counted = True

    def _requests(self) -> None:
        self.policy.take_yes()
        with self._one_look:  # one of them may be a take-over
            carry_out_requests(self.parts)
        if self.parts.journal.requests(waiting=True) and open_due(self.parts):
            self._lookout.wake()

    def _tell(self) -> None:
        """One after the other, since what was kept is told at once. None fails by another's bug."""
        self._do("alerts", self._keep_alerts)
        self._do("digests", self._digests.keep)
        self._do("delivery", self._deliver)

    def _keep_alerts(self) -> None:
        keep_alerts(
            self.parts,
            self.policy.rejected,
            self.bounds,
            yes_wanted=self.policy.yes_wanted,
            deaf=self._ears.deaf,
        )

    def _deliver(self) -> None:
        for _ in range(_MESSAGES_AT_ONCE):
            if self._stop.is_set():
                return
            if deliver_next(self.parts, self.parts.channels(), f"{self._name}-alerts", self.bounds) is None:
                return

    def _look_at_journal(self) -> None:
        self._journal_watch.look()
        self._clock_watch.look()

    def _reload(self) -> None:
        if self.policy.reload():
            self._scan()

    def _prove(self) -> None:
        """Once a day, and at the start, looks whether all of the record is as it was written; and signs it.

        In this order: what keeps it from being signed must not hide that somebody changed it.
        """
        now = self.parts.clock.monotonic()
        if self._proved is None or now - self._proved >= _PROVED_EVERY:
            faults = faults_in_record(self.parts)
            tell_of_record(self.parts, faults)
            self._proved = now
            if faults:
                log.error(
                    "the record is not as it was written", faults=len(faults), first=faults[0]._asdict()
                )
        sign_record(self.parts)

    def _watch(self) -> None:
        """Who read what; a policy that names no source of records has nothing to watch."""
        trail = self.parts.trail()
        if trail is not None:
            keep_watch(self.parts, trail, self._name)

    def _renew(self, team: list[Worker]) -> None:
        for worker in team:
            worker.renew()

    def _say_if_nobody_can_be_told(self) -> None:
        """Alerts are kept all the same, and told once somebody can be."""
        policies, channels = self.parts.policies(), self.parts.channels()
        if not addresses(policies, channels, [policies.default_owner]):
            log.warning(
                "nobody can be told",
                why=f"no channel is set up for an address of {policies.default_owner}, the default owner"
                if policies.default_owner
                else "policies.yaml names no default owner, who hears of what concerns no secret",
                do=("" if policies.default_owner else "write defaults.owner into policies.yaml, and ")
                + "set ROTATOR_SLACK_TOKEN or ROTATOR_SLACK_WEBHOOK, or ROTATOR_SMTP_HOST and ROTATOR_SMTP_FROM",
            )

    def _say_what_is_away(self) -> None:
        """What keeps whole environments waiting stands in the journal for `status`; here it is for the log."""
        for seen in self.parts.journal.surveyed().values():
            for what, sentence in (
                (f"the store of {seen.environment}", seen.trouble or seen.unheld),
                (f"the ownership of {seen.environment}", seen.foreign_owner),
            ):
                if sentence:
                    self._troubles.arose(what, sentence)
                else:
                    self._troubles.ended(what)

    def _do(self, name: str, job: Callable[[], None]) -> None:
        """One turn of a job. Trouble is said as a sentence, and the job is tried again at its next turn."""
        if self._stop.is_set():
            return
        self.pulse.beat(SCHEDULER, SCHEDULER_MOVES_WITHIN)
        self._running.add(name)
        try:
            with claimed(self._unless_stopping):
                job()
        except LostClaim:
            log.info("job stopped", job=name)
        except RotatorError as trouble:
            self._troubles.arose(name, str(trouble))
        except Exception as bug:  # noqa: BLE001 - one job's bug must not silence the others
            self._troubles.arose(name, _as_bug(bug), bug=True)
        else:
            self._troubles.ended(name)
        finally:
            self._running.discard(name)

    def _unless_stopping(self, _seconds: float) -> None:
        if self._stop.is_set():
            raise LostClaim("rotator is stopping: no new effect begins")

    def _keep_working(self, worker: Worker) -> None:
        """One worker thread: at once while there is something to do; else when it is its turn to look."""
        pause = 0.0
        while not self._stop.is_set():
            self.pulse.beat(worker.owner, WORKER_MOVES_WITHIN)
            worked = 0
            try:
                worked = worker.work()
            except RotatorError as trouble:
                self._troubles.arose("work", str(trouble))
                pause = min(_LONGEST_PAUSE, pause * 2 or self.bounds.poll.total_seconds())
            except Exception as bug:  # noqa: BLE001 - a bug in one row must not end the thread that serves all
                self._troubles.arose("work", _as_bug(bug), bug=True)
                pause = min(_LONGEST_PAUSE, pause * 2 or self.bounds.poll.total_seconds())
            else:
                self._troubles.ended("work")
                pause = 0.0
            if pause:
                self._stop.wait(pause)
            elif worked:
                self._lookout.wake()  # where something was due, more may be
            else:
                self._lookout.wait(self.rhythm.idle.total_seconds())

    def _asked_to_stop(self, number: int, _frame: FrameType | None) -> None:
        """The first signal asks; with the next one the system ends the process."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self._interrupted = number == signal.SIGINT
        self._stop.set()

    def _end(self, scheduler: BackgroundScheduler) -> None:
        """Waits until what is under way has been written down, as long as there is time for it."""
        log.info("stopping", within_seconds=STOP_SECONDS)
        self._lookout.end()
        scheduler.shutdown(wait=False)
        deadline = self.parts.clock.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - self.parts.clock.monotonic()))
        while self._running and self.parts.clock.monotonic() < deadline:
            self.parts.clock.sleep(0.05)
        at_work = sorted(self._running | {thread.name for thread in self._threads if thread.is_alive()})
        exit_code = 130 if self._interrupted else 0
        if at_work:
            log.warning("stopped in the middle; claims run out by themselves and nothing is lost", of=at_work)
            sys.stderr.flush()
            os._exit(exit_code)
        self._ears.close()
        self.parts.close()
        log.info("stopped")
        if exit_code:
            sys.exit(exit_code)


def _as_bug(bug: Exception) -> str:
    return f"an unexpected {type(bug).__name__} at {place_of(bug)}: this is a bug of rotator, tried again"
