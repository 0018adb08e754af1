"""The promises of VerifiedProvider as tests, for secrets whose both ends are ours.

A provider's test class inherits `SharedProviderContract` and provides a `world` (see provider_contract.py).
"""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.contracts.guard import claimed
from rotator.contracts.provider import Overlap, Sight, VerifiedProvider
from rotator.model.errors import CredentialRefused, LostClaim, Refused, Transient
from rotator.model.rotation import Death
from rotator.model.secrets import AcceptedSet, Credential
from rotator.testing.source_world import VerifierWorld
from rotator.testing.values import raises_silently

LABEL, NEXT_LABEL = "ro-contract-1", "ro-contract-2"


class SharedProviderContract:
    """Inherit, and provide the fixture `world`."""

    @pytest.fixture
    def world(self) -> VerifierWorld:
        raise NotImplementedError("a provider's test class provides the fixture `world`")

    # what a shared secret is

    def test_traits_are_those_of_a_shared_secret(self, world: VerifierWorld) -> None:
        traits = world.provider.traits
        assert isinstance(world.provider, VerifiedProvider)
        assert traits.shared
        assert not traits.mints
        assert not traits.reversible
        assert (traits.overlap, traits.sight, traits.death) == (Overlap.MANY, Sight.OURS, Death.PROBE)

    def test_nothing_but_probe_asks_anybody(self, world: VerifierWorld) -> None:
        provider = world.provider
        current = _current(world)
        successor = provider.create(LABEL, current.id)
        provider.observe()
        provider.activate(successor)
        provider.verify(successor)
        provider.member(successor)
        provider.last_used(successor.id)
        provider.remove(successor.id)
        assert provider.principal
        assert world.arrived() == []

    def test_no_source_lists_it(self, world: VerifierWorld) -> None:
        assert world.provider.observe().credentials == ()
        assert world.provider.observe().free_slots is None

    def test_use_cannot_be_seen_at_a_source(self, world: VerifierWorld) -> None:
        assert not world.provider.last_used(_current(world).id).known

    # ids

    def test_identify_is_stable_and_never_made_from_the_value(self, world: VerifierWorld) -> None:
        first, second = world.predecessor(), world.predecessor()
        assert first["value"] != second["value"]
        assert world.provider.identify(first) == world.provider.identify(second) is not None

    def test_credential_ids_are_unique_for_ever(self, world: VerifierWorld) -> None:
        current = _current(world)
        made = [world.provider.create(label, current.id).id for label in (LABEL, NEXT_LABEL)]
        assert len({current.id, *made}) == 3

    # create and verify

    def test_create_makes_the_fields_that_consumers_read(self, world: VerifierWorld) -> None:
        current = _current(world)
        one, other = (world.provider.create(LABEL, current.id) for _ in range(2))
        assert set(one.fields) == set(current.fields)
        assert one.fields["value"] != other.fields["value"]
        assert one.fields["value"].reveal() not in repr(one)

    def test_create_makes_values_that_are_safe_wherever_they_go(self, world: VerifierWorld) -> None:
        value = world.provider.create(LABEL, None).fields["value"]
        assert value.reveal().replace("-", "").replace("_", "").isalnum()
        assert value.reveal().isascii()
        assert value.size * 4 >= 128  # hex digits carry the least

    def test_create_needs_no_claim_because_it_touches_nothing(self, world: VerifierWorld) -> None:
        def lost(_seconds: float) -> None:
            raise LostClaim("another worker has it")

        with claimed(lost):
            world.provider.activate(world.provider.create(LABEL, None))

    def test_verify_accepts_what_is_in_use_and_what_was_made(self, world: VerifierWorld) -> None:
        current = _current(world)
        world.provider.verify(current)
        world.provider.verify(world.provider.create(LABEL, current.id))

    # no source to disable it at

    def test_disable_and_enable_are_refused_where_there_is_no_such_step(self, world: VerifierWorld) -> None:
        current = _current(world)
        with raises_silently(Refused, *current.fields.values()):
            world.provider.disable(current.id)
        with raises_silently(Refused, *current.fields.values()):
            world.provider.enable(current.id)

    def test_remove_is_silent(self, world: VerifierWorld) -> None:
        for _again in range(2):
            world.provider.remove(_current(world).id)

    # accepted set and probe

    def test_a_rotation_as_verifiers_see_it(self, world: VerifierWorld) -> None:
        provider, current = world.provider, _current(world)
        successor = provider.create(LABEL, current.id)
        both = AcceptedSet.of(provider.member(current)).including(provider.member(successor))
        world.accept(provider.member(current), provider.member(successor))
        assert provider.member(current) in both
        provider.probe(world.url, current)
        provider.probe(world.url, successor)
        world.accept(provider.member(successor))
        provider.probe(world.url, successor)
        with raises_silently(CredentialRefused, *current.fields.values()):
            provider.probe(world.url, current)

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_no_of_the_verifiers_is_a_refusal(self, world: VerifierWorld, status: int) -> None:
        world.answer(status)
        current = _current(world)
        with raises_silently(CredentialRefused, *current.fields.values()):
            world.provider.probe(world.url, current)

    @pytest.mark.parametrize("status", [204, 200])
    def test_a_yes_of_the_verifiers_is_silent(self, world: VerifierWorld, status: int) -> None:
        world.answer(status)
        world.provider.probe(world.url, _current(world))

    @pytest.mark.parametrize("status", [400, 404, 408, 429, 500, 502, 503])
    def test_trouble_is_never_a_refusal(self, world: VerifierWorld, status: int) -> None:
        world.answer(status)
        current = _current(world)
        with raises_silently(Transient, *current.fields.values()):
            world.provider.probe(world.url, current)

    def test_network_trouble_is_never_a_refusal(self, world: VerifierWorld) -> None:
        current = _current(world)
        with world.away(), raises_silently(Transient, *current.fields.values()):
            world.provider.probe(world.url, current)

    def test_later_is_told_with_the_verifiers_own_word_for_when(self, world: VerifierWorld) -> None:
        world.answer(429, Retry_After="7")
        with pytest.raises(Transient) as trouble:
            world.provider.probe(world.url, _current(world))
        assert trouble.value.retry_after == timedelta(seconds=7)

    def test_a_redirect_is_not_followed(self, world: VerifierWorld) -> None:
        world.answer(302, Location="/elsewhere")
        with pytest.raises(Transient):
            world.provider.probe(world.url, _current(world))
        assert world.arrived() == ["/accepts-token"]

    @pytest.mark.parametrize(
        "url", ["http://api.example/accepts-token", "ftp://127.0.0.1/", "api", "https://api:port/"]
    )
    def test_nothing_is_sent_where_others_could_read_it(self, world: VerifierWorld, url: str) -> None:
        current = _current(world)
        with raises_silently(Refused, *current.fields.values()) as refusal:
            world.provider.probe(url, current)
        assert not isinstance(refusal.value, CredentialRefused)


def _current(world: VerifierWorld) -> Credential:
    fields = world.predecessor()
    credential_id = world.provider.identify(fields)
    assert credential_id is not None
    return Credential(credential_id, fields)
