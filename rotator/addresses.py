"""Addresses that a policy names and a credential is sent to: whether that is safe, and which host it is."""

from __future__ import annotations

import httpx

from rotator.model.hosts import on_this_machine


def unsafe(url: str) -> str:
    """Why nothing secret must be sent there, a sentence without its end; empty when it may."""
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL:
        return "its address is no URL"
    if read.userinfo:
        return "its address holds a login"
    if not read.host:
        return "its address names no host"
    if read.scheme == "https" or (read.scheme == "http" and on_this_machine(read.host)):
        return ""
    return (
        "its address must begin with https:// (plain http only to this machine), or others on the way could read what "
        "is sent"
    )


def host_of(url: str) -> str:
    """Where a request for it goes, as the parser of what sends it has it. Raises httpx.InvalidURL."""
    return httpx.URL(url).raw_host.decode()
