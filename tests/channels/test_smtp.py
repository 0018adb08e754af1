"""What a mail looks like, and what the server's answers mean."""

from __future__ import annotations

import email
import email.policy
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from email.headerregistry import Address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from rotator.channels import smtp as smtp_channel
from rotator.channels.mail import compose
from rotator.channels.smtp import Smtp
from rotator.clock import SystemClock
from rotator.contracts.guard import CALL_SECONDS, claimed
from rotator.model.alerts import Severity
from rotator.model.errors import LostClaim, Refused, RotatorError, Transient
from rotator.model.secrets import Sealed
from rotator.sandbox.certificates import self_signed
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sandbox.mail_server import Mail
from rotator.testing.channel_contract import an_alert, closed
from rotator.testing.values import fresh_value, raises_silently
from tests.channels.worlds import MailWorld

CRITICAL = an_alert(severity=Severity.CRITICAL)


# what a mail looks like


def test_the_subject_tells_what_happened_and_where(mail: MailWorld) -> None:
    mail.channel().deliver(an_alert(), mail.address, None)
    mail.channel().deliver(an_alert(title="DATABASE_URL (production): rollout failed"), mail.address, None)
    assert [arrived.subject for arrived in mail.server.mails] == [
        "[rotator] production: DATABASE_URL rotation failed (deploy)",
        "[rotator] DATABASE_URL (production): rollout failed",
    ]


def test_plain_text_comes_first_and_simple_html_second(mail: MailWorld) -> None:
    mail.channel().deliver(an_alert(), mail.address, None)
    parts = email.message_from_string(mail.server.mails[0].raw, policy=email.policy.default).iter_parts()
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert "deploy: <code>worker</code> not ready" in mail.server.mails[0].html


def test_the_text_answers_in_the_order_of_a_reader_at_three_in_the_morning(mail: MailWorld) -> None:
    mail.channel().deliver(an_alert(), mail.address, None)
    assert mail.server.mails[0].text.replace("\r\n", "\n") == (
        "production: DATABASE_URL rotation failed (deploy)\n"
        "\n"
        "Step:   deploy: `worker` not ready after 10 min\n"
        "Impact: none yet: the old one is valid\n"
        "\n"
        "What you do:\n"
        "    rotator history production/DATABASE_URL\n"
        "\n"
        "warning, for platform, since 2026-11-26 09:30 UTC\n"
        "alert al_b5f0702fd5 (rotation_failed/production/DATABASE_URL/ro_1), rotation ro_1\n"
        "How it stands: rotator status production/DATABASE_URL\n"
        "I am on it: rotator ack al_b5f0702fd5\n"
        "What to do: docs/how-to/alerts/rotation_failed.md\n"
    )


def test_a_whole_alert_is_one_thread(mail: MailWorld) -> None:
    receipt = None
    for alert in (an_alert(), CRITICAL, CRITICAL, closed(CRITICAL)):
        receipt = mail.channel().deliver(alert, mail.address, receipt)
    first, worse, still, end = mail.server.mails
    assert len({arrived.message_id for arrived in mail.server.mails}) == 4
    assert not first.in_reply_to
    assert {later.in_reply_to for later in (worse, still, end)} == {first.message_id}
    (thread,) = references(first)
    assert all(references(later) == [thread, first.message_id] for later in (worse, still, end))
    assert thread not in {arrived.message_id for arrived in mail.server.mails}
    assert worse.text.startswith("Now critical: production: DATABASE_URL")
    assert still.text.startswith("Still so: production: DATABASE_URL")
    assert end.subject == "[rotator] Resolved: production: DATABASE_URL rotation failed (deploy)"


def references(arrived: Mail) -> list[str]:
    return str(email.message_from_string(arrived.raw)["References"]).split()


def test_a_mail_that_is_sent_twice_is_the_same_mail(mail: MailWorld) -> None:
    mail.lose_next_answer()
    with pytest.raises(Transient):
        mail.channel().deliver(an_alert(), mail.address, None)
    receipt = mail.channel().deliver(an_alert(), mail.address, None)
    once, again = mail.server.mails
    assert once.message_id == again.message_id == receipt.data["message_id"]
    assert re.fullmatch(r"<rotator\.[0-9a-f]{32}@taly\.example>", once.message_id)


