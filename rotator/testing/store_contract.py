"""The promises of SecretStore as tests: a store's test class inherits `StoreContract` and provides a `world`."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

import pytest

from rotator.contracts.guard import claimed
from rotator.model.errors import Drifted, ForeignOwner, LostClaim, Raced, Refused, Transient
from rotator.model.secrets import OWNER_LIFE, Owner, Sealed, StoredValue
from rotator.testing.store_looks import LooksContract
from rotator.testing.store_world import OURS, StoreWorld
from rotator.testing.values import fresh_value, raises_silently


class StoreContract(LooksContract):
    """Inherit, and provide the fixture `world`.

    `compares`: the store compares and swaps, so that nobody's write is ever written over. `calls`: so many, of which
    each asks for the claim, make one write.
    """

    calls: ClassVar[int] = 1

    @pytest.fixture
    def world(self) -> StoreWorld:
        raise NotImplementedError("a store's test class provides the fixture `world`")

    # ages

    def test_ages_are_metadata_of_every_parameter_below_the_prefix(self, world: StoreWorld) -> None:
        names = {f"{world.path}/NAME_{number}" for number in range(51)} | {f"{world.path}/deep/NAME"}
        for name in names:
            world.seed(name, fresh_value())
        world.seed(f"{world.path}-neighbour/NAME", fresh_value())
        world.someone_else_writes(f"{world.path}/deep/NAME", fresh_value())

        ages = {age.name: age for age in world.store.ages(world.path)}

        assert set(ages) == names
        assert {age.version for age in ages.values()} == {1, 2}
        assert ages[f"{world.path}/deep/NAME"].version == 2
        assert {age.kind for age in ages.values()} == {"SecureString"}
        assert all(abs(world.clock.now() - age.modified_at) < timedelta(hours=1) for age in ages.values())

    def test_ages_never_decrypts_never_reads_a_value(self, world: StoreWorld) -> None:
        world.seed(f"{world.path}/NAME", fresh_value())
        before = world.values_read()
        assert [age.name for age in world.store.ages(world.path)] == [f"{world.path}/NAME"]
        assert world.values_read() == before

    def test_ages_of_an_empty_path_are_none(self, world: StoreWorld) -> None:
        assert list(world.store.ages(world.path)) == []

    # read

    def test_read_gives_the_value_and_its_version(self, world: StoreWorld) -> None:
        name, first, second = f"{world.path}/NAME", fresh_value(), fresh_value()
        world.seed(name, first)
        assert world.store.read(name) == StoredValue(first, 1)
        world.someone_else_writes(name, second)
        assert world.store.read(name) == StoredValue(second, 2)

    def test_read_is_refused_when_there_is_no_such_parameter(self, world: StoreWorld) -> None:
        with pytest.raises(Refused, match="NOT_THERE"):
            world.store.read(f"{world.path}/NOT_THERE")

    # write

    def test_write_makes_the_version_after_and_returns_it(self, world: StoreWorld) -> None:
        name, ours = f"{world.path}/NAME", fresh_value()
        world.seed(name, fresh_value())
        assert world.store.write(name, ours, after=1) == 2
        assert world.holds(name) == StoredValue(ours, 2)
        again = fresh_value()
        assert world.store.write(name, again, after=2) == 3
        assert world.store.read(name) == StoredValue(again, 3)

    def test_write_after_none_makes_a_parameter_that_must_not_exist(self, world: StoreWorld) -> None:
        name, ours = f"{world.path}/NAME", fresh_value()
        assert world.store.write(name, ours, after=None) == 1
        assert world.holds(name) == StoredValue(ours, 1)
        assert {age.name: age.kind for age in world.store.ages(world.path)} == {name: "SecureString"}
        other = fresh_value()
        with raises_silently(Drifted, ours, other):
            world.store.write(name, other, after=None)
        assert world.holds(name) == StoredValue(ours, 1)

    @pytest.mark.parametrize("after", [1, None])
    def test_a_repeated_write_of_our_own_value_has_succeeded(
        self, world: StoreWorld, after: int | None
    ) -> None:
        name, ours = f"{world.path}/NAME", fresh_value()
        if after:
            world.seed(name, fresh_value())
        version = world.store.write(name, ours, after)
        assert world.store.write(name, ours, after) == version
        assert world.holds(name) == StoredValue(ours, version)

    @pytest.mark.parametrize("after", [1, None])
    def test_a_lost_answer_is_found_by_the_next_attempt(self, world: StoreWorld, after: int | None) -> None:
        name, ours = f"{world.path}/NAME", fresh_value()
        if after:
            world.seed(name, fresh_value())
        world.lose_next_answer()
        with raises_silently(Transient, ours):
            world.store.write(name, ours, after)
        assert world.store.write(name, ours, after) == (after or 0) + 1
        assert world.holds(name) == StoredValue(ours, (after or 0) + 1)

    def test_drifted_when_somebody_else_came_between_and_nothing_was_written(self, world: StoreWorld) -> None:
        name, ours, theirs = f"{world.path}/NAME", fresh_value(), fresh_value()
        world.seed(name, fresh_value())
        world.someone_else_writes(name, theirs)
        with raises_silently(Drifted, ours, theirs) as caught:
            world.store.write(name, ours, after=1)
        assert isinstance(caught.value, Drifted)
        assert (caught.value.name, caught.value.expected, caught.value.found) == (name, 1, 2)
        assert world.holds(name) == StoredValue(theirs, 2)

    def test_drifted_when_the_parameter_is_gone(self, world: StoreWorld) -> None:
        name = f"{world.path}/NAME"
        with pytest.raises(Drifted):
            world.store.write(name, fresh_value(), after=4)
        assert world.holds(name) is None

    def test_drifted_when_our_value_stands_at_another_version(self, world: StoreWorld) -> None:
        """Somebody put it there: whoever reads version after+1 did not read ours."""
        name, ours = f"{world.path}/NAME", fresh_value()
        world.seed(name, fresh_value())
        world.someone_else_writes(name, fresh_value())
        world.someone_else_writes(name, ours)
        with raises_silently(Drifted, ours):
            world.store.write(name, ours, after=1)
        assert world.holds(name) == StoredValue(ours, 3)

    def test_whoever_came_between_the_look_and_the_write_is_told(self, world: StoreWorld) -> None:
        """Raced, and ours is in place; where the store compares, Drifted, and theirs is."""
        name, ours, theirs = f"{world.path}/NAME", fresh_value(), fresh_value()
        world.seed(name, fresh_value())
        world.someone_else_interferes(name, theirs)
        with raises_silently(Drifted if self.compares else Raced, ours, theirs) as caught:
            world.store.write(name, ours, after=1)
        there, told = world.holds(name), caught.value
        assert there is not None
        if isinstance(told, Drifted):
            assert (told.name, told.expected, told.found, there.value) == (name, 1, there.version, theirs)
        elif isinstance(told, Raced):
            assert (told.name, told.after, told.wrote, there) == (name, 1, 3, StoredValue(ours, 3))

    def test_our_own_value_written_twice_is_nobodys_change(self, world: StoreWorld) -> None:
        """A worker of ours froze between its look and its write, and woke when another had written."""
        name, ours = f"{world.path}/NAME", fresh_value()
        world.seed(name, fresh_value())
        world.someone_else_writes(name, ours)
        world.someone_else_writes(name, ours)
        assert world.store.write(name, ours, after=1) == 3
        again = fresh_value()
        world.someone_else_interferes(name, again)
        version = world.store.write(name, again, after=3)
        assert world.store.write(name, again, after=3) == version
        assert world.holds(name) == StoredValue(again, version)

    def test_our_own_value_twice_does_not_hide_what_came_between(self, world: StoreWorld) -> None:
        name, ours, theirs = f"{world.path}/NAME", fresh_value(), fresh_value()
        world.seed(name, fresh_value())
        world.someone_else_writes(name, ours)
        world.someone_else_writes(name, theirs)
        world.someone_else_writes(name, ours)
        with raises_silently(Drifted, ours, theirs):
            world.store.write(name, ours, after=1)

    def test_a_write_that_is_turned_away_is_transient_and_changes_nothing(self, world: StoreWorld) -> None:
        name, ours = f"{world.path}/NAME", fresh_value()
        world.seed(name, fresh_value())
        world.throttle_next()
        with raises_silently(Transient, ours):
            world.store.write(name, ours, after=1)
        there = world.holds(name)
        assert there is not None and there.version == 1
        assert world.store.write(name, ours, after=1) == 2

    def test_write_is_refused_when_the_value_does_not_fit(self, world: StoreWorld) -> None:
        name, fits, too_large = (
            f"{world.path}/NAME",
            fresh_value(world.largest),
            fresh_value(world.largest + 1),
        )
        world.seed(name, fresh_value())
        with raises_silently(Refused, too_large):
            world.store.write(name, too_large, after=1)
        with pytest.raises(Refused):
            world.store.write(name, Sealed(""), after=1)
        assert world.store.write(name, fits, after=1) == 2
        with raises_silently(Refused, too_large):
            world.store.write(f"{name}_NEW", too_large, after=None)
        assert world.holds(f"{name}_NEW") is None

    def test_the_size_is_counted_in_bytes(self, world: StoreWorld) -> None:
        name = f"{world.path}/NAME"
        world.seed(name, fresh_value())
        with pytest.raises(Refused):
            world.store.write(name, Sealed("ü" * (world.largest // 2 + 1)), after=1)

    def test_write_is_refused_when_the_parameter_is_no_secret(self, world: StoreWorld) -> None:
        name, ours = f"{world.path}/NAME", fresh_value()
        world.seed(name, Sealed("public"), kind="String")
        with raises_silently(Refused, ours):
            world.store.write(name, ours, after=1)
        assert world.holds(name) == StoredValue(Sealed("public"), 1)

    def test_metadata_is_carried_along(self, world: StoreWorld) -> None:
        name = f"{world.path}/NAME"
        world.seed(name, fresh_value())
        before = world.metadata(name)
        assert before
        world.store.write(name, fresh_value(), after=1)
        assert world.metadata(name) == before
        world.store.write(name, fresh_value(), after=2)
        assert world.metadata(name) == before

    def test_nothing_is_written_when_the_claim_is_lost(self, world: StoreWorld) -> None:
        name, ours = f"{world.path}/NAME", fresh_value()
        world.seed(name, fresh_value())

        def lost(_seconds: float) -> None:
            raise LostClaim("another worker has it")

        with claimed(lost), raises_silently(LostClaim, ours):
            world.store.write(name, ours, after=1)
        with claimed(lost), raises_silently(LostClaim, ours):
            world.store.write(f"{name}_NEW", ours, after=None)
        there = world.holds(name)
        assert there is not None and there.version == 1
        assert world.holds(f"{name}_NEW") is None

    def test_the_claim_is_asked_for_each_call_that_writes_and_never_for_a_read(
        self, world: StoreWorld
    ) -> None:
        name, asked = f"{world.path}/NAME", list[float]()
        world.seed(name, fresh_value())
        with claimed(asked.append):
            world.store.read(name)
            world.store.check_writable(name, 1)
            list(world.store.ages(world.path))
            assert asked == []
            world.store.write(name, fresh_value(), after=1)
        assert len(asked) == self.calls

    # check_writable

    def test_check_writable_writes_nothing(self, world: StoreWorld) -> None:
        name, value = f"{world.path}/NAME", fresh_value()
        world.seed(name, value)
        world.store.check_writable(name, world.largest)
        assert world.holds(name) == StoredValue(value, 1)

    def test_check_writable_is_refused_when_the_value_could_not_be_written(self, world: StoreWorld) -> None:
        name, public = f"{world.path}/NAME", f"{world.path}/PUBLIC"
        world.seed(name, fresh_value())
        world.seed(public, Sealed("public"), kind="String")
        with pytest.raises(Refused):
            world.store.check_writable(name, world.largest + 1)
        with pytest.raises(Refused):
            world.store.check_writable(public, 1)
        with pytest.raises(Refused):
            world.store.check_writable(f"{world.path}/NOT_THERE", 1)

    # owner

    def test_nobody_owns_an_environment_at_first(self, world: StoreWorld) -> None:
        assert world.store.owner(world.path) is None

    def test_an_owner_is_found_as_it_was_written(self, world: StoreWorld) -> None:
        ours = _owner(world, OURS, generation=7)
        world.store.claim_owner(world.path, ours, instead_of=None)
        assert world.store.owner(world.path) == ours
        later = _owner(world, OURS, generation=8)
        world.store.claim_owner(world.path, later, instead_of=ours)
        assert world.as_seen_by("installation-b").owner(world.path) == later

    def test_replicas_of_one_installation_do_not_quarrel(self, world: StoreWorld) -> None:
        """A heartbeat is ours also when another replica wrote one since we looked."""
        later = _owner(world, OURS, generation=1)
        world.store.claim_owner(world.path, _owner(world, OURS), instead_of=None)
        world.store.claim_owner(world.path, later, instead_of=None)
        assert world.store.owner(world.path) == later

    def test_claiming_raises_foreign_owner_when_the_one_there_is_not_the_expected_one_any_more(
        self, world: StoreWorld
    ) -> None:
        theirs = _owner(world, "installation-b")
        world.as_seen_by("installation-b").claim_owner(world.path, theirs, instead_of=None)
        with pytest.raises(ForeignOwner, match="installation-b"):
            world.store.claim_owner(world.path, _owner(world, OURS), instead_of=None)
        with pytest.raises(ForeignOwner, match="installation-b"):
            world.store.claim_owner(
                world.path,
                _owner(world, OURS),
                instead_of=_owner(world, "installation-b", generation=1),
            )
        assert world.store.owner(world.path) == theirs
        world.store.claim_owner(world.path, _owner(world, OURS), instead_of=theirs)
        there = world.store.owner(world.path)
        assert there is not None and there.installation == OURS

    def test_a_foreign_living_owner_is_respected_before_every_write(self, world: StoreWorld) -> None:
        name, value, ours = f"{world.path}/NAME", fresh_value(), fresh_value()
        world.seed(name, value)
        world.store.write(name, value, after=1)
        world.as_seen_by("installation-b").claim_owner(
            world.path, _owner(world, "installation-b"), instead_of=None
        )
        with raises_silently(ForeignOwner, ours):
            world.store.write(name, ours, after=2)
        with raises_silently(ForeignOwner, ours):
            world.store.write(f"{name}_NEW", ours, after=None)
        with pytest.raises(ForeignOwner):
            world.store.check_writable(name, 1)
        assert world.holds(name) == StoredValue(value, 2)
        assert world.holds(f"{name}_NEW") is None
        assert world.as_seen_by("installation-b").write(name, ours, after=2) == 3

    def test_a_dead_owner_holds_nobody_up(self, world: StoreWorld) -> None:
        name = f"{world.path}/NAME"
        world.seed(name, fresh_value())
        died = _owner(world, "installation-b", seen=OWNER_LIFE + timedelta(seconds=1))
        world.as_seen_by("installation-b").claim_owner(world.path, died, instead_of=None)
        assert world.store.write(name, fresh_value(), after=1) == 2

    def test_a_claim_is_not_written_when_the_worker_lost_its_own(self, world: StoreWorld) -> None:
        def lost(_seconds: float) -> None:
            raise LostClaim("another worker has it")

        with claimed(lost), pytest.raises(LostClaim):
            world.store.claim_owner(world.path, _owner(world, OURS), instead_of=None)
        assert world.store.owner(world.path) is None


def _owner(world: StoreWorld, installation: str, generation: int = 0, seen: timedelta = timedelta()) -> Owner:
    return Owner(installation, world.clock.now() - seen, generation)
