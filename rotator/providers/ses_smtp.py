"""Ses-smtp: what consumers send mail with through Amazon SES: an access key's id, and a password for each region.

SES takes an access key's id as the user's name and a password that is derived from the key's secret and the region.
The secret itself is never stored, so nothing else can be done with what consumers read. One key serves any number of
regions, each with a password of its own: all of them are made from one mint, and die together.

What consumers do is what is tried: an SMTP login in each region, without sending a mail. Regions hear of a change at
different moments; as long as they do not agree about a key, the answer is "later", however old the key is.
Source: "Obtaining Amazon SES SMTP credentials" in the SES developer guide (signature version 4).
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import ClassVar

from rotator.contracts.adapter import Surroundings
from rotator.contracts.guard import CALL_SECONDS
from rotator.contracts.options import AdapterOptions, Region
from rotator.model.errors import CredentialRefused, Transient
from rotator.model.policy import Recipe
from rotator.model.secrets import Credential, Sealed
from rotator.providers.iam_user import IamUser, UserName
from rotator.providers.ses_smtp_login import log_in

_USERNAME, _PASSWORD = "username", "password"
_VERSION = b"\x04"


class SesSmtp(IamUser):
    """One access key of two, of an IAM user that may ses:SendRawEmail.

    Consumers read `username` and `password`; with `regions`, one password for each region that they send from.
    """

    apart: ClassVar[tuple[str, ...]] = ("iam_user",)
    needs: ClassVar[str] = "iam:…AccessKey… of the one user"
    tried_on: ClassVar[str] = "stand-ins for IAM, STS and SES"
    remark: ClassVar[str] = "mail passwords of IAM keys, several regions from one; a use shows hours later"

    class Options(AdapterOptions):
        """`regions` says which region each field is the password of, where it is more than the environment's own.

        The user belongs to the account that rotator itself is in.
        """

        iam_user: UserName  # the IAM user's name, without its path
        regions: dict[str, Region] | None = None  # {password: eu-central-1, password_us: us-east-1}

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        options = self.Options.taken_from(recipe.settings, recipe.secret)
        super().__init__(recipe, around, options.iam_user)
        self._regions: Mapping[str, str] = options.regions or {_PASSWORD: around.region}

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """Also: the user's name, and a field for each region's password."""
        complaints = super().check(recipe)
        regions = cls.Options.model_validate(recipe.settings).regions or {_PASSWORD: ""}
        wanted = [_USERNAME, *regions]
        if sorted(recipe.fields) != sorted(wanted):
            complaints.append(f"fields must be the parameters that consumers read: {', '.join(wanted)}")
        return complaints

    def verify(self, credential: Credential) -> None:
        """Logs in to SES in every region. Refused is only what every one of them refuses.

        What only some refuse is on its way from or to all of them. Only what no key's password can be holds nothing up:
        it stands for a region that the policy has just got, never in a successor, and the successor puts it right.
        """
        user, fields, clock = self._key_id(credential.fields), credential.fields, self._around.clock
        ends = clock.monotonic() + CALL_SECONDS
        refused = {
            field: region
            for field, region in self._regions.items()
            if not log_in(self._around, region, user, fields[field], ends)
        }
        if len(refused) == len(self._regions):
            raise CredentialRefused(
                f"SES refuses {user}: its key is disabled, deleted or not known yet, or the password is wrong"
            )
        awaited = [region for field, region in refused.items() if self._may_be_made(field, fields)]
        if awaited:
            raise Transient(
                f"SES refuses {user} in {', '.join(awaited)} and accepts it elsewhere: the regions have not all heard "
                "of it yet, or what is stored there is another key's password; asked again"
            )

    def _may_be_made(self, field: str, fields: Mapping[str, Sealed]) -> bool:
        """Whether a mint can have put that there: a password, and not the one of another region once more."""
        elsewhere = [other for other, region in self._regions.items() if region != self._regions[field]]
        return _is_password(fields[field]) and all(fields[field] != fields[other] for other in elsewhere)

    def _fields(self, key_id: str, secret: Sealed) -> dict[str, Sealed]:
        passwords = {field: smtp_password(secret, region) for field, region in self._regions.items()}
        return {_USERNAME: Sealed(key_id), **passwords}

    def _key_id(self, fields: Mapping[str, Sealed]) -> str:
        return fields[_USERNAME].reveal()


def smtp_password(secret: Sealed, region: str) -> Sealed:
    """The password of an access key in one region: signature version 4 over fixed texts, and the version before it."""
    key = f"AWS4{secret.reveal()}".encode()
    for part in ("11111111", region, "ses", "aws4_request", "SendRawEmail"):
        key = hmac.digest(key, part.encode(), "sha256")
    return Sealed(base64.b64encode(_VERSION + key).decode())


def _is_password(value: Sealed) -> bool:
    """Whether it has the form of what `smtp_password` makes: the version, and 32 bytes."""
    try:
        decoded = base64.b64decode(value.reveal(), validate=True)
    except ValueError:
        return False
    return len(decoded) == 33 and decoded.startswith(_VERSION)
