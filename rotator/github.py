"""GitHub: one way to log in, one way to ask, and one way to say what went wrong.

A mirror and a redeployer never see each other; what they share about GitHub is here, below them both. rotator logs in
as a GitHub App (its private key signs a JWT, which is exchanged for an installation's token of an hour) or with a
token. GitHub answers 404 as often as 403 where a permission is missing, so a 404 is told as either.

Nothing that GitHub wrote reaches a message: validation errors may quote what was sent. Sources: GitHub's documentation,
"Authenticating as a GitHub App installation" and "Rate limits for the REST API".
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from rotator.contracts.clock import Clock
from rotator.contracts.guard import guard
from rotator.model.errors import GaveUp, Refused, RotatorError, Transient
from rotator.model.secrets import Sealed

ADDRESS = "https://api.github.com"
#: An owner's, a repository's or an organisation's name. Names are parts of addresses: no other may get into one.
NAME = r"(?!\.+(?:/|$))[A-Za-z0-9_.-]{1,100}"
_VERSION = "2022-11-28"
#: To get hold of a connection, to connect, to ask and to wait for the answer: together CALL_SECONDS.
_TIMEOUT = httpx.Timeout(pool=1, connect=2, write=1, read=6)
#: GitHub takes a JWT of at most ten minutes, and none from the future: its clock may be behind ours.
_JWT_LIFE, _SKEW = timedelta(minutes=9), timedelta(minutes=1)
#: A token that ends within this time is not used any more.
_MARGIN = timedelta(minutes=5)

# At INFO it logs a line for each request.
logging.getLogger("httpx").setLevel(logging.WARNING)


class Missing(Refused):
    """There is no such thing, or rotator may not see it."""


class Github:
    """One owner's GitHub: `place` is `repos/OWNER/NAME` or `orgs/NAME`, whose installation of the App is used.

    `credential` gives the App's private key (PEM) when `app` is the App's client id or number, else a token; it is
    asked when it is needed, so that a rotated one is picked up.
    """

    def __init__(
        self, address: str | None, place: str, app: str | None, credential: Callable[[], Sealed], clock: Clock
    ) -> None:
        self._address, self._place, self._app = (address or ADDRESS).rstrip("/"), place, app
        self._credential, self._clock = credential, clock
        self._token: Sealed | None = None
        self._ends: datetime | None = None
        loopback = urlsplit(self._address).hostname in {"127.0.0.1", "localhost", "::1"}
        self._client = httpx.Client(timeout=_TIMEOUT, trust_env=not loopback)

    def look(self, path: str, doing: str, **query: str | int) -> Any:
        """What a GET answers, from JSON. Raises Missing, Refused or Transient."""
        return self._asked("GET", path, doing, query=query).json()

    def change(
        self, method: str, path: str, doing: str, content: Mapping[str, Any]
    ) -> tuple[HTTPStatus, Any]:
        """The status and, where there is one, the content of the answer to a change; guard() comes right before."""
        answer = self._asked(method, path, doing, content=content)
        return HTTPStatus(answer.status_code), answer.json() if answer.content else None

    def _asked(
        self,
        method: str,
        path: str,
        doing: str,
        *,
        query: Mapping[str, str | int] | None = None,
        content: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        bearer = self._bearer(doing)
        if content is not None:
            guard()
        return self._send(method, path, doing, bearer, query=query, content=content)

    def _send(
        self,
        method: str,
        path: str,
        doing: str,
        bearer: Sealed,
        *,
        query: Mapping[str, str | int] | None = None,
        content: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        trouble: RotatorError | None
        try:
            answer = self._client.request(
                method,
                f"{self._address}/{path}",
                params=query,
                json=content,
                headers={
                    "Authorization": f"Bearer {bearer.reveal()}",
                    "Accept": "application/vnd.github+json",
                    "X-GitHub-Api-Version": _VERSION,
                },
            )
        except httpx.TransportError as error:
            late = content is not None and isinstance(error, httpx.ReadTimeout)
            trouble = (GaveUp if late else Transient)(
                f"GitHub did not answer ({type(error).__name__}) when asked to {doing}; "
                "whether anything happened shows at the next attempt, which looks before it acts"
            )
        else:
            trouble = self._trouble(answer, doing)
            if trouble is None:
                return answer
        # Raised out here, so that the address and what GitHub wrote are not even the context of ours.
        raise trouble

    # logging in

    def _bearer(self, doing: str) -> Sealed:
        """The token to show. Raises Refused when the App is not installed there, or the key is none."""
        if self._app is None:
            return self._credential()
        if self._token is None or self._ends is None or self._clock.now() > self._ends - _MARGIN:
            signed = self._signed()
            where = "find the App's installation"
            installation = self._send("GET", f"{self._place}/installation", where, signed).json()["id"]
            path = f"app/installations/{int(installation)}/access_tokens"
            made = self._send("POST", path, f"log in to {doing}", signed, content={}).json()
            self._token, self._ends = Sealed(made["token"]), moment(made["expires_at"])
        return self._token

    def _signed(self) -> Sealed:
        now = self._clock.now()
        claims = {"iat": now - _SKEW, "exp": now + _JWT_LIFE - _SKEW, "iss": self._app}
        try:
            return Sealed(jwt.encode(claims, self._credential().reveal(), algorithm="RS256"))
        except (ValueError, TypeError, jwt.PyJWTError):
            trouble = Transient(
                "the private key of the GitHub App is no PEM file of an RSA key; nothing was changed"
            )
        raise trouble

    # what a "no" means

    def _trouble(self, answer: httpx.Response, doing: str) -> RotatorError | None:
        status = answer.status_code
        if status < HTTPStatus.MULTIPLE_CHOICES:
            return None
        later = _retry_after(answer, self._clock.now())
        if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.FORBIDDEN and later):
            return Transient(
                f"GitHub is being asked too often and did not {doing}; nothing was changed", later
            )
        match status:
            case HTTPStatus.UNAUTHORIZED:
                self._token = None  # the next attempt reads the credential anew
                return Transient(
                    f"GitHub does not know the credential that rotator has, and did not {doing}; nothing was changed"
                )
            case HTTPStatus.FORBIDDEN:
                return Transient(
                    f"GitHub does not allow rotator to {doing}; nothing was changed. Grant its App or token the "
                    "permission"
                )
            case HTTPStatus.NOT_FOUND:
                return Missing(
                    f"GitHub will not {doing}: there is no such thing, or rotator may not see it; nothing was changed"
                )
            case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
                return Refused(f"GitHub calls it invalid to {doing} ({status}); nothing was changed")
            case _:
                return Transient(
                    f"GitHub could not {doing} and answered {status}; whether anything happened shows at the next "
                    "attempt, which looks before it acts",
                    later,
                )


def moment(written: str) -> datetime:
    """GitHub writes 2026-11-24T10:00:00Z."""
    return datetime.fromisoformat(written)


def _retry_after(answer: httpx.Response, now: datetime) -> timedelta | None:
    """Seconds, or the moment at which the quota of the hour is filled again."""
    seconds = answer.headers.get("Retry-After", "")
    if re.fullmatch(r"\d{1,6}", seconds):
        return timedelta(seconds=int(seconds))
    reset = answer.headers.get("X-RateLimit-Reset", "")
    if answer.headers.get("X-RateLimit-Remaining") == "0" and re.fullmatch(r"\d{1,12}", reset):
        return max(datetime.fromtimestamp(int(reset), UTC) - now, timedelta(seconds=1))
    return None
