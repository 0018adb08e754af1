"""Customers of the sandbox's company: they verify the events that its services send them.

An event bears one signature for every key of the accepted set, and a customer verifies with the one key that a person
has handed over. Customers of an environment are handed a key one after the other; in between, an event is accepted
by all of them only if it bears both signatures.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock

from rotator.sandbox.events import Event

#: In each environment.
CUSTOMERS = 2


@dataclass
class Customers:
    """All of them. They keep the newest event of every sender."""

    _keys: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict), repr=False)
    _newest: dict[str, dict[int, Event]] = field(default_factory=lambda: defaultdict(dict), repr=False)
    _lock: Lock = field(default_factory=Lock)

    def hand_over(self, environment: str, customer: int, key: str) -> None:
        """From now on this customer verifies with `key` and no other."""
        with self._lock:
            self._keys[environment][customer] = key

    def receive(self, environment: str, event: Event) -> HTTPStatus:
        """200: all customers accept the event; 401: all refuse it; 503: they differ; 404: nobody has a key yet."""
        with self._lock:
            self._newest[environment][event.sender] = event
            verdicts = {event.signed_with(key) for key in self._keys[environment].values()}
        if not verdicts:
            return HTTPStatus.NOT_FOUND
        if len(verdicts) > 1:
            return HTTPStatus.SERVICE_UNAVAILABLE
        return HTTPStatus.OK if verdicts.pop() else HTTPStatus.UNAUTHORIZED

    def newest(self, environment: str) -> list[Event]:
        """The last event of every sender there was."""
        with self._lock:
            return list(self._newest[environment].values())
