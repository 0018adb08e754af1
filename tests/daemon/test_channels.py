"""Which channels an installation has, and that what they need out of a store is known while the store is away."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rotator.channels.pagerduty import PagerDuty
from rotator.channels.ses import Ses
from rotator.channels.smtp import Smtp
from rotator.channels.webhook import Webhook
from rotator.config.settings import InvalidSettings, Settings, read_settings
from rotator.contracts.channel import AlertChannel
from rotator.contracts.journal import Journal
from rotator.daemon import installation
from rotator.daemon.installation import Installation
from rotator.daemon.remembered import Remembered
from rotator.model.errors import Refused, Transient
from rotator.model.policy import OwnerPolicy, Policies
from rotator.model.secrets import Sealed
from rotator.testing.values import fresh_value
from rotator.testing.virtual_clock import VirtualClock
from tests.channels.worlds import signing_secret
from tests.engine.things import policies, policy

KEY = "ssm:/taly/production/rotator/PAGERDUTY_ROUTING_KEY"
ADAPTERS = {"pagerduty": PagerDuty, "ses": Ses, "smtp": Smtp, "webhook": Webhook}


def installed(today: Policies, **settings: Any) -> Installation:
    return Installation(
        Settings(**settings),
        cast("Journal", SimpleNamespace()),
        SimpleNamespace(policies=today),
        VirtualClock(),
    )


@pytest.fixture(autouse=True)
def _found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adapters as entry points would find them."""
    monkeypatch.setattr(installation, "adapter", lambda _kind, name: ADAPTERS[name])


def told(**addresses: str) -> Policies:
    owner = OwnerPolicy(name="oncall", addresses=addresses)
    return policies(policy()).model_copy(update={"owners": {"oncall": owner}})


@pytest.mark.parametrize(
    "addresses, settings, channels",
    [
        ({"slack": "#x"}, {}, {}),
        ({"pagerduty": KEY}, {}, {"pagerduty": PagerDuty}),
        ({"webhook": "https://x.example"}, {}, {}),
        ({}, {"webhook_secret": signing_secret()}, {"webhook": Webhook}),
        ({}, {"ses_region": "eu-central-1", "ses_from": "rotator@taly.example"}, {"email": Ses}),
        ({}, {"smtp_host": "mail.example", "smtp_from": "rotator@taly.example"}, {"email": Smtp}),
    ],
)
def test_settings_and_the_policy_say_which_there_are(
    addresses: dict[str, str], settings: dict[str, Any], channels: dict[str, type[AlertChannel]]
) -> None:
    found = installed(told(**addresses), **settings).channels()
    assert {name: type(channel) for name, channel in found.items()} == channels
    assert set(installed(told(**addresses), **settings).channels(unpaced=True)) == set(channels)


@pytest.mark.parametrize(
    "settings, sentence",
    [
        (
            {"SES_REGION": "eu-central-1"},
            "ROTATOR_SES_FROM: is missing; mail needs a sender that SES has verified",
        ),
        (
            {
                "SES_REGION": "eu-central-1",
                "SES_FROM": "a@b.example",
                "SMTP_HOST": "m",
                "SMTP_FROM": "a@b.example",
            },
            "ROTATOR_SES_REGION: is one way too many",
        ),
        ({"WEBHOOK_SECRET": "topsecret"}, "ROTATOR_WEBHOOK_SECRET: holds no signing secret"),
        ({"WEBHOOK_SECRET": "wh" + "sec_c2hvcnQ="}, "ROTATOR_WEBHOOK_SECRET: holds no signing secret"),
    ],
)
def test_settings_that_do_not_fit_are_a_sentence(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], sentence: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"ROTATOR_{name}", value)
    with pytest.raises(InvalidSettings) as caught:
        read_settings()
    assert sentence in str(caught.value)
    assert "topsecret" not in str(caught.value)


def test_a_signing_secret_and_its_successor_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    both = f"{signing_secret().reveal()} {signing_secret().reveal()}"
    monkeypatch.setenv("ROTATOR_WEBHOOK_SECRET", both)
    assert read_settings().webhook_secret == Sealed(both)


def test_an_address_leads_into_its_own_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    value = fresh_value()
    parts = installed(told(pagerduty=KEY))
    store = SimpleNamespace(read=lambda _name: SimpleNamespace(value=value))
    monkeypatch.setattr(parts, "_store", lambda _environment: store)
    assert parts._remembered(KEY) == value
    for elsewhere in (
        "ssm:/taly/production/DATABASE_URL",
        "ssm:/taly/production/rotator/../DATABASE_URL",
        "ssm:/x",
    ):
        with pytest.raises(Refused, match="is not allowed"):
            parts._remembered(elsewhere)


def away(_reference: str) -> Sealed:
    raise Transient("SSM does not answer")


def test_what_was_seen_once_is_known_while_the_store_is_away() -> None:
    values = {KEY: fresh_value()}
    answers: dict[str, Callable[[str], Sealed]] = {"now": values.__getitem__}

    def resolve(reference: str) -> Sealed:
        return answers["now"](reference)

    remembered = Remembered(resolve)
    remembered.learn([KEY])
    answers["now"] = away
    assert remembered(KEY) == values[KEY]
    with pytest.raises(Transient):
        remembered("ssm:/taly/production/rotator/OTHER")
    remembered.learn(["ssm:/taly/production/rotator/OTHER"])
    values[KEY] = fresh_value()
    answers["now"] = values.__getitem__
    assert remembered(KEY) == values[KEY]
