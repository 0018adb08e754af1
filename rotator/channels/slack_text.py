"""Text as Slack counts and shows it.

Slack counts as JavaScript does, in UTF-16 units. Text from outside is escaped (`&`, `<`, `>`: Slack's page on
formatting), so that no name can mention a channel or forge a link.
"""

from __future__ import annotations

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escaped(text: str, units: int) -> str:
    """`text` as mrkdwn shows it literally, at most `units` long as Slack counts."""
    return cut(text, units, _ESCAPES)


def cut(text: str, units: int, escapes: dict[str, str] | None = None) -> str:
    """At most `units` long as Slack counts; what is cut off is an ellipsis."""
    pieces = [(escapes or {}).get(character, character) for character in text]
    if sum(map(_units, pieces)) <= units:
        return "".join(pieces)
    room = units - 1
    kept = []
    for piece in pieces:
        room -= _units(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + "…"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
