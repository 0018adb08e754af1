"""The auth token of a Twilio account, through the SDK and HTTP: one in use, one beside it, and no way back."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from rotator.contracts.guard import claimed
from rotator.contracts.provider import Liveness, PromotingProvider, VerifiedProvider
from rotator.model.errors import CredentialRefused, LostClaim, Refused, Transient
from rotator.model.secrets import AcceptedSet, Credential, Sealed
from rotator.providers.twilio_auth_token import TwilioAuthToken
from rotator.testing.provider_contract import ProviderContract
from rotator.testing.values import raises_silently
from tests.providers.twilio_receiver import TwilioReceiver
from tests.providers.twilio_world import AUTH, ROTATED, TokenWorld, token, twilio

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

__all__ = ["token", "twilio"]


@pytest.mark.slow
class TestTwilioAuthToken(ProviderContract):
    """Twilio lists no tokens: the account's has one id for ever, and what is beside it is not shown."""

    @pytest.fixture
    def world(self, token: TokenWorld) -> TokenWorld:
        return token

    def test_identify_gives_the_id_that_observe_lists(self, world: Any) -> None:
        current = current_of(world)
        assert current.id == f"{world.account}/auth-token"
        assert current.id in world.provider.observe().by_id()
        successor = promoted(world, current)
        assert world.provider.identify(successor.fields) == current.id
        assert world.provider.identify(current.fields) is None

    def test_create_is_never_retried_blindly_a_lost_answer_may_have_minted(self, world: Any) -> None:
        """One is there, nobody knows it, and the next create puts another one in its place."""
        current = current_of(world)
        world.lose_next_answer()
        with pytest.raises(Transient):
            world.provider.create("ro-1", current.id)
        world.twilio.weather.set_faults(())
        world.provider.create("ro-1", current.id)
        lost = world.twilio.beside[world.account]
        successor = world.provider.create("ro-1", current.id)
        world.settle()
        assert world.accepts(successor.fields)
        assert not world.accepts({"value": Sealed(lost.secret)})

    def test_remove_is_for_good_and_silent_if_already_gone(self, world: Any) -> None:
        current = current_of(world)
        successor = world.provider.create("ro-1", current.id)
        world.settle()
        for _again in range(2):
            world.provider.remove(successor.id)
            world.settle()
            assert not world.accepts(successor.fields)
        assert world.accepts(current.fields)

    def test_remove_refuses_a_foreign_label(self, world: Any) -> None:
        """There are no labels: what is refused is the end of the token in use."""
        current = current_of(world)
        with pytest.raises(Refused, match="promoting"):
            world.provider.remove(current.id)
        world.settle()
        assert world.accepts(current.fields)

    def test_a_whole_rotation_never_touches_a_foreign_credential(self, world: Any) -> None:
        """Of the account nobody else has a token; its keys and another account's token stay as they are."""
        key = world.twilio.somebody_makes(world.account)
        other = world.twilio.tokens[world.twilio.somebody_opens()]
        promoted(world, current_of(world))
        for held in (key, other, world.own):
            assert world.twilio.accepts(held.id, held.secret) is held

    def test_alternation_two_rotations_in_a_row(self, world: Any) -> None:
        current = current_of(world)
        for label in ("ro-1", "ro-2"):
            successor = promoted(world, current, label)
            assert not world.accepts(current.fields)
            assert world.accepts(successor.fields)
            assert [one.liveness for one in world.provider.observe().credentials] == [Liveness.LIVE]
            current = successor


def current_of(world: TokenWorld) -> Credential:
    fields = world.predecessor()
    found = world.provider.identify(fields)
    assert found
    return Credential(found, fields)


def made(world: TokenWorld, current: Credential, label: str = "ro-1") -> Credential:
    successor = world.provider.create(label, current.id)
    world.settle()
    return successor


def promoted(world: TokenWorld, current: Credential, label: str = "ro-1") -> Credential:
    successor = made(world, current, label)
    world.provider.promote(current, successor)
    world.settle()
    return successor


