from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rotator.clock import SystemClock
from rotator.model.secrets import Sealed
from rotator.sandbox.certificates import self_signed
from rotator.sandbox.mail_server import MailServer
from rotator.sandbox.pagerduty import PagerDutyApi
from rotator.sandbox.people import Logins
from rotator.sandbox.people_server import serving
from rotator.sandbox.platforms.front import Front
from rotator.sandbox.processes import listening_socket
from rotator.sandbox.ses_api import SesApi
from rotator.sandbox.slack_server import SlackApp
from rotator.sandbox.webhook_receiver import WebhookReceiver
from tests.channels.worlds import EventsWorld, MailWorld, PagesWorld, SesWorld, SlackWorld, signing_secret


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackWorld]:
    """Slack in good weather and without a rate."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    logins = Logins()
    app = SlackApp(logins.slack_token, logins.webhook_path, posts_per_second=None)
    with listening_socket() as listener, serving(app, listener) as url:
        yield SlackWorld(app, url)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the authority (ca.pem) and the server's pair (pair.pem)."""
    folder, made = tmp_path_factory.mktemp("certificate"), self_signed()
    (folder / "ca.pem").write_bytes(made.certificate)
    (folder / "pair.pem").write_bytes(made.certificate + made.key)
    return folder


@pytest.fixture
def mail(certificate: Path) -> Iterator[MailWorld]:
    """A mail server in good weather."""
    logins = Logins()
    server = MailServer(logins.smtp_username, logins.smtp_password, certificate / "pair.pem")
    server.start()
    yield MailWorld(server, certificate / "ca.pem")
    server.stop()


@pytest.fixture
def events() -> Iterator[EventsWorld]:
    """A program behind the webhook."""
    secret = signing_secret()
    receiver = WebhookReceiver([secret.reveal()], SystemClock())
    with Front(receiver) as front:
        yield EventsWorld(front, receiver, secret)


@pytest.fixture
def pages() -> Iterator[PagesWorld]:
    """PagerDuty."""
    with Front(api := PagerDutyApi()) as front:
        yield PagesWorld(front, api, Sealed(api.routing_key))


@pytest.fixture
def ses(aws_login: None) -> Iterator[SesWorld]:
    """Amazon SES."""
    with Front(api := SesApi("rotator@taly.example")) as front:
        yield SesWorld(front, api)
