"""What Slack's messages offer to click on, and what they hold where they cannot offer anything."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rotator.channels import slack_blocks
from rotator.channels.slack_buttons import block_id, buttons, of_several, told_of
from rotator.model.alerts import Alert, AlertKind, AlertState, Hush, Severity
from rotator.model.clicks import Offer, Verb
from rotator.sandbox.slack_limits import fault_in
from rotator.testing.channel_contract import LONG, LOUD, an_alert, closed

MEANS = "Puts the old credential back and restarts api and worker; the new one is removed."


def offers(alert: Alert, means: str = MEANS) -> list[Offer]:
    """Every one there is."""
    return [
        Offer(verb=Verb.ACKNOWLEDGE, about=alert.id),
        Offer(verb=Verb.SNOOZE, about=alert.id),
        Offer(verb=Verb.APPROVE, about="ro_1", means=means),
        Offer(verb=Verb.RETRY, about="ro_1", means=means),
        Offer(verb=Verb.ROLL_BACK, about="ro_1", means=means),
        Offer(verb=Verb.ROTATE, about="production/KEY", means=means),
        Offer(verb=Verb.RUNBOOK, about="https://runbooks.example/x"),
    ]


def shown(alert: Alert, offered: list[Offer] | None) -> list[dict[str, Any]]:
    return [block.to_dict() for block in slack_blocks.parent(alert, None, offered)]


def elements(alert: Alert, offered: list[Offer]) -> list[dict[str, Any]]:
    [row] = [block for block in shown(alert, offered) if block["type"] == "actions"]
    return list(row["elements"])


def several(count: int) -> tuple[Alert, ...]:
    return tuple(an_alert(identity=f"overdue/production/KEY_{number}") for number in range(count))


def test_every_offer_has_a_button_whose_value_is_an_id() -> None:
    alert = an_alert()
    found = {element["action_id"]: element for element in elements(alert, offers(alert))}
    assert " ".join(found) == "acknowledge snooze approve retry roll_back rotate runbook"
    assert [found[verb].get("value") for verb in ("acknowledge", "retry", "rotate")] == [
        alert.id,
        "ro_1",
        "production/KEY",
    ]
    assert found["runbook"]["url"] == "https://runbooks.example/x"
    assert "value" not in found["runbook"]
    assert [option["value"] for option in found["snooze"]["options"]] == ["4h", "1d", "3d"]
    assert [option["text"]["text"] for option in found["snooze"]["options"]] == ["4 hours", "1 day", "3 days"]


def test_what_does_something_asks_first_and_says_what() -> None:
    alert = an_alert()
    asks: dict[str, Any] = {one["action_id"]: one.get("confirm") for one in elements(alert, offers(alert))}
    assert asks["roll_back"]["title"]["text"] == "Roll back?"
    assert asks["roll_back"]["text"]["text"] == MEANS
    assert asks["roll_back"]["confirm"]["text"] == "Roll back"
    assert [asks[verb] for verb in ("acknowledge", "snooze", "runbook")] == [None] * 3


@pytest.mark.parametrize("alert", [LOUD, LONG, an_alert()])
def test_buttons_are_within_slacks_limits(alert: Alert) -> None:
    for means in (MEANS, "x" * 5000, "🔴" * 400):
        blocks = shown(alert, offers(alert, means))
        assert fault_in("text", blocks) is None


def test_a_runbook_that_is_no_link_has_no_button() -> None:
    alert = an_alert()
    for page in ("see the wiki", "https://x.example/" + "y" * 3000):
        assert not buttons(alert, [Offer(verb=Verb.RUNBOOK, about=page)])


def test_the_answers_of_a_message_about_several_are_about_all_of_them() -> None:
    members = several(14)
    group = an_alert(members=members)
    ids = ",".join(one.id for one in members)
    row = elements(group, [Offer(verb=Verb.ACKNOWLEDGE, about=ids), Offer(verb=Verb.SNOOZE, about=ids)])
    assert [element["action_id"] for element in row] == ["acknowledge", "snooze"]
    assert of_several(block_id(group)) and not of_several(block_id(members[0]))
    assert told_of(block_id(group)) == tuple(one.id for one in members)
    assert fault_in("text", shown(group, [Offer(verb=Verb.ACKNOWLEDGE, about=ids)])) is None


def test_of_too_many_for_a_menu_all_can_be_acknowledged() -> None:
    members = several(60)
    group, ids = an_alert(members=members), ",".join(one.id for one in members)
    row = elements(group, [Offer(verb=Verb.ACKNOWLEDGE, about=ids), Offer(verb=Verb.SNOOZE, about=ids)])
    assert [(element["action_id"], element["value"]) for element in row] == [("acknowledge", ids)]
    assert fault_in("text", shown(group, [Offer(verb=Verb.ACKNOWLEDGE, about=ids)])) is None


def test_of_too_many_for_a_button_the_message_holds_the_command() -> None:
    members = several(160)
    group, ids = an_alert(members=members), ",".join(one.id for one in members)
    blocks = shown(group, [Offer(verb=Verb.ACKNOWLEDGE, about=ids), Offer(verb=Verb.SNOOZE, about=ids)])
    assert fault_in("text", blocks) is None
    assert not [block for block in blocks if block["type"] == "actions"]
    assert "`rotator alerts`" in str(blocks)


def test_a_message_without_buttons_holds_the_command() -> None:
    alert = an_alert()
    assert f"`rotator ack {alert.id}`" in str(shown(alert, None))
    assert "rotator ack" not in str(shown(alert, offers(alert)))
    assert "rotator ack" not in str(shown(an_alert(kind=AlertKind.JOURNAL_AWAY), None))
    assert "rotator ack" not in str(shown(closed(alert), None))


def test_who_has_answered_stands_above_the_facts() -> None:
    at = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
    hush = Hush(state=AlertState.ACKNOWLEDGED, by="ana", because="<!here>", at=at, severity=Severity.WARNING)
    alert = an_alert(hush=hush)
    [_, answered, *_] = shown(alert, [])
    assert answered["text"]["text"] == "✋ acknowledged by @ana at 2026-11-26 09:30 UTC: &lt;!here&gt;"
    assert "acknowledged" not in str(shown(closed(alert), []))


@pytest.mark.parametrize(
    "element, error",
    [
        ({}, None),
        ({"text": {"type": "plain_text", "text": "x" * 75}}, None),
        ({"text": {"type": "plain_text", "text": "x" * 76}}, "invalid_blocks"),
        ({"text": {"type": "mrkdwn", "text": "x"}}, "invalid_blocks"),
        ({"value": "x" * 2001}, "invalid_blocks"),
        ({"url": "x" * 3001}, "invalid_blocks"),
        ({"action_id": "x" * 256}, "invalid_blocks"),
        ({"style": "loud"}, "invalid_blocks"),
        ({"surprise": 1}, "invalid_blocks"),
        ({"type": "surprise"}, "invalid_blocks"),
        ({"confirm": {"title": {"type": "plain_text", "text": "x"}}}, "invalid_blocks"),
    ],
)
def test_the_stand_in_keeps_the_limits_of_buttons(element: dict[str, Any], error: str | None) -> None:
    button = {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "x"}, **element}
    assert fault_in("text", [{"type": "actions", "elements": [button]}]) == error


def _a_button(action_id: str = "a") -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": "x"}}


_EMPTY_MENU = {
    "type": "static_select",
    "action_id": "a",
    "placeholder": {"type": "plain_text", "text": "x"},
    "options": [],
}


@pytest.mark.parametrize(
    "blocks",
    [
        [{"type": "actions", "elements": []}],
        [{"type": "actions", "elements": [_a_button(f"a{number}") for number in range(26)]}],
        [{"type": "actions", "elements": [_a_button()] * 2}],
        [{"type": "actions", "elements": [_EMPTY_MENU]}],
        [{"type": "divider", "block_id": "x"}] * 2,
        [{"type": "divider", "block_id": "x" * 256}],
    ],
)
def test_the_stand_in_refuses_malformed_rows(blocks: list[dict[str, Any]]) -> None:
    assert fault_in("text", blocks) == "invalid_blocks"
