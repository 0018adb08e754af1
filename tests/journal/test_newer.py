"""Rows that a newer version wrote: what this one cannot read is not shown, and whoever claims it gives it back."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Text, literal, make_url, update

from rotator.journal import SqlJournal, open_journal
from rotator.journal.tables import metadata
from rotator.journal.view import View
from rotator.model.alerts import Alert, AlertKind, Severity
from rotator.model.errors import Transient
from rotator.model.observations import Observed, Surveyed
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import Phase, Purpose, Rotation
from rotator.testing.journal_contract.rows import MINUTE, WORKLOAD, a_rotation, opened, opens

MORE = "a document with one more field"


@pytest.fixture(params=["memory", "postgresql"])
def journal(request: pytest.FixtureRequest) -> SqlJournal:
    if request.param == "memory":
        journal: SqlJournal = request.getfixturevalue("memory")
        return journal
    return request.getfixturevalue("replicas")[0]  # type: ignore[no-any-return]  # a pair of SqlJournal


def says(journal: SqlJournal, table: str, column: str, said: str, document: object = None) -> None:
    """Makes every row of a table say it."""
    if said is MORE:
        said = json.dumps({**json.loads(document.model_dump_json()), "of_tomorrow": 1})  # type: ignore[attr-defined]  # a shape
    with journal._db.writing() as connection:
        connection.execute(update(metadata.tables[table]).values({column: literal(said, Text)}))


@pytest.fixture(params=["reason", "ledger", "recipe"])
def tomorrows(request: pytest.FixtureRequest, journal: SqlJournal) -> Rotation:
    """A due rotation in a phase that this version knows, which says what it does not know."""
    row = opened(journal)
    said = {"reason": "of_tomorrow"}.get(request.param, MORE)
    says(journal, "rotation", request.param, said, getattr(row, request.param))
    return row


def test_it_is_not_shown_and_holds_its_principal(journal: SqlJournal, tomorrows: Rotation) -> None:
    assert journal.rotation(tomorrows.id) is None
    assert journal.rotations() == []
    assert journal.histories() == {}
    assert not opens(journal, a_rotation(journal, principal=tomorrows.principal))


def test_whoever_claims_it_gives_it_back_and_keeps_the_others(
    journal: SqlJournal, tomorrows: Rotation
) -> None:
    known = opened(journal)
    assert [row.id for row in journal.claim_rotations("one", 9, Phase, MINUTE)] == [known.id]
    assert journal.claim_rotations("other", 9, Phase, MINUTE) == [], "the newer version has it to itself"
    with journal._db.reading() as connection:
        table = metadata.tables["rotation"]
        row = connection.execute(
            table.select()
            .where(table.c.id == tomorrows.id)
            .with_only_columns(table.c.owner, table.c.claim_until, table.c.claim_lost_at)
        ).one()
    assert tuple(row) == (None, None, None), "nobody vanished in the middle of it"


def test_a_rollout_is_given_back_too_and_never_passed_over(journal: SqlJournal) -> None:
    row = opened(journal)
    joined = journal.join_rollout(row.id, WORKLOAD, Purpose.REDEPLOY, exclusive=False)
    says(journal, "rollout", "evidence", "of_tomorrow")
    assert journal.claim_rollouts("one", 9, MINUTE) == []
    with pytest.raises(Transient, match=f"rollout {joined.id}"):
        journal.rollouts([joined.id])
    with pytest.raises(Transient, match=f"rollout {joined.id}"):
        journal.join_rollout(row.id, WORKLOAD, Purpose.REDEPLOY, exclusive=False)


def test_an_alert_of_a_kind_to_come_is_told_by_who_knows_it(journal: SqlJournal) -> None:
    told = Alert(
        identity="one", kind=AlertKind.PARKED, severity=Severity.WARNING, title="t", opened_at=journal.now()
    )
    journal.post_alert(told, timedelta())
    says(journal, "alert", "alert", MORE, told)
    (row,) = journal.claim_alerts("one", 9, MINUTE)
    assert row.alert == told, "a field that it does not know is nothing to it"
    journal.checkpoint_alerts([(row, row)])
    says(journal, "alert", "alert", told.model_dump_json().replace("parked", "of_tomorrow"))
    assert journal.alerts() == []
    assert journal.claim_alerts("one", 9, MINUTE) == []


@pytest.mark.parametrize("column, said", [("kind", "of_tomorrow"), ("basis", '{"of_tomorrow": 1}')])
def test_what_was_asked_in_words_to_come_waits(journal: SqlJournal, column: str, said: str) -> None:
    journal.add_request(Request(id="one", kind=RequestKind.ROTATE, about="a/b", by="ana", at=journal.now()))
    says(journal, "request", column, said)
    assert journal.requests() == []


def test_what_was_found_out_is_read_as_far_as_it_is_known(journal: SqlJournal) -> None:
    seen = Observed(secret="a/b", observed_at=journal.now())
    surveyed = Surveyed(environment="a", scanned_at=journal.now(), agreed=True)
    journal.note_observed([seen])
    journal.note_surveyed(surveyed)
    says(journal, "secret", "observed", MORE, seen)
    says(journal, "environment", "surveyed", MORE, surveyed)
    assert journal.observed() == {"a/b": seen}
    assert journal.surveyed() == {"a": surveyed}


def test_the_light_view_sees_no_more(sqlite_url: str) -> None:
    with closing(open_journal(sqlite_url, daemon=True)) as journal:
        row, known = opened(journal), opened(journal)
        seen = Observed(secret="a/b", observed_at=journal.now())
        journal.note_observed([seen])
        says(journal, "secret", "observed", MORE, seen)
        with journal._db.writing() as connection:
            table = metadata.tables["rotation"]
            connection.execute(update(table).where(table.c.id == row.id).values(reason="of_tomorrow"))
    with closing(View(Path(str(make_url(sqlite_url).database)))) as view:
        assert [one.id for one in view.rotations()] == [known.id]
        assert view.rotation(row.id) is None
        assert view.observed() == {"a/b": seen}
