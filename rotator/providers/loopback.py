"""Whether a host is this machine: what goes there needs no TLS and no proxy, and nobody on the way reads it."""

from __future__ import annotations

from ipaddress import ip_address


def on_this_machine(host: str) -> bool:
    """Whether what goes to the host stays here."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
