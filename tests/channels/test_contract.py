"""Every channel keeps the promises of AlertChannel."""

from __future__ import annotations

import pytest

from rotator.testing.channel_contract import ChannelContract
from tests.channels.worlds import (
    ButtonsWorld,
    EventsWorld,
    MailWorld,
    PagesWorld,
    SesWorld,
    SlackWorld,
    WebhookWorld,
)

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


class TestWebhook(ChannelContract):
    @pytest.fixture
    def world(self, events: EventsWorld) -> EventsWorld:
        return events


class TestPagerDuty(ChannelContract):
    @pytest.fixture
    def world(self, pages: PagesWorld) -> PagesWorld:
        return pages

    @pytest.mark.skip(reason="its login is behind a reference, and no setting: the reference is told")
    def test_settings_that_are_not_accepted_are_transient(self) -> None: ...  # type: ignore[override]  # it is never called


class TestSes(ChannelContract):
    @pytest.fixture
    def world(self, ses: SesWorld) -> SesWorld:
        return ses

    @pytest.mark.skip(reason="AWS names no time; the pause is ours, for all who share the account")
    def test_later_is_transient_with_the_far_sides_own_word_for_when(self) -> None: ...  # type: ignore[override]  # it is never called
