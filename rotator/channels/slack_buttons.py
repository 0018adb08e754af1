"""The buttons below an alert, and what each asks before it does something.

A button holds ids and nothing else: the block is called by the alert, or the alerts, that a message tells of; a
button's value is what it is about. Limits (Slack's reference of block elements): 25 elements, 75 characters on a
button, 2,000 in its value, 255 in the ids of blocks and elements, 300 in the text of a confirmation.
"""

from __future__ import annotations

from collections.abc import Sequence

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    InteractiveElement,
    Option,
    PlainTextObject,
    StaticSelectElement,
)

from rotator.channels import wording
from rotator.channels.slack_text import cut
from rotator.model.alerts import Alert
from rotator.model.clicks import SNOOZES, Offer, Verb
from rotator.model.durations import spell_duration

_LABELS = {
    Verb.ACKNOWLEDGE: "Acknowledge",
    Verb.APPROVE: "Approve",
    Verb.RETRY: "Retry now",
    Verb.ROLL_BACK: "Roll back",
    Verb.ROTATE: "Rotate now",
    Verb.RUNBOOK: "Runbook",
}
_STYLES = {Verb.ACKNOWLEDGE: "primary", Verb.APPROVE: "primary", Verb.ROLL_BACK: "danger"}
_LONGEST_URL, _LONGEST_VALUE, _LONGEST_ID, _LONGEST_QUESTION = 3000, 2000, 255, 300
_MANY = "many:"


def buttons(alert: Alert, offers: Sequence[Offer]) -> Sequence[Block]:
    """The row of buttons; no block where nothing is offered."""
    block = block_id(alert)
    elements = [element for offer in offers for element in _elements(offer, block)]
    return [ActionsBlock(block_id=block, elements=elements)] if elements else []


def block_id(alert: Alert) -> str:
    """The ids of those that the message tells of; of too many for Slack, the message's own, which nobody answers."""
    ids = [one.id for one in (*alert.members, *alert.beside) if not one.closed]
    named = f"{_MANY}{','.join(ids)}" if ids else alert.id
    return named if len(named) <= _LONGEST_ID else f"{_MANY}{alert.id}"


def told_of(block: str) -> tuple[str, ...]:
    """The ids of alerts in the id of a block."""
    return tuple(block.removeprefix(_MANY).split(","))


def of_several(block: str) -> bool:
    """Whether the message tells of several alerts, or could."""
    return block.startswith(_MANY)


def _elements(offer: Offer, block: str) -> Sequence[InteractiveElement]:
    if len(offer.about) > _LONGEST_VALUE:
        return []
    if offer.verb is Verb.RUNBOOK:
        fits = wording.is_link(offer.about) and len(offer.about) <= _LONGEST_URL
        return [_button(offer, url=offer.about)] if fits else []
    if offer.verb is Verb.SNOOZE:
        # A menu has no value: what it is about has to stand in the id of its block.
        return [_snooze()] if ",".join(told_of(block)) == offer.about else []
    return [_button(offer, value=offer.about)]


def _button(offer: Offer, *, value: str | None = None, url: str | None = None) -> ButtonElement:
    label = _LABELS[offer.verb]
    return ButtonElement(
        text=PlainTextObject(text=label),
        action_id=offer.verb.value,
        value=value,
        url=url,
        style=_STYLES.get(offer.verb),
        confirm=_question(label, offer.means) if offer.means else None,
    )


def _question(label: str, means: str) -> ConfirmObject:
    return ConfirmObject(
        title=PlainTextObject(text=f"{label}?"),
        text=PlainTextObject(text=cut(wording.line(means, _LONGEST_QUESTION), _LONGEST_QUESTION)),
        confirm=PlainTextObject(text=label),
        deny=PlainTextObject(text="Cancel"),
    )


def _snooze() -> StaticSelectElement:
    options = [
        Option(text=PlainTextObject(text=_spelt(hours)), value=spell_duration(duration))
        for duration in SNOOZES
        for hours in [round(duration.total_seconds() / 3600)]
    ]
    return StaticSelectElement(
        placeholder=PlainTextObject(text="Snooze"), action_id=Verb.SNOOZE.value, options=options
    )


def _spelt(hours: int) -> str:
    count, unit = (hours, "hour") if hours < 24 else (hours // 24, "day")
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
