"""What a server may do to whoever asks it, and what is never done for it."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rotator import bounded
from rotator.addresses import unsafe
from rotator.bounded import LARGEST_BYTES
from rotator.model.errors import GaveUp, Refused, Transient
from rotator.model.secrets import Sealed
from rotator.providers.oauth_client import OauthClient
from rotator.providers.oauth_http import CHANGING, Line, Request
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value, raises_silently
from tests.providers.recipes import recipe_for

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

#: Status, headers, pieces of the body.
Says = Callable[[str], tuple[int, dict[str, str], list[bytes]]]
DESCRIBED = {
    "name": "mine",
    "overlap": "many",
    "propagation": 10,
    "verify": {"path": "/token", "form": {"grant_type": "client_credentials"}},
    "observe": {
        "method": "GET",
        "path": "/secrets",
        "items": "secrets",
        "id": ["of", "id"],
        "next": "@odata.nextLink",
    },
    "create": {
        "method": "POST",
        "path": "/secrets",
        "body": {"name": "${label}"},
        "id": "id",
        "secret": "value",
    },
    "remove": {"method": "DELETE", "path": "/secrets/${id}"},
}


@contextmanager
def server(says: Says) -> Iterator[tuple[str, list[str]]]:
    """Its address, and the paths that were asked for."""
    arrived = list[str]()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            arrived.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, headers, pieces = says(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(sum(map(len, pieces))), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in pieces:
                self.wfile.write(piece)
            self.close_connection = True

        do_POST = do_DELETE = do_GET  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}", arrived
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def saying(document: object, status: int = 200, **headers: str) -> Says:
    return lambda _path: (status, headers, [json.dumps(document).encode()])


def inline(address: str, token: Sealed | None = None) -> OauthClient:
    """A recipe that stands in the policy."""
    access = {"token": "ssm:/taly/staging/rotator/TOKEN"}
    settings = {"recipe": DESCRIBED, "client_id": "mine", "access": access, "address": address}
    around = surroundings(
        own_recipes=True, references={"ssm:/taly/staging/rotator/TOKEN": token or fresh_value()}
    )
    return OauthClient(recipe_for("OAUTH_SECRET", "oauth-client", settings=settings), around)


def line() -> Line:
    return Line("the server", surroundings())


def test_a_recipe_in_the_policy_is_asked_as_it_says() -> None:
    def says(path: str) -> tuple[int, dict[str, str], list[bytes]]:
        following = {"/secrets": "/secrets?page=2", "/secrets?page=2": "/secrets?page=3"}.get(path)
        items = [{"of": {"id": path[-1]}}] if "page" in path else []
        page = {"secrets": items, "@odata.nextLink": following and f"{address}{following}"}
        return 200, {}, [json.dumps(page).encode()]

    with server(says) as (address, arrived):
        seen = inline(address).observe()
        assert [sighting.id for sighting in seen.credentials] == ["2", "3"]
        assert len(arrived) == 3


@pytest.mark.parametrize(
    "following", ["{address}/secrets", "https://elsewhere.example/secrets", "http://127.0.0.1:9/x"]
)
def test_pages_that_lead_in_a_circle_or_elsewhere_are_not_followed(following: str) -> None:
    def says(_path: str) -> tuple[int, dict[str, str], list[bytes]]:
        page = {"secrets": [], "@odata.nextLink": following.format(address=address)}
        return 200, {}, [json.dumps(page).encode()]

    with server(says) as (address, arrived):
        with pytest.raises(Transient, match="page"):
            inline(address).observe()
        assert len(arrived) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with server(saying({}, status, Location="/elsewhere")) as (address, arrived):
        token = fresh_value()
        with raises_silently(Transient, token) as caught:
            inline(address, token).observe()
        assert "elsewhere" in str(caught.value)
        assert arrived == ["/secrets"]


def test_an_answer_is_read_up_to_a_bound() -> None:
    pieces = [b"x" * (256 * 1024)] * 8
    with (
        server(lambda _path: (200, {}, pieces)) as (address, _arrived),
        pytest.raises(Transient, match="TooLong"),
    ):
        line().send(Request("GET", f"{address}/", {}), "say much")
    assert sum(map(len, pieces)) > LARGEST_BYTES


def test_an_answer_that_is_nested_without_end_is_none_of_the_servers() -> None:
    with (
        server(lambda _path: (200, {}, [b"[" * 100_000])) as (address, _arrived),
        pytest.raises(Transient, match="answered with something else"),
    ):
        inline(address).observe()


def test_a_token_that_ends_never_is_asked_for_again_all_the_same() -> None:
    def says(path: str) -> tuple[int, dict[str, str], list[bytes]]:
        token = b'{"access_token": "t", "expires_in": 1' + b"0" * 400 + b"}"
        return 200, {}, [token if path == "/token" else b'{"secrets": []}']

    with server(says) as (address, _arrived):
        access = {"client_id": "rotator", "client_secret": "ssm:/taly/staging/rotator/SECRET"}
        recipe = {**DESCRIBED, "access": {"path": "/token", "form": {"grant_type": "client_credentials"}}}
        settings = {"recipe": recipe, "client_id": "mine", "access": access, "address": address}
        known = {access["client_secret"]: fresh_value()}
        around = surroundings(own_recipes=True, references=known)
        recipe_of = recipe_for("OAUTH_SECRET", "oauth-client", settings=settings)
        assert OauthClient(recipe_of, around).observe().credentials == ()


def test_an_answer_that_comes_in_drops_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    times = itertools.count(0, 5)  # each look at the clock takes five seconds
    monkeypatch.setattr(bounded, "_now", lambda: float(next(times)))
    with server(saying({"a": "b"})) as (address, _arrived):
        with pytest.raises(GaveUp, match="next attempt"):
            line().send(Request("POST", f"{address}/", {}), "change it", CHANGING)
        with pytest.raises(Transient, match="nothing was changed"):
            line().send(Request("GET", f"{address}/", {}), "show it")


def test_a_mint_without_an_answer_that_names_it_may_have_minted() -> None:
    value = fresh_value()
    for document in ({"value": value.reveal()}, {"id": "1"}, ["no"], {"id": 7, "value": value.reveal()}):
        with server(saying(document)) as (address, _arrived), raises_silently(Transient, value) as caught:
            inline(address).create("ro-1", None)
        assert "may have made one" in str(caught.value)


@pytest.mark.parametrize(
    "status, kind",
    [(400, Refused), (404, Refused), (401, Transient), (403, Transient), (409, Transient), (503, Transient)],
)
def test_a_missing_right_is_trouble_and_a_no_is_a_verdict(status: int, kind: type[Exception]) -> None:
    token = fresh_value()
    with server(saying({"error": token.reveal()}, status)) as (address, _arrived):
        with raises_silently(kind if issubclass(kind, Refused) else Transient, token) as caught:
            inline(address, token).create("ro-1", None)
        assert type(caught.value) is kind


@pytest.mark.parametrize(
    "address",
    [
        "http://taly.example",
        "ftp://taly.example",
        "https://a:b@taly.example",
        "http://127.0.0.1.taly.example",
    ],
)
def test_a_secret_goes_nowhere_in_the_clear(address: str) -> None:
    assert unsafe(address)
    with pytest.raises(Refused, match="address"):
        line().send(Request("GET", address, {}), "show it")


def test_this_machine_and_https_are_safe() -> None:
    for address in ("https://taly.example", "http://127.0.0.1:8000/x", "http://localhost", "http://[::1]:80"):
        assert not unsafe(address)


def test_proxies_of_the_environment_are_not_asked_about_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with server(saying({"secrets": []})) as (address, _arrived):
        assert inline(address).observe().credentials == ()


def test_a_token_with_a_line_break_in_it_is_no_header() -> None:
    token = Sealed("two\nlines")
    with raises_silently(Refused, token):
        inline("http://127.0.0.1:9", token).observe()
