"""Calendars: when a secret's consumers may be restarted and its old credential may end, in seconds of the run.

The policy gets them as windows of the week in some time zone and as freezes, and the engine reads them from there.
What is checked here are the seconds, with arithmetic of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rotator.model.policy import EnvironmentPolicy
from rotator.model.rotation import UNDOING, Priority, Purpose
from rotator.model.windows import Freeze, Window
from tests.simulation.schedule import EPOCH, HOUR, MINUTE
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.world import World

Span = tuple[float, float]
_ZONES = ("UTC", "Europe/Warsaw", "America/New_York", "Asia/Kolkata")
#: A phase looks at the calendar when it begins, and its effect comes within this time.
_A_PHASE = 3 * MINUTE
_THE_LONGEST_RUN = 13 * HOUR


@dataclass
class Calendar:
    """When one secret may be worked on: within a window, if it has any, and outside every freeze."""

    windows: tuple[Span, ...] = ()
    freezes: list[Span] = field(default_factory=list)

    def allows(self, since: float, until: float) -> bool:
        """Whether any moment between the two is allowed."""
        begins = [since, *(opens for opens, _ in self.windows), *(ends for _, ends in self.freezes)]
        return any(since <= moment <= until and self._allows(moment) for moment in begins)

    def _allows(self, moment: float) -> bool:
        in_a_window = any(opens <= moment < closes for opens, closes in self.windows) or not self.windows
        return in_a_window and not any(begins <= moment < ends for begins, ends in self.freezes)


def draw_windows(random: Random) -> tuple[tuple[Span, ...], tuple[Window, ...]]:
    """A few windows, hours apart, and the policy's words for them."""
    zone, spans, at = ZoneInfo(random.choice(_ZONES)), [], -random.uniform(0, HOUR)
    while at < _THE_LONGEST_RUN:
        opens = at // MINUTE * MINUTE
        closes = opens + random.randrange(60, 181) * MINUTE
        spans.append((opens, closes))
        at = closes + random.uniform(1, 2.5) * HOUR
    return tuple(spans), tuple(_window(number, span, zone) for number, span in enumerate(spans))


def draw_freeze(random: Random, hostile_for: float) -> Span:
    """A freeze somewhere in the hostile part of a run."""
    begins = random.random() * hostile_for // MINUTE * MINUTE
    return begins, begins + random.uniform(0.5, 3) * HOUR


def frozen(environment: EnvironmentPolicy, span: Span) -> EnvironmentPolicy:
    """The environment with one more freeze."""
    begins, ends = (EPOCH + timedelta(seconds=moment) for moment in span)
    freeze = Freeze(name="launch", begins=begins, ends=ends, reason="nobody has time")
    return environment.model_copy(update={"freezes": (*environment.freezes, freeze)})


def _window(number: int, span: Span, zone: ZoneInfo) -> Window:
    opens, closes = (_there(moment, zone) for moment in span)
    days = (f"{opens:%a}".lower(),)
    return Window(
        name=f"w{number}", days=days, opens=opens.time(), closes=closes.time(), timezone=zone.key
    )  # fmt: skip


def _there(moment: float, zone: ZoneInfo) -> datetime:
    return (EPOCH + timedelta(seconds=moment)).astimezone(zone)


class Hours:
    """Checks that nothing restarts or invalidates outside the calendar; undo and emergencies are exempt."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._calendars = [shape.calendar for shape in world.shape.secrets.values()]

    def restarts(self, workload: str, label: str) -> None:
        """A rollout begins: each of its rotations' calendars allows it."""
        world = self._world
        row = next(iter(world.database.rollouts([label])), None) if self._any() else None
        if row is None or row.purpose is Purpose.UNDO:
            return
        members = [world.database.rotation(member) for member in row.members]
        secrets = [
            member.secret
            for member in members
            if member is not None and member.secret in world.policies.secrets
        ]
        urgent = any(member is not None and member.priority is Priority.EMERGENCY for member in members)
        locked_out = any(member is not None and member.recipe.accept_gap for member in members)
        if urgent or locked_out or len(secrets) < len(members):
            return
        for secret in secrets:
            self._open(secret, f"{workload} is restarted")

    def changes(self, secret: str, what: str) -> None:
        """What consumers read is changed, or a credential ends."""
        if secret not in self._world.emergencies and secret in self._world.policies.secrets:
            self._open(secret, what)

    def _open(self, secret: str, what: str) -> None:
        world = self._world
        gate, since = world.acting, world.asked_at - _A_PHASE
        if (
            gate is not None and gate.process.disturbed_at >= gate.claimed_at
        ):  # it stood still in the middle of a phase
            since = min(since, gate.claimed_at)
        allowed = world.shape.secrets[secret].calendar.allows(since, world.asked_at)
        if not allowed and not self._going_back(secret):
            raise Violated("the calendar", f"{what} for {secret}, outside its windows or in a freeze")

    def _going_back(self, secret: str) -> bool:
        """Whether its rotation is being undone: nothing holds that."""
        return any(
            row.phase in UNDOING for row in self._world.database.rotations(secret=secret, unfinished=True)
        )

    def _any(self) -> bool:
        return any(one.windows or one.freezes for one in self._calendars)
