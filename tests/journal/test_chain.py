"""Whatever is done to the record behind rotator's back is found: changed, dropped, moved, cut off, signed by others."""

from __future__ import annotations

import secrets

import pytest
from sqlalchemy import text

from rotator.contracts.journal import Told
from rotator.contracts.sealer import DataKey
from rotator.journal import SqlJournal
from rotator.model.errors import Refused
from rotator.model.record import Broken
from rotator.model.rotation import Rotation, State
from rotator.sealers.envelope import EnvelopeKey
from rotator.testing.journal_contract.rows import at_once, held, waiting


@pytest.fixture(params=["memory", "postgresql"])
def journal(request: pytest.FixtureRequest) -> SqlJournal:
    if request.param == "memory":
        journal: SqlJournal = request.getfixturevalue("memory")
        return journal
    return request.getfixturevalue("replicas")[0]  # type: ignore[no-any-return]  # a pair of SqlJournal


class Keys(dict[str, DataKey]):
    """Data keys by their wrapped text, as a sealer opens them."""

    def new(self, name: str) -> DataKey:
        self[name] = EnvelopeKey(secrets.token_bytes(32), name, {})
        return self[name]

    def open(self, wrapped: str) -> DataKey:
        if wrapped not in self:
            raise Refused("it was sealed elsewhere")
        return self[wrapped]


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def key(keys: Keys) -> DataKey:
    return keys.new("ours")


def told(journal: SqlJournal, events: int = 4) -> Rotation:
    """A rotation with a story of that many events."""
    row = held(journal)
    for number in range(2, events + 1):
        row = journal.checkpoint(row, row, Told("advanced", f"step {number}: zażółć"), release=False)
    return waiting(journal, row)


def tamper(journal: SqlJournal, statement: str, **values: object) -> None:
    """What somebody with access to the database can do."""
    with journal._db.writing() as connection:
        connection.execute(text(statement), values)


def sequences(broken: list[Broken] | tuple[Broken, ...], rotation_id: str) -> set[int]:
    return {fault.sequence for fault in broken if fault.rotation == rotation_id}


def test_an_untouched_record_is_whole(journal: SqlJournal, keys: Keys, key: DataKey) -> None:
    rows = [told(journal), told(journal)]
    journal.sign_heads(key)
    rows.append(told(journal))
    journal.sign_heads(key)
    told(journal)
    assert all(journal.verify_chain(row.id) == [] for row in rows)
    assert journal.verify_all(keys.open) == []
    assert journal.verify_all() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET sentence = 'all was well' WHERE rotation = :id AND sequence = 2",
        "UPDATE event SET kind = 'done' WHERE rotation = :id AND sequence = 2",
        "UPDATE event SET phase = 'remove' WHERE rotation = :id AND sequence = 2",
        "UPDATE event SET at = at + 1 WHERE rotation = :id AND sequence = 2",
        "UPDATE event SET hash = previous_hash WHERE rotation = :id AND sequence = 2",
    ],
)
def test_a_changed_event_is_found(journal: SqlJournal, statement: str) -> None:
    row = told(journal)
    tamper(journal, statement, id=row.id)
    assert 2 in sequences(list(journal.verify_chain(row.id)), row.id)
    assert 2 in sequences(list(journal.verify_all()), row.id)


@pytest.mark.parametrize("sequence", [1, 2, 4])
def test_a_dropped_event_is_found(journal: SqlJournal, sequence: int) -> None:
    row = told(journal)
    tamper(
        journal,
        "DELETE FROM event WHERE rotation = :id AND sequence = :sequence",
        id=row.id,
        sequence=sequence,
    )
    assert journal.verify_chain(row.id)
    assert journal.verify_all()


def test_a_dropped_event_whose_gap_was_closed_is_found(journal: SqlJournal) -> None:
    row = told(journal)
    tamper(journal, "DELETE FROM event WHERE rotation = :id AND sequence = 2", id=row.id)
    tamper(
        journal, "UPDATE event SET sequence = sequence - 1 WHERE rotation = :id AND sequence > 2", id=row.id
    )
    assert journal.verify_chain(row.id)


