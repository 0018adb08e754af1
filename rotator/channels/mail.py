"""What an alert looks like as a mail: headers, plain text, simple HTML.

A whole alert is one thread. Its first mail has an id that is computed from the alert, so that a mail that was sent
twice because an answer was lost is the same mail to every reader that knows Message-ID; later mails refer to it. Some
servers (Amazon SES, by SMTP too) give mails other ids on the way: so all of them, the first too, also refer to one id
that no mail bears, the thread's own, which every reader that knows References takes for their common beginning.
"""

from __future__ import annotations

import email.policy
import hashlib
import re
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import Any

from rotator.channels import mail_table, wording
from rotator.model.alerts import Alert, Receipt, Severity
from rotator.model.errors import Refused

_BACKTICKS = re.compile(r"`([^`]+)`")
#: RFC 5322: a line should have no more than 78 characters and must have no more than 998.
_LONGEST_LINE = 998
_WHOLE = ("subject", "in-reply-to", "references", "list-id", "x-rotator-alert")


def compose(
    alert: Alert,
    sender: Address,
    to: Address,
    earlier: Receipt | None,
    at: datetime,
    *,
    docs: str | None = None,
) -> EmailMessage:
    """The first mail of a thread, or one that follows the mail of `earlier`. `sender`'s domain names mail and list.

    `docs`: as wording.page has it.
    """
    alert = alert if earlier else wording.whole(alert)
    made = EmailMessage(_policy())
    made["From"] = Address("rotator", addr_spec=sender.addr_spec)
    made["To"] = to
    made["Subject"] = f"[rotator] {wording.headline(alert)}"
    made["Date"] = format_datetime(at)
    made["Message-ID"] = _message_id(alert, _said(earlier), sender.domain)
    if earlier is not None:
        made["In-Reply-To"] = earlier.data["message_id"]
    made["References"] = " ".join(_references(alert, earlier, sender.domain))
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notes in answer
    made["List-Id"] = f"<rotator-alerts.{sender.domain}>"  # RFC 2919
    if alert.severity is Severity.CRITICAL and not alert.closed:
        made["Importance"] = "high"
    made["X-Rotator-Alert"] = wording.line(alert.identity, wording.LONGEST_IDENTITY)
    lead = f"{wording.news(alert, earlier.data['told'])}: " if earlier and not alert.closed else ""
    made.set_content(_text(alert, lead, docs), cte="quoted-printable")
    made.add_alternative(_html(alert, lead, docs), subtype="html", cte="quoted-printable")
    return made


def receipt(
    alert: Alert, sent: EmailMessage, earlier: Receipt | None, arrives_as: str | None = None
) -> Receipt:
    """What the next mail of the thread needs: its ids, what was told last, and in how many mails.

    `arrives_as` is the Message-ID that a server gave it instead of its own.
    """
    first = arrives_as or str(sent["Message-ID"])
    began = earlier.data if earlier else {"message_id": first, "thread": str(sent["References"])}
    return Receipt(data={**began, "told": wording.level(alert), "said": str(_said(earlier))})


def mailbox(text: str) -> Address:
    """One mailbox. Raises Refused for anything else: also for what would add a header or a second recipient."""
    try:
        given = Address(addr_spec=text)
        address = Address(username=given.username, domain=given.domain.encode("idna").decode())
    except (ValueError, IndexError, MessageError):
        address = Address()
    if not address.username or not address.domain:
        raise Refused(f"{wording.line(text, wording.LONGEST_NAME)} is not an e-mail address")
    return address


def _references(alert: Alert, earlier: Receipt | None, domain: str) -> list[str]:
    """The thread's own id, and that of its first mail."""
    if earlier is None:
        return [_id(f"{alert.identity}\n{alert.opened_at.isoformat()}", domain)]
    return [*earlier.data.get("thread", "").split(), earlier.data["message_id"]]


def _said(earlier: Receipt | None) -> int:
    return int(earlier.data["said"]) + 1 if earlier else 1


