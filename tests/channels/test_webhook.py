"""Signed as the specification says, sent where it may be sent, and answered as HTTP is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from rotator.channels.events import dedup_key, event
from rotator.channels.webhook import Webhook, keys, signature
from rotator.clock import SystemClock
from rotator.contracts.channel import EditingChannel
from rotator.model.alerts import AlertKind, Receipt, Severity
from rotator.model.errors import Refused, RotatorError, Transient
from rotator.model.secrets import Sealed
from rotator.sandbox.platforms.front import Answer, Asked, Front
from rotator.testing.channel_contract import an_alert, closed
from rotator.testing.values import raises_silently
from rotator.testing.virtual_clock import VirtualClock
from tests.channels.worlds import EventsWorld, answered, signing_secret

CRITICAL = an_alert(severity=Severity.CRITICAL)
REFERENCE = "ssm:/taly/production/rotator/HOOK"


def test_the_signature_is_the_specifications() -> None:
    """The vector of Standard Webhooks' own libraries."""
    (key,) = keys(Sealed("wh" + "sec_" + "MfKQ9r8GKYqrTwjUPD8I" + "LPZIo2LaLaSw"))
    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_event_says_what_the_reference_says(events: EventsWorld) -> None:
    receipt = events.channel().deliver(an_alert(), events.address, None)
    receipt = events.channel().deliver(CRITICAL, events.address, receipt)
    events.channel().deliver(closed(CRITICAL), events.address, receipt)
    [ticket] = events.receiver.tickets
    first, worse, end = ticket.events
    assert [one["action"] for one in ticket.events] == ["trigger", "trigger", "resolve"]
    assert [one["news"] for one in ticket.events] == ["", "Now critical", "Resolved"]
    assert {one["dedup_key"] for one in ticket.events} == {an_alert().identity}
    assert len({one["id"] for one in ticket.events}) == 3
    assert (first["severity"], worse["severity"]) == ("warning", "critical")
    assert first["facts"] == an_alert().facts
    assert (first["to_do"], end["to_do"]) == (an_alert().action, "")
    assert end["closing"] == closed(CRITICAL).closing
    assert (first["closed_at"], end["closed_at"]) == (None, "2026-11-26T11:30:00+00:00")


def test_an_event_links_the_page_about_its_kind_and_the_secret_s_runbook() -> None:
    alert = an_alert(facts={"Next": "nothing", "Runbook": "https://runbooks.example/key"})
    assert event(alert, None, "https://docs.example")["links"] == {
        "page": "https://docs.example/how-to/alerts/rotation_failed.md",
        "runbook": "https://runbooks.example/key",
    }
    assert event(an_alert(facts={"Runbook": "see the wiki"}), None, None)["links"] == {}


def test_an_event_that_comes_twice_is_known_by_its_id_and_one_that_says_more_is_another(
    events: EventsWorld,
) -> None:
    for _ in range(2):
        events.lose_next_answer()
        with pytest.raises(Transient):
            events.channel().deliver(an_alert(), events.address, None)
    assert events.receiver.repeated == 1
    events.channel().deliver(CRITICAL, events.address, None)
    [ticket] = events.receiver.tickets
    assert [one["severity"] for one in ticket.events] == ["warning", "critical"]


def test_a_reminder_that_says_the_same_is_another_event(events: EventsWorld) -> None:
    receipt = None
    for _ in range(3):
        receipt = events.channel().deliver(an_alert(), events.address, receipt)
    [ticket] = events.receiver.tickets
    assert [one["news"] for one in ticket.events] == ["", "Still so", "Still so"]


def test_the_whole_conversation_has_the_key_it_began_with(events: EventsWorld) -> None:
    receipt = events.channel().deliver(an_alert(), events.address, None)
    other = an_alert(identity="rotation_failed/production/another", members=(an_alert(),))
    events.channel().deliver(other, events.address, receipt)
    [ticket] = events.receiver.tickets
    assert ticket.key == an_alert().identity
    assert [row["dedup_key"] for row in ticket.events[-1]["rows"]] == [an_alert().identity]


def test_an_answer_is_an_event_and_so_is_its_end(events: EventsWorld) -> None:
    assert isinstance(events.channel(), EditingChannel)
    receipt = events.channel().deliver(an_alert(), events.address, None)
    receipt = events.channel().edit(answered(), events.address, receipt)
    events.channel().edit(an_alert(), events.address, receipt)
    [ticket] = events.receiver.tickets
    assert [one["action"] for one in ticket.events] == ["trigger", "acknowledge", "trigger"]
    assert [one["answer"] and one["answer"]["by"] for one in ticket.events] == [None, "ana", None]


def test_keys_have_255_characters_at_most_and_stay_apart() -> None:
    long = [an_alert(identity="é" * 300 + end) for end in "ab"]
    assert len({dedup_key(one) for one in long}) == 2
    assert {len(dedup_key(one)) for one in long} == {255}
    assert dedup_key(an_alert(identity="x" * 255)) == "x" * 255


def test_a_digest_opens_and_closes_nothing(events: EventsWorld) -> None:
    members = (CRITICAL, an_alert(identity="due_soon/production/KEY", title="KEY is due soon"))
    digest = an_alert(kind=AlertKind.DIGEST, identity="digest/platform", facts={}, members=members)
    events.channel().deliver(digest, events.address, None)
    assert events.receiver.tickets == []
    [told] = events.receiver.digests
    assert [row["title"] for row in told["rows"]] == [
        "production: DATABASE_URL rotation failed (deploy)",
        "production: KEY is due soon",
    ]