def test_it_promotes_and_verifiers_check_what_it_signs(token: TokenWorld) -> None:
    assert isinstance(token.provider, PromotingProvider)
    assert isinstance(token.provider, VerifiedProvider)


# promotion


def test_a_promotion_puts_the_successor_in_the_predecessor_s_place(token: TokenWorld) -> None:
    current = current_of(token)
    successor = made(token, current)
    for _again in range(2):
        token.provider.promote(current, successor)
        token.settle()
        assert (token.accepts(current.fields), token.accepts(successor.fields)) == (False, True)
    assert token.account not in token.twilio.beside


def test_a_promotion_whose_answer_was_lost_is_not_made_twice(token: TokenWorld) -> None:
    """Also while servers that have not heard of it still take the predecessor."""
    current = current_of(token)
    successor = made(token, current)
    token.lose_next_answer()
    with raises_silently(Transient, *token.unsayable(successor.fields)):
        token.provider.promote(current, successor)
    token.twilio.somebody_opens()
    for _again in range(3):
        token.provider.promote(current, successor)
    token.settle()
    assert token.accepts(successor.fields)


def test_nobody_else_s_token_is_ever_promoted(token: TokenWorld) -> None:
    current = current_of(token)
    successor = made(token, current)
    token.provider.remove(successor.id)
    theirs = token.twilio.somebody_makes_a_token_beside(token.account)
    token.settle()
    with raises_silently(Refused, *token.unsayable(successor.fields), Sealed(theirs.secret)) as caught:
        token.provider.promote(current, successor)
    assert not isinstance(caught.value, CredentialRefused)
    assert token.twilio.beside[token.account] is theirs
    assert token.accepts(current.fields)


def test_a_token_is_never_promoted_over_itself(token: TokenWorld) -> None:
    current = current_of(token)
    token.twilio.somebody_makes_a_token_beside(token.account)
    with pytest.raises(Refused, match="should replace"):
        token.provider.promote(current, Credential("again", current.fields))
    assert token.account in token.twilio.beside


def test_nothing_is_promoted_without_the_claim(token: TokenWorld) -> None:
    current = current_of(token)
    successor = made(token, current)

    def lost(_seconds: float) -> None:
        raise LostClaim("another worker has it")

    with claimed(lost), pytest.raises(LostClaim):
        token.provider.promote(current, successor)
    assert token.account in token.twilio.beside


# the place beside the one in use


def test_a_secondary_token_is_deleted_before_ours_is_made(token: TokenWorld) -> None:
    current = current_of(token)
    theirs = token.twilio.somebody_makes_a_token_beside(token.account)
    successor = made(token, current)
    assert not token.accepts({"value": Sealed(theirs.secret)})
    assert token.accepts(successor.fields)


def test_without_owns_secondary_nothing_is_deleted_or_made(token: TokenWorld) -> None:
    current = current_of(token)
    theirs = token.twilio.somebody_makes_a_token_beside(token.account)
    provider = TwilioAuthToken(token.token_recipe(settings={"owns_secondary": False}), token.around)
    for act in (
        lambda: provider.create("ro-1", current.id),
        lambda: provider.remove(f"{token.account}/auth-token@ro-1"),
    ):
        with pytest.raises(Refused, match="owns_secondary"):
            act()
    assert token.twilio.beside[token.account] is theirs


# rotator's own login


def test_nothing_is_made_where_the_promotion_would_end_what_rotator_logs_in_with(token: TokenWorld) -> None:
    """The token itself, kept where this rotation does not write: after a restart nobody would let rotator in."""
    current = current_of(token)
    theirs = token.twilio.somebody_makes_a_token_beside(token.account)
    token.auth = current.fields["value"]
    with raises_silently(Refused, token.auth) as caught:
        token.provider.create("ro-1", current.id)
    assert AUTH in str(caught.value)
    assert "nothing was made. Put a Main key" in str(caught.value)
    assert token.twilio.beside[token.account] is theirs


