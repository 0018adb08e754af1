"""Each count of the last line can be other than zero: what is dark, lost or left over is told as that."""

from __future__ import annotations

from typing import Any

import pytest

from rotator.model.rotation import Rotation, State
from tests.crash.reckoning import STRANGE, Scene, dead, ended_wrongly, lost, orphans, stale, unasked
from tests.engine.things import rotation

FIRST, SECOND = "role_a@first", "role_b@r1"


def scene(**seen: Any) -> Scene:
    return Scene(**{"alive": frozenset({SECOND}), "stored": SECOND, **seen})


def ended(state: State) -> Rotation:
    return rotation(ledger={"successor_id": SECOND}, id="r1", state=state, sentence="why")


def test_at_rest_with_one_credential_nothing_is_wrong() -> None:
    assert [*lost(scene()), *orphans(scene()), *dead(scene())] == []


def test_what_the_store_names_and_the_source_refuses_is_dead() -> None:
    assert dead(scene(alive=frozenset())) == [f"{SECOND} is in the store and refused"]


def test_what_is_accepted_and_in_nobodys_book_is_lost() -> None:
    found = scene(alive=frozenset({FIRST, SECOND}))
    assert lost(found) == [f"{FIRST} is at the source and in nobody's book"]
    assert orphans(found) == []


def test_what_is_disabled_counts_as_well() -> None:
    assert lost(scene(kept=frozenset({FIRST}))) == [f"{FIRST} is at the source and in nobody's book"]
    found = scene(kept=frozenset({FIRST}), recorded=frozenset({FIRST}))
    assert orphans(found) == [f"{FIRST} is still there"]


def test_a_mirror_that_holds_another_credential_than_the_store_is_told() -> None:
    assert [*stale(scene()), *stale(scene(copied=SECOND))] == []
    assert stale(scene(copied=FIRST)) == [f"the mirror holds {FIRST} instead of {SECOND}"]


@pytest.mark.parametrize("book", [{"recorded": frozenset({FIRST})}, {"found_again": frozenset({FIRST})}])
def test_what_is_accepted_beside_it_and_can_be_found_is_an_orphan(book: dict[str, frozenset[str]]) -> None:
    found = scene(alive=frozenset({FIRST, SECOND}), **book)
    assert lost(found) == []
    assert orphans(found) == [f"{FIRST} is still accepted"]


def test_a_value_in_the_store_that_nobody_made_means_that_another_is_lost() -> None:
    found = scene(alive=frozenset({STRANGE}), stored=STRANGE)
    assert lost(found) == [f"the store holds {STRANGE}"]


def test_a_rotation_that_ended_as_it_had_to_is_not_lost() -> None:
    assert not [*ended_wrongly(ended(State.DONE), State.DONE, FIRST, SECOND)]
    assert not [*ended_wrongly(ended(State.UNDONE), State.UNDONE, FIRST, FIRST)]


@pytest.mark.parametrize("state", [State.PARKED, State.UNDONE])
def test_a_rotation_that_stopped_or_turned_back_by_itself_is_lost(state: State) -> None:
    assert [*ended_wrongly(ended(state), State.DONE, FIRST, FIRST)] == [f"{state}, why"]


def test_a_request_that_became_nothing_is_lost() -> None:
    assert [*ended_wrongly(None, State.DONE, FIRST, FIRST)] == ["the request is gone, or became no rotation"]


def test_an_end_that_the_store_does_not_show_is_lost() -> None:
    assert [*ended_wrongly(ended(State.DONE), State.DONE, FIRST, FIRST)] == [
        f"done, and the store holds {FIRST} instead of {SECOND}"
    ]
    assert [*ended_wrongly(ended(State.UNDONE), State.UNDONE, FIRST, SECOND)] == [
        f"undone, and the store holds {SECOND} instead of {FIRST}"
    ]


def test_a_rotation_that_nobody_asked_for_is_told() -> None:
    assert unasked(["r1"], "r1") == []
    assert unasked(["r2", "r1"], "r1") == ["rotation r2 was opened, and nobody asked for it"]
