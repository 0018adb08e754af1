"""Owners can be reached, and alerts go to somebody."""

from __future__ import annotations

import re

from rotator.config.checks.cycles import cycle
from rotator.config.complaints import Path, hint, listed, unknown
from rotator.config.draft import Draft
from rotator.model.hosts import is_allowed
from rotator.model.references import REFERENCE

_KEPT = "store it, and write ssm:<path>/rotator/NAME here"
_ADDRESSES = {
    "slack": (re.compile(r"[#@]?[\w.-]{1,80}"), 'is no Slack channel; write "#ops-secrets", with the quotes'),
    "email": (re.compile(r"[^\s@]+@[^\s@]+"), "is no e-mail address; write it as platform@taly.example"),
    "pagerduty": (REFERENCE, f"must lead to a routing key, which is a secret: {_KEPT}"),
}


def check(draft: Draft) -> None:
    """Complains about owners without an address, addresses that are none, and circles of escalation."""
    escalates: dict[str, str] = {}
    for name, owner in draft.file.owners.items():
        path = ("owners", name)
        for channel, address in (owner.model_extra or {}).items():
            _check_address(draft, name, channel, address)
        if not owner.model_extra:
            channels = listed(sorted(draft.adapters.channel_names()))
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
    if channel == "webhook":
        _check_webhook(draft, path, address)
    shape, sentence = _ADDRESSES.get(channel, (None, ""))
    if shape and not shape.fullmatch(address):
        draft.complaints.error(path, sentence)


def _check_webhook(draft: Draft, path: Path, address: str) -> None:
    """Complains about an address that nothing would be sent to; what a reference leads to is seen when it is used."""
    if REFERENCE.fullmatch(address):
        return
    from rotator.addresses import host_of, unsafe  # noqa: PLC0415 - a policy without addresses is read faster

    trouble = unsafe(address)
    if trouble:
        draft.complaints.error(path, trouble)
    elif not is_allowed(host := host_of(address), draft.limits.allowed_hosts):
        draft.complaints.error(path, f"{host} would be sent alerts; allow it in ROTATOR_ALLOWED_HOSTS")
