"""The way of hvac's requests to Vault: rotator's own bounds instead of those of its HTTP library.

That one times each wait anew and unpacks whatever comes. A Vault, or whoever stands before it, that sends a byte now
and then would keep a worker for as long as it likes, and a packed answer could fill the memory. So requests leave by
rotator.bounded, and what comes back is handed on as hvac knows it.
"""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from requests import (  # noqa: TID251 - hvac's own HTTP library, whose adapters and errors it knows
    ConnectionError as NoAnswer,
)
from requests import (  # noqa: TID251 - as above
    PreparedRequest,
    RequestException,
    Response,
    Timeout,
)
from requests.adapters import BaseAdapter  # noqa: TID251 - as above
from requests.structures import CaseInsensitiveDict  # noqa: TID251 - as above

from rotator.bounded import Bounded
from rotator.contracts.guard import CALL_SECONDS, guard
from rotator.model.json_text import parsed

_SPARE_SECONDS = 1.0


class Redirected(RequestException):
    """Vault sent us elsewhere."""


class NoVault(RequestException):
    """What says yes and no JSON with it is a page for people."""


class Way(BaseAdapter):
    """One request after the other, each within `seconds`; one that `changes` something asks guard() before it leaves.

    What guard() raises ends the call unsent. Proxies of the environment are not used.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds, self.changes = CALL_SECONDS, False

    def send(
        self, request: PreparedRequest, *_more: Any, verify: Any = True, cert: Any = None, **_others: Any
    ) -> Response:
        """The answer, whole. Raises Timeout, NoAnswer, Redirected or NoVault."""
        if self.changes:
            guard(self.seconds)
        answer = self._answered(request, _authorities(verify, cert))
        if isinstance(answer, RequestException):
            raise answer  # out here, so that an exception that quotes the request is not even the context of it
        found = Response()
        found.status_code, found.url, found.request = answer.status_code, str(request.url), request
        found.headers = CaseInsensitiveDict(answer.headers)
        found._content = answer.content  # noqa: SLF001 - requests has no other way to make an answer
        if found.is_redirect:
            raise Redirected
        if found.status_code == httpx.codes.OK and not _is_json(answer):
            raise NoVault
        return found

    def _answered(
        self, request: PreparedRequest, authorities: ssl.SSLContext | None
    ) -> httpx.Response | RequestException:
        url, seconds = str(request.url), self.seconds - _SPARE_SECONDS
        headers = {name: str(value) for name, value in request.headers.items()}
        body = request.body.encode() if isinstance(request.body, str) else request.body
        assert body is None or isinstance(body, bytes), "hvac sends JSON"
        try:
            with Bounded(httpx.URL(url).host, seconds, proxies=False, authorities=authorities) as client:
                return client.request(str(request.method), url, headers=headers, content=body)
        except httpx.TimeoutException:
            return Timeout()
        except (httpx.HTTPError, httpx.InvalidURL):
            return NoAnswer()

    def close(self) -> None:
        """Nothing is kept open."""


@cache
def _authorities(verify: Any, cert: tuple[str, str] | None) -> ssl.SSLContext | None:
    """What hvac was told: `verify`, a file or folder (VAULT_CACERT, VAULT_CAPATH). None where that is nothing."""
    if verify is True and cert is None:
        return None
    own = str(verify) if isinstance(verify, str) else None
    folder = own is not None and Path(own).is_dir()
    context = ssl.create_default_context(cafile=None if folder else own, capath=own if folder else None)
    if cert is not None:
        context.load_cert_chain(*cert)
    return context


def _is_json(answer: httpx.Response) -> bool:
    """Whether it can be read as such: what is nested too deeply cannot."""
    try:
        parsed(answer.content)
    except ValueError:
        return False
    return True
