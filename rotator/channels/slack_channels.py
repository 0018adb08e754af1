"""Slack's ids of the channels that policies.yaml names: what was posted can be searched for by an id only.

An id is known from the answer to any message, also one that another process posted and whose receipt the journal has.
Where neither is at hand, Slack is asked once which channels the app is in; without the scopes channels:read and
groups:read it does not say, and the first message there is posted without having been searched for.
"""

from __future__ import annotations

import re

from slack_sdk.web import WebClient

from rotator.channels.slack_answers import Rejected, answer

_ID = re.compile(r"[CGD][A-Z0-9]{7,}")
_TYPES = "public_channel,private_channel"
#: As Slack recommends; and an app is in few channels.
_PAGE, _MOST_PAGES = 200, 5


class Channels:
    """Of one workspace."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._asked: set[str] = set()

    def learn(self, address: str, channel: str) -> None:
        """Slack has just said so."""
        self._ids[address] = channel

    def remind(self, address: str, channel: str) -> None:
        """Slack said so once; what it said to this process is newer."""
        self._ids.setdefault(address, channel)

    def id_of(self, client: WebClient, address: str) -> str | None:
        """None where it is not known. Raises what the SDK raises where no answer came."""
        if _ID.fullmatch(address):
            return address
        if address not in self._ids and address not in self._asked:
            self._ask(client)
            self._asked.add(address)
        return self._ids.get(address)

    def _ask(self, client: WebClient) -> None:
        """Which channels the app is in."""
        more: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            question = {"types": _TYPES, "exclude_archived": True, "limit": _PAGE, **more}
            try:
                said = answer(client.users_conversations, **question)
            except Rejected:
                return
            for channel in said["channels"]:
                self.remind(f"#{channel['name']}", channel["id"])
            further: dict[str, str] = said.get("response_metadata") or {}
            if not further.get("next_cursor"):
                return
            more = {"cursor": further["next_cursor"]}