def test_events_in_another_order_are_found(journal: SqlJournal) -> None:
    row = told(journal)
    for before, after in ((2, 9), (3, 2), (9, 3)):
        tamper(
            journal,
            "UPDATE event SET sequence = :after WHERE rotation = :id AND sequence = :before",
            id=row.id,
            before=before,
            after=after,
        )
    assert sequences(list(journal.verify_chain(row.id)), row.id) >= {2, 3}


def test_an_emptied_story_is_found(journal: SqlJournal) -> None:
    row = told(journal)
    tamper(journal, "DELETE FROM event WHERE rotation = :id", id=row.id)
    assert sequences(list(journal.verify_chain(row.id)), row.id) == {1}
    assert sequences(list(journal.verify_all()), row.id) == {1}


def test_a_dropped_rotation_is_found(journal: SqlJournal) -> None:
    row = told(journal)
    tamper(journal, "DELETE FROM rotation WHERE id = :id", id=row.id)
    assert sequences(list(journal.verify_all()), row.id) == {4}


def cut_off(journal: SqlJournal, row: Rotation) -> None:
    """Takes the last event away so well that chain and row agree."""
    end = journal.events(row.id)[-1]
    tamper(
        journal, "DELETE FROM event WHERE rotation = :id AND sequence = :last", id=row.id, last=end.sequence
    )
    tamper(
        journal,
        "UPDATE rotation SET last_sequence = :last, previous_hash = :hash WHERE id = :id",
        id=row.id,
        last=end.sequence - 1,
        hash=end.previous_hash,
    )


def test_a_truncated_story_whose_row_was_adapted_is_found_by_the_head(
    journal: SqlJournal, key: DataKey
) -> None:
    row = told(journal)
    journal.sign_heads(key)
    cut_off(journal, row)
    assert journal.verify_chain(row.id) == []
    assert sequences(list(journal.verify_all()), "") == {1}


def test_a_rotation_dropped_with_its_story_is_found_by_the_head(journal: SqlJournal, key: DataKey) -> None:
    told(journal)
    row = told(journal)
    journal.sign_heads(key)
    tamper(journal, "DELETE FROM event WHERE rotation = :id", id=row.id)
    tamper(journal, "DELETE FROM rotation WHERE id = :id", id=row.id)
    assert sequences(list(journal.verify_all()), "") == {1}


#: Only SQLite keeps them. Each makes a look stumble that takes what it finds for what it should be.
NONSENSE = [
    "UPDATE event SET at = 'x' WHERE rotation = :id AND sequence = 2",
    "UPDATE event SET at = 1e300 WHERE rotation = :id AND sequence = 2",
    "UPDATE event SET sequence = 'x' WHERE rotation = :id AND sequence = 2",
    "UPDATE event SET sequence = x'00' WHERE rotation = :id AND sequence = 4",
    "UPDATE event SET phase = x'ff' WHERE rotation = :id AND sequence = 2",
    "UPDATE event SET sentence = CAST(x'ff' AS TEXT) WHERE rotation = :id AND sequence = 2",
    "UPDATE event SET rotation = x'ff' WHERE rotation = :id AND sequence = 2",
    "UPDATE event SET head = 'x' WHERE rotation = :id AND sequence = 2",
    "UPDATE rotation SET last_sequence = 'x', previous_hash = x'ff' WHERE id = :id",
    "UPDATE head SET at = 'x' WHERE number = 1 AND :id <> ''",
    "UPDATE head SET mac = x'ff', digest = 5 WHERE number = 1 AND :id <> ''",
]


