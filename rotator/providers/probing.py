"""Asking verifiers of ours, over HTTP, whether they accept something that a credential has made.

2xx is a yes, and only what a verifier uses for a no is one: in the middle of its restart it may answer anything, and
that says nothing about the credential. Redirects are not followed, because what was made would go elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import httpx

from rotator.addresses import host_of, unsafe
from rotator.bounded import Bounded
from rotator.model.errors import CredentialRefused, Refused, Transient
from rotator.model.hosts import Allows, must_be_allowed
from rotator.model.retry_after import pause_asked

#: A whole probe.
_SECONDS = 8.0


def ask(
    allows: Allows, method: str, url: str, credential_id: str, no: Collection[int], **request: Any
) -> None:
    """One request. Raises CredentialRefused for a status of `no`, Refused for a URL of no use.

    Of no use: others could read what is sent there, or settings do not allow its host.
    """
    if trouble := unsafe(url):
        raise Refused(f"probe {url}: {trouble}")
    must_be_allowed(allows, host := host_of(url), host)
    status, retry_after = _answered(method, url, request)
    if status in no:
        raise CredentialRefused(f"{url} does not accept what {credential_id} makes (HTTP {status})")
    if not 200 <= status < 300:
        words = ", ".join(map(str, sorted(no)))
        raise Transient(f"{url} answers HTTP {status}: neither yes (2xx) nor no ({words})", retry_after)


def _answered(method: str, url: str, request: dict[str, Any]) -> tuple[int, timedelta | None]:
    """The status and Retry-After of the answer; its body is nobody's business. Raises Transient when there is none."""
    try:
        with (
            Bounded(httpx.URL(url).host, _SECONDS) as client,
            client.stream(method, url, **request) as answer,
        ):
            return answer.status_code, pause_asked(answer.headers)
    except httpx.TimeoutException:
        trouble = f"did not answer within {_SECONDS:.0f} s"
    except httpx.ConnectError as error:
        trouble = f"cannot be reached ({error})"
    except httpx.HTTPError as error:
        trouble = f"gave no whole answer ({type(error).__name__})"
    raise Transient(f"{url} {trouble}: whether verifiers accept it is not known")