class _Whole(UnstructuredHeader):
    """A header on one line, if it is ASCII.

    The email package folds an id that is longer than a line into encoded words, which ends a thread (RFC 2047, 5),
    and puts a subject that nearly fits on a line of its own, which some readers show with a blank before it.
    """

    def fold(self, *, policy: email.policy.Policy[Any]) -> str:
        text = str(self)
        folded: str = super().fold(  # type: ignore[misc]  # of BaseHeader, which the registry mixes in
            policy=policy.clone(max_line_length=_LONGEST_LINE) if text.isascii() else policy
        )
        return folded


def _policy() -> email.policy.EmailPolicy[EmailMessage]:
    headers = HeaderRegistry()
    for name in _WHOLE:
        headers.map_to_type(name, _Whole)  # type: ignore[arg-type]  # typeshed knows no mix-ins
    return email.policy.SMTP.clone(header_factory=headers)


def _message_id(alert: Alert, said: int, domain: str) -> str:
    """The same for the same alert, life and count, whoever sends it and however often."""
    return _id(f"{alert.identity}\n{alert.opened_at.isoformat()}\n{said}", domain)


def _id(about: str, domain: str) -> str:
    return f"<rotator.{hashlib.sha256(about.encode()).hexdigest()[:32]}@{domain}>"


def _facts(alert: Alert) -> list[tuple[str, str]]:
    """Of several the table tells, each in its row."""
    return list(wording.facts(alert.model_copy(update={"members": ()})))


def _text(alert: Alert, lead: str, docs: str | None) -> str:
    told = _facts(alert)
    width = max((len(name) for name, _ in told), default=0) + 2
    facts = "\n".join(f"{name + ':':<{width}}{said}" for name, said in told)
    table = mail_table.text(alert)
    if alert.closed:
        before = "\n\n".join(part for part in (facts, table) if part)
        body = [wording.closing(alert), f"Before that:\n{before}" if before else ""]
    else:
        action = wording.action(alert)
        body = [facts, table, f"What you do:\n    {action}" if action else ""]
    parts = [lead + wording.headline(alert), *body, f"{_foot(alert)}\nHow it stands: {wording.look(alert)}"]
    answer, page = wording.ways_to_answer(alert), wording.page(alert, docs)
    if answer:
        parts[-1] += f"\nI am on it: {answer}"
    if page:
        parts[-1] += f"\nWhat to do: {page}"
    return "\n\n".join(part for part in parts if part) + "\n"


def _foot(alert: Alert) -> str:
    span = wording.span(alert, wording.moment)
    return f"{wording.whose(alert)}, {span}\n{wording.trace(alert)}"


def _html(alert: Alert, lead: str, docs: str | None) -> str:
    rows = "".join(
        f'<tr><th align="left" valign="top">{escape(name)}</th><td>{_coded(said)}</td></tr>'
        for name, said in _facts(alert)
    )
    facts = (f'<table cellpadding="4">{rows}</table>' if rows else "") + mail_table.html(alert, _typed)
    action = wording.action(alert)
    if alert.closed:
        middle = f"<p>{_coded(wording.closing(alert))}</p>" + (f"<p>Before that:</p>{facts}" if facts else "")
    else:
        middle = facts + (f"<p><b>What you do:</b> {_typed(action)}</p>" if action else "")
    foot = escape(_foot(alert)).replace("\n", "<br>")
    page = wording.page(alert, docs)
    doing = f"<br>What to do: {_typed(page)}" if page else ""
    return (
        f"<h3>{escape(lead + wording.headline(alert))}</h3>{middle}"
        f"<p><small>{foot}<br>How it stands: <code>{escape(wording.look(alert))}</code>{doing}</small></p>\n"
    )


def _typed(action: str) -> str:
    """A command as something to copy, a page as a link, anything else as it is."""
    if wording.is_command(action):
        return f"<code>{escape(action)}</code>"
    if wording.is_link(action):
        return f'<a href="{escape(action)}">{escape(action)}</a>'
    return _coded(action)


def _coded(text: str) -> str:
    """Text in which `backticks` mark what a computer understands."""
    return _BACKTICKS.sub(r"<code>\1</code>", escape(text))
