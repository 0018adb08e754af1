"""E-mail by SMTP: submission with STARTTLS and AUTH (RFC 6409, RFC 3207, RFC 4954).

Nothing is said before the connection is encrypted and the server's certificate has been verified.

What the server says about a recipient or a message for good (5xx) is Refused. Trouble with the login, the sender or
the certificate is Transient: the alert waits in the outbox until somebody has put it right.

A server that was given a whole mail and is left before it answers has mostly taken it, and gets it again (RFC 1047).
So its answer is waited for longer than any other, and nothing is waited for once it came.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rotator.bounded import LARGEST_BYTES
from rotator.channels import mail
from rotator.contracts.clock import Clock
from rotator.contracts.guard import CALL_SECONDS, guard, outlived
from rotator.model.alerts import Alert, Receipt
from rotator.model.errors import Refused, RotatorError, Transient
from rotator.model.secrets import Sealed

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: A server may take ten minutes to answer the end of a mail (RFC 5321, 4.5.3.2.6). No claim lasts so long; Microsoft
#: Exchange answers within 30 s, also where it waits for its second copy.
_VERDICT_SECONDS = (40.0, 20.0)
#: RFC 3463: what a server adds to its code, e.g. 5.1.1 for an unknown mailbox.
_ENHANCED = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}\b")


class Smtp:
    """Alerts by e-mail. `address` is one mailbox.

    `sender` is the mailbox in From; its domain also names the mails and the list. Without `username` and `password`
    there is no AUTH: the server knows us by our address. `ca_file` (PEM) is trusted instead of the system's
    authorities; `docs_url` is where the folder docs is served, for links to its pages. Raises Refused when `sender` is
    not a mailbox.
    """

    needs: ClassVar[str] = "a mail server that speaks STARTTLS, and its login"
    tried_on: ClassVar[str] = "aiosmtpd, with STARTTLS and AUTH"

    def __init__(
        self,
        *,
        host: str,
        port: int,
        sender: str,
        username: str | None = None,
        password: Sealed | None = None,
        clock: Clock,
        ca_file: Path | None = None,
        docs_url: str | None = None,
    ) -> None:
        self._host, self._port, self._clock, self._ca_file = host, port, clock, ca_file
        self._username, self._password = username, password
        self._sender, self._docs_url = mail.mailbox(sender), docs_url

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        """Sends one mail: the first of its thread, or one that follows it.

        The receipt holds `message_id` of the first mail, `told` and `said`: what was told last and in how many mails.
        Raises Refused for an address that is no mailbox and for the server's 5xx about it, else Transient. Ends
        within about CALL_SECONDS, and the longest of _VERDICT_SECONDS that the claim outlives.
        """
        to = mail.mailbox(address)
        made = mail.compose(alert, self._sender, to, earlier, self._clock.now(), docs=self._docs_url)
        try:
            self._send(made)
        except (smtplib.SMTPException, OSError, UnicodeError) as trouble:
            # No cause is kept: a server may repeat what it was told.
            raise _trouble(trouble, address, f"{self._host}:{self._port}") from None
        return mail.receipt(alert, made, earlier)

    def _send(self, made: EmailMessage) -> None:
        context = _trusting(self._ca_file)
        session = _Session(self._host, self._port, self._sender.domain, self._clock)
        try:
            session.starttls(context=context)
            if self._username is not None and self._password is not None:
                session.login(self._username, self._password.reveal())
            guard(CALL_SECONDS)
            session.send_message(made)
            # It has been taken, and is written down the sooner the less is waited for: a farewell needs no answer.
            with suppress(smtplib.SMTPException, OSError):
                session.putcmd("quit")
        finally:
            session.close()


class _Session(smtplib.SMTP):
    """smtplib bounds each wait, and a slow server makes any number of them; this bounds all of them together.

    All but the one for what becomes of a whole mail, which has a bound of its own.
    """

    def __init__(self, host: str, port: int, domain: str, clock: Clock) -> None:
        self._clock, self._ends = clock, clock.monotonic() + CALL_SECONDS
        super().__init__(host, port, local_hostname=domain, timeout=CALL_SECONDS / 2)

    def send(self, s: ReadableBuffer | str) -> None:
        """The mail itself is the only thing that smtplib sends as bytes, and in one piece."""
        if isinstance(s, bytes):
            self._ends = max(self._ends, self._clock.monotonic() + outlived(*_VERDICT_SECONDS, 0.0))
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Lines(self.sock, self._left)
        return super().getreply()

    def _left(self) -> float:
        left = self._ends - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Lines:
    """What a server says, line by line: an answer may have any number of them, and each may come letter by letter.

    Servers that slow down whoever may be sending spam do just that.
    """

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock, self._left, self._kept, self._room = sock, left, b"", LARGEST_BYTES

    def readline(self, longest: int) -> bytes:
        """As a file's. Raises TimeoutError when time is up, OSError where too much has come."""
        while b"\n" not in self._kept and len(self._kept) < longest:
            self._sock.settimeout(self._left())
            piece = self._sock.recv(4096)
            self._room -= len(piece)
            if self._room < 0:
                raise OSError("too long")
            if not piece:
                break
            self._kept += piece
        end = min(self._kept.find(b"\n") + 1 or len(self._kept), longest)
        line, self._kept = self._kept[:end], self._kept[end:]
        return line

    def close(self) -> None:
        """The socket is closed by itself."""


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies certificates and names. Raises Transient when the file of authorities is of no use."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as trouble:
        kind = type(trouble).__name__
        raise Transient(_waits(f"ROTATOR_SMTP_CA_FILE: {ca_file} cannot be used ({kind})")) from None


