"""E-mail by Amazon SES: its API instead of its SMTP, so that rotator's own role sends and nobody keeps a password.

SES gives every mail a Message-ID of its own, whatever it bore before ("Amazon SES header fields" in its documentation).
So what follows refers to that one, and to the thread's own id, which every mail of an alert bears in References.

Permission: ses:SendEmail and ses:SendRawEmail on the sender's identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from boto3.session import Session
from botocore.config import Config

from rotator.aws import CHANGING, Failure, Service
from rotator.channels import mail
from rotator.contracts.clock import Clock
from rotator.contracts.guard import CALL_SECONDS, guard
from rotator.model.alerts import Alert, Receipt
from rotator.model.errors import Refused, RotatorError, Transient

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

#: Where SES says that its ids end; in its first region it has another word.
_FIRST_REGION, _FIRST_NAME = "us-east-1", "email"


class Ses:
    """Alerts by e-mail. `address` is one mailbox.

    `sender` is a mailbox that SES has verified in `region`; its domain also names the list. `endpoint` is another
    server than Amazon's where settings name one, `docs_url` where the folder docs is served. Raises Refused when
    `sender` is not a mailbox.
    """

    needs: ClassVar[str] = "ses:SendEmail and ses:SendRawEmail on the sender's identity"
    tried_on: ClassVar[str] = "moto, and a stand-in that renames mails as SES does"

    def __init__(
        self,
        *,
        region: str,
        sender: str,
        clock: Clock,
        endpoint: str | None = None,
        docs_url: str | None = None,
    ) -> None:
        self._region, self._clock, self._endpoint, self._docs_url = region, clock, endpoint, docs_url
        self._sender = mail.mailbox(sender)
        self._ses = Service("SES", self._connect, CHANGING, _verdict)

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        """Sends one mail: the first of its thread, or one that follows it.

        The receipt is as mail.receipt makes it, with the id that SES gave the first. Raises Refused for an address that
        is no mailbox or a mail that SES will never take, else Transient.
        """
        to = mail.mailbox(address)
        made = mail.compose(alert, self._sender, to, earlier, self._clock.now(), docs=self._docs_url)
        guard(CALL_SECONDS)
        answer = self._ses.ask(
            lambda ses: ses.send_email(
                FromEmailAddress=self._sender.addr_spec,
                Destination={"ToAddresses": [to.addr_spec]},
                Content={"Raw": {"Data": made.as_bytes()}},
            ),
            f"send mail to {address}",
        )
        return mail.receipt(alert, made, earlier, self._named(answer["MessageId"]))

    def _named(self, identity: str) -> str:
        """The Message-ID that the mail bears when it arrives."""
        where = _FIRST_NAME if self._region == _FIRST_REGION else self._region
        return f"<{identity}@{where}.amazonses.com>"

    def _connect(self, session: Session, config: Config) -> SESV2Client:
        return session.client("sesv2", region_name=self._region, endpoint_url=self._endpoint, config=config)


#: A person repairs them: in SES, or the sender in ROTATOR_SES_FROM.
_REPAIRABLE = {
    "MessageRejected": "it rejects the mail: has it verified the sender in ROTATOR_SES_FROM, and is the account out of "
    "its sandbox",
    "MailFromDomainNotVerifiedException": "the domain of ROTATOR_SES_FROM is not verified",
    "NotFoundException": "it does not know the sender in ROTATOR_SES_FROM",
    "AccountSuspendedException": "the account's right to send is taken away",
    "SendingPausedException": "sending is paused in this account",
    "LimitExceededException": "the account's quota is used up",
}


def _verdict(failure: Failure) -> RotatorError | None:
    if failure.code in _REPAIRABLE:
        return Transient(
            f"SES did not {failure.doing}: {_REPAIRABLE[failure.code]}. The alert is kept and tried again"
        )
    if failure.code == "BadRequestException":
        return Refused(f"SES does not take it to {failure.doing}: correct policies.yaml")
    return None
