"""The mirror in memory keeps the promises of the contract, and whoever breaks one of them is found."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

import pytest

from rotator.contracts.guard import guard
from rotator.model.errors import Refused, Transient
from rotator.model.secrets import Sealed
from rotator.testing.memory_mirror import LARGEST, MemoryCopy, MemoryMirror, MemoryPlace
from rotator.testing.mirror_contract import CALLS, MirrorContract
from rotator.testing.virtual_clock import VirtualClock

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


class MemoryWorld:
    path, largest, resolution = "/taly/staging", LARGEST, timedelta(milliseconds=1)

    def __init__(self, adapter: type[MemoryMirror] = MemoryMirror) -> None:
        self.clock, self._adapter = VirtualClock(), adapter
        self.place = MemoryPlace(self.clock)

    def mirror(self) -> MemoryMirror:
        return self._adapter(self.place)

    def seed(self, name: str, value: Sealed) -> None:
        self.place.copies[name] = MemoryCopy(value, self.clock.now())

    def holds(self, name: str) -> Sealed | None:
        held = self.place.copies.get(name)
        return held.value if held else None

    def beside(self, name: str) -> Mapping[str, object]:
        return {"readers": self.place.copies[name].readers}

    def lose_next_answer(self) -> None:
        self.place.lost_answers += 1

    def throttle_next(self) -> None:
        self.place.throttled += 1

    @contextmanager
    def away(self) -> Iterator[None]:
        self.place.away = True
        yield
        self.place.away = False


class TestMemoryMirror(MirrorContract):
    @pytest.fixture
    def world(self) -> MemoryWorld:
        return MemoryWorld()


class Silent(MemoryMirror):
    """Writes nothing."""

    def write(self, name: str, value: Sealed) -> None:
        guard()


class Trimming(MemoryMirror):
    """Takes spaces away."""

    def write(self, name: str, value: Sealed) -> None:
        super().write(name, Sealed(value.reveal().strip()))


class Forgetful(MemoryMirror):
    """Makes a copy anew."""

    def write(self, name: str, value: Sealed) -> None:
        self._place.copies.pop(name, None)
        super().write(name, value)


class Greedy(MemoryMirror):
    """Keeps its own copy alone."""

    def write(self, name: str, value: Sealed) -> None:
        kept = {name: self._place.copies[name]} if name in self._place.copies else {}
        self._place.copies = kept
        super().write(name, value)


class Lazy(MemoryMirror):
    """Does not write what is there."""

    def write(self, name: str, value: Sealed) -> None:
        there = self._place.copies.get(name)
        if there is None or there.value != value:
            super().write(name, value)


class Cutting(MemoryMirror):
    """Cuts a value that does not fit."""

    def write(self, name: str, value: Sealed) -> None:
        super().write(name, Sealed(value.reveal()[:LARGEST]))


class Unguarded(MemoryMirror):
    """Asks for the claim when it is too late."""

    def write(self, name: str, value: Sealed) -> None:
        self._place.copies[name] = MemoryCopy(value, self._place.clock.now())
        super().write(name, value)


class Anxious(MemoryMirror):
    """Asks for the claim before a look, too."""

    def stale(self, name: str, since: datetime) -> bool | None:
        guard()
        return super().stale(name, since)


class Young(MemoryMirror):
    """Calls every copy new."""

    def stale(self, name: str, since: datetime) -> bool | None:
        super().stale(name, since)
        return False


class Old(MemoryMirror):
    """Calls every copy stale."""

    def stale(self, name: str, since: datetime) -> bool | None:
        super().stale(name, since)
        return True


class Judging(MemoryMirror):
    """Takes trouble for a verdict."""

    def write(self, name: str, value: Sealed) -> None:
        try:
            super().write(name, value)
        except Transient as trouble:
            raise Refused(str(trouble)) from trouble


class Talkative(MemoryMirror):
    """Tells what it could not write."""

    def write(self, name: str, value: Sealed) -> None:
        try:
            super().write(name, value)
        except Refused as refused:
            raise Refused(f"{refused}: {value.reveal()}") from None


class Keeping(MemoryMirror):
    """Keeps what it wrote."""

    def write(self, name: str, value: Sealed) -> None:
        super().write(name, value)
        self._last = value.reveal()


BREAKS: dict[type[MemoryMirror], str] = {
    Silent: "writes_the_value",
    Trimming: "writes_the_value_as_it_is",
    Forgetful: "what_is_kept_beside_the_value_stays",
    Greedy: "other_copies_stay_as_they_are",
    Lazy: "the_same_value_written_again_is_not_stale",
    Cutting: "a_value_that_does_not_fit_is_refused_and_nothing_is_written",
    Unguarded: "nothing_is_written_when_the_claim_is_lost",
    Anxious: "the_claim_is_asked_for_each_call_of_a_write_and_never_for_a_look",
    Young: "a_copy_is_stale_when_it_is_older_than_since",
    Old: "a_copy_that_was_written_since_is_not_stale",
    Judging: "a_place_that_is_away_is_transient",
    Talkative: "a_value_that_does_not_fit_is_refused_and_nothing_is_written",
    Keeping: "no_value_is_in_what_shows_the_mirror",
}


@pytest.mark.parametrize("adapter,promise", BREAKS.items(), ids=[one.__name__ for one in BREAKS])
def test_a_mirror_that_breaks_a_promise_is_found(adapter: type[MemoryMirror], promise: str) -> None:
    check = getattr(MirrorContract(), f"test_{promise}")
    if "call" in inspect.signature(check).parameters:
        check = partial(check, call=CALLS["write"])
    check(MemoryWorld())
    with pytest.raises((AssertionError, Refused, pytest.fail.Exception)):
        check(MemoryWorld(adapter))
