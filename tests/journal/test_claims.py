"""What the claim protocol promises beyond the contract: it finds due rows by an index, and leaves alone what it does
not know."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, text, update

from rotator.contracts.journal import Journal
from rotator.journal import MemoryJournal, SqlJournal, open_memory_journal
from rotator.journal.database import Section
from rotator.journal.tables import rotation
from rotator.model.rotation import Phase, Purpose
from rotator.testing.journal_contract.rows import (
    HOUR,
    MINUTE,
    WORKLOAD,
    a_rotation,
    held,
    opened,
    opens,
    waiting,
)

WAITING = 3000


@pytest.fixture(params=["memory", "postgresql"])
def journal(request: pytest.FixtureRequest) -> SqlJournal:
    if request.param == "memory":
        journal: SqlJournal = request.getfixturevalue("memory")
        return journal
    return request.getfixturevalue("replicas")[0]  # type: ignore[no-any-return]  # a pair of SqlJournal


def many_waiting(journal: SqlJournal) -> None:
    """Rotations in grace, all at once."""
    draft = a_rotation(journal, run_at=journal.now() + HOUR)
    rows = [
        {**dict(draft), "id": name, "principal": name, "last_sequence": 0, "previous_hash": ""}
        for name in (secrets.token_hex(8) for _ in range(WAITING))
    ]
    with journal._db.writing() as connection:
        connection.execute(insert(rotation), rows)
        connection.execute(text("ANALYZE"))


def plan_of(journal: SqlJournal, call: Callable[[], object]) -> str:
    """How the database goes about the one statement of `call`."""
    heard: list[tuple[str, Any]] = []

    def listen(_connection: Connection, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        heard.append((statement, parameters))

    event.listen(journal._db.engine, "before_cursor_execute", listen)
    call()
    event.remove(journal._db.engine, "before_cursor_execute", listen)
    ((statement, parameters),) = heard
    how = "EXPLAIN QUERY PLAN " if journal._db.embedded else "EXPLAIN "
    with journal._db.writing() as connection:
        return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(how + statement, parameters))


def test_what_is_due_is_found_by_an_index_of_run_at(journal: SqlJournal) -> None:
    many_waiting(journal)
    plan = plan_of(journal, lambda: journal.claim_rotations("one", 8, Phase, MINUTE))
    assert "rotation_due" in plan
    assert "SCAN rotation" not in plan
    assert "Seq Scan on rotation" not in plan


def test_due_rollouts_and_alerts_are_found_by_an_index_too(memory: MemoryJournal) -> None:
    assert "rollout_due" in plan_of(memory, lambda: memory.claim_rollouts("one", 8, MINUTE))
    assert "alert_due" in plan_of(memory, lambda: memory.claim_alerts("one", 8, MINUTE))


def test_a_claimed_row_is_not_among_the_due_ones(journal: SqlJournal) -> None:
    row = held(journal)
    assert row.run_at == row.claim_until
    kept = journal.checkpoint(row, row.model_copy(update={"run_at": journal.now()}), release=False)
    assert kept.run_at == row.claim_until


def test_rows_in_a_phase_that_this_version_does_not_know_are_left_alone(journal: SqlJournal) -> None:
    tomorrow, known = opened(journal), opened(journal)
    with journal._db.writing() as connection:
        connection.execute(update(rotation).where(rotation.c.id == tomorrow.id), {"phase": "of-tomorrow"})
    assert [row.id for row in journal.claim_rotations("one", 9, Phase, MINUTE)] == [known.id]
    assert journal.rotation(tomorrow.id) is None
    assert [row.id for row in journal.rotations()] == [known.id]
    assert set(journal.histories()) == {known.secret}
    assert not opens(journal, a_rotation(journal, principal=tomorrow.principal))


def test_a_ledger_of_a_newer_version_is_read_until_a_new_field_means_something(journal: SqlJournal) -> None:
    row = waiting(journal, held(journal), ledger=a_rotation(journal).ledger.having(known=("a",)))
    with journal._db.reading() as connection:
        stored = connection.execute(text("SELECT ledger FROM rotation")).scalar_one()
    assert stored == '{"known":["a"]}'
    assert journal.rotation(row.id) == row


def test_the_recipe_is_never_written_again(journal: SqlJournal) -> None:
    row = held(journal)
    other = row.recipe.model_copy(update={"grace": timedelta(0)})
    journal.checkpoint(row, row.model_copy(update={"recipe": other}), release=True)
    kept = journal.rotation(row.id)
    assert kept is not None
    assert kept.recipe == row.recipe


def test_sections_have_no_name_twice() -> None:
    sections = [
        section for section in SqlJournal.__mro__ if issubclass(section, Section) and section is not Section
    ]
    names = [name for section in sections for name in vars(section) if not name.startswith("__")]
    assert len(names) == len(set(names))


def test_every_public_method_is_of_the_contract_or_named_here() -> None:
    beyond = {"close", "free_claims"}
    public = {name for name in dir(SqlJournal) if not name.startswith("_")}
    assert public - beyond == {name for name in dir(Journal) if not name.startswith("_")}


def test_ids_of_rollouts_come_from_where_the_caller_says() -> None:
    numbers = iter(range(9))
    journal = open_memory_journal(new_id=lambda: f"id {next(numbers)}")
    row = held(journal)
    assert journal.installation() == "id 0"
    assert journal.join_rollout(row.id, WORKLOAD, Purpose.REDEPLOY, exclusive=False).id == "id 1"
    journal.close()