def _trouble(trouble: Exception, address: str, server: str) -> RotatorError:
    """What went wrong, as a verdict or as something that will pass."""
    match trouble:
        case smtplib.SMTPRecipientsRefused():
            code, said = next(iter(trouble.recipients.values()))
            sentence = f"{server} refuses {address} ({_code(code, said)})"
            return (
                Refused(f"{sentence}: correct policies.yaml") if code >= 500 else Transient(_waits(sentence))
            )
        case smtplib.SMTPAuthenticationError() if trouble.smtp_code >= 500:
            why = "refuses the login; put a valid one into ROTATOR_SMTP_USER and ROTATOR_SMTP_PASSWORD"
        case smtplib.SMTPSenderRefused(smtp_code=530):  # RFC 4954, 6: authentication required
            why = "wants a login; put one into ROTATOR_SMTP_USER and ROTATOR_SMTP_PASSWORD"
        case smtplib.SMTPSenderRefused() if trouble.smtp_code >= 500:
            why = "refuses the sender; correct ROTATOR_SMTP_FROM"
        case smtplib.SMTPDataError() if trouble.smtp_code >= 500:
            return Refused(f"{server} refuses the message ({_code(trouble.smtp_code, trouble.smtp_error)})")
        case smtplib.SMTPNotSupportedError():
            why = f"cannot be used; its answer to EHLO does not offer what is needed: {str(trouble).rstrip('.')}"
        case smtplib.SMTPResponseException():
            why = "says later"
        case ssl.SSLCertVerificationError():
            why = f"shows a certificate that is not trusted ({trouble.verify_message}); nothing was sent"
        case _:
            why = f"does not answer ({type(trouble).__name__})"
    if isinstance(trouble, smtplib.SMTPResponseException):
        why += f" ({_code(trouble.smtp_code, trouble.smtp_error)})"
    return Transient(_waits(f"{server} {why}"))


def _code(code: int, said: bytes | str) -> str:
    """The server's code and, where it gives one, its enhanced code; its text may repeat what it was told."""
    text = said if isinstance(said, bytes) else said.encode(errors="replace")
    enhanced = _ENHANCED.match(text)
    return f"{code} {enhanced[0].decode()}" if enhanced else str(code)


def _waits(sentence: str) -> str:
    return f"{sentence}. The alert is kept and tried again"
