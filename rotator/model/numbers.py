"""Numbers of things as people write them."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """1 secret, 2 secrets, 0 secrets; `thing` is singular, and its plural ends in s."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