def test_another_life_is_another_mail(mail: MailWorld) -> None:
    reopened = an_alert(opened_at=an_alert().opened_at + timedelta(days=1))
    ids = {
        mail.channel().deliver(alert, mail.address, None).data["message_id"]
        for alert in (an_alert(), reopened)
    }
    assert len(ids) == 2


def test_machines_do_not_answer_it_and_readers_can_sort_it(mail: MailWorld) -> None:
    receipt = mail.channel().deliver(CRITICAL, mail.address, None)
    mail.channel().deliver(closed(CRITICAL), mail.address, receipt)
    first, end = (email.message_from_string(arrived.raw) for arrived in mail.server.mails)
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["List-Id"] == "<rotator-alerts.taly.example>"
    assert first["X-Rotator-Alert"] == CRITICAL.identity
    assert (first["Importance"], end["Importance"]) == ("high", None)


def test_ids_longer_than_a_line_stay_whole(mail: MailWorld) -> None:
    domain = ".".join(["department-of-very-long-names"] * 5) + ".example"
    channel = _channel(mail, sender=f"rotator@{domain}")
    receipt = channel.deliver(an_alert(), mail.address, None)
    channel.deliver(closed(an_alert()), mail.address, receipt)
    first, end = (email.message_from_string(arrived.raw) for arrived in mail.server.mails)
    assert end["In-Reply-To"] == first["Message-ID"].strip()
    assert end["References"].split() == [first["References"], first["Message-ID"].strip()]
    assert end["List-Id"] == f"<rotator-alerts.{domain}>"


@pytest.mark.parametrize("length", range(20, 130, 3))
def test_a_subject_is_one_line(length: int) -> None:
    title = ("word " * 30)[:length].strip()
    anybody = Address(addr_spec="platform@taly.example")
    sent = compose(an_alert(title=title), anybody, anybody, None, an_alert().opened_at)
    assert f"\r\nSubject: [rotator] production: {title}\r\n".encode() in sent.as_bytes()


def test_lines_are_no_longer_than_smtp_allows(mail: MailWorld) -> None:
    facts = {f"Fact {number}": "é" * 900 for number in range(20)}
    mail.channel().deliver(an_alert(title="word " * 100, facts=facts, identity="é" * 255), mail.address, None)
    assert max(len(line) for line in mail.server.mails[0].raw.splitlines()) < 998


# who is written to


@pytest.mark.parametrize(
    "address",
    [
        "",
        "platform",
        "@taly.example",
        "platform@",
        "a@b@c",
        "platform@taly.example\r\nBcc: somebody@else.example",
        "platform@taly.example\nRCPT TO:<somebody@else.example>",
        "platform@taly.example, somebody@else.example",
        "platform <platform@taly.example>",
        "plat form@taly.example",
        "platform@taly..example",
        "platform@taly.example\x00",
        "plat\x01form@taly.example",
        "plat\u202eform@taly.example",
    ],
)
def test_what_is_not_one_mailbox_is_refused(mail: MailWorld, address: str) -> None:
    with pytest.raises(Refused, match="is not an e-mail address") as caught:
        mail.channel().deliver(an_alert(), address, None)
    assert "\n" not in str(caught.value)
    assert mail.server.mails == []


def test_a_sender_that_is_no_mailbox_is_refused_at_once(mail: MailWorld) -> None:
    with pytest.raises(Refused, match="rotator is not an e-mail address"):
        _channel(mail, sender="rotator")


def test_a_domain_with_letters_of_the_world_is_written_to(mail: MailWorld) -> None:
    mail.channel().deliver(an_alert(), "platform@zażółć.example", None)
    assert [arrived.to for arrived in mail.server.mails] == ["platform@xn--za-6ja4f8n1l.example"]


# what the server's answers mean


