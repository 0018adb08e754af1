"""Metrics, read from the journal when somebody asks: a restart loses none, and every replica tells the same.

docs/reference/metrics.md lists what is in METRICS. Labels are names that policies.yaml and design give; no value, no
id of a credential and no address of a person is ever among them.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Final, Literal, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from rotator.contracts.clock import Clock
from rotator.contracts.journal import Journal
from rotator.engine.ages import due_at, period_ends
from rotator.engine.decisions import Decided, decisions
from rotator.engine.heartbeat import Process, last_beat, silence
from rotator.engine.repeats import unheard
from rotator.engine.standing import Standing
from rotator.engine.watch import source_of
from rotator.engine.words import replaced, word_of
from rotator.model.alerts import AlertKind, AlertRow
from rotator.model.errors import JournalAway
from rotator.model.observations import Surveyed
from rotator.model.policy import Policies
from rotator.model.rotation import UNDOING, Rotation, State
from rotator.model.tallies import DURATIONS, Durations, Tallies
from rotator.web.kept import FoundAside, Kept

_SCRAPES = timedelta(seconds=5)  # what two scrapers ask within it is found once
_AUDITS = timedelta(hours=1)


class Described(NamedTuple):
    """One metric: what it is called, its labels, and what it tells."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    labels: tuple[str, ...]
    tells: str


OF_A_SECRET: Final = ("environment", "secret")

BUILD = Described("rotator_build_info", "gauge", ("version", "python"), "1; which code runs.")
JOURNAL = Described(
    "rotator_journal_reachable",
    "gauge",
    (),
    "1 if the journal answers; if it is 0, all metrics below are absent.",
)
POLICY = Described(
    "rotator_policy_last_reload_successful",
    "gauge",
    (),
    "1 if policies.yaml as it is now is in force; 0 while the last good one is used instead.",
)
SCANNED = Described(
    "rotator_scan_last_success_timestamp_seconds",
    "gauge",
    ("environment",),
    "When the environment's parameters were last listed.",
)
STATE = Described(
    "rotator_secret_state",
    "gauge",
    (*OF_A_SECRET, "state"),
    "1 for the state that the secret is in, as `rotator status` says it.",
)
AGE = Described(
    "rotator_secret_age_seconds",
    "gauge",
    OF_A_SECRET,
    "Age of the credential in use, by the best known source.",
)
DUE = Described(
    "rotator_secret_due_timestamp_seconds",
    "gauge",
    OF_A_SECRET,
    "When it becomes due, spread over the last tenth of its period; absent once a successor is in use.",
)
OVERDUE = Described(
    "rotator_secret_overdue_timestamp_seconds",
    "gauge",
    OF_A_SECRET,
    "When its period ends; absent once a successor is in use.",
)
SUCCESS = Described(
    "rotator_rotation_last_success_timestamp_seconds",
    "gauge",
    OF_A_SECRET,
    "When its last rotation was done.",
)
OLD_LIVES = Described(
    "rotator_old_credentials_live",
    "gauge",
    OF_A_SECRET,
    "1 while consumers use the successor and the old credential still works; absent otherwise.",
)
GRACE = Described(
    "rotator_grace_end_timestamp_seconds",
    "gauge",
    OF_A_SECRET,
    "When such an old credential may be invalidated.",
)
ATTEMPTS = Described(
    "rotator_rotation_attempts_total",
    "counter",
    ("step", "result"),
    "Steps tried, by how that went: succeeded, failed (tried again), undo (the rotation turned back), parked.",
)
ENDED = Described(
    "rotator_rotations_ended_total", "counter", ("state",), "Rotations that ended done or undone."
)
DURATION = Described(
    "rotator_rotation_duration_seconds",
    "histogram",
    ("step",),
    "How long rotations stayed in a step they have left, waiting included.",
)
ALERTS = Described("rotator_alerts_open", "gauge", ("kind", "severity"), "Alerts that are open.")
UNDELIVERED = Described(
    "rotator_alerts_undelivered",
    "gauge",
    ("channel",),
    "Messages that could not be delivered at the last attempt; rotator goes on trying.",
)
TRAIL_LAG = Described(
    "rotator_trail_lag_seconds",
    "gauge",
    (),
    "How old the newest record of who read what is; rotator itself reads every minute.",
)
FINDINGS = Described(
    "rotator_findings",
    "gauge",
    ("kind",),
    "What was seen of who read what and nobody has looked at, one for each principal and day.",
)
HEARD = Described(
    "rotator_heartbeat_last_success_timestamp_seconds",
    "gauge",
    (),
    "When the outside last heard that all is well, from any replica; 0: never; absent where policies.yaml names none.",
)
SILENT = Described(
    "rotator_heartbeat_silent",
    "gauge",
    ("reason",),
    "1 while the outside hears nothing: drill, policy, scan, alerts, nobody, stuck or bug; the log has the sentence.",
)
CLOCK = Described(
    "rotator_clock_ahead_seconds",
    "gauge",
    (),
    "How far this machine's clock is ahead of the journal's; negative: behind. More than 30 either way is told.",
)
AUDIT = Described(
    "rotator_audit_chain_ok",
    "gauge",
    (),
    "1 if every rotation's story is as it was written; looked at aside, at most once an hour.",
)
METRICS: Final = (
    BUILD, POLICY, JOURNAL, SCANNED, STATE, AGE, DUE, OVERDUE, SUCCESS, OLD_LIVES, GRACE, ATTEMPTS, ENDED, DURATION,
    ALERTS, UNDELIVERED, HEARD, SILENT, CLOCK, TRAIL_LAG, FINDINGS, AUDIT,
)  # fmt: skip

