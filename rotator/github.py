"""GitHub: one way to log in, one way to ask, and one way to say what went wrong.

A mirror and a redeployer never see each other; what they share about GitHub is here, below them both. rotator logs in
as a GitHub App (its private key signs a JWT, which is exchanged for an installation's token of an hour) or with a
token. GitHub answers 404 as often as 403 where a permission is missing, so a 404 is told as either.

Nothing that GitHub wrote reaches a message: validation errors may quote what was sent. Sources: GitHub's documentation,
"Authenticating as a GitHub App installation" and "Rate limits for the REST API".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import jwt

from rotator.bounded import Bounded
from rotator.contracts.adapter import Surroundings
from rotator.contracts.guard import CALL_SECONDS, guard
from rotator.contracts.options import leads_to
from rotator.model.errors import GaveUp, Refused, RotatorError, Transient
from rotator.model.json_text import parsed
from rotator.model.retry_after import pause_asked, until
from rotator.model.secrets import Sealed

ADDRESS = "https://api.github.com"
#: An owner's, a repository's or an organisation's name. Names are parts of addresses: no other may get into one.
NAME = r"(?!\.+(?:/|$))[A-Za-z0-9_.-]{1,100}"
#: What rotator logs in with.
Auth = Annotated[str, leads_to("GITHUB_APP_KEY", never="a key or a token")]
_VERSION = "2022-11-28"
# GitHub asks for a second between changes, and allows 80 a minute ("Best practices for using the REST API").
CHANGES_PER_SECOND, CHANGES_AT_ONCE = 1.0, 5
#: Looks hardly count beside them, and wait as they do when GitHub says when to come back.
LOOKS_PER_SECOND, LOOKS_AT_ONCE = 10.0, 50
#: GitHub takes a JWT of at most ten minutes, and none from the future: its clock may be behind ours.
_JWT_LIFE, _SKEW = timedelta(minutes=9), timedelta(minutes=1)
#: A token that ends within this time is not used any more.
_MARGIN = timedelta(minutes=5)
#: A page of a hundred workflow runs has a few hundred kilobytes.
_LARGEST_BYTES = 4 * 1024 * 1024

#: So many answers are remembered: GitHub counts no request whose answer is that nothing has changed.
_REMEMBERED = 32


class _Known(NamedTuple):
    """What was answered last, and by which tag GitHub tells whether that has changed."""

    tag: str
    content: Any


class Missing(Refused):
    """There is no such thing, or rotator may not see it."""


class Github:
    """One owner's GitHub: `place` is `repos/OWNER/NAME` or `orgs/NAME`, whose installation of the App is used.

    `auth` is a reference to the App's private key (PEM) when `app` is the App's client id or number, else to a token;
    it is resolved when it is needed, so that a rotated one is picked up.
    """

    def __init__(self, around: Surroundings, place: str, auth: str, app: str | None) -> None:
        self._address = (around.endpoint("github") or ADDRESS).rstrip("/")
        self._place, self._app, self._clock, self._pacer = place, app, around.clock, around.pacer
        self._around, self._auth = around, auth
        self._token: Sealed | None = None
        self._ends: datetime | None = None
        self._known: dict[str, _Known] = {}
        host = urlsplit(self._address).hostname or ""
        self._client = Bounded(host, CALL_SECONDS, largest=_LARGEST_BYTES)

    def look(self, path: str, doing: str, **query: str | int) -> Any:
        """What a GET answers, from JSON. Raises Missing, Refused or Transient."""
        return self._asked("GET", path, doing, query=query)

    def change(self, method: str, path: str, doing: str, content: Mapping[str, Any]) -> Any:
        """What a change answers, None where that is nothing; guard() comes right before it."""
        return self._asked(method, path, doing, content=content)

    def _asked(
        self,
        method: str,
        path: str,
        doing: str,
        *,
        query: Mapping[str, str | int] | None = None,
        content: Mapping[str, Any] | None = None,
    ) -> Any:
        bearer = self._bearer(doing)
        if content is None:
            self._pacer.pace(self._account, LOOKS_PER_SECOND, LOOKS_AT_ONCE)
        else:
            self._pacer.pace(self._account, CHANGES_PER_SECOND, CHANGES_AT_ONCE)
            guard()
        return self._send(method, path, doing, bearer, query=query, content=content)

    @property
    def _account(self) -> str:
        """Whose rate is used up: an App's and a user's is one for all that they reach."""
        return f"github:{self._address}"

    def _send(
        self,
        method: str,
        path: str,
        doing: str,
        bearer: Sealed,
        *,
        query: Mapping[str, str | int] | None = None,
        content: Mapping[str, Any] | None = None,
    ) -> Any:
        trouble: RotatorError | None
        # Later pages are large, and only asked for again after something was put before them.
        again = method == "GET" and (query or {}).get("page", 1) == 1
        asked = f"{path}?{sorted((query or {}).items())}" if again else ""
        known = self._known.get(asked)
        headers = {
            "Authorization": f"Bearer {bearer.reveal()}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": _VERSION,
        }
        try:
            answer = self._client.request(
                method,
                f"{self._address}/{path}",
                params=query,
                json=content,
                headers={**headers, "If-None-Match": known.tag} if known else headers,
            )
        except httpx.TransportError as error:
            late = content is not None and isinstance(error, httpx.ReadTimeout)
            trouble = (GaveUp if late else Transient)(
                f"GitHub did not answer ({type(error).__name__}) when asked to {doing}; "
                "whether anything happened shows at the next attempt, which looks before it acts"
            )
        else:
            if known and answer.status_code == HTTPStatus.NOT_MODIFIED:
                return known.content
            trouble = self._trouble(answer, doing)
            if trouble is None:
                return self._kept(asked, answer, _content(answer, doing))
        if isinstance(trouble, Transient) and trouble.retry_after:
            self._pacer.back_off(self._account, trouble.retry_after)
        # Raised out here, so that the address and what GitHub wrote are not even the context of ours.
        raise trouble

    def _kept(self, asked: str, answer: httpx.Response, content: Any) -> Any:
        """The content, remembered for the next time that a GET asks the same."""
        tag = answer.headers.get("ETag")
        if asked and tag:
            self._known.pop(asked, None)
            self._known[asked] = _Known(tag, content)
            while len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        return content

    # logging in

    def _credential(self) -> Sealed:
        return self._around.resolve(self._auth)

    def _bearer(self, doing: str) -> Sealed:
        """The token to show. Raises Refused when the App is not installed there, or the key is none."""
        if self._app is None:
            return self._credential()
        if self._token is None or self._ends is None or self._clock.now() > self._ends - _MARGIN:
            signed = self._signed()
            where = "find the App's installation"
            installation = self._send("GET", f"{self._place}/installation", where, signed)["id"]
            path = f"app/installations/{int(installation)}/access_tokens"
            made = self._send("POST", path, f"log in to {doing}", signed, content={})
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
            case HTTPStatus.MOVED_PERMANENTLY | HTTPStatus.PERMANENT_REDIRECT:
                return Transient(
                    f"GitHub did not {doing}: it was renamed; write the name that it has today. Nothing was changed"
                )
            case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
                return Refused(f"GitHub calls it invalid to {doing} ({status}); nothing was changed")
            case _:
                return Transient(
                    f"GitHub could not {doing} and answered {status}; whether anything happened shows at the next "
                    "attempt, which looks before it acts",
                    later,
                )


def _content(answer: httpx.Response, doing: str) -> Any:
    try:
        return parsed(answer.content) if answer.content else None
    except ValueError:
        trouble = Transient(f"what answered when asked to {doing} was no GitHub; is a proxy in between?")
    raise trouble


def moment(written: str) -> datetime:
    """GitHub writes 2026-11-24T10:00:00Z."""
    return datetime.fromisoformat(written)


def _retry_after(answer: httpx.Response, now: datetime) -> timedelta | None:
    """Seconds, or the moment at which the quota of the hour is filled again."""
    said = pause_asked(answer.headers)
    if said is not None:
        return said
    reset = answer.headers.get("X-RateLimit-Reset", "")
    return until(reset, now) if answer.headers.get("X-RateLimit-Remaining") == "0" else None
