"""P6, never silent about trouble: what people have read, held against what they should have read by now.

Alerts are kept and delivered in rounds, in one replica or another. A round that came through, and that no other one
overlapped, owes people everything that was so before it began: in the outbox after a round of keeping, read by people
after a round of delivering. So nothing here depends on how often rounds come; that they do come is for `endings.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rotator.engine.settings import Bounds
from rotator.model.alerts import Alert, AlertKind, AlertRow, Severity
from rotator.model.observations import Observed
from rotator.model.rotation import Reason, Rotation, State
from tests.simulation.schedule import HOUR, MINUTE, moment
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.world import World

#: How loudly a closing message counts: it is told after everything else (AlertRow.told).
END = 9
#: Alerts that say nothing about a secret that is too old.
QUIET = frozenset(
    {AlertKind.UNKNOWN_CREDENTIAL, AlertKind.UNMANAGED, AlertKind.DUE_SOON, AlertKind.WRITTEN_NOT_ROTATED}
)
#: What is told again before alerts.repeat begins, as decision 11 has it; seconds.
_SOONER = {AlertKind.STUCK: HOUR, AlertKind.ROLLOUT_FAILED: HOUR, AlertKind.STILL_USED: 4 * HOUR}
PARKED = frozenset({AlertKind.PARKED, AlertKind.STILL_ALIVE})
ABOUT_ONE_ROTATION = PARKED | {
    AlertKind.ROTATION_FAILED,
    AlertKind.ROLLOUT_FAILED,
    AlertKind.STILL_USED,
    AlertKind.APPROVAL_WANTED,
    AlertKind.BY_HAND,
}
#: From the outbox to the first message: trouble that mostly passes stands for this long, and a minute for the call.
_PATIENCE = Bounds().patience.total_seconds() + 2 * MINUTE
#: So many failed attempts are told, by an alert of the rotation's own or by one for all.
_FAILS_OFTEN = 3
#: A round of delivering takes up as many alerts at most.
_A_ROUND = 20
NEVER = float("inf")


@dataclass
class Said:
    """What was read last of one alert at one address."""

    alert: Alert
    at: float
    level: int
    recorded: bool = False  # the journal knows
    ending: bool = False  # its end was on its way there: nobody knows what they believe if it is so again


@dataclass(eq=False)
class Round:
    """One round of keeping or delivering."""

    began: float
    kind: str
    alone: bool = True
    failed: bool = False  # a channel gave no answer
    foreign: frozenset[str] = frozenset()  # environments that were another installation's when it began


@dataclass
class Telling:
    """Who was told what, and what is owed."""

    world: World
    said: dict[tuple[str, str], Said] = field(default_factory=dict)
    parked: dict[str, float] = field(default_factory=dict)  # rotation -> since when it is parked
    failing: dict[str, float] = field(default_factory=dict)  # rotation -> since when its attempts fail
    resumed: dict[str, float] = field(default_factory=dict)  # rotation -> when somebody let it go on
    ended: dict[str, float] = field(default_factory=dict)  # rotation -> when it ended
    owed: dict[str, tuple[int, float]] = field(default_factory=dict)  # identity -> how loudly, since when
    reopened: dict[str, float] = field(default_factory=dict)  # identity -> when it was last so again
    journal_since: float = 0.0  # this journal is the one that was lost or restored then
    _idle: dict[str, float] = field(
        default_factory=dict
    )  # secret -> since when no rotation of it is under way
    _rounds: list[Round] = field(default_factory=list)

    # what happens

    def recorded(self, row: Rotation) -> None:
        """A rotation's row is as it is now."""
        now = self.world.now
        if row.state is State.PARKED:
            self.resumed.pop(row.id, None)
        elif row.id in self.parked:
            self.resumed[row.id] = now
        _since(self.parked, row.id, row.state is State.PARKED, now)
        fails = row.state is State.ACTIVE and row.reason is Reason.RETRYING and row.attempt >= _FAILS_OFTEN
        _since(self.failing, row.id, fails, now)
        if row.state in {State.DONE, State.UNDONE}:
            self.ended.setdefault(row.id, now)
            self._idle[row.secret] = now

    def journal_anew(self) -> None:
        """Another journal: it does not know what was told; rounds under way ended with their processes."""
        self.journal_since = self.world.now
        self.parked.clear()
        self.failing.clear()
        self.ended.clear()
        self.resumed.clear()
        self.owed.clear()
        self._rounds.clear()
        for said in self.said.values():
            said.recorded = False
        for row in self.world.database.rotations(unfinished=True):
            self.recorded(row)
        self._idle = dict.fromkeys(self.world.sources, self.world.now)

    def posted(self, alert: Alert) -> None:
        """The outbox holds this alert now: what it says is owed to people, and no more than that."""
        level, (owed, since) = _level(alert), self.owed.get(alert.identity, (0, 0.0))
        if owed == END and level != END:
            self.reopened[alert.identity] = self.world.now
        anew = level > owed or owed == END
        self.owed[alert.identity] = level, self.world.now if anew else since

    def read(self, alert: Alert, where: str) -> None:
        """People read a message: for the first time, as it got worse or is over, as it came again, or is repeated."""
        world, level = self.world, _level(alert)
        before = self.said.get((alert.identity, where))
        if before is not None and before.recorded and not before.ending and before.at < world.asked_at:
            again = level > before.level or before.level == END or self._repeat_due(before)
            if not again:
                raise Violated(
                    "P6 once", f"{where} was told {alert.identity} again, {world.now - before.at:.0f} s later"
                )
        self.said[alert.identity, where] = Said(alert, world.now, level)

    def taken_up(self, row: AlertRow) -> None:
        """Its end is about to be told."""
        for (identity, _), said in self.said.items():
            if row.alert.closed and identity == row.alert.identity:
                said.ending = True

    def written_down(self, row: AlertRow) -> None:
        """The outbox knows how far it has been told."""
        for where, level in row.told.items():
            said = self.said.get((row.alert.identity, where))
            if said is not None and said.level == level:
                said.recorded = True

    def _repeat_due(self, before: Said) -> bool:
        repeat = self.world.policies.alerts.repeat
        if not repeat or before.alert.severity <= Severity.INFO:
            return False
        first = repeat[0].total_seconds()
        soonest = min(first, _SOONER.get(before.alert.kind, first))
        return self.world.now >= before.at + soonest - MINUTE

    def heard(self) -> list[Alert]:
        """What people have read and believe to be so, each once."""
        return list({key: said.alert for (key, _), said in self.said.items() if said.level != END}.values())

    # rounds

    @contextmanager
    def round(self, kind: str) -> Iterator[Round]:
        """One round of `kind`; who overlaps another proves nothing about it."""
        this = Round(self.world.now, kind, foreign=self._foreign())
        for other in self._rounds:
            if other.kind == kind:
                this.alone = other.alone = False
        self._rounds.append(this)
        try:
            yield this
        finally:
            if this in self._rounds:
                self._rounds.remove(this)
            else:
                this.alone = False  # the journal is another one now

    def channel_failed(self) -> None:
        """A message could not be delivered, or nobody knows."""
        for this in self._rounds:
            this.failed = True

    def kept(self, this: Round) -> None:
        """After a round of keeping, the outbox has what was so before it, and no more what was over before it."""
        if not this.alone:
            return
        database, began = self.world.database, this.began
        alerts = [row.alert for row in database.alerts(unclosed=True) if not row.alert.closed]
        foreign = this.foreign | self._foreign()
        rows = {row.id: row for row in database.rotations(unfinished=True)}
        for row_id, row in rows.items():
            if row.recipe.environment in foreign:
                continue
            if self.parked.get(row_id, began) < began:
                _parked_is_open(row, alerts)
            if self.failing.get(row_id, began) < began:
                self._failing_is_open(row, alerts)
        busy = {row.secret for row in rows.values()}
        if self.world.policies_since < began:
            for seen in database.observed().values():
                if seen.secret in self.world.policies.secrets and seen.secret not in busy:
                    self._overdue_is_open(seen, began, alerts, foreign)
        for alert in alerts:
            self._is_not_over(alert, began)

    def _failing_is_open(self, row: Rotation, alerts: list[Alert]) -> None:
        survey = self.world.database.surveyed().get(row.recipe.environment)
        tried, back = row.ledger.tried_at, survey.answers_since if survey else None
        if tried is not None and back is not None and tried <= back:
            return  # its store was away, which was told for all; its next attempt says more
        if not any(alert.rotation == row.id or _for_all(alert, row.recipe.environment) for alert in alerts):
            raise Violated("P6 never silent", f"{row.id} fails again and again, and has no alert")

    def _rotated_since(self, seen: Observed) -> bool:
        """Whether what a scan saw has been replaced by us since."""
        history = self.world.database.histories().get(seen.secret)
        done = history.last_done if history else None
        wrote_at = done.ledger.wrote_at if done else None
        return wrote_at is not None and seen.observed_at < wrote_at

    def _overdue_is_open(
        self, seen: Observed, began: float, alerts: list[Alert], foreign: frozenset[str]
    ) -> None:
        policy = self.world.policies.secrets[seen.secret]
        known = seen.present and moment(seen.observed_at) < began and self._idle.get(seen.secret, 0.0) < began
        if seen.modified_at is None or not known or policy.environment in foreign:
            return
        youngest = max(
            seen.modified_at, seen.created_at or seen.modified_at
        )  # a census may know of a newer one
        if moment(youngest) + policy.rotate_every.total_seconds() >= began:
            return
        loud = [alert for alert in alerts if alert.kind not in QUIET]
        if any(alert.secret == seen.secret or _for_all(alert, policy.environment) for alert in loud):
            return
        if not self._rotated_since(seen):
            raise Violated("P6 never silent", f"{seen.secret} is overdue, and has no alert")

    def _is_not_over(self, alert: Alert, began: float) -> None:
        """Raises when what the alert says had ended before that round of keeping."""
        if alert.kind in ABOUT_ONE_ROTATION and self.over_since(alert) < began:
            raise Violated(
                "P6 told when it is over", f"{alert.identity} is open, and {alert.rotation} has gone on"
            )

    def over_since(self, alert: Alert) -> float:
        """When a rotation that an alert is about ended, or went on; never if it did not."""
        ended = self.ended.get(alert.rotation, NEVER)
        return min(ended, self.resumed.get(alert.rotation, NEVER)) if alert.kind in PARKED else ended

    def _foreign(self) -> frozenset[str]:
        """Environments that another installation owns: it answers for them."""
        return frozenset(name for name, one in self.world.database.surveyed().items() if one.foreign_owner)

    def delivered(self, this: Round) -> None:
        """After a round of delivering through channels that answer, people have read what was owed before it."""
        rows = self.world.database.alerts(unclosed=True) if this.alone and not this.failed else ()
        for row in rows if len(rows) < _A_ROUND else ():
            level, since = self.owed.get(row.alert.identity, (0, this.began))
            claimed = row.claim_until is not None and moment(row.claim_until) > this.began
            backs_off = row.attempt > 0 and moment(row.run_at) > this.began
            if since + _PATIENCE >= this.began or claimed or backs_off:
                continue
            for where in self._whom(row.alert):
                if self._heard(row.alert.identity, where, level) < level:
                    raise Violated("P6 never silent", f"{row.alert.identity} is due, and {where} is not told")

    def _heard(self, identity: str, where: str, level: int) -> int:
        """How loudly an address was told; nothing where it was told the end of what is so again.

        A journal that came back later does not know of that end, and cannot know that it must tell again.
        """
        said = self.said.get((identity, where))
        if said is None:
            return 0
        unknown_end = said.level == END and said.at < self.journal_since
        return said.level if said.level != END or level == END or unknown_end else 0

    def _whom(self, alert: Alert) -> list[str]:
        """The addresses that have to be told what the alert says now."""
        owners = self.world.policies.owners
        if alert.closed:
            return [
                where for (key, where), said in self.said.items() if key == alert.identity and said.recorded
            ]
        if alert.kind is AlertKind.DELIVERY_FAILED:
            return []  # everybody but the one who hears nothing
        told = [owners["team"], *([owners["boss"]] if alert.severity is Severity.CRITICAL else [])]
        return [f"{channel}:{address}" for owner in told for channel, address in owner.addresses.items()]


def _parked_is_open(row: Rotation, alerts: list[Alert]) -> None:
    if not any(alert.rotation == row.id and alert.kind in PARKED for alert in alerts):
        raise Violated("P6 never silent", f"{row.id} is parked ({row.reason}), and has no alert")


def _for_all(alert: Alert, environment: str) -> bool:
    """Whether an alert of the installation says why nothing of that environment gets on."""
    return not alert.secret and alert.kind is AlertKind.UNREACHABLE and alert.environment in {environment, ""}


def _since(moments: dict[str, float], key: str, so: bool, now: float) -> None:
    if so:
        moments.setdefault(key, now)
    else:
        moments.pop(key, None)


def _level(alert: Alert) -> int:
    return END if alert.closed else int(alert.severity)