#: How a try went, by the kind of event that tells of it; other kinds are no tries.
_RESULTS: Final = {
    "advanced": "succeeded",
    State.DONE.value: "succeeded",
    State.UNDONE.value: "succeeded",
    "retries": "failed",
    "undo": "undo",
    "parked": "parked",
}
_NOT_OURS: Final = frozenset({Standing.EXEMPT, Standing.FOREIGN, Standing.MISSING})

Series = Mapping[tuple[str, ...], float]


class Figures(Collector):
    """All metrics of one daemon. `rejected` says why policies.yaml is not in force; empty when it is.

    `process`: what its heartbeat knows of the process.
    """

    def __init__(
        self,
        journal: Journal,
        policies: Callable[[], Policies],
        rejected: Callable[[], str],
        clock: Clock,
        process: Callable[[], Process] = Process,
    ) -> None:
        self._journal, self._policies, self._rejected, self._process = journal, policies, rejected, process
        self._now = Kept(self._standing, clock, _SCRAPES)
        self._ever = FoundAside(lambda: list(_of_tallies(journal.tallies())), clock, _SCRAPES)
        self._whole = FoundAside(lambda: not journal.verify_all(), clock, _AUDITS)

    def collect(self) -> Iterator[Metric]:
        """Everything; what the journal would have to tell is left out while it does not answer."""
        yield _gauge(BUILD, {(version("rotator"), platform.python_version()): 1})
        yield _gauge(POLICY, {(): 0 if self._rejected() else 1})
        try:
            now = self._now.get()
        except JournalAway:
            yield _gauge(JOURNAL, {(): 0})
            return
        yield _gauge(JOURNAL, {(): 1})
        yield from now
        yield from self._ever.get() or ()
        whole = self._whole.get()
        yield _gauge(AUDIT, {} if whole is None else {(): int(whole)})

    def _standing(self) -> list[Metric]:
        policies = self._policies()
        return [
            *_of_environments(policies, self._journal.surveyed()),
            *_of_secrets(decisions(self._journal, policies).values()),
            *_of_predecessors(self._journal.rotations(unfinished=True)),
            *_of_alerts(self._journal.alerts()),
            *_of_reads(self._journal, policies),
            *self._of_heartbeat(policies),
            _gauge(CLOCK, {(): self._process().ahead.total_seconds()}),
        ]

    def _of_heartbeat(self, policies: Policies) -> Iterator[Metric]:
        heartbeat = policies.alerts.heartbeat
        heard: dict[tuple[str, ...], float] = {}
        quiet = silence(self._journal, policies, self._process()) if heartbeat else None
        if heartbeat is not None:
            last = last_beat(self._journal, heartbeat)
            heard[()] = last.timestamp() if last else 0
        yield _gauge(HEARD, heard)
        yield _gauge(SILENT, {(quiet.reason.value,): 1} if quiet else {})


def _of_environments(policies: Policies, surveyed: Mapping[str, Surveyed]) -> Iterator[Metric]:
    seen: dict[tuple[str, ...], datetime] = {}
    for name, survey in surveyed.items():
        if name in policies.environments and survey.digest:
            seen[name,] = survey.scanned_at
    yield _gauge(SCANNED, _seconds(seen))


