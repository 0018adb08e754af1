"""A login at SES's SMTP interface, without sending a mail.

Nothing is said before the connection is encrypted and the server's certificate verified. One mechanism is tried, once:
smtplib would try the next one after a refusal, which looks like somebody guessing.
Source: "Amazon SES SMTP endpoints" and "Issues with SMTP" (535: credentials invalid) in the SES developer guide.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

from rotator.contracts.adapter import Surroundings
from rotator.contracts.clock import Clock
from rotator.contracts.guard import CALL_SECONDS
from rotator.model.errors import Refused, RotatorError, Transient
from rotator.model.secrets import Sealed

PORT = 587
_CREDENTIALS_INVALID = 535
_PLAIN = re.compile(r"[\x21-\x7e]+")


def log_in(around: Surroundings, region: str, user: str, password: Sealed, ends: float) -> bool:
    """Whether SES in that region lets the user in. `ends` is on the monotonic clock. Raises Transient or Refused."""
    host, port = _place(around, region)
    if not (_PLAIN.fullmatch(user) and _PLAIN.fullmatch(password.reveal())):
        raise Refused(
            "what is stored is no login of SES: it has blanks, line breaks or letters beyond ASCII in it; nothing was "
            "sent. See what wrote it there"
        )
    try:
        session = _Session(host, port, around.clock, ends)
        try:
            session.starttls(context=ssl.create_default_context())
            session.ehlo_or_helo_if_needed()
            session.user, session.password = user, password.reveal()
            session.auth("PLAIN", session.auth_plain)
            with suppress(smtplib.SMTPException, OSError):
                session.quit()
        finally:
            session.close()
    except (smtplib.SMTPException, OSError, UnicodeError) as failed:
        trouble = failed
    else:
        return True
    # Out here, so that what the server said, which may repeat what it was told, is not even the context of our word.
    if isinstance(trouble, smtplib.SMTPAuthenticationError) and trouble.smtp_code == _CREDENTIALS_INVALID:
        return False
    raise _trouble(trouble, f"{host}:{port}")


class _Session(smtplib.SMTP):
    """smtplib bounds each wait, and a slow server makes a dozen of them; this bounds all of them together."""

    def __init__(self, host: str, port: int, clock: Clock, ends: float) -> None:
        self._clock, self._ends = clock, ends
        super().__init__(host, port, local_hostname="rotator", timeout=CALL_SECONDS / 2)

    def getreply(self) -> tuple[int, bytes]:
        left = self._ends - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError
        if self.sock is not None:
            self.sock.settimeout(left)
        return super().getreply()


def _place(around: Surroundings, region: str) -> tuple[str, int]:
    """Host and port: AWS's own, or where settings say."""
    name = f"ses_smtp_{region.replace('-', '_')}"
    address = around.endpoint(name)
    if address is None:
        return f"email-smtp.{region}.amazonaws.com", PORT
    place = urlsplit(address)
    if place.scheme != "https" or not place.hostname:
        raise Refused(
            f"ROTATOR_ENDPOINT_{name.upper()} must be https://host:port: SMTP logins are encrypted everywhere; "
            "nothing was sent"
        )
    return place.hostname, place.port or PORT


def _trouble(trouble: Exception, server: str) -> RotatorError:
    match trouble:
        case smtplib.SMTPResponseException():
            why = f"says later ({trouble.smtp_code})"
        case ssl.SSLCertVerificationError():
            why = f"shows a certificate that is not trusted ({trouble.verify_message}); nothing was sent"
        case smtplib.SMTPNotSupportedError():
            why = "does not offer STARTTLS or a login; nothing was sent"
        case _:
            why = f"does not answer ({type(trouble).__name__})"
    return Transient(f"{server} {why}; the login is tried again")
