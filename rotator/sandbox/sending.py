"""What an instance does with credentials of others: SMS by Twilio, mail by SES, payments by Stripe (played by a look).

Refused is the service's no to the credential; trouble is everything else that keeps an instance from its work.
"""

from __future__ import annotations

import random
import smtplib
import ssl
import threading
from collections.abc import Mapping
from email.message import EmailMessage
from http import HTTPStatus
from typing import Protocol

import httpx

from rotator.sandbox import loopback
from rotator.sandbox.diet import Count, Diet, Pace, Places, tell

_SECONDS = 8.0
_CREDENTIALS_INVALID = 535


class Sender(Protocol):
    """One way to send something."""

    def sends(self) -> str:
        """Sends one; what that counts."""

    def let_in(self) -> bool:
        """Whether the service knows the credential. Nothing is sent; a service that is away says yes."""


def senders(diet: Diet, values: Mapping[str, str], places: Places, callback: str) -> list[Sender]:
    """What an instance can send with what it has read. Twilio reports to `callback`."""
    found: list[Sender] = []
    if diet.twilio_sid:
        key = diet.held("twilio_sid", values), diet.held("twilio_secret", values)
        found.append(Phone(places, key, callback))
    if diet.smtp_username:
        found.append(Mailbox(places, diet.held("smtp_username", values), diet.held("smtp_password", values)))
    if diet.stripe_key:
        found.append(Till(places, diet.held("stripe_key", values)))
    return found


def send(sender: Sender, pace: Pace, count: Count, stopping: threading.Event) -> None:
    """Again and again."""
    while not stopping.wait(pace.between_sendings * random.uniform(0.5, 1.5)):
        count(sender.sends())


class Phone:
    """Sends SMS with an API key of Twilio's, SID and secret."""

    def __init__(self, places: Places, key: tuple[str, str], callback: str) -> None:
        self._account, self._callback = f"/2010-04-01/Accounts/{places.twilio_account}", callback
        self._twilio = loopback.client(places.twilio, _SECONDS, auth=key)

    def sends(self) -> str:
        """One SMS."""
        form = {"To": "+48500100200", "Body": "Your deal was won", "StatusCallback": self._callback}
        return _counted(self._twilio, "POST", f"{self._account}/Messages.json", "sms_sent", form)

    def let_in(self) -> bool:
        """By a look at the balance."""
        return _lets_in(self._twilio, f"{self._account}/Balance.json")


class Till:
    """Asks Stripe for the balance with a secret key, as whoever takes payments does."""

    def __init__(self, places: Places, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._stripe = loopback.client(places.stripe, _SECONDS, headers=headers)

    def sends(self) -> str:
        """One request."""
        return _counted(self._stripe, "GET", "/v1/balance", "payments_made")

    def let_in(self) -> bool:
        """The same."""
        return _lets_in(self._stripe, "/v1/balance")


class Mailbox:
    """Sends mail by SES, logging in anew for each."""

    def __init__(self, places: Places, username: str, password: str) -> None:
        self._port, self._username, self._password = places.smtp_port, username, password
        self._context = ssl.create_default_context(cafile=places.ca_file or None)

    def sends(self) -> str:
        """One mail."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = (
            "crm@taly.example",
            "you@deal.example",
            "Your deal was won",
        )
        mail.set_content("Congratulations.")
        try:
            with self._session() as session:
                session.send_message(mail)
        except (smtplib.SMTPException, OSError) as trouble:
            tell(f"SES: {type(trouble).__name__}")
            return "mails_refused" if _refuses(trouble) else "mails_troubles"
        return "mails_sent"

    def let_in(self) -> bool:
        """By a login alone."""
        try:
            with self._session():
                return True
        except (smtplib.SMTPException, OSError) as trouble:
            return not _refuses(trouble)

    def _session(self) -> smtplib.SMTP:
        session = smtplib.SMTP("127.0.0.1", self._port, local_hostname="worker", timeout=_SECONDS)
        try:
            session.starttls(context=self._context)
            session.login(self._username, self._password)
        except BaseException:
            session.close()
            raise
        return session


def _refuses(trouble: Exception) -> bool:
    return isinstance(trouble, smtplib.SMTPAuthenticationError) and trouble.smtp_code == _CREDENTIALS_INVALID


def _counted(
    client: httpx.Client, method: str, path: str, done: str, form: Mapping[str, str] | None = None
) -> str:
    """One request to a vendor, as what it counts: `sms_sent`, else `sms_refused` or `sms_troubles`."""
    what, _, _ = done.partition("_")
    try:
        status = client.request(method, path, data=form).status_code
    except httpx.TransportError as trouble:
        tell(f"{what}: {type(trouble).__name__}")
        return f"{what}_troubles"
    if status < HTTPStatus.BAD_REQUEST:
        return done
    tell(f"{what}: answered with {status}")
    refused = status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    return f"{what}_refused" if refused else f"{what}_troubles"


def _lets_in(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code != HTTPStatus.UNAUTHORIZED
    except httpx.TransportError:
        return True
