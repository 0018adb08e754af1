"""A real SMTP server for the sandbox's people: nothing without STARTTLS and AUTH, and it keeps each mail."""

from __future__ import annotations

import asyncio
import email
import email.policy
import hmac
import logging
import ssl
from asyncio import AbstractServer
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from rotator.sandbox.faults import Fault, Outage
from rotator.sandbox.processes import listening_socket
from rotator.sandbox.weather import Weather

#: The mailbox that does not exist; every other does.
UNKNOWN_MAILBOX = "nobody"


@dataclass(frozen=True)
class Mail:
    """One mail as it came."""

    to: str
    subject: str
    message_id: str
    in_reply_to: str
    about: str  # the identity of the alert, from X-Rotator-Alert
    text: str  # the plain text part
    html: str
    raw: str

    @classmethod
    def parse(cls, to: str, content: bytes) -> Mail:
        """Read as a mail reader does."""
        mail = email.message_from_bytes(content, policy=email.policy.default)
        text, html = mail.get_body(("plain",)), mail.get_body(("html",))
        return cls(
            to=to,
            subject=str(mail["Subject"] or ""),
            message_id=str(mail["Message-ID"] or ""),
            in_reply_to=str(mail["In-Reply-To"] or ""),
            about=str(mail["X-Rotator-Alert"] or ""),
            text=text.get_content() if text else "",
            html=html.get_content() if html else "",
            raw=content.decode(errors="replace"),
        )


@dataclass
class MailServer:
    """Listens on `listener`; `certificate` is a PEM file with certificate and key."""

    username: str
    password: str = field(repr=False)
    certificate: Path
    weather: Weather = field(default_factory=Weather)
    mails: list[Mail] = field(default_factory=list, repr=False)
    listener: socket = field(default_factory=listening_socket)
    _controller: Controller | None = None

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        port: int = self.listener.getsockname()[1]
        return port

    def start(self) -> None:
        """Returns when it takes mails."""
        # It warns about itself at every login, and prints a traceback for each client that goes away in the middle.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self._controller = _Controller(
            self.listener,
            self,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=self._authenticated,
            server_hostname="localhost",
        )
        self._controller.start()

    def stop(self) -> None:
        """Ends it; its mails stay."""
        if self._controller:
            self._controller.stop()
            self._controller = None
        self.listener.close()

    def _authenticated(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, shown: Any
    ) -> AuthResult:
        known = isinstance(shown, LoginPassword) and (
            hmac.compare_digest(shown.login, self.username.encode())
            and hmac.compare_digest(shown.password, self.password.encode())
        )
        if not known:
            self.weather.count("refusals", "mail.auth")
        return AuthResult(success=known, handled=False)

    # aiosmtpd calls these by name.

    async def handle_EHLO(  # noqa: N802  # aiosmtpd calls it by name
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        outage = self.weather.outage("mail")
        if outage is Outage.CLOSED:
            _hang_up(server)
        if outage is Outage.UNAVAILABLE:
            return ["421 4.3.2 the service is away"]
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802  # aiosmtpd calls it by name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.weather.count("calls", "mail.rcpt")
        if address.startswith(f"{UNKNOWN_MAILBOX}@"):
            self.weather.count("refusals", "mail.rcpt")
            return "550 5.1.1 no such mailbox here"
        rule = self.weather.draw("mail.rcpt")
        if rule and rule.fault is Fault.THROTTLED:
            return "451 4.7.1 greylisted, come back later"
        if rule and rule.fault is Fault.SLOW:
            await asyncio.sleep(rule.seconds)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd calls it by name
        self.weather.count("calls", "mail.data")
        rule = self.weather.draw("mail.data")
        if rule and rule.fault is Fault.INTERNAL_ERROR:
            return "451 4.3.0 something broke"
        error = self.weather.error("mail.data")
        if error:
            return error
        content = envelope.original_content or b""
        self.mails += [Mail.parse(to, content) for to in envelope.rcpt_tos]
        if rule and rule.fault is Fault.SLOW:
            await asyncio.sleep(rule.seconds)
        if rule and rule.fault is Fault.LOST_ANSWER:
            _hang_up(server)
        return "250 2.0.0 taken"

    async def handle_QUIT(self, server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd calls it by name
        if self.weather.error("mail.quit"):
            _hang_up(server)
        rule = self.weather.draw("mail.quit")
        if rule and rule.fault is Fault.SLOW:
            await asyncio.sleep(rule.seconds)
        return "221 2.0.0 bye"


class _Controller(Controller):
    """aiosmtpd's own, on a socket that is already listening, so that nobody else can take the port."""

    def __init__(self, listener: socket, handler: MailServer, **options: Any) -> None:
        self._listener = listener
        super().__init__(handler, hostname="127.0.0.1", port=handler.port, **options)

    def _create_server(self) -> Awaitable[AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._listener)


def _hang_up(server: SMTP) -> None:
    if server.transport is not None:
        server.transport.abort()  # type: ignore[attr-defined]  # typed as the class below it
