"""SES's SMTP interface of the sandbox, in one region: it lets in whom IAM's keys let in, and keeps each mail.

Written from "Obtaining Amazon SES SMTP credentials" and "Issues with SMTP" in the SES developer guide. It hears of keys
as late as every other service of iam.py. Simplified: whether the user may send, and from which address, is not asked.
"""

from __future__ import annotations

import hmac
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from rotator.clock import SystemClock
from rotator.model.secrets import Sealed
from rotator.providers.ses_smtp import smtp_password
from rotator.sandbox.faults import Fault
from rotator.sandbox.mail_server import MailServer
from rotator.sandbox.sources.iam import Iam
from rotator.sandbox.sources.listening import serve_until_ended


class SesServer(MailServer):
    """`certificate` is a PEM file with certificate and key."""

    def __init__(self, iam: Iam, region: str, certificate: Path) -> None:
        super().__init__("", "", certificate, iam.weather)
        self._iam, self.region = iam, region

    def _authenticated(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, shown: Any
    ) -> AuthResult:
        self.weather.count("calls", "ses.auth")
        rule = self.weather.draw("ses.auth")
        if rule and rule.fault is Fault.THROTTLED:
            return AuthResult(success=False, handled=False, message="454 Temporary authentication failure")
        user = shown.login.decode() if isinstance(shown, LoginPassword) else ""
        key = self._iam.accepted(user)
        known = key is not None and hmac.compare_digest(
            shown.password, smtp_password(Sealed(key.secret), self.region).reveal().encode()
        )
        if known:
            self._iam.use(user, "ses", self.region)
        else:
            self.weather.count("refusals", "ses.auth")
        return AuthResult(success=known, handled=False)


def main(_port: str, port: str, certificate: str, regions: str, *users: str) -> None:
    """`--port 0 pair.pem eu-central-1,us-east-1`, then the names of users: IAM, and SES in these regions.

    Besides IAM's address it prints `smtp`, the port of each region; see `serve_until_ended`.
    """
    iam = Iam(SystemClock())
    iam.users = {user: [] for user in users}
    servers = [SesServer(iam, region, Path(certificate)) for region in regions.split(",")]
    for server in servers:
        server.start()
    serve_until_ended(iam.server, int(port), smtp={server.region: server.port for server in servers})
    for server in servers:
        server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
