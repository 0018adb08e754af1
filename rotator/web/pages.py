"""/ and /api/v1/status: for this machine alone, only to look at, and never kept by a browser.

Whoever is let in to the figures is not let in to names, owners and errors: in a pod that is kubectl port-forward, or
a proxy beside rotator that asks people who they are. An address that leads to this machine under another name is
refused, too: a page somewhere else could have given its own name that address.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from rotator.web.body import Body
from rotator.web.looks import Looks
from rotator.web.status_page import PARTS, Asked

_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_PARTS: Final = {
    "/page.css": "text/css; charset=utf-8",
    "/page.js": "text/javascript; charset=utf-8",
    "/icon.svg": "image/svg+xml",
}
#: Not all of 127.0.0.0/8: what a service mesh lets in comes from another address of it (Istio's is 127.0.0.6).
_CALLERS: Final = frozenset({"127.0.0.1", "::1"})
_NAMES: Final = frozenset({*_CALLERS, "localhost"})
_ELSEWHERE: Final = (
    "The status page is shown to the machine it runs on, as localhost: kubectl port-forward leads there, and so does "
    "a proxy in the same pod. See docs/how-to/look-at-the-status-page.md.\n"
)

Page = Callable[[Request], Response]


def status_pages(looks: Looks) -> dict[str, Page]:
    """Everything that belongs to the status page, by its path."""

    def whole(request: Request) -> Response:
        """For people."""
        asked = Asked.by(request.query_params)
        if asked is None:
            return PlainTextResponse("there is no such page\n", 404)
        return _answer(request, looks.page(asked), "text/html; charset=utf-8")

    def document(request: Request) -> Response:
        """For machines: 503, with what is known, while that is older than it should be."""
        told, new = looks.document()
        return _answer(request, told, "application/json", 200 if new else 503)

    def part(request: Request) -> Response:
        """What the page is dressed with."""
        path = request.url.path
        return _answer(request, Body.of([(PARTS / path.removeprefix("/")).read_bytes()]), _PARTS[path])

    pages: dict[str, Page] = {"/": whole, "/api/v1/status": document, **dict.fromkeys(_PARTS, part)}
    return {path: _for_this_machine(page) for path, page in pages.items()}


def _for_this_machine(page: Page) -> Page:
    def guarded(request: Request) -> Response:
        answer = page(request) if _from_here(request) else PlainTextResponse(_ELSEWHERE, 403)
        answer.headers.update(_HEADERS)
        return answer

    return guarded


def _from_here(request: Request) -> bool:
    """Whether this machine asks, and asks for this machine; no header can say where a connection comes from."""
    try:
        caller = ip_address(request.client.host if request.client else "")
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        return False
    return str(getattr(caller, "ipv4_mapped", None) or caller) in _CALLERS and name in _NAMES


def _answer(request: Request, body: Body, kind: str, status: int = 200) -> Response:
    """The whole, packed for whoever takes it so, or that it is what the caller has already."""
    had = {one.strip() for one in request.headers.get("if-none-match", "").split(",")}
    headers = {"etag": body.etag, "vary": "accept-encoding"}
    if status == 200 and body.etag in had:
        return Response(status_code=304, headers=headers)
    headers["content-type"] = kind
    if _takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(body.packed, status, headers={**headers, "content-encoding": "gzip"})
    return StreamingResponse(body.pieces(), status, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    """Whether gzip is among what the caller accepts, and not with a weight of nothing."""
    for one in accepted.lower().split(","):
        name, _, weight = one.replace(" ", "").partition(";q=")
        if name == "gzip":
            return weight.strip("0.") != "" or not weight
    return False
