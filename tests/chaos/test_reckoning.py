"""What the reckoning calls harmful, and what it lets pass: stories of one secret, told by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from rotator.model.rotation import Phase, Rotation, State
from tests.chaos.history import Version
from tests.chaos.reckoning import Record, harm
from tests.company.consumers import Instance, Reading
from tests.company.secret import UsedSecret
from tests.engine.things import rotation

KEY = UsedSecret("staging", "JWT_SECRET", "jwt")
DATABASE = UsedSecret("staging", "DATABASE_URL", "postgres")


def history(*values: str) -> list[Version]:
    """One version a second."""
    return [Version(number, value, float(number)) for number, value in enumerate(values, start=1)]


def sets(*members: str) -> list[Version]:
    """Versions of an accepted set, each written as a word of one-letter members, two seconds apart."""
    return [
        Version(number, json.dumps(list(word)), 2.0 * number) for number, word in enumerate(members, start=1)
    ]


def replaces(
    one: str, other: str, before: int, wrote: int | None, secret: UsedSecret = KEY, **more: Any
) -> Rotation:
    """A rotation that replaced the credential `one` by `other`, confirmed at second 5."""
    ledger = {
        "predecessor_id": one,
        "successor_id": other,
        "before": {secret.parameter: before},
        "wrote": {secret.parameter: wrote} if wrote else {},
        "confirmed_at": datetime.fromtimestamp(5, UTC),
        **more,
    }
    return rotation(secret.id, ledger, state=State.DONE)


def instance(value: str, since: float, until: float | None) -> Instance:
    return Instance("staging", Reading({KEY.parameter: value}, {}), since, until)


def test_an_orderly_rotation_harms_nobody() -> None:
    record = Record(
        KEY,
        history("a", "b", "b"),  # a worker that woke wrote its own value once more
        sets("a", "ab", "b"),
        [replaces("A", "B", 1, 2)],
        instances=[instance("a", 0, 4), instance("b", 4, None)],
    )
    assert harm(record) == []


def test_a_way_back_harms_nobody() -> None:
    undone = replaces("A", "B", 1, 2, confirmed_at=None)
    record = Record(KEY, history("a", "b", "a"), sets("a", "ab", "a"), [undone], {undone.id: 4.0})
    assert harm(record) == []


def test_a_way_back_from_a_write_that_had_no_answer_harms_nobody() -> None:
    undone = replaces("A", "B", 1, None, confirmed_at=None, restored={KEY.parameter: 3})
    record = Record(KEY, history("a", "b", "a"), sets("a", "ab", "a"), [undone], {undone.id: 1.0})
    assert harm(record) == []


def test_a_member_may_not_go_before_consumers_are_confirmed() -> None:
    early = replaces("A", "B", 1, 2, confirmed_at=datetime.fromtimestamp(7, UTC))
    record = Record(KEY, history("a", "b"), sets("a", "ab", "b"), [early])
    assert harm(record) == ["staging/JWT_SECRET: A ended without leave"]


def test_what_an_instance_holds_may_not_end() -> None:
    record = Record(
        KEY,
        history("a", "b"),
        sets("a", "ab", "b"),
        [replaces("A", "B", 1, 2)],
        instances=[instance("a", 0, 6.5)],
    )
    assert harm(record) == ["staging/JWT_SECRET: A ended in use"]


def test_what_the_store_names_may_not_end() -> None:
    record = Record(KEY, history("a", "b"), sets("ab", "a"), [replaces("A", "B", 1, 2)])
    assert harm(record) == [
        "staging/JWT_SECRET: B ended without leave",
        "staging/JWT_SECRET: B ended in use",
    ]


def test_two_values_may_not_go_out_for_one_rotation() -> None:
    record = Record(KEY, history("a", "b", "c"), sets("a"), [replaces("A", "C", 1, 3)])
    assert harm(record) == [
        "staging/JWT_SECRET: the value of version 2 is of no rotation",
        "staging/JWT_SECRET: the value of version 3 is of no rotation",
    ]


def test_a_value_that_was_replaced_may_not_come_back() -> None:
    rotations = [replaces("A", "B", 1, 2), replaces("B", "C", 2, 3)]
    record = Record(KEY, history("a", "b", "c", "b"), sets("a"), rotations)
    assert harm(record) == ["staging/JWT_SECRET: the value of version 4 came back"]


def test_a_member_may_not_come_back() -> None:
    record = Record(KEY, history("a", "b"), sets("a", "ab", "b", "ab"), [replaces("A", "B", 1, 2)])
    assert harm(record) == ["staging/JWT_SECRET: a member came back with version 4 of the accepted set"]


def test_a_member_that_was_made_twice_is_seen() -> None:
    record = Record(KEY, history("a", "b"), sets("a", "ax", "abx"), [replaces("A", "B", 1, 2)])
    assert harm(record) == ["staging/JWT_SECRET: 1 members of the accepted set are of no rotation"]


def test_a_rotation_that_only_announced_explains_one_member() -> None:
    announced = replaces("A", "X", 1, None, announced=2)
    record = Record(KEY, history("a"), sets("a", "ax", "a"), [announced], {announced.id: 5.0})
    assert harm(record) == []


def test_one_that_turned_round_in_the_middle_of_announce_may_have_announced() -> None:
    turned = replaces("A", "X", 1, None, undo_from=Phase.ANNOUNCE)
    record = Record(KEY, history("a"), sets("a", "ax", "a"), [turned], {turned.id: 5.0})
    assert harm(record) == []


def test_a_login_may_not_end_before_consumers_are_confirmed() -> None:
    rotations = [replaces("app_a@first", "app_b@1", 1, 2, DATABASE)]
    record = Record(
        DATABASE,
        history("dsn of a", "dsn of b"),
        rotations=rotations,
        invalidated=[("app_a@first", 4.9), ("app_a@first", 5.1)],
    )
    assert harm(record) == ["staging/DATABASE_URL: app_a@first ended without leave"]
