"""Every channel keeps the promises of AlertChannel."""

from __future__ import annotations

import pytest

from rotator.testing.channel_contract import ChannelContract
from tests.channels.worlds import ButtonsWorld, MailWorld, SlackWorld, WebhookWorld

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


class TestSlackBot(ChannelContract):
    @pytest.fixture
    def world(self, slack: SlackWorld) -> SlackWorld:
        return slack


class TestSlackWithButtons(ChannelContract):
    @pytest.fixture
    def world(self, slack: SlackWorld) -> ButtonsWorld:
        return ButtonsWorld(slack.app, slack.url)


class TestSlackWebhook(ChannelContract):
    @pytest.fixture
    def world(self, slack: SlackWorld) -> WebhookWorld:
        return WebhookWorld(slack.app, slack.url)

    @pytest.mark.skip(reason="a webhook posts into its own channel, whatever the address")
    def test_an_address_that_does_not_exist_is_said_so(self) -> None: ...  # type: ignore[override]  # it is never called


class TestMail(ChannelContract):
    says_when = False

    @pytest.fixture
    def world(self, mail: MailWorld) -> MailWorld:
        return mail