@pytest.mark.parametrize("off", [timedelta(minutes=-6), timedelta(minutes=6)])
def test_what_was_signed_at_another_time_is_not_taken(events: EventsWorld, off: timedelta) -> None:
    clock = VirtualClock(SystemClock().now() + off)
    with pytest.raises(Transient, match="ROTATOR_WEBHOOK_SECRET, and see both clocks"):
        events.channel(clock=clock).deliver(an_alert(), events.address, None)


def test_while_the_secret_changes_each_signs(events: EventsWorld) -> None:
    both = Sealed(f"{signing_secret().reveal()} {events.secret.reveal()}")
    events.channel(both).deliver(an_alert(), events.address, None)
    assert len(events.receiver.tickets) == 1


@pytest.mark.parametrize("text", ["", "nosuchthing", "whsec_é", "whsec_AAAA nosuchthing"])
def test_what_is_no_signing_secret_is_refused_and_not_repeated(events: EventsWorld, text: str) -> None:
    with pytest.raises(Refused, match="ROTATOR_WEBHOOK_SECRET") as caught:
        events.channel(Sealed(text)).deliver(an_alert(), events.address, None)
    assert not text or text not in str(caught.value)


# where it goes


def test_an_address_may_be_kept_where_secrets_are_and_is_never_shown(events: EventsWorld) -> None:
    hidden = Sealed(events.address)
    channel = events.channel(resolve=lambda reference: hidden if reference == REFERENCE else None)
    channel.deliver(an_alert(), REFERENCE, None)
    assert len(events.receiver.tickets) == 1
    events.go_away()
    with raises_silently(Transient, hidden) as caught:
        channel.deliver(an_alert(), REFERENCE, None)
    events.come_back()
    assert REFERENCE in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://pages.example/x",
        "https://user:word@pages.example/x",
        "https://elsewhere.example/x",
        "http://169.254.169.254/latest/meta-data",
        "https://[::ffff:169.254.169.254]/",
        "https://pages.example\\@elsewhere.example/",
        "https:///x",
    ],
)
def test_nothing_goes_where_it_is_not_safe_or_not_allowed(events: EventsWorld, address: str) -> None:
    allowed = events.channel(allows=lambda host: host == "pages.example")
    with pytest.raises(Refused):
        allowed.deliver(an_alert(), address, None)


class Odd:
    """Answers what a test wants."""

    def __init__(self) -> None:
        self.says, self.asked = Answer(204), list[Asked]()

    def operation(self, asked: Asked) -> str:
        return asked.path

    def changes(self, asked: Asked) -> bool:
        return False

    def turned_away(self) -> Answer:
        return Answer(429)

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return self.says


@pytest.fixture
def odd() -> Iterator[tuple[Odd, Webhook, str]]:
    far = Odd()
    with Front(far) as front:
        world: Any = EventsWorld(front, far, signing_secret())  # type: ignore[arg-type]  # answers as told
        yield far, world.channel(), f"{front.address}/x"


@pytest.mark.parametrize(
    "answer, kind, sentence",
    [
        (Answer(302, None, {"Location": "http://127.0.0.1:9/"}), Refused, "follows no redirects"),
        (Answer(404), Refused, "correct policies.yaml"),
        (Answer(410), Refused, "correct policies.yaml"),
        (Answer(403), Transient, "ROTATOR_WEBHOOK_SECRET"),
        (Answer(429), Transient, r"says later \(429\)"),
        (Answer(421), Transient, r"says later \(421\)"),
        (Answer(500), Transient, r"says later \(500\)"),
        (Answer(200, "x" * 70_000), Transient, r"did not answer \(TooLong\)"),
    ],
)
def test_what_answers_mean(
    odd: tuple[Odd, Webhook, str], answer: Answer, kind: type[RotatorError], sentence: str
) -> None:
    far, channel, address = odd
    far.says = answer
    with pytest.raises(kind, match=sentence):
        channel.deliver(an_alert(), address, None)
    assert len(far.asked) == 1


@pytest.mark.parametrize("after, kept", [("7", 7), ("", None), ("-1", None), ("soon", None)])
def test_who_says_when_is_asked_then_and_by_all(
    odd: tuple[Odd, Webhook, str], after: str, kept: int | None
) -> None:
    far, channel, address = odd
    far.says = Answer(503, None, {"Retry-After": after})
    with pytest.raises(Transient) as caught:
        channel.deliver(an_alert(), address, None)
    seconds = None if kept is None else timedelta(seconds=kept)
    assert caught.value.retry_after == seconds
    backed_off = channel._pacer.backed_off  # type: ignore[attr-defined]  # the test's own
    assert backed_off == ([] if seconds is None else [(f"webhook:{address}", seconds)])


def test_an_earlier_receipt_is_read_as_the_journal_keeps_it(events: EventsWorld) -> None:
    receipt = events.channel().deliver(an_alert(), events.address, None)
    assert json.loads(Receipt.model_validate_json(receipt.model_dump_json()).model_dump_json())["data"] == {
        "key": an_alert().identity,
        "told": "warning",
        "said": "1",
    }
