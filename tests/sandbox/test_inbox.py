"""What vendors send is taken when an accepted secret has signed it; what comes twice is recognised by its id."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from secrets import token_hex

import psycopg
import pytest

from rotator.clock import SystemClock
from rotator.sandbox import inbox as inboxes
from rotator.sandbox.consumer import Verifier
from rotator.sandbox.diet import Diet
from rotator.sandbox.inbox import Inbox
from rotator.sandbox.platform import Platform
from rotator.sandbox.platform_server import Front, PlatformServer
from rotator.sandbox.processes import listening_socket
from rotator.sandbox.sources.stripe import Stripe
from rotator.sandbox.sources.twilio import Twilio
from tests.redeployers.sandbox_world import FakeInstance
from tests.sandbox.ports import closed_port

EVENT = {"id": "evt_1", "type": "invoice.paid"}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The ids that were written down, without a database."""
    ids = set[str]()

    def recorded(_dsn: str, event: str) -> bool:
        new = event not in ids
        ids.add(event)
        return new

    monkeypatch.setattr(inboxes, "recorded", recorded)
    return ids


@contextmanager
def company(counts: Counter[str], **accepted: list[str]) -> Iterator[str]:
    """Where vendors find a workload: the platform's address, before one instance that answers and one that does not."""
    listening = listening_socket()
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/webhooks/staging/api"
    secrets, tokens = accepted.get("stripe", []), accepted.get("twilio", [])
    inbox = Inbox(secrets, tokens, "", f"{address}/twilio", lambda what: counts.update([what]))
    verifier = Verifier(Diet(), {}, inbox)
    with closed_port() as nobody:
        ports = [verifier.port, nobody]

        def started(_workload: str) -> FakeInstance:
            instance = FakeInstance(1, {})
            instance.port = ports.pop()
            return instance

        platform = Platform({"staging/api": 2}, started)
        platform.start()
        server = PlatformServer(Front(platform, role="consumer"), listening)
        serving: list[ThreadingHTTPServer] = [verifier, server]
        threads = [
            threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02}) for one in serving
        ]
        for thread in threads:
            thread.start()
        yield address
        for one, thread in zip(serving, threads, strict=True):
            one.shutdown()
            thread.join()
            one.server_close()


def test_an_event_that_comes_twice_is_taken_once_and_one_that_nobody_accepts_is_refused(
    written: set[str],
) -> None:
    stripe, counts, accepted = Stripe(SystemClock()), Counter[str](), list[str]()
    with company(counts, stripe=accepted) as address:
        accepted.append(stripe.somebody_makes(f"{address}/stripe").secret)
        successor = stripe.somebody_makes(f"{address}/stripe")
        assert [one.answers for one in stripe.emit(EVENT)] == [[200], [400]]
        accepted.append(successor.secret)
        assert stripe.deliver() == 0
        assert [one.answers for one in stripe.emit({**EVENT, "id": "evt_2"})] == [[200], [200]]
    assert counts == {"stripe_taken": 2, "stripe_duplicates": 2, "stripe_refused": 1}
    assert written == {"evt_1", "evt_2"}


def test_an_event_that_cannot_be_written_down_comes_again(
    written: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> bool:
        raise psycopg.OperationalError("connection refused")

    stripe, counts, accepted = Stripe(SystemClock()), Counter[str](), list[str]()
    with company(counts, stripe=accepted) as address:
        accepted.append(stripe.somebody_makes(f"{address}/stripe").secret)
        with monkeypatch.context() as patch:
            patch.setattr(inboxes, "recorded", away)
            assert stripe.emit(EVENT)[0].answers == [500]
        assert stripe.deliver() == 0
    assert counts == {"login_troubles": 1, "stripe_taken": 1}


def test_what_twilio_sends_is_accepted_when_one_of_the_tokens_has_signed_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    twilio, counts, accepted = Twilio(SystemClock()), Counter[str](), [token_hex(16)]
    account = twilio.somebody_opens()
    token = twilio.tokens[account].secret
    with company(counts, twilio=accepted) as address:
        assert twilio.notify(account, f"{address}/twilio", MessageStatus="delivered") == 403
        accepted.append(token)
        assert twilio.notify(account, f"{address}/twilio", MessageStatus="delivered") == 204
        assert twilio.notify(account, f"{address}/nobody", MessageStatus="delivered") == 404
    assert counts == {"callbacks_checked": 2, "callbacks_refused": 1}
    told = capsys.readouterr().err
    assert "signed with no token" in told
    assert token not in told


def test_where_no_instance_answers_a_vendor_is_told_to_come_again() -> None:
    front = Front(Platform({}, pytest.fail), role="consumer")
    assert front.passed_on("/webhooks/staging/api/stripe", {}, b"") == HTTPStatus.BAD_GATEWAY
