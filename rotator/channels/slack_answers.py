"""What Slack's answers mean for an alert.

Trouble with the settings (a channel that is gone, a token that is refused) is Transient: the alert waits in the outbox
until somebody has put it right. Only a message that Slack does not take even as plain text is Refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block
from slack_sdk.web import SlackResponse

from rotator.model.errors import Refused, RotatorError, Transient
from rotator.model.retry_after import pause

Answer = TypeVar("Answer")

#: Slack does not like how the message is made; as plain text it may pass.
_LAYOUT = {
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_payload",
    "msg_blocks_too_long",
    "msg_too_long",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "metadata_too_large",
}
#: The message that would be edited is gone, or may not be edited any more.
UNEDITABLE = {"message_not_found", "cant_update_message", "edit_window_closed"}
#: Not Slack's verdict, only its day.
_PASSING = {
    "ratelimited",
    "rate_limited",
    "rollup_error",
    "internal_error",
    "fatal_error",
    "service_unavailable",
}

_BOT_TOKEN = "it refuses the bot token; put a valid one into ROTATOR_SLACK_TOKEN"  # noqa: S105  # a sentence, no token
_WEBHOOK = "it knows no such incoming webhook; put a valid one into ROTATOR_SLACK_WEBHOOK"
_CHANNEL = "it knows no channel {address}, or the app may not see it; correct policies.yaml or invite the app"
_ARCHIVED = "{address} is archived; name another channel in policies.yaml"
_WHY = {
    "invalid_auth": _BOT_TOKEN,
    "not_authed": _BOT_TOKEN,
    "account_inactive": _BOT_TOKEN,
    "token_revoked": _BOT_TOKEN,
    "token_expired": _BOT_TOKEN,
    "no_service": _WEBHOOK,
    "no_service_id": _WEBHOOK,
    "no_active_hooks": _WEBHOOK,
    "no_team": _WEBHOOK,
    "invalid_token": _WEBHOOK,
    "channel_not_found": _CHANNEL,
    "invalid_channel": _CHANNEL,
    "is_archived": _ARCHIVED,
    "channel_is_archived": _ARCHIVED,
    "not_in_channel": "the app is not in {address}; invite it there",
    "missing_scope": "the app lacks a scope; give it chat:write",
}
_CODE = re.compile(r"[a-z][a-z_]{1,60}")


class Rejected(Exception):
    """Slack answered, and did not do it. `code` is its word for why, empty if it used none."""

    def __init__(self, code: object, status: int, retry_after: object) -> None:
        self.code = code if isinstance(code, str) and _CODE.fullmatch(code) else ""
        self.status = status
        self.retry_after = pause(str(retry_after))
        super().__init__(self.code or status)


def answer(method: Callable[..., SlackResponse], **arguments: Any) -> SlackResponse:
    """The answer to one call of the Web API. Raises Rejected for "ok": false and for every status but 200."""
    try:
        return method(**arguments)
    except SlackApiError as error:
        said = error.response
        code = said.get("error") if isinstance(said.data, dict) else None
        raise Rejected(code, said.status_code, said.headers.get("Retry-After")) from None


def laid_out(send: Callable[..., Answer], blocks: Sequence[Block]) -> Answer:
    """Sends with blocks; if Slack finds fault with them, without: an ugly message is better than none."""
    try:
        return send(blocks=blocks)
    except Rejected as rejected:
        if rejected.code not in _LAYOUT:
            raise
        return send(blocks=[])


def trouble(rejected: Rejected, address: str) -> RotatorError:
    """What a rejection means for the alert."""
    code, status = rejected.code, rejected.status
    if code in _LAYOUT:
        return Refused(f"Slack takes the alert neither with blocks nor as plain text ({code})")
    if code in _PASSING or status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500:
        return Transient(kept(f"Slack says later ({code or status})"), rejected.retry_after)
    said = code or f"something else (HTTP {status}): is it Slack?"
    why = _WHY.get(code, f"it says {said}").format(address=address)
    return Transient(kept(f"Slack does not take the alert: {why}"))


_APP_TOKEN = "it refuses the app-level token; put a valid one into ROTATOR_SLACK_APP_TOKEN"  # noqa: S105  # a sentence, no token
_NO_SOCKET_MODE = "Socket Mode is off; switch it on in the app's settings, with Interactivity"
_WHY_DEAF = {
    **_WHY,
    "invalid_auth": "it refuses a token; put valid ones into ROTATOR_SLACK_TOKEN and ROTATOR_SLACK_APP_TOKEN",
    "not_allowed_token_type": f"{_APP_TOKEN} (it begins with xapp-)",
    "missing_scope": "the app-level token lacks a scope; give it connections:write",
    "no_permission": "the app-level token lacks a scope; give it connections:write",
    "forbidden_team": _NO_SOCKET_MODE,
    "socket_mode_not_enabled": _NO_SOCKET_MODE,
}


def deafness(rejected: Rejected) -> str:
    """Why nobody can be heard who clicks on a button."""
    said = rejected.code or f"HTTP {rejected.status}"
    return _WHY_DEAF.get(rejected.code, f"it says {said}")


def kept(sentence: str) -> str:
    """A sentence about trouble, and what becomes of the alert."""
    return f"{sentence}. The alert is kept and tried again"