@pytest.mark.parametrize(
    "answer, kind, sentence",
    [
        ("554 5.7.1 spam", Refused, r"refuses the message \(554 5.7.1\)"),
        ("552 too large", Refused, r"refuses the message \(552\)"),
        ("452 4.3.1 full", Transient, r"says later \(452 4.3.1\). The alert is kept and tried again"),
    ],
)
def test_the_server_about_the_message(
    mail: MailWorld, answer: str, kind: type[RotatorError], sentence: str
) -> None:
    mail.server.weather.set_errors({"mail.data": answer})
    with pytest.raises(kind, match=sentence):
        mail.channel().deliver(an_alert(), mail.address, None)


def test_an_unknown_recipient_is_refused_and_a_greylisted_one_is_not(mail: MailWorld) -> None:
    with pytest.raises(Refused, match=r"refuses nobody@taly.example \(550 5.1.1\): correct policies.yaml"):
        mail.channel().deliver(an_alert(), mail.nowhere, None)
    mail.say_later(timedelta())
    with pytest.raises(Transient, match=r"refuses platform@taly.example \(451 4.7.1\)"):
        mail.channel().deliver(an_alert(), mail.address, None)


def test_a_wrong_password_says_which_settings_to_correct(mail: MailWorld) -> None:
    password = fresh_value()
    with raises_silently(Transient, password) as caught:
        _channel(mail, password=password).deliver(an_alert(), mail.address, None)
    assert "ROTATOR_SMTP_USER and ROTATOR_SMTP_PASSWORD (535 5.7.8)" in str(caught.value)


def test_a_server_that_wants_a_login_and_gets_none_is_transient(mail: MailWorld) -> None:
    with pytest.raises(Transient, match=r"wants a login.+ROTATOR_SMTP_USER.+\(530"):
        _channel(mail, username=None, password=None).deliver(an_alert(), mail.address, None)


def test_a_password_that_smtp_cannot_say_is_never_shown(mail: MailWorld) -> None:
    password = Sealed(fresh_value().reveal() + "é")
    with raises_silently(Transient, password, Sealed(password.reveal()[:-1])):
        _channel(mail, password=password).deliver(an_alert(), mail.address, None)


def test_a_certificate_that_is_not_trusted_ends_it_before_anything_is_said(
    mail: MailWorld, tmp_path: Path
) -> None:
    (tmp_path / "other.pem").write_bytes(self_signed().certificate)
    with pytest.raises(Transient, match=r"a certificate that is not trusted \(.+\); nothing was sent"):
        mail.channel(ca_file=tmp_path / "other.pem").deliver(an_alert(), mail.address, None)
    assert mail.server.weather.counts["calls"] == {}


def test_a_certificate_of_another_host_is_not_trusted(mail: MailWorld) -> None:
    with pytest.raises(Transient, match="not trusted"):
        _channel(mail, host="127.1").deliver(an_alert(), mail.address, None)


def test_missing_authorities_are_transient(mail: MailWorld, tmp_path: Path) -> None:
    with pytest.raises(Transient, match="ROTATOR_SMTP_CA_FILE"):
        mail.channel(ca_file=tmp_path / "none.pem").deliver(an_alert(), mail.address, None)


