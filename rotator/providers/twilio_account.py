"""One Twilio account: the SDK's client, its requests sent our way, Twilio's refusals in our words.

Refusals are read where the answer arrives: of a list that fails the SDK says neither status nor code.
Whoever logs in with an API key must say the account, too; whoever logs in with the auth token is the account.
Sources: "Twilio error and warning dictionary" (20003, 20404, 20429, 70151) and "API keys overview" in Twilio's docs.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]  # twilio ships no types
from twilio.http.response import Response  # type: ignore[import-untyped]  # twilio ships no types
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # twilio ships no types
from twilio.rest import Client  # type: ignore[import-untyped]  # twilio ships no types

from rotator.contracts.adapter import Surroundings
from rotator.model.errors import CredentialRefused, Refused, RotatorError, Transient
from rotator.model.once import once
from rotator.model.retry_after import pause_asked
from rotator.model.secrets import Sealed
from rotator.providers.vendor_http import Sender, moved

Answer = TypeVar("Answer")

_ACCOUNT, _KEY = re.compile(r"AC[0-9a-fA-F]{32}"), re.compile(r"SK[0-9a-fA-F]{32}")
_SECRET = re.compile(r"[\x21-\x39\x3b-\x7e]+")
_TOO_MANY_KEYS = 70151
#: Without an environment of our own the SDK would read TWILIO_REGION and TWILIO_EDGE.
_NO_ENVIRONMENT = {"TWILIO_REGION": ""}

# At INFO the SDK would tell of every request.
logging.getLogger("twilio").setLevel(logging.WARNING)


class Login(NamedTuple):
    """User and password of HTTP's basic authentication: a key and its secret, or the account and its token."""

    user: str
    password: Sealed


class NotThere(Refused):
    """Twilio knows no such thing."""


@dataclass
class _Said(Exception):
    """Twilio's answer that says no; its sentence may quote what was sent and stays where it is."""

    status: int
    code: int
    retry_after: timedelta | None


class TwilioAccount:
    """The account `account_sid` (or what that reference leads to), and rotator's own login behind `auth`.

    Made anew for each piece of work: references are read from the store when they are needed, and the SID once.
    """

    def __init__(self, account_sid: str, auth: str, around: Surroundings) -> None:
        self._account_sid, self._auth, self._around = account_sid, auth, around

    @once
    def sid(self) -> str:
        """The account. Raises Refused where a reference leads to something else."""
        sid = self._account_sid
        if ":" in sid:
            sid = self._around.resolve(sid).reveal().strip()
        if not _ACCOUNT.fullmatch(sid):
            raise Refused(f"what {self._account_sid} holds is no account SID of Twilio (AC…): put it there")
        return sid

    @property
    def own(self) -> Login:
        """Rotator's own login, as it is now: it is rotated too."""
        held = self._around.resolve(self._auth).reveal().strip()
        user, colon, secret = held.partition(":")
        if colon and _KEY.fullmatch(user) and secret:
            return Login(user, Sealed(secret))
        if not _SECRET.fullmatch(held):
            raise Refused(
                f"what {self._auth} holds is neither SK…:secret nor an auth token of Twilio: put one there"
            )
        return Login(self.sid, Sealed(held))

    def ask(
        self, request: Callable[[Any], Answer], doing: str, *, login: Login | None = None, mints: bool = False
    ) -> Answer:
        """The answer to one request of rotator's; `doing` completes "Twilio could not …"."""
        said = self._asked(request, login or self.own, mints=mints)
        if isinstance(said, _Said):
            raise self._trouble(said, doing)
        return said

    def ask_as(self, login: Login, request: Callable[[Any], Answer], who: str) -> Answer:
        """The answer to one request of a consumer. Raises CredentialRefused where Twilio does not let it in."""
        if not _SECRET.fullmatch(login.password.reveal()):
            raise Refused(
                f"what is stored of {who} is no secret of Twilio (a blank, a line break or a letter beyond ASCII): see "
                "what wrote it there"
            )
        said = self._asked(request, login)
        if not isinstance(said, _Said):
            return said
        if said.status == 401:
            raise CredentialRefused(
                f"Twilio refuses {who}: it is deleted or not known yet, or its secret is wrong"
            )
        if said.status in {403, 404}:
            raise Refused(
                f"Twilio knows {who} and does not let it do what it is tried with (HTTP {said.status}): see what it "
                "may do; an API key is tried with `verify_path`, which should name something harmless that it may read"
            )
        raise self._trouble(said, f"try {who}")

    def _asked(
        self, request: Callable[[Any], Answer], login: Login, *, mints: bool = False
    ) -> Answer | _Said:
        sender = Sender("Twilio", f"twilio:{self.sid}", self._around.pacer, mints)
        client = Client(
            login.user,
            login.password.reveal(),
            account_sid=self.sid,
            environment=_NO_ENVIRONMENT,
            http_client=_Transport(sender, self._around.endpoint("twilio")),
        )
        try:
            return request(client)
        except _Said as said:
            return said
        except (TwilioException, ValueError, KeyError):  # what it answered is none of what it may answer
            return _Said(200, 0, None)

    def _trouble(self, said: _Said, doing: str) -> RotatorError:
        """What rotator's own requests may meet. 20003 is both: not let in, and not allowed."""
        if said.status == 429 or said.code == 20429:
            sentence = (
                f"Twilio is being asked too often in this account and did not {doing}; nothing was changed"
            )
            return Transient(sentence, said.retry_after)
        if said.status in {401, 403}:
            return Transient(
                f"Twilio does not let rotator {doing} with its own login in {self._auth}: it needs a Main key "
                "(SK…:secret) or the auth token, of this very account. Nothing was changed, consumers are not "
                "affected; it is read again at the next try"
            )
        if said.status == 404:
            return NotThere(f"Twilio cannot {doing}: it knows nothing of that kind")
        if said.code == _TOO_MANY_KEYS:
            return Refused(
                f"Twilio will not {doing}: the account has as many API keys as it may (70151), and rotator makes no "
                "room; nothing was changed. See which of them nobody uses, and delete it"
            )
        if said.status == 400:
            return Refused(
                f"Twilio will not {doing}: it finds the request invalid ({said.code}); nothing was changed"
            )
        return Transient(f"Twilio failed (HTTP {said.status}) when asked to {doing}", said.retry_after)


def signature(token: Sealed, url: str, form: dict[str, str]) -> str:
    """What Twilio puts into X-Twilio-Signature when it calls `url`."""
    signed: str = RequestValidator(token.reveal()).compute_signature(url, form)
    return signed


@dataclass(frozen=True, slots=True)
class _Transport:
    """What the SDK takes for its HTTP client. Every request once; every product at one address, where there is one."""

    sender: Sender
    address: str | None
    is_async: bool = False

    def request(
        self, method: str, uri: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> Response:
        """The answer. Raises _Said for one that says no: a redirect is no answer either."""
        body = {name: value for name in ("params", "data") if (value := _given(more.get(name)))}
        answer = self.sender.send(
            method, moved(uri, self.address), headers=headers, login=more["auth"], **body
        )
        if answer.status_code >= 300:
            raise _Said(answer.status_code, _code(answer.text), pause_asked(answer.headers))
        return Response(answer.status_code, answer.text, answer.headers)


def _given(fields: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (fields or {}).items() if value is not None}


def _code(text: str) -> int:
    found = re.search(r'"code"\s*:\s*(\d{1,9})', text)
    return int(found[1]) if found else 0
