"""What an alert looks like in Slack: Block Kit blocks, and one line for notifications.

Limits (Slack's reference of blocks, and slack_sdk.models.blocks): a header has at most 150 characters, the text of a
section 3,000, a section 10 fields of 2,000 each, a message 50 blocks; a message of more than about 13,200 characters
in all is refused too (slackapi/bolt-js issue 2509). Slack counts as JavaScript does, in UTF-16 units. The budgets
below stay under all of them together, so nothing has to be measured afterwards.

Text from outside is escaped (`&`, `<`, `>`: Slack's page on formatting), so that no name can mention a channel or
forge a link, and `verbatim` keeps Slack from making links of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from slack_sdk.models.blocks import (
    Block,
    ContextBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from rotator.channels import wording
from rotator.model.alerts import Alert, Severity

HEADER_UNITS = HeaderBlock.text_max_length
_NAME_UNITS, _FACT_UNITS, _ACTION_UNITS, _TRACE_UNITS, _LINE_UNITS = 100, 850, 900, 900, 900

_FIELDS = 10

_SIGNS = {Severity.INFO: "🔵", Severity.WARNING: "🟠", Severity.CRITICAL: "🔴"}
_CLOSED = "✅"
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def parent(alert: Alert, docs: str | None = None) -> Sequence[Block]:
    """The message that is posted first and edited for as long as the alert lives; `docs`: as wording.page has it."""
    alert = wording.whole(alert)
    title = _cut(f"{_sign(alert)} {wording.headline(alert)}", HEADER_UNITS)
    header = HeaderBlock(text=PlainTextObject(text=title, emoji=False))
    if alert.closed:
        ended = _section(_field("How it ended", wording.closing(alert)))
        return [header, ended, *_facts(alert, before="Before that"), _context(alert, docs)]
    return [header, *_facts(alert), *_action(alert), _context(alert, docs)]


def reply(alert: Alert, told: str) -> Sequence[Block]:
    """What its thread is told when it goes on or ends."""
    line = f"{_sign(alert)} *{wording.news(alert, told)}*: "
    if alert.closed:
        return [_section(line + _escaped(wording.closing(alert), _LINE_UNITS))]
    return [_section(line + _escaped(wording.headline(alert), _LINE_UNITS)), *_facts(alert), *_action(alert)]


def notice(alert: Alert) -> str:
    """One line for notifications and for readers without blocks; it says all that must be known."""
    said = wording.closing(alert) if alert.closed else wording.action(alert)
    told = f"{_sign(alert)} {_escaped(wording.headline(alert), _LINE_UNITS)}"
    return f"{told} ({_escaped(said, _ACTION_UNITS)})" if said else told


def _sign(alert: Alert) -> str:
    return _CLOSED if alert.closed else _SIGNS[alert.severity]


def _facts(alert: Alert, before: str = "") -> list[Block]:
    fields = [_mrkdwn(_field(name, said)) for name, said in wording.facts(alert)]
    if not fields:
        return []
    heading: list[Block] = [ContextBlock(elements=[_mrkdwn(before)])] if before else []
    return [
        *heading,
        *(SectionBlock(fields=fields[at : at + _FIELDS]) for at in range(0, len(fields), _FIELDS)),
    ]


def _action(alert: Alert) -> list[Block]:
    action = wording.action(alert)
    return [_section(f"*What you do*\n{_typed(action)}")] if action else []


def _context(alert: Alert, docs: str | None) -> Block:
    whose = _escaped(wording.whose(alert), _NAME_UNITS)
    trace = _escaped(wording.trace(alert), _TRACE_UNITS)
    span = wording.span(alert, _moment)
    known = f"{whose}, {span} · {trace} · {_code(wording.look(alert))}"
    page = wording.page(alert, docs)
    if not page:
        return ContextBlock(elements=[_mrkdwn(known)])
    return ContextBlock(elements=[_mrkdwn(known), _mrkdwn(f"what to do: {_typed(page)}")])


def _moment(at: datetime) -> str:
    """In the reader's own time zone (Slack's page on formatting, "Date formatting")."""
    return f"<!date^{at.timestamp():.0f}^{{date_short_pretty}} {{time}}|{wording.moment(at)}>"


def _typed(action: str) -> str:
    """A command as something to copy, a page as a link, anything else as it is."""
    if wording.is_command(action):
        return _code(action)
    if wording.is_link(action):
        return f"<{_escaped(action.replace('|', '%7C'), _ACTION_UNITS)}>"
    return _escaped(action, _ACTION_UNITS)


def _code(text: str) -> str:
    return f"`{_escaped(text.replace('`', chr(39)), _ACTION_UNITS)}`"


def _field(name: str, said: str) -> str:
    return f"*{_escaped(name, _NAME_UNITS)}*\n{_escaped(said, _FACT_UNITS)}"


def _section(text: str) -> SectionBlock:
    return SectionBlock(text=_mrkdwn(text))


def _mrkdwn(text: str) -> MarkdownTextObject:
    return MarkdownTextObject(text=text, verbatim=True)


def _escaped(text: str, units: int) -> str:
    """`text` as mrkdwn shows it literally, at most `units` long as Slack counts."""
    return _cut(text, units, _ESCAPES)


def _cut(text: str, units: int, escapes: dict[str, str] | None = None) -> str:
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
