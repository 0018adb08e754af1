"""Access keys of an IAM user: as they are, and as what SES makes of them. IAM has room for two, and knows no labels.

IAM shows hours later that a key was used: here it never does, as nothing lasts so long.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from rotator.clock import SystemClock
from rotator.model.secrets import Sealed
from rotator.providers.ses_smtp import smtp_password
from rotator.sandbox.aws import REGION
from rotator.sandbox.certificates import self_signed
from rotator.sandbox.sources.iam import Iam, Key
from rotator.sandbox.sources.ses_smtp import SesServer
from tests.company.secret import Held
from tests.crash.sources.source import LATE, Known, Login, There

_USER = "taly-staging-ci"


class AccessKey(Login):
    """IAM and STS are one server."""

    adapter = "aws-access-key"
    fields: ClassVar[tuple[str, ...]] = ("access_key_id", "secret_access_key")
    rules = ("torn_ok",)
    asks_people = True

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        self._iam = Iam(SystemClock(), propagation=LATE, listing=LATE)
        self._address = around.enter_context(self._iam.server.serving())
        first = self._iam.somebody_makes(_USER)
        self.first_id = first.id
        return self.read_of(first)

    def settings(self) -> Mapping[str, Any]:
        return {"iam_user": _USER}

    def environment(self) -> Mapping[str, str]:
        return dict.fromkeys(("ROTATOR_ENDPOINT_IAM", "ROTATOR_ENDPOINT_STS"), self._address)

    def read_of(self, key: Key) -> Mapping[str, str]:
        """What consumers read of a key."""
        return {"access_key_id": key.id, "secret_access_key": key.secret}

    def takes(self, fields: Mapping[str, str]) -> bool:
        key_id, secret = fields.values()
        key = self._iam.accepted(key_id)
        return key is not None and secrets.compare_digest([*self.read_of(key).values()][1], secret)

    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        return [There(key.id, accepted=key.live) for key in list(self._iam.users[_USER])]

    def person_removes(self, credential_id: str) -> None:
        keys = self._iam.users[_USER]
        keys[:] = [key for key in keys if key.id != credential_id]


class SmtpPassword(AccessKey):
    """rotator logs in to SES for real; consumers are asked past its SMTP, fifteen times a second."""

    adapter = "ses-smtp"
    fields = ("username", "password")

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        first, made = super().start(folder, around), self_signed()
        self._authority, pair = folder / "ses-ca.pem", folder / "ses-pair.pem"
        self._authority.write_bytes(made.certificate)
        pair.touch(mode=0o600)
        pair.write_bytes(made.certificate + made.key)
        self._server = SesServer(self._iam, REGION, pair)
        self._server.start()
        around.callback(self._server.stop)
        return first

    def environment(self) -> Mapping[str, str]:
        place = f"ROTATOR_ENDPOINT_SES_SMTP_{REGION.replace('-', '_').upper()}"
        there = {place: f"https://localhost:{self._server.port}", "SSL_CERT_FILE": str(self._authority)}
        return {**super().environment(), **there}

    def read_of(self, key: Key) -> Mapping[str, str]:
        return {"username": key.id, "password": smtp_password(Sealed(key.secret), REGION).reveal()}