def _of_secrets(decided: Iterable[Decided]) -> Iterator[Metric]:
    states: dict[tuple[str, ...], float] = {}
    ages: dict[tuple[str, ...], float] = {}
    due: dict[tuple[str, ...], datetime] = {}
    overdue: dict[tuple[str, ...], datetime] = {}
    done: dict[tuple[str, ...], datetime] = {}
    for entry in decided:
        at, age = entry.gathered, entry.gathered.age
        secret = (at.policy.environment, at.policy.name)
        states[*secret, word_of(entry).value.lower().replace(" ", "_")] = 1
        if age is not None:
            ages[secret] = (at.now - age.born).total_seconds()
        if age is not None and entry.decision.standing not in _NOT_OURS and not replaced(at):
            due[secret], overdue[secret] = due_at(at.policy, age), period_ends(at.policy, age)
        if at.history.last_done is not None and at.history.last_done.ended_at is not None:
            done[secret] = at.history.last_done.ended_at
    yield _gauge(STATE, states)
    yield _gauge(AGE, ages)
    yield _gauge(DUE, _seconds(due))
    yield _gauge(OVERDUE, _seconds(overdue))
    yield _gauge(SUCCESS, _seconds(done))


def _of_predecessors(unfinished: Iterable[Rotation]) -> Iterator[Metric]:
    """Also of secrets that have left policies.yaml: their old credentials work all the same."""
    living = {_secret(rotation): rotation.ledger for rotation in unfinished if _old_one_lives(rotation)}
    ends = {secret: ledger.grace_until for secret, ledger in living.items() if ledger.grace_until is not None}
    yield _gauge(OLD_LIVES, dict.fromkeys(living, 1))
    yield _gauge(GRACE, _seconds(ends))


def _old_one_lives(rotation: Rotation) -> bool:
    """Whether consumers are on the successor, and nothing says yet that the predecessor is refused."""
    ledger = rotation.ledger
    dead = ledger.disabled_at is not None or ledger.death is not None
    return ledger.confirmed_at is not None and not dead and rotation.phase not in UNDOING


def _of_alerts(rows: Sequence[AlertRow]) -> Iterator[Metric]:
    open_ones, failing = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for row in rows:
        if not row.alert.closed and row.alert.kind is not AlertKind.DIGEST:
            open_ones[row.alert.kind.value, row.alert.severity.name.lower()] += 1
        if row.attempt > 0:
            failing.update((address.partition(":")[0],) for address in unheard(row))
    yield _gauge(ALERTS, open_ones)
    yield _gauge(UNDELIVERED, failing)


def _of_reads(journal: Journal, policies: Policies) -> Iterator[Metric]:
    source = policies.access.source
    watch = journal.watch(source_of(source)) if source else None
    lag = (journal.now() - (watch.newest_at or watch.since)).total_seconds() if watch else None
    yield _gauge(TRAIL_LAG, {} if lag is None else {(): lag})
    seen = Counter[tuple[str, ...]]((one.kind.value,) for one in journal.sightings()) if source else {}
    yield _gauge(FINDINGS, seen)


def _of_tallies(tallies: Tallies) -> Iterator[Metric]:
    tries, ended = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for (phase, kind), times in tallies.told.items():
        if kind in _RESULTS:
            tries[phase.value, _RESULTS[kind]] += times
        if kind in {State.DONE, State.UNDONE}:
            ended[kind,] += times
    yield _counter(ATTEMPTS, tries)
    yield _counter(ENDED, ended)
    yield _histogram(DURATION, tallies.durations)


def _secret(rotation: Rotation) -> tuple[str, ...]:
    environment, _, name = rotation.secret.partition("/")
    return (environment, name)


def _seconds(moments: Mapping[tuple[str, ...], datetime]) -> Series:
    return {labels: at.timestamp() for labels, at in moments.items()}


def _gauge(described: Described, series: Series) -> Metric:
    family = GaugeMetricFamily(described.name, described.tells, labels=described.labels)
    for labels, number in sorted(series.items()):
        family.add_metric(labels, number)
    return family


def _counter(described: Described, series: Series) -> Metric:
    family = CounterMetricFamily(described.name, described.tells, labels=described.labels)
    for labels, number in sorted(series.items()):
        family.add_metric(labels, number)
    return family


def _histogram(described: Described, durations: Iterable[Durations]) -> Metric:
    family = HistogramMetricFamily(described.name, described.tells, labels=described.labels)
    bounds = [*(str(bound.total_seconds()) for bound in DURATIONS), "+Inf"]
    for stay in sorted(durations):
        counts = [*stay.within, stay.times]
        family.add_metric([stay.phase.value], list(zip(bounds, counts, strict=True)), stay.seconds)
    return family
