"""What Slack's stand-in refuses in a message, and what it finds strange in one."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Any

MOST_BLOCKS, MOST_FIELDS, MOST_ELEMENTS = 50, 10, 10
LONGEST_HEADER, LONGEST_SECTION, LONGEST_FIELD, LONGEST_TEXT = 150, 3000, 2000, 40000
#: slackapi/bolt-js issue 2509: near 13,200 characters in all, a message is refused.
LONGEST_IN_ALL = 13200
KEYS = {
    "header": {"type", "text", "block_id"},
    "section": {"type", "text", "fields", "block_id"},
    "context": {"type", "elements", "block_id"},
    "divider": {"type", "block_id"},
    "actions": {"type", "elements", "block_id"},
}
#: Slack's reference of block elements and composition objects; slack_sdk.models.blocks has the same numbers.
MOST_ACTIONS, MOST_OPTIONS = 25, 100
LONGEST_ID, LONGEST_BUTTON, LONGEST_VALUE, LONGEST_URL, LONGEST_PLACEHOLDER = 255, 75, 2000, 3000, 150
LONGEST_OPTION, LONGEST_OPTION_VALUE = 75, 150
LONGEST_QUESTION = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
STYLES = ("primary", "danger")
CONTROL = re.compile(r"<([^>]*)>|[<>]|&(?!amp;|lt;|gt;)")
ALLOWED_CONTROL = re.compile(r"!date\^\d+\^[^^|]+\|[^|]+|https?://[^|]+")


def fault_in(text: str, blocks: Any) -> str | None:
    """Slack's code for why it does not take the message; None when it does."""
    if not text and not blocks:
        return "no_text"
    if units(text) > LONGEST_TEXT:
        return "msg_too_long"
    if not isinstance(blocks, list) or len(blocks) > MOST_BLOCKS or not all(map(_well_formed, blocks)):
        return "invalid_blocks"
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(set(ids)) < len(ids):
        return "invalid_blocks"
    if sum(units(str(part["text"])) for part in _text_objects(blocks)) > LONGEST_IN_ALL:
        return "msg_blocks_too_long"
    return None


def strange_markup(text: str, blocks: Any) -> list[str]:
    """Control sequences that no message of ours has a reason for: mentions, links with false names, lone brackets."""
    marked = [text, *(part["text"] for part in _text_objects(blocks) if part["type"] == "mrkdwn")]
    found = (match for said in marked for match in CONTROL.finditer(said))
    return [match[0] for match in found if not (match[1] and ALLOWED_CONTROL.fullmatch(match[1]))]


def units(text: str) -> int:
    """Length as Slack counts: UTF-16 units."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def _well_formed(block: Any) -> bool:
    if not isinstance(block, dict) or block.get("type") not in KEYS or not set(block) <= KEYS[block["type"]]:
        return False
    if not _is_id(block.get("block_id")):
        return False
    match block["type"]:
        case "header":
            return _is_text(block.get("text"), LONGEST_HEADER, {"plain_text"})
        case "section":
            fields = block.get("fields", [])
            return (
                ("text" in block or bool(fields))
                and ("text" not in block or _is_text(block["text"], LONGEST_SECTION))
                and len(fields) <= MOST_FIELDS
                and all(_is_text(part, LONGEST_FIELD) for part in fields)
            )
        case "context":
            elements = block.get("elements", [])
            return 1 <= len(elements) <= MOST_ELEMENTS and all(
                _is_text(part, LONGEST_SECTION) for part in elements
            )
        case "actions":
            elements = block.get("elements", [])
            return (
                1 <= len(elements) <= MOST_ACTIONS and all(map(_is_element, elements)) and _differ(elements)
            )
    return True


def _is_element(part: Any) -> bool:
    if (
        not isinstance(part, dict)
        or not _is_id(part.get("action_id"))
        or not _is_question(part.get("confirm"))
    ):
        return False
    match part.get("type"):
        case "button":
            keys = {"type", "text", "action_id", "value", "url", "style", "confirm", "accessibility_label"}
            return (
                set(part) <= keys
                and _is_text(part.get("text"), LONGEST_BUTTON, {"plain_text"})
                and _fits(part.get("value"), LONGEST_VALUE)
                and _fits(part.get("url"), LONGEST_URL)
                and part.get("style", STYLES[0]) in STYLES
            )
        case "static_select":
            options = part.get("options", [])
            return (
                set(part) <= {"type", "action_id", "placeholder", "options", "confirm", "initial_option"}
                and _is_text(part.get("placeholder"), LONGEST_PLACEHOLDER, {"plain_text"})
                and 1 <= len(options) <= MOST_OPTIONS
                and all(map(_is_option, options))
            )
    return False


def _is_option(part: Any) -> bool:
    return (
        isinstance(part, dict)
        and set(part) <= {"text", "value"}
        and _is_text(part.get("text"), LONGEST_OPTION, {"plain_text"})
        and bool(part.get("value"))
        and _fits(part["value"], LONGEST_OPTION_VALUE)
    )


def _is_question(part: Any) -> bool:
    """What a confirmation asks; every one of its four texts is needed."""
    if part is None:
        return True
    if not isinstance(part, dict) or not set(LONGEST_QUESTION) <= set(part) <= {*LONGEST_QUESTION, "style"}:
        return False
    return all(_is_text(part[name], longest, {"plain_text"}) for name, longest in LONGEST_QUESTION.items())


def _differ(elements: list[dict[str, Any]]) -> bool:
    """An action_id is given once in a block."""
    ids = [part["action_id"] for part in elements if "action_id" in part]
    return len(set(ids)) == len(ids)


def _is_id(said: Any) -> bool:
    return said is None or (isinstance(said, str) and 1 <= len(said) <= LONGEST_ID)


def _fits(said: Any, longest: int) -> bool:
    return said is None or (isinstance(said, str) and units(said) <= longest)


def _is_text(part: Any, longest: int, kinds: Container[Any] = ("mrkdwn", "plain_text")) -> bool:
    if not isinstance(part, dict) or part.get("type") not in kinds:
        return False
    keys = {"type", "text", "verbatim"} if part["type"] == "mrkdwn" else {"type", "text", "emoji"}
    said = part.get("text")
    return set(part) <= keys and isinstance(said, str) and bool(said.strip()) and units(said) <= longest


def _text_objects(part: Any) -> Iterable[dict[str, Any]]:
    if isinstance(part, dict):
        if part.get("type") in ("mrkdwn", "plain_text"):
            yield part
        for value in part.values():
            yield from _text_objects(value)
    elif isinstance(part, list):
        for value in part:
            yield from _text_objects(value)
