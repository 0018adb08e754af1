"""The tables, once for SQLite and PostgreSQL. What they hold is said by rotator.model; here is how it is found.

Claimed tables (rotation, rollout, alert) share five columns. `run_at` alone says when a row is due, also while it is
claimed: then it is the end of the claim. One partial index on it therefore answers "what is due?" without looking at
a single waiting or claimed row. `wake_at` keeps a wake that met a claimed row until that row is released.

No foreign keys: rows that others name are never deleted, and the locks that PostgreSQL takes for them would order
workers behind each other. Migrations only ever add: replicas of two versions share the tables during a rollout.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TextClause,
    text,
)

from rotator.journal.columns import Document, Moment
from rotator.model.access import Access
from rotator.model.alerts import Alert, Hush, Receipt
from rotator.model.observations import Observed, Surveyed
from rotator.model.policy import Recipe
from rotator.model.requests import Basis
from rotator.model.rotation import Ledger
from rotator.model.watch import Sighting, Watch

#: Conditions of partial indexes. A query uses such an index only if it repeats the condition, on SQLite word for
#: word; as text and not as parameters, because a prepared statement is planned without those.
ACTIVE: Final = text("state = 'active'")
UNFINISHED: Final = text("state IN ('active', 'parked')")
UNSIGNED: Final = text("head IS NULL")
JOINABLE: Final = text("state = 'open' AND NOT exclusive")
UNDER_WAY: Final = text("state = 'closed' AND started_at IS NOT NULL")
UNENDED: Final = text("state IN ('open', 'closed')")
WAITING: Final = text("state = 'waiting'")
UNSETTLED: Final = text("NOT settled")
UNJUDGED: Final = text("judged_at IS NULL")
OPEN: Final = text("disposition = 'open'")
LEARNED: Final = text("disposition = 'learned'")

metadata = MetaData()


def _claimed() -> tuple[Column[object], ...]:
    """The columns of the claim protocol."""
    return (
        Column("run_at", Moment, nullable=False),
        Column("claim_until", Moment),
        Column("owner", Text),
        Column("fence", BigInteger, nullable=False),
        Column("wake_at", Moment),
    )


def _partial(name: str, *columns: str, where: TextClause, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


meta = Table(
    "meta",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("installation", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column(
        "holds", Integer, nullable=False, server_default="0"
    ),  # raised by whatever may hold rotations back
)

rotation = Table(
    "rotation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret", Text, nullable=False),
    Column("principal", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("phase_since", Moment, nullable=False),
    *_claimed(),
    Column("claim_lost_at", Moment),
    Column("approved_by", Text),
    Column("rolled_back_by", Text),
    Column("attempt", Integer, nullable=False),
    Column("reason", Text),
    Column("sentence", Text, nullable=False),
    Column("recipe", Document(Recipe), nullable=False),
    Column("ledger", Document(Ledger, sparse=True), nullable=False),
    Column("sealed_predecessor", Text),
    Column("sealed_successor", Text),
    Column("data_key", Text),
    Column("last_sequence", Integer, nullable=False),  # of its chain of events
    Column("previous_hash", Text, nullable=False),  # what the next event links to
    _partial("rotation_due", "run_at", where=ACTIVE),
    _partial("rotation_principal", "principal", where=UNFINISHED, unique=True),
    _partial("rotation_unfinished", "opened_at", where=UNFINISHED),
    Index("rotation_opened", "opened_at"),
    Index("rotation_secret", "secret", "opened_at"),
)

event = Table(
    "event",
    metadata,
    Column("rotation", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("phase", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("head", Integer),  # the signed head that covers it
    _partial("event_unsigned", "rotation", where=UNSIGNED),
)

head = Table(
    "head",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("digest", Text, nullable=False),
    Column("mac", Text, nullable=False),
    Column("data_key", Text, nullable=False, server_default="none"),  # that it was signed with, wrapped
)

rollout = Table(
    "rollout",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workload", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("exclusive", Boolean, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    *_claimed(),
    Column("attempt", Integer, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("evidence", Text),
    Column("seen", Document(dict[str, int]), nullable=False),
    _partial("rollout_due", "run_at", where=UNENDED),
    _partial("rollout_open", "workload", "purpose", where=JOINABLE, unique=True),
    _partial("rollout_under_way", "workload", where=UNDER_WAY, unique=True),
)

rollout_member = Table(
    "rollout_member",
    metadata,
    Column("rollout", Text, primary_key=True),
    Column("rotation", Text, primary_key=True),
    Column("joined_at", Moment, nullable=False),
    Index("rollout_member_rotation", "rotation"),
)

request = Table(
    "request",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("via", Text, nullable=False, server_default="cli"),
    Column("because", Text, nullable=False),
    Column("until", Moment),
    Column("basis", Document(Basis)),
    Column("at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("rotation", Text),
    Column("sealed", Text),
    Column("data_key", Text),
    _partial("request_waiting", "at", where=WAITING),
)

secret = Table(
    "secret",
    metadata,
    Column("secret", Text, primary_key=True),
    Column("observed_at", Moment, nullable=False),
    Column("observed", Document(Observed, found=True), nullable=False),
)

environment = Table(
    "environment",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("scanned_at", Moment, nullable=False),
    Column("surveyed", Document(Surveyed, sparse=True, found=True), nullable=False),
)

pause = Table(
    "pause",
    metadata,
    Column("secret", Text, primary_key=True),
    Column("until", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("because", Text, nullable=False),
)

rejection = Table(
    "rejection",
    metadata,
    Column("secret", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

policy_version = Table(
    "policy_version",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("version", Text, nullable=False),
    Column("applied_at", Moment, nullable=False),
    Column("text", Text, nullable=False),
    Column("resolved", Text),  # Policies as JSON; a version that knows another shape reads the text instead
    Column(
        "left_alone", Document(tuple[str, ...])
    ),  # secrets, by it or by those before it, since the last yes
)

alert = Table(
    "alert",
    metadata,
    Column("identity", Text, primary_key=True),
    Column("alert", Document(Alert, found=True), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("settled", Boolean, nullable=False),  # its closing has been told everywhere
    Column("told", Document(dict[str, int]), nullable=False),
    Column("receipts", Document(dict[str, Receipt], sparse=True), nullable=False),
    Column("hush", Document(Hush, found=True)),
    Column("shown", Document(dict[str, datetime]), nullable=False, server_default="{}"),
    Column("failures", Document(dict[str, str]), nullable=False, server_default="{}"),
    Column("repeats", Integer, nullable=False),
    Column("last_told_at", Moment),
    Column("attempt", Integer, nullable=False),
    *_claimed(),
    _partial("alert_due", "run_at", where=UNSETTLED),
)

source_rate = Table(
    "source_rate",
    metadata,
    Column("account", Text, primary_key=True),
    Column("full_at", Moment, nullable=False),  # GCRA's theoretical arrival time
    Column("held_until", Moment, nullable=False),
)

watch = Table(
    "watch",
    metadata,
    Column("source", Text, primary_key=True),
    Column("owner", Text),
    Column("claim_until", Moment),
    Column("watch", Document(Watch, found=True)),
)

access = Table(
    "access",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("judge_at", Moment, nullable=False),
    Column("judged_at", Moment),
    Column("principal", Text, nullable=False),
    Column("what", Text, nullable=False),  # it asked for; the same for every call that asks for the same
    Column("access", Document(Access, sparse=True), nullable=False),
    _partial("access_held", "judge_at", where=UNJUDGED),
    Index("access_judged", "judged_at"),
    Index("access_principal", "principal", "what", "at"),
)

start = Table(
    "start",
    metadata,
    Column("workload", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("at", Moment, primary_key=True),
    Index("start_at", "at"),
)

sighting = Table(
    "sighting",
    metadata,
    Column("identity", Text, primary_key=True),
    Column("disposition", Text, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("sighting", Document(Sighting, found=True), nullable=False),
    _partial("sighting_open", "last_at", where=OPEN),
    _partial("sighting_learned", "last_at", where=LEARNED),
    Index("sighting_ended", "ended_at"),
)

known_read = Table(
    "known_read",
    metadata,
    Column("principal", Text, primary_key=True),
    Column("secret", Text, primary_key=True),
    Column("at", Moment, nullable=False),  # about a day too early: a reader of every hour costs a write a day
    Index("known_read_at", "at"),
)
