"""A stand-in for Amazon SES's API (sesv2 SendEmail with raw content), which keeps mails as they arrive.

As SES does, it gives each mail a Message-ID of its own, refuses senders that are not verified and, in its own sandbox,
recipients too. Sources: "Amazon SES header fields" and SendEmail in the API reference of SES v2.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, field

from rotator.sandbox.mail_server import UNKNOWN_MAILBOX, Mail
from rotator.sandbox.platforms.front import Answer, Asked

PATH = "/v2/email/outbound-emails"
_MESSAGE_ID = re.compile(rb"^Message-ID:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*", re.MULTILINE | re.IGNORECASE)


@dataclass
class SesApi:
    """One region's; `sender` is the identity that it has verified."""

    sender: str
    region: str = "eu-central-1"
    mails: list[Mail] = field(default_factory=list, repr=False)
    error: str = ""

    def operation(self, asked: Asked) -> str:
        """What the front's ledger calls it."""
        return f"{asked.method} {asked.path}"

    def changes(self, asked: Asked) -> bool:
        """Every mail."""
        return asked.method == "POST"

    def turned_away(self) -> Answer:
        """Too many mails a second."""
        return _error("TooManyRequestsException", 429)

    def answer(self, asked: Asked) -> Answer:
        """200 with the mail's id, or the API's own error."""
        if (asked.method, asked.path) != ("POST", PATH):
            return _error("NotFoundException", 404)
        wanted = asked.content
        recipients = wanted["Destination"]["ToAddresses"]
        if self.error:
            return _error(self.error, 400)
        if wanted["FromEmailAddress"] != self.sender:
            return _error("MessageRejected", 400)
        if any(one.startswith(f"{UNKNOWN_MAILBOX}@") for one in recipients):
            return _error("MessageRejected", 400)
        try:
            content = base64.b64decode(wanted["Content"]["Raw"]["Data"], validate=True)
        except (KeyError, binascii.Error):
            return _error("BadRequestException", 400)
        identity = f"{secrets.token_hex(8)}-{secrets.token_hex(12)}-000000"
        named = b"Message-ID: <" + f"{identity}@{self.region}.amazonses.com".encode() + b">"
        arrived = _MESSAGE_ID.sub(named, content, count=1)
        self.mails += [Mail.parse(one, arrived) for one in recipients]
        return Answer(200, {"MessageId": identity})


def _error(code: str, status: int) -> Answer:
    return Answer(status, {"message": code}, {"x-amzn-ErrorType": code})
