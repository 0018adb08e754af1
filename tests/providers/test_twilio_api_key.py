"""API keys of Twilio, through the SDK and HTTP, at an account that tells things late."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rotator.model.errors import CredentialRefused, Refused, Transient
from rotator.model.secrets import Credential, Sealed
from rotator.providers.twilio_api_key import TwilioApiKey
from rotator.sandbox.faults import Fault, Rule
from rotator.testing.provider_contract import ProviderContract
from rotator.testing.values import raises_silently
from tests.providers.recipes import recipe_for
from tests.providers.twilio_world import AUTH, TwilioWorld, twilio

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

__all__ = ["twilio"]
POLICY = {"allow": ["Messages", "Balance"]}


@pytest.mark.slow
class TestTwilioApiKey(ProviderContract):
    @pytest.fixture
    def world(self, twilio: TwilioWorld) -> TwilioWorld:
        return twilio

    def test_remove_refuses_a_foreign_label(self, world: Any) -> None:
        """Whose a key is says the account that lists it; Twilio itself deletes any by its SID."""
        theirs = world.twilio.somebody_makes(world.twilio.somebody_opens())
        with pytest.raises(Refused, match="another account"):
            world.provider.remove(theirs.id)
        assert theirs in world.twilio.keys


def test_a_successor_of_a_restricted_key_may_do_the_same_and_no_more(twilio: TwilioWorld) -> None:
    current = twilio.twilio.somebody_makes(twilio.account, kind="restricted", policy=POLICY)
    assert twilio.provider.identify(twilio.fields(current)) == current.id
    successor = twilio.provider.create("ro-1", current.id)
    made = twilio.find(successor.id)
    assert (made.kind, made.policy, made.name) == ("restricted", POLICY, "rotator:ro-1")
    twilio.settle()
    twilio.provider.verify(successor)


def test_a_successor_of_a_standard_key_is_a_standard_key(twilio: TwilioWorld) -> None:
    current = twilio.twilio.somebody_makes(twilio.account)
    assert twilio.find(twilio.provider.create("ro-1", current.id).id).kind == "standard"


def test_nothing_is_made_in_place_of_a_key_that_nobody_can_show(twilio: TwilioWorld) -> None:
    """A Standard key in place of a Restricted one could do everything that the account can."""
    gone = twilio.twilio.somebody_makes(twilio.account, kind="restricted", policy=POLICY)
    twilio.twilio.somebody_deletes(gone.id)
    twilio.settle()
    assert twilio.provider.identify(twilio.fields(gone)) is None
    before = list(twilio.twilio.keys)
    for predecessor in (None, gone.id):
        with pytest.raises(Refused):
            twilio.provider.create("ro-1", predecessor)
    assert twilio.twilio.keys == before
    with pytest.raises(Refused, match="by hand, put it into the store, and rotate again"):
        twilio.provider.create("ro-1", None)


def test_a_main_key_is_refused_because_twilio_makes_none(twilio: TwilioWorld) -> None:
    fields = twilio.fields(twilio.twilio.somebody_makes(twilio.account, kind="main"))
    with raises_silently(Refused, *twilio.unsayable(fields)) as caught:
        twilio.provider.identify(fields)
    assert "Main key" in str(caught.value)


def test_a_restricted_key_is_tried_with_what_it_may_read(twilio: TwilioWorld) -> None:
    policy = {"allow": ["Messages"]}
    current = twilio.twilio.somebody_makes(twilio.account, kind="restricted", policy=policy)
    credential = Credential(current.id, twilio.fields(current))
    with raises_silently(Refused, *twilio.unsayable(credential.fields)) as caught:
        twilio.provider.verify(credential)
    assert not isinstance(caught.value, CredentialRefused)
    assert "verify_path" in str(caught.value)
    path = "/2010-04-01/Accounts/{account_sid}/Messages.json"
    TwilioApiKey(twilio.recipe(settings={"verify_path": path}), twilio.around).verify(credential)


def test_no_room_is_made_in_a_full_account(twilio: TwilioWorld) -> None:
    current = twilio.twilio.somebody_makes(twilio.account)
    twilio.twilio.keys_allowed = 2
    before = list(twilio.twilio.keys)
    with pytest.raises(Refused, match=r"as many API keys as it may \(70151\), and rotator makes no room"):
        twilio.provider.create("ro-1", current.id)
    assert twilio.twilio.keys == before


def test_a_key_whose_answer_was_lost_bears_the_label_once_it_is_listed(twilio: TwilioWorld) -> None:
    current = twilio.twilio.somebody_makes(twilio.account)
    twilio.lose_next_answer()
    with pytest.raises(Transient):
        twilio.provider.create("ro-1", current.id)
    assert [one.label for one in twilio.provider.observe().credentials] == [None]
    twilio.clock.pass_by(twilio.provider.traits.listing)
    assert [one.label for one in twilio.provider.observe().credentials] == [None, "ro-1"]


def test_the_key_that_rotator_itself_uses_is_not_listed_and_never_deleted(twilio: TwilioWorld) -> None:
    assert twilio.provider.observe().credentials == ()
    with pytest.raises(Refused, match="rotator itself"):
        twilio.provider.remove(twilio.own.id)
    assert twilio.own in twilio.twilio.keys


def test_while_a_new_key_spreads_it_is_accepted_here_and_refused_there(twilio: TwilioWorld) -> None:
    """Why one acceptance is not enough."""
    provider = twilio.provider
    successor = provider.create("ro-1", twilio.twilio.somebody_makes(twilio.account).id)
    twilio.clock.pass_by(twilio.twilio.propagation / 2)
    accepted = 0
    for _try in range(6):
        with suppress(CredentialRefused):
            provider.verify(successor)
            accepted += 1
    assert 0 < accepted < 6
    assert provider.traits.acceptances >= 2
    assert twilio.twilio.propagation < provider.traits.propagation


# rotator's own login


def test_the_account_s_token_will_do_for_rotator_too(twilio: TwilioWorld) -> None:
    twilio.auth = Sealed(twilio.twilio.tokens[twilio.account].secret)
    current = twilio.twilio.somebody_makes(twilio.account)
    twilio.provider.create("ro-1", current.id)
    assert twilio.own.id in twilio.provider.observe().by_id()


def test_a_standard_key_will_not_do_for_rotator_and_undoes_nothing(twilio: TwilioWorld) -> None:
    own = twilio.twilio.somebody_makes(twilio.account)
    twilio.auth = Sealed(f"{own.id}:{own.secret}")
    with raises_silently(Transient, twilio.auth, Sealed(own.secret)) as caught:
        twilio.provider.observe()
    assert AUTH in str(caught.value)
    assert "Main key" in str(caught.value)


@pytest.mark.parametrize("held", ["two words", "SK12:", "ä"])
def test_what_is_no_login_is_told_without_saying_it(twilio: TwilioWorld, held: str) -> None:
    twilio.auth = Sealed(held)
    with raises_silently(Refused, twilio.auth):
        twilio.provider.observe()


def test_the_account_may_be_named_by_a_reference(twilio: TwilioWorld) -> None:
    reference = "ssm:/taly/staging/rotator/TWILIO_ACCOUNT"
    current = twilio.twilio.somebody_makes(twilio.account)
    known = {AUTH: twilio.auth, reference: Sealed(twilio.account)}
    around = replace(twilio.around, resolve=known.__getitem__)
    provider = TwilioApiKey(twilio.recipe(settings={"account_sid": reference}), around)
    assert current.id in provider.observe().by_id()
    assert twilio.account not in provider.principal


# trouble is no verdict


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.INTERNAL_ERROR])
def test_a_list_that_fails_is_trouble_although_the_sdk_does_not_say_which(
    twilio: TwilioWorld, fault: Fault
) -> None:
    twilio.twilio.weather.set_faults([Rule(fault, "GET /v1/Keys", times=1)])
    with pytest.raises(Transient) as caught:
        twilio.provider.observe()
    assert caught.value.retry_after == (timedelta(seconds=2) if fault is Fault.THROTTLED else None)
    backed_off = [(f"twilio:{twilio.account}", timedelta(seconds=2))] if fault is Fault.THROTTLED else []
    assert twilio.pacer.backed_off == backed_off


def test_consumers_and_rotator_use_up_one_rate(twilio: TwilioWorld) -> None:
    current = Credential("", twilio.predecessor())
    twilio.settle()
    twilio.provider.observe()
    twilio.provider.verify(current)
    assert {account for account, *_ in twilio.pacer.paced} == {f"twilio:{twilio.account}"}
    assert len(twilio.pacer.paced) >= 2


def test_what_is_no_key_is_told_without_saying_it(twilio: TwilioWorld) -> None:
    for changed in ({"sid": Sealed("whatever")}, {"secret": Sealed("two\nlines")}):
        fields = {**twilio.predecessor(), **changed}
        with raises_silently(Refused, fields["secret"]) as caught:
            twilio.provider.verify(Credential("", fields))
        assert not isinstance(caught.value, CredentialRefused)


# the policy


def test_a_policy_names_the_two_parameters_that_consumers_read(twilio: TwilioWorld) -> None:
    assert TwilioApiKey.check(twilio.recipe()) == []
    (sentence,) = TwilioApiKey.check(recipe_for("TWILIO", "twilio-api-key"))
    assert sentence.startswith("fields must be")


@pytest.mark.parametrize(
    "wrong",
    [
        {"auth": "SK" + "0" * 32 + ":secret"},
        {"auth": "token"},
        {"account_sid": "SK12"},
        {"verify_path": "/2010-04-01/Accounts/{account_sid}/../../x.json"},
        {"verify_path": "https://elsewhere.example/"},
    ],
)
def test_options_that_lead_elsewhere_are_refused(twilio: TwilioWorld, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        TwilioApiKey.Options.model_validate({**twilio.recipe().settings, **wrong})


@pytest.mark.slow
def test_a_policy_check_loads_no_sdk() -> None:
    program = "import sys, rotator.providers.twilio_api_key; sys.exit('twilio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=240).returncode == 0
