"""The promises of Provider as tests: a provider's test class inherits `ProviderContract` and provides a `world`.

    class TestMySource(ProviderContract):
        @pytest.fixture
        def world(self) -> MyWorld:
            return MyWorld()

Each test says what the contract's docstrings say (rotator/contracts/provider.py), in their words.
"""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import pytest

from rotator.contracts.provider import Liveness, Overlap, Provider, Sight, Use
from rotator.model.errors import CredentialRefused, LostClaim, Refused, Transient
from rotator.model.rotation import Death
from rotator.testing.provider_steps import (
    LABEL,
    NEXT_LABEL,
    both_of,
    claim_lost,
    effect_on,
    end_predecessor,
    predecessor_of,
    standing_of,
    successor_of,
)
from rotator.testing.source_world import SourceWorld
from rotator.testing.values import raises_silently


class ProviderContract:
    """Inherit, and provide the fixture `world`."""

    @pytest.fixture
    def world(self) -> SourceWorld:
        raise NotImplementedError("a provider's test class provides the fixture `world`")

    # traits and principal

    def test_traits_agree_with_each_other(self, world: SourceWorld) -> None:
        traits = world.provider.traits
        assert isinstance(world.provider, Provider)
        assert not traits.shared, "a shared secret has a suite of its own: SharedProviderContract"
        assert traits.sight is not Sight.OURS
        assert traits.death in {Death.TRIED, Death.LISTED_GONE}
        assert traits.acceptances >= 1

    def test_principal_is_known_without_asking_the_source(self, world: SourceWorld) -> None:
        there = world.provider.principal
        with world.away():
            assert world.provider.principal == there

    # observe

    def test_observe_lists_what_lives_at_the_source_with_no_effect(self, world: SourceWorld) -> None:
        current = predecessor_of(world)
        seen = world.provider.observe()
        assert seen.by_id()[current.id].liveness is Liveness.LIVE
        assert seen.by_id()[current.id].label is None
        assert world.provider.observe() == seen
        assert world.accepts(current.fields)

    def test_observe_says_why_there_is_no_free_slot(self, world: SourceWorld) -> None:
        if world.provider.traits.overlap is Overlap.NONE:
            pytest.skip("the source accepts one credential only: a new one takes the place of the old one")
        predecessor_of(world)
        assert not world.provider.observe().blocker
        world.foreign()
        world.settle()
        seen = world.provider.observe()
        assert (seen.free_slots == 0) == bool(seen.blocker)

    def test_observe_tells_network_trouble_as_transient(self, world: SourceWorld) -> None:
        with world.away(), pytest.raises(Transient):
            world.provider.observe()

    # identify

    def test_identify_gives_the_id_that_observe_lists(self, world: SourceWorld) -> None:
        current = predecessor_of(world)
        successor = successor_of(world, current, LABEL)
        assert world.provider.identify(successor.fields) == successor.id
        assert successor.id in world.provider.observe().by_id()

    def test_identify_gives_none_when_the_source_cannot_tell(self, world: SourceWorld) -> None:
        assert world.provider.identify(world.unknown()) is None

    # create

    def test_create_touches_nothing_where_the_source_is_told(self, world: SourceWorld) -> None:
        if world.provider.traits.mints:
            pytest.skip("the source mints")
        current = predecessor_of(world)
        before = standing_of(world)
        successor = world.provider.create(LABEL, current.id)
        world.settle()
        assert standing_of(world) == before
        assert world.accepts(current.fields)
        with raises_silently(CredentialRefused, *world.unsayable(successor.fields)):
            world.provider.verify(successor)

    def test_create_mints_a_credential_that_bears_the_label(self, world: SourceWorld) -> None:
        current = predecessor_of(world)
        successor = successor_of(world, current, LABEL)
        if not world.provider.traits.labels:
            pytest.skip("the source keeps no labels")
        assert world.provider.observe().by_id()[successor.id].label == LABEL

    def test_create_makes_the_fields_that_consumers_read(self, world: SourceWorld) -> None:
        current = predecessor_of(world)
        successor = world.provider.create(LABEL, current.id)
        assert set(successor.fields) == set(current.fields)
        assert not any(value.reveal() in repr(successor) for value in world.unsayable(successor.fields))

    def test_credential_ids_are_unique_for_ever(self, world: SourceWorld) -> None:
        current = predecessor_of(world)
        first = successor_of(world, current, LABEL)
        if world.provider.traits.overlap is not Overlap.NONE:
            world.provider.remove(first.id)
            world.settle()
        second = successor_of(world, current, NEXT_LABEL)
        assert len({current.id, first.id, second.id}) == 3

    def test_create_is_never_retried_blindly_a_lost_answer_may_have_minted(self, world: SourceWorld) -> None:
        if not world.provider.traits.mints:
            pytest.skip("the source is told a value that create generated")
        current = predecessor_of(world)
        before = set(world.provider.observe().by_id())
        world.lose_next_answer()
        with pytest.raises(Transient):
            world.provider.create(LABEL, current.id)
        world.settle()
        assert len(set(world.provider.observe().by_id()) - before) == 1

    # activate

    def test_activate_makes_the_source_accept_the_successor(self, world: SourceWorld) -> None:
        current = predecessor_of(world)
        successor = successor_of(world, current, LABEL)
        assert world.accepts(successor.fields)
        world.provider.verify(successor)

    def test_activate_once_more_ends_in_the_same_place(self, world: SourceWorld) -> None:
        successor = successor_of(world, predecessor_of(world), LABEL)
        before = standing_of(world)
        world.provider.activate(successor)
        world.settle()
        assert standing_of(world) == before
        assert world.accepts(successor.fields)

    def test_activate_after_a_lost_answer_ends_in_the_same_place(self, world: SourceWorld) -> None:
        if world.provider.traits.mints:
            pytest.skip("the source mints: activate has nothing to do")
        successor = world.provider.create(LABEL, predecessor_of(world).id)
        world.lose_next_answer()
        with raises_silently(Transient, *world.unsayable(successor.fields)):
            world.provider.activate(successor)
        world.provider.activate(successor)
        world.settle()
        assert world.accepts(successor.fields)

    def test_the_predecessor_works_until_it_is_disabled_or_removed(self, world: SourceWorld) -> None:
        current = predecessor_of(world)
        if world.provider.traits.overlap is Overlap.NONE:
            pytest.skip("the source accepts one credential only")
        successor = world.provider.create(LABEL, current.id)
        assert world.accepts(current.fields)
        world.provider.activate(successor)
        world.settle()
        assert world.accepts(current.fields)
        world.provider.verify(current)

    # verify

    def test_verify_refuses_after_remove_on_the_sources_own_word(self, world: SourceWorld) -> None:
        current, successor = both_of(world)
        end_predecessor(world, current, successor)
        world.settle()
        with raises_silently(CredentialRefused, *world.unsayable(current.fields)):
            world.provider.verify(current)
        world.provider.verify(successor)

    def test_network_trouble_is_never_a_refusal(self, world: SourceWorld) -> None:
        current, successor = both_of(world)
        end_predecessor(world, current, successor)
        world.settle()
        for credential in (current, successor):
            with world.away(), raises_silently(Transient, *world.unsayable(credential.fields)):
                world.provider.verify(credential)
        world.provider.verify(successor)

    def test_later_is_never_a_refusal(self, world: SourceWorld) -> None:
        current = predecessor_of(world)
        world.throttle_next()
        with raises_silently(Transient, *world.unsayable(current.fields)):
            world.provider.verify(current)
        world.provider.verify(current)

    # disable and enable

    def test_disable_is_reversible_or_refused(self, world: SourceWorld) -> None:
        current, successor = both_of(world)
        if not world.provider.traits.reversible:
            with pytest.raises(Refused):
                world.provider.disable(current.id)
            assert world.accepts(current.fields)
            return
        for _again in range(2):
            world.provider.disable(current.id)
            world.settle()
            assert not world.accepts(current.fields)
            assert world.provider.observe().by_id()[current.id].liveness is Liveness.DISABLED
        with raises_silently(CredentialRefused, *world.unsayable(current.fields)):
            world.provider.verify(current)
        for _again in range(2):
            world.provider.enable(current.id)
            world.settle()
            assert world.accepts(current.fields)
            assert world.provider.observe().by_id()[current.id].liveness is Liveness.LIVE
        assert world.accepts(successor.fields)

    def test_enable_does_not_bring_back_what_was_removed(self, world: SourceWorld) -> None:
        current, successor = both_of(world)
        end_predecessor(world, current, successor)
        with pytest.raises(Refused):
            world.provider.enable(current.id)
        world.settle()
        assert not world.accepts(current.fields)

    # remove

    def test_remove_is_for_good_and_silent_if_already_gone(self, world: SourceWorld) -> None:
        current, successor = both_of(world)
        if world.provider.traits.reversible:
            world.provider.disable(current.id)
        for _again in range(2):
            end_predecessor(world, current, successor)
            world.settle()
            assert not world.accepts(current.fields)
            assert current.id not in world.provider.observe().by_id()
        assert world.accepts(successor.fields)

    def test_remove_is_silent_for_a_successor_that_the_source_was_never_told(
        self, world: SourceWorld
    ) -> None:
        current = predecessor_of(world)
        if world.provider.traits.mints:
            pytest.skip("the source mints")
        successor = world.provider.create(LABEL, current.id)
        before = standing_of(world)
        if world.provider.traits.reversible:
            world.provider.disable(successor.id)
        world.provider.remove(successor.id)
        world.settle()
        assert standing_of(world) == before
        assert world.accepts(current.fields)

    def test_remove_refuses_a_foreign_label(self, world: SourceWorld) -> None:
        successor = successor_of(world, predecessor_of(world), LABEL)
        world.relabel(successor.fields)
        with pytest.raises(Refused):
            world.provider.remove(successor.id)
        world.settle()
        assert world.accepts(successor.fields)

    # last_used

    def test_last_used_tells_what_the_source_shows(self, world: SourceWorld) -> None:
        current = predecessor_of(world)
        moment = world.clock.now()
        with world.in_use(current.fields):
            world.settle()
            used = world.provider.last_used(current.id).since(moment)
        assert used is (Use.UNKNOWN if world.provider.traits.sight is Sight.NO else Use.USED)

    def test_last_used_never_takes_unknown_for_unused(self, world: SourceWorld) -> None:
        current = predecessor_of(world)
        used = world.provider.last_used(current.id).since(world.clock.now())
        assert used is (Use.UNKNOWN if world.provider.traits.sight is Sight.NO else Use.UNUSED)

    # every effect

    @pytest.mark.parametrize("effect", ["disable", "enable", "remove"])
    def test_an_effect_whose_answer_was_lost_may_be_called_again(
        self, world: SourceWorld, effect: str
    ) -> None:
        current, successor = both_of(world)
        act = effect_on(world, effect, current, successor)
        world.lose_next_answer()
        with pytest.raises(Transient):
            act()
        act()
        world.settle()
        assert world.accepts(current.fields) == (effect == "enable")
        assert world.accepts(successor.fields)

    @pytest.mark.parametrize("effect", ["disable", "enable", "remove"])
    def test_no_effect_without_the_claim(self, world: SourceWorld, effect: str) -> None:
        current, successor = both_of(world)
        act = effect_on(world, effect, current, successor)
        if effect == "enable":
            world.provider.disable(current.id)
            world.settle()
        before, alive = standing_of(world), world.accepts(current.fields)
        with claim_lost(), pytest.raises(LostClaim):
            act()
        world.settle()
        assert standing_of(world) == before
        assert world.accepts(current.fields) == alive
        assert world.accepts(successor.fields)

    def test_nothing_is_made_without_the_claim(self, world: SourceWorld) -> None:
        current = predecessor_of(world)
        before = standing_of(world)
        with claim_lost(), pytest.raises(LostClaim):
            world.provider.activate(world.provider.create(LABEL, current.id))
        world.settle()
        assert standing_of(world) == before
        assert world.accepts(current.fields)

    # others

    def test_a_whole_rotation_never_touches_a_foreign_credential(self, world: SourceWorld) -> None:
        current = predecessor_of(world)
        foreign = world.foreign()
        world.settle()
        if world.provider.observe().free_slots == 0:
            with pytest.raises(Refused):
                world.provider.activate(world.provider.create(LABEL, current.id))
        else:
            successor = successor_of(world, current, LABEL)
            if world.provider.traits.reversible:
                world.provider.disable(current.id)
            end_predecessor(world, current, successor)
            assert world.accepts(successor.fields)
        world.settle()
        assert world.accepts(foreign)

    def test_alternation_two_rotations_in_a_row(self, world: SourceWorld) -> None:
        current = predecessor_of(world)
        for label in (LABEL, NEXT_LABEL):
            successor = successor_of(world, current, label)
            if world.provider.traits.overlap is not Overlap.NONE:
                end_predecessor(world, current, successor)
                world.settle()
            assert not world.accepts(current.fields)
            assert world.accepts(successor.fields)
            current = successor
        lives = [one.id for one in world.provider.observe().credentials]
        assert lives == [current.id]
