"""The words of a message that every channel shows, each in its own layout.

A message is read at three in the morning, so it always answers in the same order: what happened, what that means, what
was done, what happens next by itself, and the one thing for the reader. The alert brings all of that; here it becomes
lines that no channel can mistake for markup, for a header or for a second line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from rotator.model.alerts import Alert, AlertKind, Severity

#: Longer texts are cut: nobody reads them, and channels refuse them.
LONGEST_HEADLINE, LONGEST_NAME, LONGEST_FACT, LONGEST_ACTION, LONGEST_IDENTITY = 150, 60, 800, 600, 255
LONGEST_ROW = 300  # of several in one message
#: So many facts are shown, and so many rows of a message about several; how many more there are is said.
MOST_FACTS, MOST_ROWS = 10, 10

#: So many are answered in one command that is worth copying.
_MOST_ANSWERED = 3


#: Told without the journal, or about others that are open.
_UNANSWERED = frozenset({AlertKind.JOURNAL_AWAY, AlertKind.DIGEST, AlertKind.PAGES_HELD})


def line(text: str, longest: int) -> str:
    """One line without control or direction characters, cut to `longest` characters."""
    shown = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def headline(alert: Alert) -> str:
    """What happened and where; says so when it is over."""
    title = line(alert.title, LONGEST_HEADLINE) or alert.kind.replace("_", " ")
    where = line(alert.environment, LONGEST_NAME)
    placed = title if where in title else f"{where}: {title}"
    return line(f"Resolved: {placed}" if alert.closed else placed, LONGEST_HEADLINE)


def level(alert: Alert) -> str:
    """How loud it is, in a word: info, warning, critical; closed."""
    return "closed" if alert.closed else alert.severity.name.lower()


def news(alert: Alert, told: str) -> str:
    """What is new to somebody who was told the level `told` before."""
    if alert.closed or (alert.members and all(one.closed for one in alert.members)):
        return "Resolved"
    if told == "closed":
        return "Open again"
    return f"Now {level(alert)}" if alert.severity > Severity[told.upper()] else "Still so"


def facts(alert: Alert) -> Iterator[tuple[str, str]]:
    """The facts in their order; those beyond MOST_FACTS become one that says how many there are.

    What would have come next is left out once it is over. In a message about several, their rows follow.
    """
    known = [(line(name, LONGEST_NAME), line(said, LONGEST_FACT)) for name, said in alert.facts.items()]
    shown = [(name, said) for name, said in known if name and said and not (alert.closed and name == "Next")]
    if len(shown) > MOST_FACTS:
        rest = len(shown) - MOST_FACTS + 1
        shown = [*shown[: MOST_FACTS - 1], ("More", f"{rest} more: {look(alert)}")]
    yield from shown
    if alert.members:
        yield from rows(alert.members)


def rows(members: Sequence[Alert]) -> Iterator[tuple[str, str]]:
    """One row for each, and one that says how many more there are."""
    for member in members[:MOST_ROWS]:
        name, _, what = member.title.rpartition(": ")
        said = f"over: {member.closing}" if member.closed else what
        said += f" ({member.hush.state} by @{member.hush.by})" if member.hush and not member.closed else ""
        first = next(iter(member.facts.items()), None) if not member.closed else None
        detail = f"; {first[0].lower()}: {first[1]}" if first else ""
        yield line(name or member.environment or member.kind, LONGEST_NAME), line(said + detail, LONGEST_ROW)
    if len(members) > MOST_ROWS:
        yield "More", f"+{len(members) - MOST_ROWS} more: rotator status"


def whole(alert: Alert) -> Alert:
    """The alert as the first message of its conversation shows it: with those that are no news, open ones first."""
    if not alert.beside:
        return alert
    everybody = sorted((*alert.members, *alert.beside), key=lambda one: (one.closed, one.title))
    return alert.model_copy(update={"members": tuple(everybody), "beside": ()})


def action(alert: Alert) -> str:
    """The one thing for the reader; empty when there is nothing to do any more."""
    return "" if alert.closed else line(alert.action, LONGEST_ACTION)


def answered(alert: Alert) -> str:
    """What somebody has answered to it and what holds; empty when nobody has."""
    hush = alert.hush
    if hush is None or alert.closed or alert.members:
        return ""
    until = f" until {moment(hush.until)}" if hush.until else ""
    because = f": {hush.because}" if hush.because else ""
    return line(f"{hush.state} by @{hush.by} at {moment(hush.at)}{until}{because}", LONGEST_FACT)


def ways_to_answer(alert: Alert) -> str:
    """The command that says that somebody is on it, for messages without buttons; empty where nothing is asked."""
    if alert.closed or alert.hush or alert.kind in _UNANSWERED:
        return ""
    told_of = [one.id for one in (*alert.members, *alert.beside) if not one.closed] or [alert.id]
    return f"rotator ack {' '.join(told_of)}" if len(told_of) <= _MOST_ANSWERED else "rotator alerts"


def closing(alert: Alert) -> str:
    """How it ended."""
    return line(alert.closing, LONGEST_FACT) or "no longer so"


def whose(alert: Alert) -> str:
    """How loud it is and whose."""
    owner = line(alert.owner, LONGEST_NAME)
    return f"{level(alert)}, for {owner}" if owner else level(alert)


def span(alert: Alert, shown: Callable[[datetime], str]) -> str:
    """Since when, or from when to when, with each moment as the channel shows it."""
    if alert.closed_at is None:
        return f"since {shown(alert.opened_at)}"
    return f"open from {shown(alert.opened_at)} to {shown(alert.closed_at)}"


def moment(at: datetime) -> str:
    """A moment for readers anywhere."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def trace(alert: Alert) -> str:
    """The ids under which people, logs and history know it."""
    rotation = line(alert.rotation, LONGEST_NAME)
    named = f"alert {alert.id} ({line(alert.identity, LONGEST_IDENTITY)})"
    return f"{named}, rotation {rotation}" if rotation else named


def look(alert: Alert) -> str:
    """The command that shows how it stands now; of a journal that is away, only the log tells."""
    if alert.kind is AlertKind.JOURNAL_AWAY:
        return "kubectl -n rotator logs deployment/rotator --since 1h"
    return f"rotator status {line(alert.secret, LONGEST_IDENTITY)}".rstrip()


def page(alert: Alert, docs: str | None) -> str:
    """The page about its kind: a link where `docs` is the address of the folder docs, else the file's path in it.

    Empty when there is nothing to do any more.
    """
    served = docs.rstrip("/") if docs else "docs"
    return "" if alert.closed else f"{served}/how-to/alerts/{alert.kind}.md"


def is_command(text: str) -> bool:
    """Whether an action is to be typed rather than read."""
    return text.startswith("rotator ")


def is_link(text: str) -> bool:
    """Whether an action is a page to open."""
    return text.startswith(("https://", "http://")) and " " not in text
