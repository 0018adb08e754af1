"""Owners can be reached, and alerts go to somebody."""

from __future__ import annotations

import re

from rotator.config.checks.cycles import cycle
from rotator.config.complaints import hint, listed, unknown
from rotator.config.draft import Draft

_ADDRESSES = {
    "slack": (re.compile(r"[#@]?[\w.-]{1,80}"), 'is no Slack channel; write "#ops-secrets", with the quotes'),
    "email": (re.compile(r"[^\s@]+@[^\s@]+"), "is no e-mail address; write it as platform@taly.example"),
}


def check(draft: Draft) -> None:
    """Complains about owners without an address, addresses that are none, and circles of escalation."""
    escalates: dict[str, str] = {}
    for name, owner in draft.file.owners.items():
        path = ("owners", name)
        for channel, address in (owner.model_extra or {}).items():
            _check_address(draft, name, channel, address)
        if not owner.model_extra:
            channels = listed(sorted(draft.adapters.channels))
            draft.complaints.error(path, f"has no address; write at least one of: {channels}")
        if owner.escalate_to is not None:
            escalates[name] = owner.escalate_to
            if owner.escalate_to not in draft.names["owners"]:
                sentence = unknown("owner", owner.escalate_to, draft.names["owners"])
                draft.complaints.error((*path, "escalate_to"), sentence)
    if circle := cycle(escalates):
        where = ("owners", circle[0], "escalate_to")
        draft.complaints.error(where, f"goes in a circle: {' to '.join(circle)}")


def _check_address(draft: Draft, name: str, channel: str, address: str) -> None:
    path = ("owners", name, channel)
    names = draft.adapters.channel_names()
    if channel not in names:
        draft.complaints.error(path, f"unknown key{hint(channel, {*names, 'escalate_to', 'members'})}")
        return
    if channel not in draft.adapters.channels:
        draft.complaints.note(path, f"no adapter for '{channel}' yet: {name} is not told this way")
    shape, sentence = _ADDRESSES.get(channel, (None, ""))
    if shape and not shape.fullmatch(address):
        draft.complaints.error(path, sentence)
