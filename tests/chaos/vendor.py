"""The one source of chaos that makes its credentials itself: Twilio, with an account for each environment.

What a source is told can be told once more; what it mints is there, whether its answer arrives or not. So many answers
are lost here, and what is left over at rest is an orphan. Changes are heard of at once, and a new key is listed a
moment later: tests.crash has the slow ones, and chaos has no time for Twilio's real bounds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from rotator.clock import SystemClock
from rotator.providers.twilio_api_key import TwilioApiKey
from rotator.sandbox.faults import Fault, Rule
from rotator.sandbox.sources.twilio import Held, Twilio

_LISTED = timedelta(seconds=1)
_LOST = Rule(Fault.LOST_ANSWER, "POST /v1/Keys", 0.25)
_LABEL = "rotator:"


class Deleted(NamedTuple):
    """A key that is gone; `label` is the rotation that it was made by, empty for the first; `at` as in history.py."""

    sid: str
    label: str
    at: float


def know_its_bounds() -> None:
    """In a daemon: this Twilio lists a key sooner than the real one."""
    TwilioApiKey.traits = replace(TwilioApiKey.traits, listing=2 * _LISTED, propagation=_LISTED)


class Vendor:
    """All accounts, each with the key in use and one of rotator's own."""

    def __init__(self, environments: Sequence[str], seed: int) -> None:
        self.twilio = Twilio(SystemClock(), propagation=timedelta(), listing=_LISTED)
        self.twilio.weather.set_faults([_LOST], seed)
        self.accounts = {environment: self.twilio.somebody_opens() for environment in environments}
        self._own = {
            environment: self.twilio.somebody_makes(account, kind="main")
            for environment, account in self.accounts.items()
        }
        self._open = ExitStack()

    def start(self) -> int:
        """The loopback port where it answers."""
        return urlsplit(self._open.enter_context(self.twilio.server.serving())).port or 0

    def stop(self) -> None:
        """It answers no more."""
        self._open.close()

    def logins(self, environment: str) -> tuple[str, str]:
        """What a first key's consumers read, and what rotator logs in with."""
        first, own = self.twilio.somebody_makes(self.accounts[environment]), self._own[environment]
        return json.dumps({"sid": first.id, "secret": first.secret}), f"{own.id}:{own.secret}"

    def lets_in(self, value: str) -> bool:
        """Whether it takes what consumers read."""
        return self.twilio.accepts(self.sid(value), json.loads(value)["secret"]) is not None

    @staticmethod
    def sid(value: str) -> str:
        """The key's, in what consumers read."""
        return str(json.loads(value)["sid"])

    def beside(self, environment: str, value: str) -> list[str]:
        """Living keys that are neither the one that consumers read nor rotator's own."""
        ours = self.sid(value), self._own[environment].id
        return [one.id for one in self._of(environment, self.twilio.keys) if one.id not in ours]

    def deleted(self, environment: str) -> Iterator[Deleted]:
        """Every key that has been deleted."""
        for one in self._of(environment, self.twilio.ever):
            if one.id.startswith("SK") and not one.heard[-1][1]:
                yield Deleted(one.id, one.name.removeprefix(_LABEL), one.heard[-1][0].timestamp())

    def _of(self, environment: str, keys: Sequence[Held]) -> list[Held]:
        return [one for one in tuple(keys) if one.account == self.accounts[environment]]