class _Eavesdropper:
    """A server without STARTTLS, that keeps every address it hears of."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def handle_MAIL(  # noqa: N802  # aiosmtpd calls it by name
        self, _server: Any, _session: Any, _envelope: Any, address: str, _options: Any
    ) -> str:
        self.heard.append(address)
        return "250 fine"

    async def auth_PLAIN(self, _server: Any, _arguments: Any) -> None:  # noqa: N802  # aiosmtpd calls it by name
        self.heard.append("AUTH")


@pytest.fixture
def eavesdropper() -> Iterator[tuple[_Eavesdropper, int]]:
    handler = _Eavesdropper()
    controller = Controller(
        handler, hostname="127.0.0.1", port=0, auth_require_tls=False, server_hostname="localhost"
    )
    controller._trigger_server = controller._factory_invoker  # type: ignore[method-assign]  # its own wants a port
    controller.start()
    assert controller.server is not None
    yield handler, controller.server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # typed as any server
    controller.stop()


def test_without_starttls_nothing_is_said(mail: MailWorld, eavesdropper: tuple[_Eavesdropper, int]) -> None:
    handler, port = eavesdropper
    with pytest.raises(Transient, match=r"STARTTLS [^.]+\. The alert is kept"):
        _channel(mail, port=port).deliver(an_alert(), mail.address, None)
    assert handler.heard == []


@pytest.mark.parametrize("outage", list(Outage))
def test_a_server_that_is_away_is_transient(mail: MailWorld, outage: Outage) -> None:
    mail.server.weather.set_outages({"mail": outage})
    with pytest.raises(Transient, match="The alert is kept and tried again"):
        mail.channel().deliver(an_alert(), mail.address, None)


def test_a_server_that_is_not_there_is_transient(mail: MailWorld) -> None:
    channel = mail.channel()
    mail.server.stop()
    with pytest.raises(Transient, match=r"127.0.0.1:\d+ does not answer \(ConnectionRefusedError\)"):
        channel.deliver(an_alert(), mail.address, None)


def test_a_bad_farewell_changes_nothing(mail: MailWorld) -> None:
    mail.server.weather.set_errors({"mail.quit": "hangs up"})
    mail.channel().deliver(an_alert(), mail.address, None)
    assert len(mail.server.mails) == 1


def test_a_farewell_is_not_waited_for(mail: MailWorld) -> None:
    """What has been taken is not written down yet: a process that is killed while it waits would tell it again."""
    mail.server.weather.set_faults([Rule(Fault.SLOW, "mail.quit", seconds=60)])
    began = time.monotonic()
    mail.channel().deliver(an_alert(), mail.address, None)
    assert time.monotonic() - began < 30
    assert len(mail.server.mails) == 1


@pytest.mark.slow
def test_what_becomes_of_a_whole_mail_is_waited_for_longer(
    mail: MailWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that has it and is left before it answers would get it again, and again."""
    monkeypatch.setattr(smtp_channel, "CALL_SECONDS", 6.0)  # of which the rest takes a small part
    monkeypatch.setattr(smtp_channel, "_VERDICT_SECONDS", (60.0,))
    mail.server.weather.set_faults([Rule(Fault.SLOW, "mail.data", seconds=7)])
    mail.channel().deliver(an_alert(), mail.address, None)
    assert len(mail.server.mails) == 1


@pytest.mark.slow
def test_no_answer_is_waited_for_longer_than_the_claim_lasts(
    mail: MailWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_channel, "CALL_SECONDS", 1.0)
    mail.server.weather.set_faults([Rule(Fault.SLOW, "mail.data", seconds=10)])

    def lasts_two_seconds(seconds: float) -> None:
        if seconds > 2:
            raise LostClaim("the claim does not outlive the call")

    with claimed(lasts_two_seconds), pytest.raises(Transient, match="does not answer"):
        mail.channel().deliver(an_alert(), mail.address, None)


@pytest.mark.slow
def test_one_slow_answer_is_waited_for(mail: MailWorld) -> None:
    mail.server.weather.set_faults([Rule(Fault.SLOW, "mail.rcpt", seconds=CALL_SECONDS * 0.55)])
    mail.channel().deliver(an_alert(), mail.address, None)
    assert len(mail.server.mails) == 1


@pytest.mark.slow
def test_all_waits_together_are_bounded(mail: MailWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_channel, "CALL_SECONDS", 1.0)
    monkeypatch.setattr(smtp_channel, "_VERDICT_SECONDS", ())
    mail.server.weather.set_faults(
        [Rule(Fault.SLOW, "mail.rcpt", seconds=0.7), Rule(Fault.SLOW, "mail.data", seconds=0.7)]
    )
    began = time.monotonic()
    with pytest.raises(Transient):
        mail.channel().deliver(an_alert(), mail.address, None)
    assert time.monotonic() - began < 30


def _channel(mail: MailWorld, **changes: Any) -> Smtp:
    options = {
        "host": "127.0.0.1",
        "port": mail.server.port,
        "username": mail.server.username,
        "password": Sealed(mail.server.password),
        "sender": "rotator@taly.example",
        "clock": SystemClock(),
        "ca_file": mail.ca_file,
    }
    return Smtp(**{**options, **changes})
