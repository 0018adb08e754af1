"""The buttons below an alert, and what each asks before it does something.

A button holds ids and nothing else: the block is called by the alert, a button's value is what it is about. Limits
(Slack's reference of block elements): 25 elements, 75 characters on a button, 2,000 in its value, 255 in the ids, 300 in
the text of a confirmation.
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
_LONGEST_URL, _LONGEST_VALUE, _LONGEST_QUESTION = 3000, 2000, 290


def buttons(alert: str, offers: Sequence[Offer]) -> Sequence[Block]:
    """The row of buttons of the alert with that id; no block where nothing is offered."""
    elements = [element for offer in offers for element in _elements(offer)]
    return [ActionsBlock(block_id=alert, elements=elements)] if elements else []


def _elements(offer: Offer) -> Sequence[InteractiveElement]:
    if len(offer.about) > _LONGEST_VALUE:
        return []
    if offer.verb is Verb.RUNBOOK:
        fits = wording.is_link(offer.about) and len(offer.about) <= _LONGEST_URL
        return [_button(offer, url=offer.about)] if fits else []
    if offer.verb is Verb.SNOOZE:
        return [_snooze()]
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
        text=PlainTextObject(text=wording.line(means, _LONGEST_QUESTION)),
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
