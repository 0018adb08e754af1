"""What an alert looks like in Slack: Block Kit blocks, and one line for notifications.

Limits (Slack's reference of blocks, and slack_sdk.models.blocks): a header has at most 150 characters, the text of a
section 3,000, a section 10 fields of 2,000 each, a message 50 blocks; a message of more than about 13,200 characters
in all is refused too (slackapi/bolt-js issue 2509). The budgets below stay under all of them together, so nothing has
to be measured afterwards. `verbatim` keeps Slack from making links of its own.
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
from rotator.channels.slack_buttons import buttons
from rotator.channels.slack_text import cut, escaped
from rotator.model.alerts import Alert, Severity
from rotator.model.clicks import Offer

HEADER_UNITS = HeaderBlock.text_max_length
_NAME_UNITS, _FACT_UNITS, _ACTION_UNITS, _TRACE_UNITS, _LINE_UNITS = 100, 850, 900, 900, 900
#: All facts and rows together: with the rest of a message they stay below the 13,200 that Slack takes.
_FACTS_UNITS = 9000

_FIELDS = 10

_SIGNS = {Severity.INFO: "🔵", Severity.WARNING: "🟠", Severity.CRITICAL: "🔴"}
_CLOSED, _HAND = "✅", "✋"


def parent(alert: Alert, docs: str | None = None, offers: Sequence[Offer] | None = None) -> Sequence[Block]:
    """The message that is posted first and edited for as long as the alert lives; `docs`: as wording.page has it.

    `offers` become buttons; None: the message cannot have any. One without buttons holds the command instead.
    """
    alert = wording.whole(alert)
    title = cut(f"{_sign(alert)} {wording.headline(alert)}", HEADER_UNITS)
    header = HeaderBlock(text=PlainTextObject(text=title, emoji=False))
    if alert.closed:
        ended = _section(_field("How it ended", wording.closing(alert)))
        return [header, ended, *_facts(alert, before="Before that"), _context(alert, docs)]
    below = buttons(alert, offers or ()) if offers is not None else []
    ways = "" if below else wording.ways_to_answer(alert)
    return [header, *answered(alert), *_facts(alert), *_action(alert), *below, _context(alert, docs, ways)]


def answered(alert: Alert) -> Sequence[Block]:
    """Who has answered what, if that holds; its thread is told so, too."""
    said = wording.answered(alert)
    return [_section(f"{_HAND} {escaped(said, _LINE_UNITS)}")] if said else []


def said_by(name: str, verb: str, sentence: str) -> Sequence[Block]:
    """What its thread is told when somebody has clicked."""
    asked = f"*@{escaped(name, _NAME_UNITS)}*: {escaped(verb, _NAME_UNITS)}"
    return [_section(f"{_HAND} {asked}. {plain(sentence)}")]


def reply(alert: Alert, told: str) -> Sequence[Block]:
    """What its thread is told when it goes on or ends."""
    line = f"{_sign(alert)} *{wording.news(alert, told)}*: "
    if alert.closed:
        return [_section(line + escaped(wording.closing(alert), _LINE_UNITS))]
    return [_section(line + escaped(wording.headline(alert), _LINE_UNITS)), *_facts(alert), *_action(alert)]


def plain(sentence: str) -> str:
    """A sentence of rotator's, with nothing in it that Slack would take for markup."""
    return escaped(wording.line(sentence, _LINE_UNITS), _LINE_UNITS)


def notice(alert: Alert) -> str:
    """One line for notifications and for readers without blocks; it says all that must be known."""
    said = wording.closing(alert) if alert.closed else wording.action(alert)
    told = f"{_sign(alert)} {escaped(wording.headline(alert), _LINE_UNITS)}"
    return f"{told} ({escaped(said, _ACTION_UNITS)})" if said else told


def _sign(alert: Alert) -> str:
    return _CLOSED if alert.closed else _SIGNS[alert.severity]


def _facts(alert: Alert, before: str = "") -> list[Block]:
    told = list(wording.facts(alert))
    if not told:
        return []
    longest = min(_FACT_UNITS, _FACTS_UNITS // len(told) - _NAME_UNITS)
    fields = [_mrkdwn(_field(name, said, longest)) for name, said in told]
    heading: list[Block] = [ContextBlock(elements=[_mrkdwn(before)])] if before else []
    return [
        *heading,
        *(SectionBlock(fields=fields[at : at + _FIELDS]) for at in range(0, len(fields), _FIELDS)),
    ]


def _action(alert: Alert) -> list[Block]:
    action = wording.action(alert)
    return [_section(f"*What you do*\n{_typed(action)}")] if action else []


def _context(alert: Alert, docs: str | None, ways: str = "") -> Block:
    whose = escaped(wording.whose(alert), _NAME_UNITS)
    trace = escaped(wording.trace(alert), _TRACE_UNITS)
    span = wording.span(alert, _moment)
    known = f"{whose}, {span} · {trace} · {_code(wording.look(alert))}"
    page = wording.page(alert, docs)
    more = [f"what to do: {_typed(page)}"] if page else []
    more += [f"on it, or not now: {_code(ways)}"] if ways else []
    return ContextBlock(elements=[_mrkdwn(said) for said in (known, *more)])


def _moment(at: datetime) -> str:
    """In the reader's own time zone (Slack's page on formatting, "Date formatting")."""
    return f"<!date^{at.timestamp():.0f}^{{date_short_pretty}} {{time}}|{wording.moment(at)}>"


def _typed(action: str) -> str:
    """A command as something to copy, a page as a link, anything else as it is."""
    if wording.is_command(action):
        return _code(action)
    if wording.is_link(action):
        return f"<{escaped(action.replace('|', '%7C'), _ACTION_UNITS)}>"
    return escaped(action, _ACTION_UNITS)


def _code(text: str) -> str:
    return f"`{escaped(text.replace('`', chr(39)), _ACTION_UNITS)}`"


def _field(name: str, said: str, longest: int = _FACT_UNITS) -> str:
    return f"*{escaped(name, _NAME_UNITS)}*\n{escaped(said, longest)}"


def _section(text: str) -> SectionBlock:
    return SectionBlock(text=_mrkdwn(text))


def _mrkdwn(text: str) -> MarkdownTextObject:
    return MarkdownTextObject(text=text, verbatim=True)
