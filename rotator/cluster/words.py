"""What can be said about a cluster without its client, which is imported on first use only."""

from __future__ import annotations

from rotator.model.errors import Transient

#: A name, as a regular expression. Names are parts of addresses: no other may get into one.
NAME = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"


class Forbidden(Transient):
    """We may not: a person has to grant the right. Nothing was changed."""


class Missing(Transient):
    """There is no such object, or no such namespace."""


class Changed(Transient):
    """Somebody changed the object between our look and our change, so ours was not made."""