@pytest.mark.parametrize("statement", NONSENSE)
def test_what_nobody_can_read_is_found_and_hides_nothing_else(
    memory: SqlJournal, keys: Keys, key: DataKey, statement: str
) -> None:
    row, other = told(memory), told(memory)
    memory.sign_heads(key)
    tamper(memory, "UPDATE event SET sentence = '' WHERE rotation = :id AND sequence = 3", id=other.id)
    before = memory.verify_all(keys.open)
    tamper(memory, statement, id=row.id)
    found = memory.verify_all(keys.open)
    assert set(found) > set(before)
    assert Broken(other.id, 3, "event 3 was changed") in found
    assert {(type(fault.rotation), type(fault.sequence)) for fault in found} == {(str, int)}, "it can be told"


@pytest.mark.parametrize("number", [0, -1])
def test_events_that_no_head_will_ever_cover_are_found(
    journal: SqlJournal, keys: Keys, key: DataKey, number: int
) -> None:
    """What is put under a head that there is not is never signed, and could be rewritten later."""
    row = told(journal)
    tamper(journal, "UPDATE event SET head = :head WHERE rotation = :id", id=row.id, head=number)
    told(journal)
    journal.sign_heads(key)
    assert sequences(list(journal.verify_all(keys.open)), "") == {number}


def test_a_head_without_the_key_is_found(journal: SqlJournal, keys: Keys, key: DataKey) -> None:
    told(journal)
    journal.sign_heads(key)
    journal.sign_heads(EnvelopeKey(secrets.token_bytes(32), "ours", {}))
    assert journal.verify_all() == []
    assert journal.verify_all(keys.open) == [Broken("", 2, "head 2 was not signed by us")]


def test_a_head_whose_key_does_not_open_any_more_is_told(journal: SqlJournal, keys: Keys) -> None:
    for name in ("of yesterday", "of yesterday", "of today"):
        told(journal)
        journal.sign_heads(keys.new(name) if name not in keys else keys[name])
    assert journal.verify_all(keys.open) == []
    del keys["of yesterday"]
    assert [(one.sequence, one.sentence) for one in journal.verify_all(keys.open)] == [
        (number, f"head {number} cannot be checked: it was sealed elsewhere") for number in (1, 2)
    ]


def test_a_missing_head_is_found(journal: SqlJournal, keys: Keys, key: DataKey) -> None:
    for _ in range(3):
        told(journal)
        journal.sign_heads(key)
    tamper(journal, "DELETE FROM head WHERE number = 2")
    assert 2 in sequences(list(journal.verify_all(keys.open)), "")


def test_a_missing_last_head_is_found_while_its_events_are_there(
    journal: SqlJournal, keys: Keys, key: DataKey
) -> None:
    told(journal)
    journal.sign_heads(key)
    tamper(journal, "DELETE FROM head")
    assert sequences(list(journal.verify_all(keys.open)), "") == {1}


def test_heads_are_signed_one_after_the_other(journal: SqlJournal, keys: Keys, key: DataKey) -> None:
    first = journal.sign_heads(key)
    row = told(journal)
    second, third = journal.sign_heads(key), journal.sign_heads(key)
    assert [head.number for head in (first, second, third)] == [1, 2, 3]
    assert len({head.digest for head in (first, second, third)}) == 3
    assert key.open(second.mac, second.digest) == {}
    journal.wake(row.id)
    assert journal.verify_all(keys.open) == []


def test_what_ended_stays_proved(journal: SqlJournal, keys: Keys, key: DataKey) -> None:
    row = held(journal)
    journal.checkpoint(
        row, row.model_copy(update={"state": State.DONE}), Told("done", "it ended"), release=True
    )
    journal.sign_heads(key)
    assert journal.verify_chain(row.id) == []
    assert journal.verify_all(keys.open) == []


def test_heads_that_are_signed_at_once_are_signed_one_after_the_other(
    journal: SqlJournal, keys: Keys, key: DataKey
) -> None:
    for _ in range(8):
        told(journal)
    heads = at_once(lambda _number: journal.sign_heads(key))
    assert sorted(head.number for head in heads) == list(range(1, 9))
    assert journal.verify_all(keys.open) == []
