"""Twilio: an API key with which consumers log in, and the auth token, with which Twilio also signs what it sends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # twilio ships no types

from rotator.clock import SystemClock
from rotator.sandbox.sources.twilio import Twilio
from tests.company.secret import Held
from tests.crash.sources.source import LATE, PATH, Asked, Known, Login, There

_URL, _FORM = "http://127.0.0.1:9/webhooks/twilio", {"MessageSid": "SM1"}


class TwilioKey(Login):
    """rotator has a Main key of the account."""

    adapter = "twilio-api-key"
    fields: ClassVar[tuple[str, ...]] = ("sid", "secret")
    rules: ClassVar[tuple[str, ...]] = ("accept_unseen", "torn_ok")

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        self._open(around)
        first = self._twilio.somebody_makes(self._account)
        self.first_id = first.id
        return {"sid": first.id, "secret": first.secret}

    def settings(self) -> Mapping[str, Any]:
        return {"account_sid": self._account, "auth": f"ssm:{PATH}/rotator/TWILIO_MAIN_KEY"}

    def own(self) -> Mapping[str, str]:
        return {"TWILIO_MAIN_KEY": f"{self._own.id}:{self._own.secret}"}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_ENDPOINT_TWILIO": self._address}

    def takes(self, fields: Mapping[str, str]) -> bool:
        return self._twilio.accepts(fields["sid"], fields["secret"]) is not None

    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        for key in list(self._twilio.keys):
            if key is not self._own:
                yield There(known.id_of(key.secret), key.name.removeprefix("rotator:"))

    def _open(self, around: ExitStack) -> None:
        self._twilio = Twilio(SystemClock(), propagation=LATE, listing=LATE)
        self._account = self._twilio.somebody_opens()
        self._own = self._twilio.somebody_makes(self._account, kind="main")
        self._address = around.enter_context(self._twilio.server.serving())


class TwilioToken(TwilioKey):
    """The place beside the token in use is rotator's."""

    adapter = "twilio-auth-token"
    fields = ("value",)
    rules = ("accept_unseen",)

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        self._open(around)
        return {"value": self._twilio.tokens[self._account].secret}

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "owns_secondary": True}

    def takes(self, fields: Mapping[str, str]) -> bool:
        return self._twilio.accepts(self._account, fields["value"]) is not None

    def refused(self, everybody: Mapping[str, Held]) -> Iterator[tuple[Held, str]]:
        """They log in, and verify what the token in use has signed."""
        yield from super().refused(everybody)
        signature = RequestValidator(self._twilio.tokens[self._account].secret).compute_signature(_URL, _FORM)
        asked = Asked(_URL, {"x-twilio-signature": signature}, b"MessageSid=SM1")
        for who, held in everybody.items():
            if not self.lets_in(held, asked):
                yield held, f"Twilio by {who}"

    def lets_in(self, held: Held, asked: Asked) -> bool:
        form, signature = dict(parse_qsl(asked.body.decode())), asked.headers["x-twilio-signature"]
        validators = map(RequestValidator, self.members(held))
        return any(one.validate(asked.url, form, signature) for one in validators)

    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        places = (self._twilio.tokens, self._twilio.beside)
        return [
            There(known.id_of(place[self._account].secret)) for place in places if place.get(self._account)
        ]
