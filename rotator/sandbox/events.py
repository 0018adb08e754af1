"""Events that services of the sandbox's company send to its customers, signed with every key of the accepted set."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import NamedTuple

import httpx

from rotator.sandbox import loopback


class Event(NamedTuple):
    """What a service sends: who it is (a process id), what it says, and a signature for each of its keys."""

    sender: int
    body: str
    signatures: tuple[str, ...]

    def signed_with(self, key: str) -> bool:
        """Whether one of the signatures was made with `key`."""
        return any(hmac.compare_digest(one, signature(key, self.body)) for one in self.signatures)


def signature(key: str, body: str) -> str:
    """HMAC-SHA-256, in hex, as Stripe and GitHub sign theirs."""
    return hmac.new(key.encode(), body.encode(), hashlib.sha256).hexdigest()


class Outbox:
    """Leaves events for customers at `address`, each signed with all of `keys`."""

    def __init__(self, address: str, keys: Sequence[str]) -> None:
        self._address, self._keys, self._numbers = address, keys, itertools.count(1)
        self._client = loopback.client()

    @property
    def signs(self) -> bool:
        """Whether it has a key: an instance without any sends no events."""
        return bool(self._keys)

    def sent(self) -> Iterator[str]:
        """Sends one; what that counts. A platform that is away, or has no customers yet, has refused nothing."""
        body = json.dumps({"event": next(self._numbers), "at": time.time()})
        event = Event(os.getpid(), body, tuple(signature(key, body) for key in self._keys))
        try:
            answer = self._client.post(self._address, json=event._asdict())
        except httpx.TransportError:
            return
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return
        yield "events_checked"
        if answer.status_code != HTTPStatus.OK:
            yield "events_refused"
