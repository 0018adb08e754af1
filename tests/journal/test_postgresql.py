"""What only PostgreSQL can get wrong: several transactions under way at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, text, update

from rotator.contracts.journal import Opening, Told
from rotator.journal import SqlJournal
from rotator.journal.tables import rollout
from rotator.model.alerts import TOLD_CLOSED_BEFORE, Alert, AlertKind, Severity
from rotator.model.rotation import Phase, Priority, RolloutRow, RolloutState
from rotator.testing.journal_contract.records import a_request
from rotator.testing.journal_contract.rows import (
    KEY,
    MINUTE,
    NO_TIME,
    OPENED,
    WORKLOAD,
    a_rotation,
    held,
    joined,
    opened,
    opens,
)

T = TypeVar("T")
_BLOCKED = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def while_open(journal: SqlJournal, first: Callable[[Connection], object], second: Callable[[], T]) -> T:
    """What `second` gives, called while a transaction that did `first` is open, and let go on by its end."""
    with ThreadPoolExecutor(1) as pool:
        with journal._db.writing() as connection:
            first(connection)
            given: Future[T] = pool.submit(second)
            deadline = time.monotonic() + 20
            while not given.done() and time.monotonic() < deadline:
                if connection.execute(_BLOCKED).scalar_one():
                    break
                time.sleep(0.01)
        return given.result(timeout=30)


def test_a_join_that_meets_a_closing_waits_and_lands_in_the_next(
    replicas: tuple[SqlJournal, SqlJournal],
) -> None:
    journal, other = replicas
    row = joined(journal, opened(journal))
    late = opened(journal)
    closing = update(rollout).where(rollout.c.id == row.id).values(state=RolloutState.CLOSED)
    another = while_open(journal, lambda connection: connection.execute(closing), lambda: joined(other, late))
    assert another.id != row.id
    assert journal.rollouts([row.id])[0].members == row.members


def test_a_closing_that_meets_a_join_waits_and_sees_the_member(
    replicas: tuple[SqlJournal, SqlJournal],
) -> None:
    journal, other = replicas
    joined(journal, opened(journal))
    (row,) = journal.claim_rollouts("one", 1, MINUTE)
    late = opened(journal)
    join = text("INSERT INTO rollout_member (rollout, rotation, joined_at) VALUES (:rollout, :rotation, 0)")

    def joins(connection: Connection) -> None:
        connection.execute(text("SELECT id FROM rollout WHERE id = :id FOR UPDATE"), {"id": row.id})
        connection.execute(join, {"rollout": row.id, "rotation": late.id})

    closed = row.model_copy(update={"state": RolloutState.CLOSED})
    kept = while_open(journal, joins, lambda: other.checkpoint_rollout(row, closed, release=True))
    assert set(kept.members) == {*row.members, late.id}


def test_one_rotation_that_joins_twice_at_once_is_in_one_rollout(
    replicas: tuple[SqlJournal, SqlJournal],
) -> None:
    journal, other = replicas
    rotation = opened(journal)
    row: list[RolloutRow] = []
    lock = text("SELECT id FROM rotation WHERE id = :id FOR UPDATE")

    def another_join(connection: Connection) -> None:
        connection.execute(lock, {"id": rotation.id})
        alone = joined(journal, opened(journal), exclusive=True)
        connection.execute(text("UPDATE rollout_member SET rotation = :id"), {"id": rotation.id})
        row.append(alone)

    again = while_open(journal, another_join, lambda: joined(other, rotation, exclusive=True))
    assert again.id == row[0].id


def test_a_rollout_that_two_open_at_once_is_one(replicas: tuple[SqlJournal, SqlJournal]) -> None:
    journal, other = replicas
    first, second = opened(journal), opened(journal)
    row = joined(journal, first)
    elsewhere = text("UPDATE rollout SET workload = 'production/elsewhere' WHERE id = :id")
    back = text("UPDATE rollout SET workload = :workload WHERE id = :id")
    with journal._db.writing() as connection:
        connection.execute(elsewhere, {"id": row.id})
    opening = while_open(
        journal,
        lambda connection: connection.execute(back, {"id": row.id, "workload": WORKLOAD}),
        lambda: joined(other, second),
    )
    assert opening.id == row.id
    assert set(opening.members) == {first.id, second.id}


def test_a_worker_that_meets_a_persons_word_waits_and_adds_to_the_same_chain(
    replicas: tuple[SqlJournal, SqlJournal],
) -> None:
    journal, other = replicas
    row = held(journal)
    word = text(
        "UPDATE rotation SET last_sequence = 2, previous_hash = 'of the second', priority = 'emergency' WHERE id = :id"
    )
    kept = while_open(
        journal,
        lambda connection: connection.execute(word, {"id": row.id}),
        lambda: other.checkpoint(row, row, Told("noted", "a line"), release=True),
    )
    assert kept.priority is Priority.EMERGENCY
    last = journal.events(row.id)[-1]
    assert (last.sequence, last.previous_hash) == (3, "of the second")


def test_an_opening_that_meets_a_refusal_waits_and_opens_nothing(
    replicas: tuple[SqlJournal, SqlJournal],
) -> None:
    journal, other = replicas
    request = a_request(journal, about=KEY)
    journal.add_request(request)
    draft = a_rotation(other, KEY)
    refusal = text("UPDATE request SET state = 'refused', sentence = 'it changed' WHERE id = :id")
    given = while_open(
        journal,
        lambda connection: connection.execute(refusal, {"id": request.id}),
        lambda: other.open_rotations([Opening(draft, OPENED, (request.id,))]),
    )
    assert given == set()
    assert journal.rotation(draft.id) is None
    assert opens(other, a_rotation(other, KEY)), "its principal is free"


def test_two_that_post_a_new_alert_at_once_post_one(replicas: tuple[SqlJournal, SqlJournal]) -> None:
    journal, other = replicas
    alert = Alert(
        identity="a", kind=AlertKind.DRIFT, severity=Severity.INFO, title="t", opened_at=journal.now()
    )
    journal.post_alert(alert, MINUTE)
    away = text("UPDATE alert SET identity = 'b'")
    back = text("UPDATE alert SET identity = 'a'")
    with journal._db.writing() as connection:
        connection.execute(away)
    louder = alert.model_copy(update={"severity": Severity.CRITICAL})
    while_open(journal, lambda connection: connection.execute(back), lambda: other.post_alert(louder, MINUTE))
    (row,) = journal.alerts()
    assert row.alert == louder


def test_an_alert_that_opens_again_waits_for_whoever_tells_that_it_closed(
    replicas: tuple[SqlJournal, SqlJournal],
) -> None:
    journal, other = replicas
    now = journal.now()
    alert = Alert(identity="a", kind=AlertKind.DRIFT, severity=Severity.INFO, title="t", opened_at=now)
    journal.post_alert(alert, NO_TIME)
    (row,) = journal.claim_alerts("one", 1, MINUTE)
    journal.checkpoint_alerts([(row, row.model_copy(update={"told": {"slack": 1}}))])
    journal.post_alert(alert.model_copy(update={"closed_at": now}), NO_TIME)
    telling = text("UPDATE alert SET told = '{\"slack\": 9}', settled = true")
    while_open(
        journal, lambda connection: connection.execute(telling), lambda: other.post_alert(alert, NO_TIME)
    )
    (row,) = journal.alerts()
    assert (row.alert, row.told) == (alert, {"slack": TOLD_CLOSED_BEFORE})


def test_claims_pass_by_rows_that_somebody_is_writing(replicas: tuple[SqlJournal, SqlJournal]) -> None:
    journal, other = replicas
    written, free = opened(journal), opened(journal)
    with journal._db.writing() as connection:
        connection.execute(text("SELECT id FROM rotation WHERE id = :id FOR UPDATE"), {"id": written.id})
        assert [row.id for row in other.claim_rotations("one", 9, Phase, MINUTE)] == [free.id]
    assert [row.id for row in other.claim_rotations("one", 9, Phase, MINUTE)] == [written.id]
