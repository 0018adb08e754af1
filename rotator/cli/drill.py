"""drill: keeps the heartbeat silent on purpose, so that people see whether, and how soon, silence wakes somebody."""

from __future__ import annotations

from datetime import datetime, timedelta

import typer

from rotator.cli.answers import answer_to
from rotator.cli.codes import Code
from rotator.cli.opening import Desk, NotNow, Unusable, asking
from rotator.cli.requests import ask
from rotator.cli.show import say
from rotator.engine.heartbeat import drill, last_beat
from rotator.model.durations import parse_duration, spell_duration
from rotator.model.observations import HEARTBEAT
from rotator.model.policy import HeartbeatPolicy
from rotator.model.requests import RequestKind

#: A drill that is forgotten ends so long after the page was due.
_SPARE = timedelta(minutes=30)
_LONGEST = timedelta(days=1)


def begin(reason: str, how_long: str | None, *, json: bool) -> None:
    """Begins one. Raises NotNow when nobody outside hears anyway, or one is under way."""
    desk = asking()
    heartbeat = _of(desk)
    under_way, last, now = drill(desk.journal), last_beat(desk.journal, heartbeat), desk.journal.now()
    if under_way is not None:
        raise NotNow(f"a drill is under way until {_at(under_way.until)}: --paged or --end ends it")
    if last is None or now - last > heartbeat.every + heartbeat.grace:
        raise NotNow(
            f"the outside hears nothing anyway ({_heard(last)}): see what the log says of the heartbeat"
        )
    span = _span(how_long) if how_long else heartbeat.every + heartbeat.grace + _SPARE
    if not timedelta() < span <= _LONGEST:
        raise Unusable(f"--for {how_long}: a drill ends within {spell_duration(_LONGEST)}")
    due = last + heartbeat.every + heartbeat.grace
    _ask(desk, RequestKind.PAUSE, reason, until=now + span, json=json)
    say(f"{_heard(last)}; whoever is on call must be paged by {_at(due)}")
    say("when the page has come: rotator drill heartbeat --paged")


def paged(reason: str, *, json: bool) -> None:
    """The page has come: says how long it took, writes that down, and ends the drill. Raises NotNow without one."""
    desk = asking()
    heartbeat, last, now = _of(desk), _under_way(desk), desk.journal.now()
    took, promised = now - last, heartbeat.every + heartbeat.grace
    told = (
        f"paged {_spelt(took)} after the outside heard last ({_at(last)}); promised within {_spelt(promised)}"
    )
    _ask(desk, RequestKind.RESUME, f"{told}. {reason}".strip(), json=json)
    say(told)


def end(reason: str, *, json: bool) -> None:
    """Ends it without a page. Raises NotNow when there is none."""
    desk = asking()
    _of(desk)
    _under_way(desk)
    _ask(desk, RequestKind.RESUME, reason or "ended without a page", json=json)


def _of(desk: Desk) -> HeartbeatPolicy:
    heartbeat = desk.policies.alerts.heartbeat
    if heartbeat is None:
        raise NotNow("policies.yaml has no alerts.heartbeat: nobody outside hears from rotator")
    return heartbeat


def _under_way(desk: Desk) -> datetime:
    """When the outside heard last before the drill that is under way."""
    last = last_beat(desk.journal, _of(desk))
    if drill(desk.journal) is None or last is None:
        ended = desk.journal.pauses().get(HEARTBEAT)
        raise NotNow(
            f"no drill is under way{f': the last ended by itself, {_at(ended.until)}' if ended else ''}"
        )
    return last


def _ask(desk: Desk, kind: RequestKind, reason: str, *, json: bool, until: datetime | None = None) -> None:
    code = answer_to(desk, ask(desk.journal, kind, HEARTBEAT, reason, until=until), json=json)
    if code is not Code.OK:
        raise typer.Exit(code)


def _span(typed: str) -> timedelta:
    try:
        return parse_duration(typed)
    except (ValueError, OverflowError):
        raise Unusable(f"--for {typed} is no duration: write 45m or 2h") from None


def _heard(last: datetime | None) -> str:
    return f"the outside heard last {_at(last)}" if last else "it never heard"


def _at(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"


def _spelt(span: timedelta) -> str:
    """To the second: parts of one say nothing."""
    return spell_duration(timedelta(seconds=round(span.total_seconds())))
