"""The heartbeat: who is outside hears that all is well, and only then. Silence is what calls people.

A rotator that hangs, was killed, cannot write its journal or reach anybody cannot tell so. So it says regularly that
all is in order, after a complete look at everything, and somebody outside counts the minutes. Of several replicas any
says it; when it was said last is in the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from rotator.contracts.outside import Outside
from rotator.contracts.record import Record
from rotator.engine.ages import spell
from rotator.engine.repeats import unheard
from rotator.model.errors import NotYet
from rotator.model.observations import HEARTBEAT, Pause, Surveyed
from rotator.model.policy import HeartbeatPolicy, Policies

#: The account whose next call is the next heartbeat.
_ACCOUNT = "the heartbeat"
#: After a call that was not heard; and so long two replicas stay out of each other's way.
_AGAIN_AFTER = timedelta(seconds=20)
#: An alert that could not be told for so long is no bad moment of a channel any more; and a bug that stands for so
#: long does not pass by itself.
LATE = timedelta(minutes=15)
#: So many scans may fail before that is news.
_SCANS_MISSED = 3


class WhySilent(StrEnum):
    """Why the outside hears nothing."""

    DRILL = "drill"  # a person wants to see how long it takes until people are called
    POLICY = "policy"  # policies.yaml as it is now is not in force
    SCAN = "scan"  # an environment was not looked at whole, or not lately
    ALERTS = "alerts"  # an alert cannot be delivered
    NOBODY = "nobody"  # alerts could be told to nobody
    STUCK = "stuck"  # a part of this process does not move
    BUG = "bug"  # a part of this process moves, and fails at every turn by a bug of rotator


class Silence(NamedTuple):
    """Why, in a word and in a sentence without its end."""

    reason: WhySilent
    sentence: str


class Process(NamedTuple):
    """What a process knows of itself that is not in the journal. `rejected`: why policies.yaml is not in force.

    `bugs`: what has not worked for longer than LATE by a bug of rotator, a sentence each.
    """

    rejected: str = ""
    stuck: Sequence[str] = ()
    reachable: bool = True  # the default owner has an address that a channel serves
    scan_every: timedelta = timedelta(minutes=5)
    bugs: Sequence[str] = ()
    ahead: timedelta = timedelta()  # how far its machine's clock is ahead of the journal's


class Beats(Record, Protocol):
    """What the heartbeat asks of a journal."""

    def reserve(self, account: str, per_second: float, burst: int, longest: timedelta) -> timedelta:
        """As Journal has it."""

    def hold_account(self, account: str, until: datetime) -> None:
        """As Journal has it."""


def beat(journal: Beats, policies: Policies, outside: Outside, process: Process) -> Silence | None:
    """Lets the outside hear if it is time and all is well; else why not. Raises what Outside and the journal raise.

    The journal is written before and after: whoever cannot write is not heard.
    """
    heartbeat = policies.alerts.heartbeat
    if heartbeat is None:
        return None
    quiet = silence(journal, policies, process)
    if quiet is not None:
        return quiet
    again = min(_AGAIN_AFTER, heartbeat.every / 3)
    try:
        journal.reserve(_ACCOUNT, 1 / again.total_seconds(), 1, timedelta())
    except NotYet:
        return None
    outside.hear(heartbeat.url)
    journal.hold_account(_ACCOUNT, journal.now() + heartbeat.every)
    return None


def last_beat(journal: Record, heartbeat: HeartbeatPolicy) -> datetime | None:
    """When the outside heard last, by any replica; None before the first time."""
    until = journal.held_until(_ACCOUNT)
    return until - heartbeat.every if until is not None else None


def drill(record: Record) -> Pause | None:
    """The drill that keeps it silent now. One that is forgotten ends by itself."""
    pause = record.pauses().get(HEARTBEAT)
    return pause if pause is not None and pause.until > record.now() else None


def silence(record: Record, policies: Policies, process: Process) -> Silence | None:
    """Why not all is well: the first thing that is not; None when all is."""
    if (pause := drill(record)) is not None:
        sentence = (
            f"{pause.by} keeps it silent until {pause.until:%Y-%m-%d %H:%M} UTC, as a drill: {pause.because}"
        )
        return Silence(WhySilent.DRILL, sentence)
    if process.stuck:
        return Silence(WhySilent.STUCK, f"{', '.join(process.stuck)} of this process does not move")
    if process.bugs:
        return Silence(WhySilent.BUG, process.bugs[0])
    if process.rejected:
        return Silence(WhySilent.POLICY, f"policies.yaml as it is now is not in force: {process.rejected}")
    if not process.reachable:
        return Silence(WhySilent.NOBODY, f"no channel is set up for an address of {policies.default_owner}")
    surveyed, now = record.surveyed(), record.now()
    for name in policies.environments:
        sentence = _not_looked_at(name, surveyed.get(name), now, process.scan_every * _SCANS_MISSED)
        if sentence:
            return Silence(WhySilent.SCAN, sentence)
    return _undelivered(record, now)


def _not_looked_at(name: str, survey: Surveyed | None, now: datetime, fresh: timedelta) -> str:
    if survey is None or not survey.digest:
        return f"{name} was never looked at whole"
    sentence = survey.foreign_owner or survey.trouble or survey.unheld
    if sentence:
        return f"{name}: {sentence}"
    late = now - survey.scanned_at
    return f"{name} was last looked at {spell(late)} ago" if late > fresh else ""


def _undelivered(record: Record, now: datetime) -> Silence | None:
    """An alert that waits for its time is none: it is not due yet."""
    for row in record.alerts():
        failing = row.attempt > 0 and unheard(row) and now - row.alert.opened_at > LATE
        if failing or now - row.run_at > LATE:
            return Silence(WhySilent.ALERTS, f"an alert could not be told: {row.alert.identity}")
    return None
