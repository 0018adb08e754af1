"""Mail by SES is a thread although SES renames it, and its errors say what a person repairs."""

from __future__ import annotations

import email

import pytest

from rotator.model.alerts import AlertKind, Severity
from rotator.model.errors import Refused, RotatorError, Transient
from rotator.testing.channel_contract import an_alert, closed
from tests.channels.worlds import SesWorld

pytestmark = pytest.mark.slow


def test_a_whole_alert_is_one_thread_although_ses_renames_every_mail(ses: SesWorld) -> None:
    receipt = ses.channel().deliver(an_alert(), ses.address, None)
    receipt = ses.channel().deliver(an_alert(severity=Severity.CRITICAL), ses.address, receipt)
    ses.channel().deliver(closed(an_alert()), ses.address, receipt)
    first, worse, end = (email.message_from_string(one.raw) for one in ses.api.mails)
    assert first["Message-ID"].endswith("@eu-central-1.amazonses.com>")
    assert worse["In-Reply-To"] == end["In-Reply-To"] == first["Message-ID"]
    thread = first["References"]
    assert worse["References"].split() == end["References"].split() == [thread, first["Message-ID"]]
    assert thread.endswith("@taly.example>")


@pytest.mark.parametrize(
    "code, kind, sentence",
    [
        ("MailFromDomainNotVerifiedException", Transient, "ROTATOR_SES_FROM is not verified"),
        ("AccountSuspendedException", Transient, "right to send is taken away"),
        ("SendingPausedException", Transient, "sending is paused"),
        ("AccessDeniedException", Transient, "its role lacks"),
        ("BadRequestException", Refused, "correct policies.yaml"),
    ],
)
def test_what_ses_says_no_to(ses: SesWorld, code: str, kind: type[RotatorError], sentence: str) -> None:
    ses.api.error = code
    with pytest.raises(kind, match=sentence):
        ses.channel().deliver(an_alert(), ses.address, None)


def test_what_is_not_one_mailbox_is_sent_nothing(ses: SesWorld) -> None:
    with pytest.raises(Refused, match="is not an e-mail address"):
        ses.channel().deliver(an_alert(), "platform@taly.example, other@taly.example", None)
    assert ses.api.mails == []


def test_a_digest_is_a_table_with_what_needs_a_person_first(ses: SesWorld) -> None:
    first = an_alert(
        identity="a", severity=Severity.CRITICAL, title="KEY is parked <b>", action="rotator status KEY"
    )
    rest = [an_alert(identity=f"b{n}", title=f"NAME_{n} is due soon", action="") for n in range(30)]
    digest = an_alert(
        kind=AlertKind.DIGEST, title="digest: 1 thing needs a person, 31 open", facts={}, members=(first, *rest),
        action="rotator status", secret="", environment="",
    )  # fmt: skip
    ses.channel().deliver(digest, ses.address, None)
    [mail] = ses.api.mails
    assert mail.subject == "[rotator] digest: 1 thing needs a person, 31 open"
    lines = mail.text.replace("\r\n", "\n").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("HOW LOUD"))
    assert lines[at + 1] == "critical  2026-11-26 09:30  production: KEY is parked <b>"
    assert lines[at + 2].strip() == "rotator status KEY"
    assert lines[at + 3] == "warning   2026-11-26 09:30  production: NAME_0 is due soon"
    assert "NAME_29" in mail.text
    assert mail.html.count("<tr>") >= 32
    assert "KEY is parked &lt;b&gt;" in mail.html
    assert "<code>rotator status KEY</code>" in mail.html


def test_a_message_about_several_shows_the_first_rows_and_how_many_more(ses: SesWorld) -> None:
    members = tuple(an_alert(identity=f"b{n}", title=f"NAME_{n} failed") for n in range(12))
    ses.channel().deliver(an_alert(title="12 rotations failed", members=members), ses.address, None)
    [mail] = ses.api.mails
    assert "NAME_9 failed" in mail.text
    assert "NAME_10 failed" not in mail.text
    assert "+2 more" in mail.text
    assert "Step:" in mail.text
