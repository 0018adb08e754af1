"""Customers verify events with the key that a person handed over, and services sign with every key of the set."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from secrets import token_hex
from typing import Any

import httpx
import pytest

from rotator.sandbox.customers import CUSTOMERS, Customers
from rotator.sandbox.events import Event, Outbox, signature
from rotator.sandbox.platform import Platform
from rotator.sandbox.platform_server import Front, PlatformServer
from rotator.sandbox.processes import listening_socket
from tests.sandbox.ports import closed_port


def event(*keys: str, sender: int = 1, body: str = "a deal was won") -> Event:
    return Event(sender, body, tuple(signature(key, body) for key in keys))


@pytest.fixture
def keys() -> tuple[str, str]:
    return token_hex(32), token_hex(32)


def test_in_between_only_an_event_with_both_signatures_is_accepted_by_all(keys: tuple[str, str]) -> None:
    customers, (old, new) = Customers(), keys
    for customer in range(CUSTOMERS):
        customers.hand_over("staging", customer, old)
    assert customers.receive("staging", event(old)) == HTTPStatus.OK
    assert customers.receive("staging", event(new)) == HTTPStatus.UNAUTHORIZED
    customers.hand_over("staging", 0, new)
    assert customers.receive("staging", event(old)) == HTTPStatus.SERVICE_UNAVAILABLE
    assert customers.receive("staging", event(new)) == HTTPStatus.SERVICE_UNAVAILABLE
    assert customers.receive("staging", event(old, new)) == HTTPStatus.OK
    for customer in range(CUSTOMERS):
        customers.hand_over("staging", customer, new)
    assert customers.receive("staging", event(old)) == HTTPStatus.UNAUTHORIZED


def test_a_signature_is_of_the_body(keys: tuple[str, str]) -> None:
    forged = event(keys[0])._replace(body="a deal was lost")
    assert not forged.signed_with(keys[0])


def test_without_a_key_nobody_says_anything(keys: tuple[str, str]) -> None:
    assert Customers().receive("staging", event(*keys)) == HTTPStatus.NOT_FOUND


def test_the_newest_event_of_each_sender_is_kept(keys: tuple[str, str]) -> None:
    customers = Customers()
    for sent in (event(keys[0]), event(keys[1]), event(keys[0], sender=2)):
        customers.receive("staging", sent)
    assert customers.newest("staging") == [event(keys[1]), event(keys[0], sender=2)]
    assert customers.newest("production") == []


# over HTTP


@pytest.fixture
def address() -> Iterator[str]:
    listening = listening_socket()
    server = PlatformServer(Front(Platform({}, pytest.fail), role="consumer"), listening)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def ask(address: str, path: str) -> Any:
    return httpx.get(f"{address}/{path}", trust_env=False, timeout=60).json()


def test_what_an_outbox_sends_is_counted_by_what_customers_say(address: str, keys: tuple[str, str]) -> None:
    old, new = keys
    outbox = Outbox(f"{address}/events/staging", [old])
    assert list(outbox.sent()) == [], "no customer has a key yet"
    order = {"environment": "staging", "customer": 0, "key": old}
    httpx.put(f"{address}/customers", json=order, trust_env=False, timeout=60)
    assert list(outbox.sent()) == ["events_checked"]
    httpx.put(f"{address}/customers", json={**order, "key": new}, trust_env=False, timeout=60)
    assert list(outbox.sent()) == ["events_checked", "events_refused"]
    (newest,) = ask(address, "events/staging")
    assert json.loads(newest["body"])["event"] == 3
    assert newest["signatures"] == [signature(old, newest["body"])]


def test_a_platform_that_is_away_has_refused_nothing(keys: tuple[str, str]) -> None:
    with closed_port() as nobody:
        assert list(Outbox(f"http://127.0.0.1:{nobody}/events/staging", keys).sent()) == []


def test_tokens_that_probes_showed_are_kept_for_the_search(address: str) -> None:
    token = token_hex(16)
    ask_as = {"Authorization": f"Bearer {token}"}
    httpx.get(f"{address}/accepts/staging", headers=ask_as, trust_env=False, timeout=60)
    assert ask(address, "shown") == [token]
