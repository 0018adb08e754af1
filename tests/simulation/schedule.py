"""Virtual time and processes: greenlets that take turns in the order that a seed decides.

Nothing here sleeps, starts a thread or reads a clock. A process is one operating-system process of the real thing:
its greenlets share its memory, die together in a crash and stand still together when it is frozen.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

from greenlet import getcurrent, greenlet

EPOCH = datetime(2031, 3, 3, tzinfo=UTC)
MINUTE, HOUR = 60.0, 3600.0


class Crashed(BaseException):
    """The process is gone, as by SIGKILL: nothing in it runs any more, not even its `except Exception`."""


class Event:
    """Something that happens at a moment, unless it is cancelled first."""

    __slots__ = ("action", "at", "cancelled", "order")

    def __init__(self, at: float, order: int, action: Callable[[], object]) -> None:
        self.at, self.order, self.action, self.cancelled = at, order, action, False

    def __lt__(self, other: Event) -> bool:
        return (self.at, self.order) < (other.at, other.order)


class Schedule:
    """The queue of everything that will happen, and the present moment (seconds since EPOCH)."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[Event] = []
        self._count = 0
        self._main = getcurrent()

    def at(self, moment: float, action: Callable[[], object]) -> Event:
        """Has `action` happen at `moment`."""
        self._count += 1
        event = Event(max(moment, self.now), self._count, action)
        heapq.heappush(self._heap, event)
        return event

    def after(self, seconds: float, action: Callable[[], object]) -> Event:
        """Has `action` happen that much later."""
        return self.at(self.now + seconds, action)

    def run(self, until: float) -> None:
        """Lets everything happen up to `until`."""
        while self._heap and self._heap[0].at <= until:
            event = heapq.heappop(self._heap)
            if not event.cancelled:
                self.now = max(self.now, event.at)
                event.action()
        self.now = max(self.now, until)

    def alone_until(self, moment: float) -> bool:
        """Whether nothing else happens before `moment`."""
        return not self._heap or self._heap[0].at > moment

    def yield_to_others(self) -> None:
        """Leaves the running greenlet; some event comes back to it."""
        self._main.switch()

    def datetime(self) -> datetime:
        """The present moment."""
        return EPOCH + timedelta(seconds=self.now)


def moment(at: datetime) -> float:
    """Seconds since EPOCH."""
    return (at - EPOCH).total_seconds()


class Process:
    """One operating-system process."""

    def __init__(self, schedule: Schedule, name: str) -> None:
        self.schedule, self.name = schedule, name
        self.dead = False
        self.stopping = False
        self.frozen_until = 0.0
        self.disturbed_at = -1.0  # when it was last frozen, or asked to stop by a fault
        self.tasks: list[greenlet] = []
        self.on_death: Callable[[], None] = lambda: None
        self._dozing: dict[greenlet, Event] = {}

    def start(self, task: Callable[[], None], delay: float) -> None:
        """Begins one of its tasks after `delay` seconds."""
        started = greenlet(lambda: self._live(task))
        self.tasks.append(started)
        self.schedule.after(delay, lambda: self._resume(started))

    def _live(self, task: Callable[[], None]) -> None:
        with suppress(Crashed):
            task()

    def _resume(self, task: greenlet) -> None:
        if self.schedule.now < self.frozen_until:
            self.schedule.at(self.frozen_until, lambda: self._resume(task))
        elif not self.dead and not task.dead:
            task.parent = getcurrent()
            task.switch()

    def pause(self, seconds: float) -> None:
        """Lets time pass in the running task; others run meanwhile. Raises Crashed when the process ends meanwhile."""
        if self.dead:
            raise Crashed
        until = self.schedule.now + seconds
        if self.frozen_until <= self.schedule.now and self.schedule.alone_until(until):
            self.schedule.now = until
            return
        running = getcurrent()
        self.schedule.at(until, lambda: self._resume(running))
        self.schedule.yield_to_others()
        if self.dead:
            raise Crashed

    def doze(self, until: float) -> None:
        """As pause(), up to `until`, or until wake()."""
        if self.dead:
            raise Crashed
        running = getcurrent()
        self._dozing[running] = self.schedule.at(until, lambda: self._resume(running))
        self.schedule.yield_to_others()
        self._dozing.pop(running, None)
        if self.dead:
            raise Crashed

    def wake(self, at: float) -> None:
        """Ends every doze at `at`, if it lasts longer."""
        for task, event in list(self._dozing.items()):
            if event.at > at:
                event.cancelled = True
                self._dozing[task] = self.schedule.at(at, partial(self._resume, task))

    def freeze(self, seconds: float) -> None:
        """SIGSTOP; the running task must pause next."""
        self.disturbed_at = self.schedule.now
        self.frozen_until = self.schedule.now + seconds

    def crash(self) -> None:
        """SIGKILL: every task but the running one ends here; the running one must raise Crashed."""
        if self.dead:
            return
        self.dead = True
        running = getcurrent()
        for task in self.tasks:
            if task is not running and task and not task.dead:
                task.parent = running
                task.throw(Crashed)
        self.on_death()


class ProcessClock:
    """The Clock contract on virtual time."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> datetime:
        """The present, in UTC."""
        return self._process.schedule.datetime()

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._process.schedule.now

    def sleep(self, seconds: float) -> None:
        """Lets virtual time pass."""
        self._process.pause(seconds)