def test_nothing_is_promoted_where_that_would_end_what_rotator_logs_in_with(token: TokenWorld) -> None:
    """Somebody put the token in the Main key's place when the rotation was under way."""
    current = current_of(token)
    successor = made(token, current)
    main_key, token.auth = token.auth, current.fields["value"]
    with raises_silently(Refused, token.auth, successor.fields["value"]) as caught:
        token.provider.promote(current, successor)
    assert "nothing was promoted. Put a Main key" in str(caught.value)
    assert token.accepts(current.fields)
    token.auth = main_key
    token.provider.promote(current, successor)


def test_where_the_rotation_writes_what_rotator_logs_in_with_a_restart_is_no_trouble(
    token: TokenWorld,
) -> None:
    current = current_of(token)
    token.place, token.auth = ROTATED, current.fields["value"]
    successor = made(token, current)
    token.auth = successor.fields["value"]  # the store phase
    token.lose_next_answer()
    with pytest.raises(Transient):
        token.provider.promote(current, successor)
    token.settle()
    token.twilio.weather.set_faults(())
    token.provider.promote(current, successor)
    assert token.provider.observe().credentials
    following = made(token, successor, "ro-2")
    assert token.accepts(following.fields)


def test_a_login_that_twilio_refuses_is_told_and_undoes_nothing(token: TokenWorld) -> None:
    token.auth = token.unknown()["value"]
    with raises_silently(Transient, token.auth) as caught:
        token.provider.observe()
    assert AUTH in str(caught.value)


# verifiers


def test_what_twilio_signs_is_accepted_before_and_after_the_promotion(token: TokenWorld) -> None:
    current = current_of(token)
    with TwilioReceiver() as receiver:
        accepted = AcceptedSet([token.provider.member(current)])
        receiver.accept(accepted)
        assert token.twilio.notify(token.account, receiver.url, MessageSid="SM1") == 200
        successor = made(token, current)
        with raises_silently(CredentialRefused, *token.unsayable(successor.fields)):
            token.provider.probe(receiver.url, successor)
        receiver.accept(accepted := accepted.including(token.provider.member(successor)))
        token.provider.probe(receiver.url, successor)
        token.provider.probe(receiver.url, current)
        assert token.twilio.notify(token.account, receiver.url, MessageSid="SM2") == 200
        token.provider.promote(current, successor)
        assert token.twilio.notify(token.account, receiver.url, MessageSid="SM3") == 200
        receiver.accept(accepted.without(token.provider.member(current)))
        assert token.twilio.notify(token.account, receiver.url, MessageSid="SM4") == 200
    with raises_silently(Transient, *token.unsayable(successor.fields)):
        token.provider.probe(receiver.url, successor)
    with raises_silently(Refused, *token.unsayable(successor.fields)):
        token.provider.probe("http://receiver.example/", successor)


# the policy


@pytest.mark.parametrize(
    "more, said",
    [
        ({}, None),
        ({"accepted_as": None}, "accepted_as is missing"),
        ({"accepted_as": None, "accept_gap": True}, None),
        ({"fields": {"id": "A", "value": "B"}}, "it is one value"),
        ({"settings": {"owns_secondary": False}}, "owns_secondary is missing"),
        ({"probe": ("http://api.example/",)}, "probe http://api"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said(
    token: TokenWorld, more: dict[str, Any], said: str | None
) -> None:
    complaints = TwilioAuthToken.check(token.token_recipe(**more))
    assert (complaints == []) if said is None else complaints[0].startswith(said)


def test_a_token_itself_is_no_reference(token: TokenWorld) -> None:
    with pytest.raises(ValueError, match="reference"):
        TwilioAuthToken.Options(account_sid=token.account, auth="token", owns_secondary=True)


def test_a_change_is_waited_for_as_long_as_twilio_may_take(token: TokenWorld) -> None:
    assert token.provider.traits.propagation >= timedelta(minutes=1)


@pytest.mark.slow
def test_a_policy_check_loads_no_sdk() -> None:
    program = "import sys, rotator.providers.twilio_auth_token; sys.exit('twilio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=240).returncode == 0
