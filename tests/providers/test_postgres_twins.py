"""A rotation begins only where a consumer cannot tell one role from the other, and says what to do where it can."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from rotator.model.errors import Refused, Transient
from rotator.model.rotation import Reason, State
from rotator.model.secrets import Credential
from rotator.providers import postgres_roles
from rotator.testing.virtual_clock import VirtualClock
from tests.providers.postgres_world import PostgresWorld
from tests.providers.rotations import Company

DIFFERENCES = {
    "memberships": ["GRANT pg_monitor TO {a}"],
    "memberships that are not inherited": [
        "GRANT pg_monitor TO {a}",
        "GRANT pg_monitor TO {b} WITH INHERIT FALSE",
    ],
    "memberships that can be given on": ["GRANT {owner} TO {a} WITH ADMIN OPTION"],
    "attributes of a": ["ALTER ROLE {a} CREATEDB"],
    "attributes of b": ["ALTER ROLE {b} NOINHERIT"],
    "connection limit": ["ALTER ROLE {b} CONNECTION LIMIT 5"],
    "settings": ["ALTER ROLE {a} SET search_path = crm, public"],
    "settings in a database": ["ALTER ROLE {a} IN DATABASE postgres SET work_mem = '64MB'"],
    "grants": ["CREATE TABLE {owner}.invoices (id int)", "GRANT SELECT ON {owner}.invoices TO {a}"],
}


def successor_of(world: PostgresWorld) -> Credential:
    world.predecessor()
    return world.provider.create("ro-1", f"{world.a}@first")


@pytest.mark.parametrize("changes", DIFFERENCES.values(), ids=DIFFERENCES.keys())
def test_a_role_that_can_do_something_else_is_refused(database: PostgresWorld, changes: list[str]) -> None:
    database.run(*changes)
    successor = successor_of(database)
    with pytest.raises(Refused, match=r"differ .*Make both roles the same"):
        database.provider.activate(successor)
    assert not database.accepts(successor.fields)
    assert database.comment(database.b) == ""


def test_a_difference_ends_a_rotation_before_anything_is_stored(
    database: PostgresWorld, tmp_path: Path
) -> None:
    database.run("ALTER ROLE {b} CONNECTION LIMIT 5")
    current = database.predecessor()
    company = Company(VirtualClock(), database.provider, database.recipe, tmp_path)
    row = company.rotates(current, within=timedelta(hours=1))
    assert (row.state, row.reason) == (State.UNDONE, Reason.SOURCE_REFUSED)
    told = " ".join(event.sentence for event in company.journal.events(row.id))
    assert "attributes differ (connection limit -1)" in told
    assert row.ledger.wrote == {}
    assert company.reads() == current
    assert database.accepts(current)
    company.journal.close()


def test_a_settings_value_is_not_shown(database: PostgresWorld) -> None:
    database.run("ALTER ROLE {a} SET crm.tenant = 'a-value-of-theirs'")
    with pytest.raises(Refused, match=r"settings differ \(crm\.tenant\)") as refusal:
        database.provider.activate(successor_of(database))
    assert "a-value-of-theirs" not in str(refusal.value)


@pytest.mark.parametrize(
    "change", ["ALTER ROLE {a} RESET role", "ALTER ROLE {b} RESET role", "REVOKE {owner} FROM {b}"]
)
def test_roles_that_do_not_become_one_owner_are_refused_with_the_statements_that_help(
    database: PostgresWorld, change: str
) -> None:
    database.run(change)
    with pytest.raises(Refused, match=f'GRANT "{database.owner}" TO ') as refusal:
        database.provider.activate(successor_of(database))
    advice = str(refusal.value).partition("As a DBA: ")[2]
    database.run(*advice.split("; "))
    database.provider.activate(database.provider.create("ro-1", f"{database.a}@first"))


def test_without_any_owner_role_the_policy_may_name_it(database: PostgresWorld) -> None:
    database.run("ALTER ROLE {a} RESET role", "ALTER ROLE {b} RESET role")
    successor = successor_of(database)
    with pytest.raises(Refused, match='GRANT "<owner>" TO'):
        database.provider.activate(successor)
    database.settings["owner_role"] = database.owner
    with pytest.raises(Refused, match=f'SET role = "{database.owner}"'):
        database.provider.activate(successor)


def test_no_role_name_of_a_policy_becomes_a_statement_that_a_dba_pastes(database: PostgresWorld) -> None:
    """The policy calls a role what it likes, and rotator tells a DBA what to type."""
    begins = database.owner.replace("taly", "evil")
    database.settings["users"] = [database.a, f'{begins}" SUPERUSER; --']
    blocker = database.provider.observe().blocker
    database.run(blocker.partition("As a DBA: ")[2].partition(", and grant")[0])
    made = database.run("SELECT quote_ident(rolname), rolsuper FROM pg_roles WHERE rolname LIKE 'evil%'")
    database.run(*(f"DROP ROLE {name}" for name, _ in made))
    assert made == [(f'"{begins}"" SUPERUSER; --"', False)]


def test_a_member_that_may_not_become_the_owner_is_refused(database: PostgresWorld) -> None:
    database.run("GRANT {owner} TO {b} WITH SET FALSE")
    with pytest.raises(Refused, match="would not belong to the owner role"):
        database.provider.activate(successor_of(database))


def test_a_role_that_owns_objects_itself_is_refused(database: PostgresWorld) -> None:
    database.run("CREATE TABLE {owner}.clones (id int)", "ALTER TABLE {owner}.clones OWNER TO {a}")
    with pytest.raises(Refused, match="REASSIGN OWNED BY") as refusal:
        database.provider.activate(successor_of(database))
    database.run(str(refusal.value).partition("As a DBA, there: ")[2])
    database.provider.activate(database.provider.create("ro-1", f"{database.a}@first"))


def test_an_admin_that_could_not_end_sessions_is_refused_before_anything_depends_on_it(
    database: PostgresWorld,
) -> None:
    database.run("REVOKE pg_signal_backend FROM {admin}")
    with pytest.raises(Refused, match="GRANT pg_signal_backend TO"):
        database.provider.activate(successor_of(database))


def test_an_admin_without_admin_option_is_refused_by_the_server(database: PostgresWorld) -> None:
    database.run("REVOKE {b} FROM {admin}")
    successor = successor_of(database)
    with pytest.raises(Refused, match="permission denied to alter role"):
        database.provider.activate(successor)
    assert not database.accepts(successor.fields)


def test_a_server_that_speaks_another_language_is_refused(
    database: PostgresWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Few machines have a second locale installed; what the server would answer is put into the question.
    german = postgres_roles._FACTS.replace("current_setting('lc_messages')", "'de_DE.UTF-8'")
    monkeypatch.setattr(postgres_roles, "_FACTS", german)
    with pytest.raises(Refused, match=r"speaks de_DE.* lc_messages = 'C'"):
        database.provider.activate(successor_of(database))


def test_a_missing_role_is_told_with_the_statement_that_makes_it(database: PostgresWorld) -> None:
    database.run("REVOKE {owner} FROM {b}", "DROP ROLE {b}")
    successor = successor_of(database)
    seen = database.provider.observe()
    assert seen.free_slots == 0
    assert f'CREATE ROLE "{database.b}" NOLOGIN' in seen.blocker
    with pytest.raises(Refused, match="there is no role"):
        database.provider.activate(successor)
    database.provider.disable(successor.id)
    database.provider.remove(successor.id)


def test_a_role_that_a_person_opened_is_never_given_a_new_password(database: PostgresWorld) -> None:
    successor = successor_of(database)
    theirs = database.foreign()
    with pytest.raises(Refused, match=f'can log in and rotator did not make it so.*"{database.b}" NOLOGIN'):
        database.provider.activate(successor)
    assert database.accepts(theirs)


def test_what_people_wrote_about_a_role_stays(database: PostgresWorld) -> None:
    database.run("COMMENT ON ROLE {b} IS 'second login of the CRM, ask dba@'")
    successor = successor_of(database)
    database.provider.activate(successor)
    assert database.comment(database.b) == "second login of the CRM, ask dba@ [rotator:ro-1]"
    database.provider.remove(successor.id)
    assert database.comment(database.b) == "second login of the CRM, ask dba@ [rotator:ro-1 removed]"


def test_a_role_that_a_person_opens_after_it_was_removed_is_another_credential(
    database: PostgresWorld,
) -> None:
    successor = successor_of(database)
    database.provider.activate(successor)
    database.provider.remove(successor.id)
    theirs = database.foreign()
    assert database.provider.identify(theirs) == f"{database.b}@after-ro-1"
    assert database.provider.observe().by_id()[f"{database.b}@after-ro-1"].label is None
    with pytest.raises(Refused, match="somebody else uses it now"):
        database.provider.remove(successor.id)
    assert database.accepts(theirs)


def test_an_expired_password_is_not_live_and_the_successor_does_not_expire(database: PostgresWorld) -> None:
    database.run("ALTER ROLE {a} VALID UNTIL '2020-01-01'", "ALTER ROLE {b} VALID UNTIL '2020-01-01'")
    successor = successor_of(database)
    assert database.provider.observe().by_id()[f"{database.a}@first"].liveness == "disabled"
    database.provider.activate(successor)
    assert database.provider.observe().by_id()[successor.id].liveness == "live"
    database.provider.verify(successor)


def test_a_role_outside_the_pair_is_left_alone(database: PostgresWorld) -> None:
    for act in (database.provider.disable, database.provider.enable, database.provider.remove):
        with pytest.raises(Refused, match="is neither of"):
            act("postgres@first")


def test_an_admin_login_that_is_refused_is_trouble_and_no_verdict(database: PostgresWorld) -> None:
    current = database.predecessor()
    database.run("ALTER ROLE {admin} PASSWORD NULL")
    with pytest.raises(Transient, match=r"refuses rotator's own login in ssm:.*consumers are not affected"):
        database.provider.observe()
    assert database.accepts(current)


def test_without_a_predecessor_the_role_that_waits_gets_the_successor(database: PostgresWorld) -> None:
    assert database.provider.create("ro-1", None).id == f"{database.b}@ro-1"  # "Taly…" sorts before "taly…"
    database.foreign()
    assert database.provider.create("ro-1", None).id == f"{database.a}@ro-1"
    database.predecessor()
    with pytest.raises(Refused, match="can both log in"):
        database.provider.create("ro-1", None)
