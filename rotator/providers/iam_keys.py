"""One IAM user's access keys through IAM's API, and a key tried through STS.

UserName is always sent: without it IAM would act on rotator's own keys. GetCallerIdentity needs no permission, so
what it answers is about the key and nothing else; it counts as a use of the key, too.

Permissions of rotator on the user: iam:ListAccessKeys, iam:CreateAccessKey, iam:UpdateAccessKey, iam:DeleteAccessKey;
iam:GetAccessKeyLastUsed on *. To be confirmed in a sandbox account [M]: that the user alone is not enough for the last
one, and that LastUsedDate is told in whole minutes.
Source: the API references of IAM and AWS STS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Literal

from boto3.session import Session
from botocore.config import Config

from rotator.aws import CHANGING, READING, Failure, Manner, Service, guarded
from rotator.contracts.adapter import Surroundings
from rotator.contracts.provider import AtSource, LastUsed, Liveness
from rotator.model.errors import CredentialRefused, Refused, RotatorError
from rotator.model.secrets import Sealed

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

#: A key is tried again and again by whoever asks; the SDK adds nothing to that.
TRYING = Manner(
    Config(connect_timeout=2, read_timeout=7, retries={"total_max_attempts": 1, "mode": "standard"}),
    "nothing was changed",
)
_EFFECTS = ("CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey")
_KEY_ID, _SECRET = re.compile(r"[A-Za-z0-9_]{16,128}"), re.compile(r"[\x21-\x7e]+")
# LastUsedDate is told in whole minutes: a use may have been at the end of the one that is told. The sandbox's fast
# days have fast minutes, but its dates have no fractions of a second either.
_WITHIN_THE_MINUTE, _WITHIN_THE_SECOND = timedelta(seconds=59), timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key; IAM tells its secret this once."""

    id: str
    secret: Sealed


class _NotThere(Refused):
    """IAM knows no such user or no such key of the user."""


class Keys:
    """The access keys of `user`. `scale` is the recipe's: how fast days pass here."""

    def __init__(self, user: str, around: Surroundings, scale: float = 1.0) -> None:
        self._user, self._around = user, around
        self._within = max(_WITHIN_THE_MINUTE * scale, _WITHIN_THE_SECOND)
        self._reading = Service("IAM", self._connect, READING, self._verdict, around.installation)
        self._changing = Service("IAM", self._connect, CHANGING, self._verdict, around.installation)

    def listed(self) -> tuple[AtSource, ...]:
        """All of them. Raises Refused where there is no such user."""

        def pages(iam: IAMClient) -> tuple[AtSource, ...]:
            # A page may be empty and have a successor; the paginator goes by IsTruncated and Marker alone.
            return tuple(
                AtSource(
                    key["AccessKeyId"],
                    Liveness.LIVE if key["Status"] == "Active" else Liveness.DISABLED,
                    created_at=key["CreateDate"],
                )
                for page in iam.get_paginator("list_access_keys").paginate(UserName=self._user)
                for key in page["AccessKeyMetadata"]
            )

        return self._reading.ask(pages, f"list the access keys of {self._user}")

    def mint(self) -> Minted:
        """One more; asked once, since a lost answer may have minted."""
        answer = self._changing.ask(
            lambda iam: iam.create_access_key(UserName=self._user), f"make an access key for {self._user}"
        )
        return Minted(answer["AccessKey"]["AccessKeyId"], Sealed(answer["AccessKey"]["SecretAccessKey"]))

    def turn(self, key_id: str, status: Literal["Active", "Inactive"]) -> bool:
        """Enables or disables a key; False where it is gone."""
        try:
            self._changing.ask(
                lambda iam: iam.update_access_key(UserName=self._user, AccessKeyId=key_id, Status=status),
                f"make {key_id} {status.lower()}",
            )
        except _NotThere:
            return False
        return True

    def delete(self, key_id: str) -> None:
        """For good; silent where it is gone."""
        try:
            self._changing.ask(
                lambda iam: iam.delete_access_key(UserName=self._user, AccessKeyId=key_id), f"delete {key_id}"
            )
        except _NotThere:
            return

    def last_used(self, key_id: str) -> LastUsed:
        """When, and for which service. A key that IAM does not know was not seen unused."""
        try:
            answer = self._reading.ask(
                lambda iam: iam.get_access_key_last_used(AccessKeyId=key_id), f"tell the last use of {key_id}"
            )
        except _NotThere:
            return LastUsed(known=False)
        used = answer["AccessKeyLastUsed"]
        at = used.get("LastUsedDate")
        if at is None:
            return LastUsed()
        by = f"{used['ServiceName']} in {used['Region']}, last at {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return LastUsed(at=at + self._within, by=by)

    def try_key(self, key_id: str, secret: Sealed) -> None:
        """Asks STS with the key whose it is. Raises CredentialRefused on AWS's word, Refused where it is another's."""
        if not (_KEY_ID.fullmatch(key_id) and _SECRET.fullmatch(secret.reveal())):
            raise Refused(
                f"what is stored for {self._user} is no access key: AWS's are letters and digits, without blanks or "
                "line breaks. See what wrote it there"
            )

        def connect(session: Session, config: Config) -> STSClient:
            return session.client(
                "sts",
                region_name=self._around.region,
                endpoint_url=self._around.endpoint("sts"),
                aws_access_key_id=key_id,
                aws_secret_access_key=secret.reveal(),
                config=config,
            )

        def verdict(failure: Failure) -> RotatorError | None:
            return _refusal(failure, key_id)

        arn = Service("STS", connect, TRYING, verdict, self._around.installation).ask(
            lambda sts: sts.get_caller_identity()["Arn"], f"tell whose {key_id} is"
        )
        if not re.fullmatch(rf"arn:[\w-]+:iam::\d{{12}}:user/(.+/)?{re.escape(self._user)}", arn):
            raise Refused(
                f"{key_id} is a key of {arn}, not of the IAM user {self._user}: a rotation would give its consumers "
                "another user's rights. Correct iam_user, or what is stored"
            )

    def _verdict(self, failure: Failure) -> RotatorError | None:
        if failure.code == "NoSuchEntity":
            return _NotThere(
                f"IAM will not {failure.doing}: there is no such user or no such key in this account; "
                "nothing was changed"
            )
        if failure.code == "LimitExceeded":
            return Refused(
                f"IAM will not {failure.doing}: a user may have two, disabled ones included, and rotator makes no "
                "room; nothing was changed. See which of them nobody uses, and delete it"
            )
        if failure.code in {"ValidationError", "InvalidInput"}:
            return Refused(f"IAM will not {failure.doing}: it finds the request invalid; nothing was changed")
        return None

    def _connect(self, session: Session, config: Config) -> IAMClient:
        client = session.client(
            "iam", region_name=self._around.region, endpoint_url=self._around.endpoint("iam"), config=config
        )
        return guarded(client, _EFFECTS)


def _refusal(failure: Failure, key_id: str) -> RotatorError | None:
    """STS's word about a key."""
    if failure.code in {"InvalidClientTokenId", "SignatureDoesNotMatch"}:
        return CredentialRefused(
            f"AWS refuses {key_id}: it is disabled, deleted or not known yet, or its secret is wrong"
        )
    return None
