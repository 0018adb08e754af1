"""Consumers send with what they read: refused is the vendor's no to the credential, and everything else is trouble."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, cast

import pytest

from rotator.clock import SystemClock
from rotator.model.secrets import Sealed
from rotator.providers.ses_smtp import smtp_password
from rotator.sandbox import consumer
from rotator.sandbox.certificates import self_signed
from rotator.sandbox.consumer import Surroundings, read_whole
from rotator.sandbox.diet import Diet, Pace, Places
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sandbox.sending import Mailbox, Phone, Sender, Till
from rotator.sandbox.sources.iam import Iam
from rotator.sandbox.sources.ses_smtp import SesServer
from rotator.sandbox.sources.stripe import Stripe
from rotator.sandbox.sources.twilio import Twilio
from rotator.testing.virtual_clock import VirtualClock

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

CALLBACK = "http://127.0.0.1:9/webhooks/staging/worker/twilio"


@pytest.fixture
def twilio() -> Iterator[tuple[Twilio, Places]]:
    vendor = Twilio(VirtualClock())
    with vendor.server.serving() as address:
        yield vendor, Places(twilio=address, twilio_account=vendor.somebody_opens())


def test_an_sms_is_sent_with_a_key_that_twilio_knows(twilio: tuple[Twilio, Places]) -> None:
    vendor, places = twilio
    key = vendor.somebody_makes(places.twilio_account)
    phone = Phone(places, (key.id, key.secret), CALLBACK)
    assert (phone.let_in(), phone.sends()) == (True, "sms_sent")
    assert vendor.report() == [0], "nobody answers there"
    assert vendor.report() == [], "it is told once"
    vendor.weather.set_faults([Rule(Fault.THROTTLED, "POST /2010-04-01/Accounts/*/Messages.json", times=1)])
    assert phone.sends() == "sms_troubles"
    vendor.somebody_deletes(key.id)
    assert (phone.let_in(), phone.sends()) == (False, "sms_refused")
    vendor.weather.set_outages({"twilio": Outage.CLOSED})
    assert (phone.let_in(), phone.sends()) == (True, "sms_troubles")


def test_a_payment_is_made_with_a_key_that_stripe_knows() -> None:
    stripe = Stripe(SystemClock())
    key = stripe.somebody_makes_a_key()
    with stripe.server.serving() as address:
        till = Till(Places(stripe=address), key)
        assert (till.let_in(), till.sends()) == (True, "payments_made")
        del stripe.keys[key]
        assert (till.let_in(), till.sends()) == (False, "payments_refused")


def test_a_mail_is_sent_with_a_password_that_ses_knows(tmp_path: Path) -> None:
    made, iam = self_signed(), Iam(VirtualClock())
    pair, ca_file = tmp_path / "pair.pem", tmp_path / "ca.pem"
    pair.write_bytes(made.certificate + made.key)
    ca_file.write_bytes(made.certificate)
    key = iam.somebody_makes("mailer")
    password = smtp_password(Sealed(key.secret), "eu-central-1").reveal()
    server = SesServer(iam, "eu-central-1", pair)
    server.start()
    places = Places(smtp_port=server.port, ca_file=str(ca_file))
    mailbox: Sender = Mailbox(places, key.id, password)
    assert (mailbox.let_in(), mailbox.sends()) == (True, "mails_sent")
    assert [mail.subject for mail in server.mails] == ["Your deal was won"]
    stranger = Mailbox(places, key.id, token_hex(20))
    assert (stranger.let_in(), stranger.sends()) == (False, "mails_refused")
    server.weather.set_errors({"mail.data": "451 4.3.0 later"})
    assert mailbox.sends() == "mails_troubles"
    server.stop()
    assert (mailbox.let_in(), mailbox.sends()) == (True, "mails_troubles")


class Torn:
    """A store in which somebody is between two writes: the secret follows its SID after so many reads."""

    def __init__(self, *readings: dict[str, str]) -> None:
        self._readings = list(readings)

    def get_parameters(self, **_: object) -> dict[str, object]:
        held = self._readings.pop(0) if len(self._readings) > 1 else self._readings[0]
        parameters = [{"Name": name, "Value": value, "Version": 1} for name, value in held.items()]
        return {"Parameters": parameters, "InvalidParameters": []}


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    monkeypatch.setattr(consumer, "_BETWEEN_READS", 0.0)
    return Counter[str]()


def test_what_was_read_torn_is_read_again(twilio: tuple[Twilio, Places], counts: Counter[str]) -> None:
    vendor, places = twilio
    old, new = (vendor.somebody_makes(places.twilio_account) for _ in range(2))
    torn, whole = {"/sid": new.id, "/secret": old.secret}, {"/sid": new.id, "/secret": new.secret}
    store = cast("SSMClient", Torn(torn, torn, whole))
    around = Surroundings("staging/worker", "http://127.0.0.1:9", places, Pace())
    diet = Diet(twilio_sid="/sid", twilio_secret="/secret")
    values, _versions, (phone,) = read_whole(store, diet, around, lambda what: counts.update([what]))
    assert (values, phone.sends()) == (whole, "sms_sent")
    assert counts == {"reads_torn": 2}


def test_what_stays_torn_is_refused_in_the_open(twilio: tuple[Twilio, Places], counts: Counter[str]) -> None:
    vendor, places = twilio
    key = vendor.somebody_makes(places.twilio_account)
    store = cast("SSMClient", Torn({"/sid": key.id, "/secret": token_hex(16)}))
    around = Surroundings("staging/worker", "http://127.0.0.1:9", places, Pace())
    diet = Diet(twilio_sid="/sid", twilio_secret="/secret")
    _values, _versions, (phone,) = read_whole(store, diet, around, lambda what: counts.update([what]))
    assert phone.sends() == "sms_refused"
    assert counts == {"reads_torn": 19}


def test_what_an_instance_holds_is_by_kind() -> None:
    diet = Diet(stripe_accepted="/set")
    assert json.loads(diet.held("stripe_accepted", {"/set": "[]"})) == []
    assert diet.held("twilio_accepted", {"/set": "[]"}) == ""
