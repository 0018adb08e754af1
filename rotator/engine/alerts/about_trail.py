"""Alerts about the watch itself: whether the trail can be believed, and whether what it tells is judged.

A watch that sees nothing looks like a quiet day. Each way of seeing nothing is told as what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from rotator.engine.alerts.about_installation import LOG, Installation
from rotator.engine.alerts.finding import Finding, listed
from rotator.engine.watch.own_reads import TOLD_WITHIN, unseen
from rotator.model.alerts import AlertKind, Severity
from rotator.model.watch import Watch

#: Being blind for longer than this is worth waking somebody.
_LONG_BLIND = timedelta(days=1)
#: What is due to be judged and waits for longer is told.
_JUDGED_WITHIN = timedelta(hours=1)
#: Records that cannot be used were told; without another one for so long, that is over.
_UNREAD = timedelta(days=1)
#: What people do where the source itself cannot be read, and where it tells nothing.
_UNREADABLE = (
    f"see that it is there and that rotator's role may read it; the log has each answer: {LOG} | "
    "grep 'trail cannot be read'"
)
_UNHEARD = (
    "see that the trail logs, the rule is ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS, and rotator may read "
    "the queue"
)


def about_trail(here: Installation, watch: Watch | None) -> Iterator[Finding]:
    """Whether the trail can be believed."""
    if watch is None:
        return
    blind, silent = _blind_since(watch, here.now), unseen(watch, here.now)
    if blind is not None or silent:
        yield _silent(here, watch, blind, silent)
    judged_all = watch.judged_all_at
    if judged_all is not None and here.now - judged_all > _JUDGED_WITHIN and _is_looked_at(watch, here.now):
        yield _behind(here, watch, judged_all)
    if watch.unread_at is not None and here.now - watch.unread_at < _UNREAD:
        facts = {
            "What": watch.unread_said,
            "How many": f"{watch.unread} since {watch.since:%Y-%m-%d %H:%M} UTC or earlier",
            "Impact": "what they tell of is not judged",
            "Done": "left aside, and counted",
            "Next": "rotator goes on with the others",
        }
        yield here.finding(
            AlertKind.TRAIL_SILENT,
            Severity.WARNING,
            "records of who read what cannot be used",
            facts,
            f"see what fills the queue; the log says more: {LOG} | grep 'records cannot be used'",
            about="records",
        )


def _silent(
    here: Installation, watch: Watch, blind: datetime | None, silent: Mapping[str, datetime]
) -> Finding:
    """One message, whether the source cannot be read or tells nothing."""
    since = min(filter(None, (blind, *silent.values())))
    if blind is not None:
        what = watch.trouble or "nobody has read the source of records"
    else:
        what = f"rotator's own reads of {listed(tuple(sorted(silent)))} do not appear in {watch.source}"
    facts = {
        "What": what,
        "Where": watch.source,
        "Since": f"{since:%Y-%m-%d %H:%M} UTC",
        "Impact": "somebody who reads secrets would not be noticed",
        "Done": "asked again with each turn",
        "Next": "rotator goes on looking; what was recorded meanwhile is judged when it comes",
    }
    title = "the trail cannot be read" if blind is not None else "the trail is silent"
    return here.finding(
        AlertKind.TRAIL_SILENT,
        Severity.CRITICAL if here.now - since > _LONG_BLIND else Severity.WARNING,
        f"nobody sees who reads secrets: {title}",
        facts,
        _UNREADABLE if watch.trouble else _UNHEARD,
        passing=blind is not None and not silent,
        since=since,
    )


def _behind(here: Installation, watch: Watch, since: datetime) -> Finding:
    """Records come in, and are not judged: a flood of them, or a bug that ends every turn."""
    facts = {
        "What": "records of who read what have arrived, and wait to be judged",
        "Where": watch.source,
        "Since": f"{since:%Y-%m-%d %H:%M} UTC",
        "Impact": "somebody who reads secrets is noticed late, or not at all",
        "Done": "all that arrived is kept",
        "Next": "rotator goes on with the oldest; none is lost",
    }
    return here.finding(
        AlertKind.TRAIL_SILENT,
        Severity.CRITICAL if here.now - since > _LONG_BLIND else Severity.WARNING,
        "nobody sees who reads secrets: records are not judged",
        facts,
        f"see what holds it up; the log says it: {LOG} | grep -E 'trail|cannot be judged'",
        about="judging",
        since=since,
    )


def _blind_since(watch: Watch, now: datetime) -> datetime | None:
    """Since when the source has not been read."""
    if watch.trouble:
        return watch.trouble_since or watch.looked_at
    return None if _is_looked_at(watch, now) else watch.looked_at


def _is_looked_at(watch: Watch, now: datetime) -> bool:
    """Whether anybody takes turns at all."""
    return now - watch.looked_at <= TOLD_WITHIN
