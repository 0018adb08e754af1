"""The promises of SubmittedProvider as tests, for sources where only a person makes and ends credentials.

A provider's test class inherits `SubmittedProviderContract` and provides a `world` (see provider_contract.py).
"""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import pytest

from rotator.contracts.provider import Overlap, Sight, SubmittedProvider
from rotator.model.errors import CredentialRefused, Refused, Transient
from rotator.model.rotation import Death
from rotator.model.secrets import Credential
from rotator.testing.provider_steps import LABEL, NEXT_LABEL
from rotator.testing.source_world import Fields, SubmittedWorld
from rotator.testing.values import raises_silently


class SubmittedProviderContract:
    """Inherit, and provide the fixture `world`."""

    @pytest.fixture
    def world(self) -> SubmittedWorld:
        raise NotImplementedError("a provider's test class provides the fixture `world`")

    # what such a source is

    def test_traits_are_those_of_a_source_where_a_person_makes_credentials(
        self, world: SubmittedWorld
    ) -> None:
        traits = world.provider.traits
        assert isinstance(world.provider, SubmittedProvider)
        assert traits.submitted
        assert not (traits.shared or traits.verified or traits.promotes)
        assert not (traits.mints or traits.labels or traits.reversible)
        assert traits.sight is Sight.NO
        assert traits.overlap is not Overlap.NONE, "a person ends the old one when rotator asks for it"
        assert traits.death in {Death.TRIED, Death.ASSUMED}

    def test_nothing_but_verify_asks_anybody(self, world: SubmittedWorld) -> None:
        made = world.made()
        with world.away():
            provider = world.provider
            taken = provider.take(LABEL, made)
            provider.activate(taken)
            assert provider.principal
            assert provider.observe().credentials == ()
            assert provider.observe().free_slots is None
            assert provider.identify(made) is None
            assert not provider.last_used(taken.id).known

    # take

    def test_take_changes_nothing_of_what_was_submitted(self, world: SubmittedWorld) -> None:
        made = world.made()
        assert world.provider.take(LABEL, made).fields == made

    def test_the_id_is_made_of_the_label_and_never_of_the_value(self, world: SubmittedWorld) -> None:
        first, second = world.made(), world.made()
        taken = world.provider.take(LABEL, first)
        assert LABEL in taken.id
        assert taken.id == world.provider.take(LABEL, second).id
        assert taken.id != world.provider.take(NEXT_LABEL, first).id
        assert not any(value.reveal() in repr(taken) for value in first.values())

    def test_take_refuses_what_can_be_no_credential_and_does_not_repeat_it(
        self, world: SubmittedWorld
    ) -> None:
        unfit = world.unfit()
        with raises_silently(Refused, *unfit.values()):
            world.provider.take(LABEL, unfit)

    # verify

    def test_verify_accepts_what_a_person_made(self, world: SubmittedWorld) -> None:
        world.provider.verify(_credential(world.made()))

    def test_verify_refuses_what_a_person_ended_on_the_sources_own_word(self, world: SubmittedWorld) -> None:
        made, left = world.made(), world.made()
        world.ended(made)
        if not world.provider.traits.tells:
            world.provider.verify(_credential(made))
            return
        with raises_silently(CredentialRefused, *made.values()):
            world.provider.verify(_credential(made))
        world.provider.verify(_credential(left))

    def test_network_trouble_is_never_a_refusal(self, world: SubmittedWorld) -> None:
        _must_tell(world)
        made, gone = world.made(), world.made()
        world.ended(gone)
        for fields in (made, gone):
            with world.away(), raises_silently(Transient, *fields.values()):
                world.provider.verify(_credential(fields))

    def test_later_is_never_a_refusal(self, world: SubmittedWorld) -> None:
        _must_tell(world)
        made = world.made()
        world.throttle_next()
        with raises_silently(Transient, *made.values()):
            world.provider.verify(_credential(made))
        world.provider.verify(_credential(made))

    # what only a person does

    def test_only_a_person_makes_one(self, world: SubmittedWorld) -> None:
        with pytest.raises(Refused):
            world.provider.create(LABEL, None)

    @pytest.mark.parametrize("effect", ["disable", "enable", "remove"])
    def test_only_a_person_ends_one(self, world: SubmittedWorld, effect: str) -> None:
        made = world.made()
        taken = world.provider.take(LABEL, made)
        with pytest.raises(Refused):
            getattr(world.provider, effect)(taken.id)
        world.provider.verify(taken)


def _credential(fields: Fields) -> Credential:
    return Credential("", fields)


def _must_tell(world: SubmittedWorld) -> None:
    if not world.provider.traits.tells:
        pytest.skip("the source cannot be asked")
