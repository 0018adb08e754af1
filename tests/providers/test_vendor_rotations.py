"""Whole rotations of vendors' credentials by the engine: accepted sets, lost answers, and what is left at the end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from rotator.model.rotation import Death, State
from rotator.model.secrets import AcceptedSet
from rotator.testing.source_world import Fields
from tests.providers.rotations import Company
from tests.providers.stripe_receiver import Receiver
from tests.providers.stripe_world import StripeWorld, stripe
from tests.providers.twilio_receiver import TwilioReceiver
from tests.providers.twilio_world import ROTATED, TokenWorld, TwilioWorld, token, twilio

__all__ = ["stripe", "token", "twilio"]
HOUR = timedelta(hours=1)
pytestmark = pytest.mark.slow


def accepts_only(company: Company, name: str, fields: Fields, field: str = "value") -> None:
    """`rotator prepare` made the accepted set."""
    company.parameters.put(name, AcceptedSet([fields[field]]).sealed(), "people")


@pytest.mark.parametrize("lost", [False, True])
def test_a_signing_secret_is_replaced_and_no_event_is_lost(
    stripe: StripeWorld, tmp_path: Path, *, lost: bool
) -> None:
    with Receiver() as receiver:
        stripe.url = receiver.url
        recipe = stripe.recipe(grace=2 * HOUR, quarantine=6 * HOUR, accept_unseen=True)
        current = stripe.predecessor()
        company = Company(stripe.clock, stripe.provider, recipe, tmp_path)
        name = recipe.accepted_as or ""
        accepts_only(company, name, current)
        happened = list[str]()

        def meanwhile() -> None:
            receiver.accept(AcceptedSet.parse(company.store("staging").read(name).value))
            if len(happened) < 40 or len(happened) % 50 == 0:
                stripe.stripe.emit({"id": f"evt_{len(happened)}", "type": "invoice.paid"})
            happened.append(f"evt_{len(happened)}")

        if lost:
            stripe.lose_next_answer()
        row = company.rotates(current, within=12 * HOUR, meanwhile=meanwhile)
        assert (row.state, row.ledger.death) == (State.DONE, Death.LISTED_GONE), row.sentence
        (left,) = stripe.stripe.endpoints
        assert company.reads()["value"].reveal() == left.secret
        assert (
            AcceptedSet.parse(company.store("staging").read(name).value).strangers(company.reads()["value"])
            == 0
        )
        stripe.stripe.deliver()
        sent = {str(one.event["id"]) for one in stripe.stripe.deliveries}
        assert sent == set(receiver.events)
        company.journal.close()


@pytest.mark.parametrize("lost", [False, True])
def test_an_api_key_is_replaced_and_nobody_is_refused(
    twilio: TwilioWorld, tmp_path: Path, *, lost: bool
) -> None:
    recipe = twilio.recipe(grace=2 * HOUR, accept_unseen=True, torn_ok=True)
    current = twilio.predecessor()
    company = Company(twilio.clock, twilio.provider, recipe, tmp_path)
    refused = list[str]()

    def used() -> None:
        """A consumer that meets a server which hears of changes last, and one that hears of them first."""
        refused.extend(
            key for key in [company.reads()["sid"].reveal()] if not twilio.accepts(company.reads())
        )

    if lost:
        twilio.lose_next_answer()
    row = company.rotates(current, within=4 * HOUR, meanwhile=used)
    assert (row.state, row.ledger.death) == (State.DONE, Death.TRIED), row.sentence
    assert refused == []
    assert [one.id for one in twilio.twilio.keys if one is not twilio.own] == [
        company.reads()["sid"].reveal()
    ]
    company.journal.close()


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("itself", [False, True])
def test_an_auth_token_is_replaced_and_no_signature_is_refused(
    token: TokenWorld, tmp_path: Path, *, lost: bool, itself: bool
) -> None:
    """`itself`: rotator logs in with the token that it rotates, and `auth` leads to what the rotation writes."""
    current = token.predecessor()
    if itself:
        token.place, token.auth = ROTATED, current["value"]
    recipe = token.token_recipe(grace=2 * HOUR, accept_unseen=True)
    company = Company(token.clock, token.provider, recipe, tmp_path)
    name = recipe.accepted_as or ""
    accepts_only(company, name, current)
    refused = list[str]()
    with TwilioReceiver() as receiver:

        def meanwhile() -> None:
            if itself:
                token.auth = company.reads()["value"]
            receiver.accept(AcceptedSet.parse(company.store("staging").read(name).value))
            if token.twilio.notify(token.account, receiver.url, MessageSid="SM1") != 200:
                refused.append("a signature")
            if not token.accepts(company.reads()):
                refused.append("a login")

        if lost:
            token.lose_next_answer()
        row = company.rotates(current, within=4 * HOUR, meanwhile=meanwhile)
    assert (row.state, row.ledger.death) == (State.DONE, Death.TRIED), row.sentence
    assert refused == []
    assert token.predecessor() == company.reads()
    assert token.account not in token.twilio.beside
    assert (
        AcceptedSet.parse(company.store("staging").read(name).value).strangers(company.reads()["value"]) == 0
    )
    company.journal.close()
