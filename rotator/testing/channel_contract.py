"""The promises of AlertChannel as tests: a channel's test class inherits `ChannelContract` and provides a `world`."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Protocol

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rotator.contracts.channel import AlertChannel
from rotator.contracts.guard import claimed
from rotator.model.alerts import Alert, AlertKind, Receipt, Severity
from rotator.model.errors import LostClaim, Refused, RotatorError, Transient
from rotator.model.secrets import Sealed
from rotator.testing.values import raises_silently


class ChannelWorld(Protocol):
    """The far side of a channel, with switches for what a far side does to its callers."""

    address: str
    """One that takes messages."""
    nowhere: str
    """One that does not exist."""
    logins: Sequence[Sealed]
    """What must never be in a message or an error."""

    def channel(self) -> AlertChannel:
        """The channel, made anew as after a restart."""

    def channel_with_a_wrong_login(self) -> AlertChannel:
        """One whose login the far side does not accept."""

    def threads(self) -> Sequence[Sequence[str]]:
        """What readers see: every conversation, and in it every message, first to last, as they read it."""

    def markup(self) -> Sequence[str]:
        """What in the messages was markup that we did not mean."""

    def lose_next_answer(self) -> None:
        """The next message arrives, and the answer is lost."""

    def go_away(self) -> None:
        """Nothing is taken until come_back()."""

    def come_back(self) -> None:
        """Messages are taken again."""

    def say_later(self, when: timedelta) -> None:
        """The next message is turned away for now."""


def an_alert(**changes: object) -> Alert:
    """One that uses every field."""
    alert = Alert(
        identity="rotation_failed/production/DATABASE_URL/ro_1",
        kind=AlertKind.ROTATION_FAILED,
        severity=Severity.WARNING,
        environment="production",
        secret="production/DATABASE_URL",  # noqa: S106  # the name of one
        rotation="ro_1",
        owner="platform",
        title="DATABASE_URL rotation failed (deploy)",
        facts={"Step": "deploy: `worker` not ready after 10 min", "Impact": "none yet: the old one is valid"},
        action="rotator history production/DATABASE_URL",
        opened_at=datetime(2026, 11, 26, 9, 30, tzinfo=UTC),
    )
    return alert.model_copy(update=changes)


def closed(alert: Alert) -> Alert:
    """The message that closes it."""
    return alert.model_copy(
        update={
            "closed_at": alert.opened_at + timedelta(hours=2),
            "closing": "rotated on attempt 5, after 2 h",
        }
    )


_texts = st.text(max_size=5000) | st.text(alphabet="<>&*_~`|@!#:\n\r\t\0\u202e🔴 é", max_size=3000)
_names = st.text(max_size=300)
#: Alerts of every kind, with texts of every kind.
alerts = st.builds(
    Alert,
    identity=st.text(min_size=1, max_size=255),
    kind=st.sampled_from(AlertKind),
    severity=st.sampled_from(Severity),
    environment=_names,
    secret=_names,
    rotation=_names,
    owner=_names,
    title=_texts,
    facts=st.dictionaries(_texts, _texts, max_size=15),
    action=_texts,
    opened_at=st.integers(0, 2**32).map(lambda second: datetime.fromtimestamp(second, UTC)),
    closing=_texts,
)
_LOUD = "<!channel> <@U123> <script>x</script> [x](y) & \r\nBcc: somebody@else.example\r\n\r\n" * 200
LOUD = an_alert(
    title=_LOUD, facts={_LOUD: _LOUD}, action=_LOUD, environment=_LOUD, owner=_LOUD, closing=_LOUD
)
EMPTY = an_alert(title="", facts={"": "", "x": ""}, action="", environment="", secret="", owner="")
LONG = an_alert(title="🔴" * 200, facts={f"🔴{n}": "&" * 3000 for n in range(15)}, action="<" * 3000)


class ChannelContract:
    """Inherit, and provide the fixture `world`. `says_when`: "later" comes with a time."""

    says_when: ClassVar[bool] = True

    @pytest.fixture
    def world(self) -> ChannelWorld:
        raise NotImplementedError("a channel's test class provides the fixture `world`")

    def test_it_is_an_alert_channel(self, world: ChannelWorld) -> None:
        assert isinstance(world.channel(), AlertChannel)

    def test_posts_the_alert_with_all_that_a_reader_needs(self, world: ChannelWorld) -> None:
        alert = an_alert()
        world.channel().deliver(alert, world.address, None)
        [[message]] = world.threads()
        for told in (
            "production",
            alert.title,
            *alert.facts,
            *alert.facts.values(),
            alert.action,
            "platform",
            "warning",
            alert.identity,
            alert.rotation,
            "rotator status production/DATABASE_URL",
        ):
            assert told in message

    def test_an_alert_is_one_conversation(self, world: ChannelWorld) -> None:
        alert, other = (
            an_alert(),
            an_alert(identity="parked/production/JWT_SECRET", title="JWT_SECRET is parked"),
        )
        receipt = world.channel().deliver(alert, world.address, None)
        world.channel().deliver(other, world.address, None)
        worse = alert.model_copy(update={"severity": Severity.CRITICAL})
        world.channel().deliver(worse, world.address, as_the_journal_keeps_it(receipt))
        [about_alert, [about_other]] = world.threads()
        assert len(about_alert) > 1
        assert "critical" in about_alert[-1].lower()
        assert other.title in about_other

    def test_closing_closes_the_same_thread(self, world: ChannelWorld) -> None:
        alert, receipt = an_alert(), None
        for message in (
            alert,
            alert.model_copy(update={"severity": Severity.CRITICAL}),
            alert,
            closed(alert),
        ):
            receipt = as_the_journal_keeps_it(world.channel().deliver(message, world.address, receipt))
        [messages] = world.threads()
        assert "Resolved" in messages[-1]
        assert closed(alert).closing in messages[-1]
        assert alert.action not in messages[-1]

    def test_a_second_life_is_a_second_conversation(self, world: ChannelWorld) -> None:
        alert = an_alert()
        receipt = world.channel().deliver(alert, world.address, None)
        world.channel().deliver(closed(alert), world.address, receipt)
        again = alert.model_copy(update={"opened_at": alert.opened_at + timedelta(days=30)})
        world.channel().deliver(again, world.address, None)
        assert len(world.threads()) == 2

    def test_a_lost_answer_is_transient_and_delivering_again_tells_at_least_once(
        self, world: ChannelWorld
    ) -> None:
        alert, receipt = an_alert(), None
        for message in (alert, alert.model_copy(update={"severity": Severity.CRITICAL}), closed(alert)):
            world.lose_next_answer()
            with raises_silently(Transient, *world.logins):
                world.channel().deliver(message, world.address, receipt)
            receipt = world.channel().deliver(message, world.address, receipt)
        assert any("Resolved" in message for thread in world.threads() for message in thread)

    def test_a_far_side_that_is_away_is_transient_and_nothing_is_lost(self, world: ChannelWorld) -> None:
        channel, alert = world.channel(), an_alert()
        world.go_away()
        with raises_silently(Transient, *world.logins):
            channel.deliver(alert, world.address, None)
        assert list(world.threads()) == []
        world.come_back()
        receipt = channel.deliver(alert, world.address, None)
        world.go_away()
        with raises_silently(Transient, *world.logins):
            channel.deliver(closed(alert), world.address, receipt)
        world.come_back()
        channel.deliver(closed(alert), world.address, receipt)
        [messages] = world.threads()
        assert "Resolved" in messages[-1]

    def test_later_is_transient_with_the_far_sides_own_word_for_when(self, world: ChannelWorld) -> None:
        world.say_later(timedelta(seconds=7))
        with raises_silently(Transient, *world.logins) as caught:
            world.channel().deliver(an_alert(), world.address, None)
        assert isinstance(caught.value, Transient)
        assert caught.value.retry_after == (timedelta(seconds=7) if self.says_when else None)
        world.channel().deliver(an_alert(), world.address, None)
        assert len(world.threads()) == 1

    def test_settings_that_are_not_accepted_are_transient(self, world: ChannelWorld) -> None:
        with raises_silently(Transient, *world.logins) as caught:
            world.channel_with_a_wrong_login().deliver(an_alert(), world.address, None)
        assert "ROTATOR_" in str(caught.value)  # the setting to correct
        assert list(world.threads()) == []

    def test_an_address_that_does_not_exist_is_said_so(self, world: ChannelWorld) -> None:
        with raises_silently(RotatorError, *world.logins) as caught:
            world.channel().deliver(an_alert(), world.nowhere, None)
        assert isinstance(caught.value, Transient | Refused)
        assert world.nowhere in str(caught.value)

    def test_nothing_leaves_without_the_claim(self, world: ChannelWorld) -> None:
        def lost(_seconds: float) -> None:
            raise LostClaim("another worker has it")

        receipt = world.channel().deliver(an_alert(), world.address, None)
        before = world.threads()
        with claimed(lost):
            for earlier in (None, receipt):
                with raises_silently(LostClaim, *world.logins):
                    world.channel().deliver(closed(an_alert(identity="another")), world.address, earlier)
        assert world.threads() == before

    @settings(
        max_examples=4,
        deadline=None,
        derandomize=True,
        # One test for several channels, and one far side for all its examples, are meant.
        suppress_health_check=[
            HealthCheck.differing_executors,
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
        ],
    )
    @given(alert=alerts)
    @example(alert=LOUD)
    @example(alert=EMPTY)
    @example(alert=LONG)
    @example(alert=an_alert(action="https://runbooks.example/a|b?c=<d>&e=\"f'"))
    def test_every_text_arrives_within_limits_and_never_as_markup(
        self, world: ChannelWorld, alert: Alert
    ) -> None:
        before = len(world.threads())
        alert = alert.model_copy(update={"identity": f"{before} {alert.identity}"})
        receipt = world.channel().deliver(alert, world.address, None)
        ends = alert.model_copy(update={"closed_at": alert.opened_at})
        world.channel().deliver(ends, world.address, as_the_journal_keeps_it(receipt))
        assert len(world.threads()) == before + 1
        assert list(world.markup()) == []


def as_the_journal_keeps_it(receipt: Receipt) -> Receipt:
    """Through JSON and back."""
    return Receipt.model_validate_json(receipt.model_dump_json())
