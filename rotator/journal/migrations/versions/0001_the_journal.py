"""The journal's tables as of the first version."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, Text, text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "meta",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("installation", Text, nullable=False),
        Column("generation", Integer, nullable=False),
    )
    op.create_table(
        "rotation",
        Column("id", Text, primary_key=True),
        Column("secret", Text, nullable=False),
        Column("principal", Text, nullable=False),
        Column("provider", Text, nullable=False),
        Column("phase", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("priority", Text, nullable=False),
        Column("opened_at", Double, nullable=False),
        Column("ended_at", Double),
        Column("phase_since", Double, nullable=False),
        Column("run_at", Double, nullable=False),
        Column("claim_until", Double),
        Column("owner", Text),
        Column("fence", BigInteger, nullable=False),
        Column("wake_at", Double),
        Column("claim_lost_at", Double),
        Column("approved_by", Text),
        Column("attempt", Integer, nullable=False),
        Column("reason", Text),
        Column("sentence", Text, nullable=False),
        Column("recipe", Text, nullable=False),
        Column("ledger", Text, nullable=False),
        Column("sealed_predecessor", Text),
        Column("sealed_successor", Text),
        Column("data_key", Text),
        Column("last_sequence", Integer, nullable=False),
        Column("previous_hash", Text, nullable=False),
        _partial("rotation_due", "run_at", where="state = 'active'"),
        _partial("rotation_principal", "principal", where="state IN ('active', 'parked')", unique=True),
        _partial("rotation_unfinished", "opened_at", where="state IN ('active', 'parked')"),
        Index("rotation_opened", "opened_at"),
        Index("rotation_secret", "secret", "opened_at"),
    )
    op.create_table(
        "event",
        Column("rotation", Text, primary_key=True),
        Column("sequence", Integer, primary_key=True, autoincrement=False),
        Column("at", Double, nullable=False),
        Column("phase", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("sentence", Text, nullable=False),
        Column("previous_hash", Text, nullable=False),
        Column("hash", Text, nullable=False),
        Column("head", Integer),
        _partial("event_unsigned", "rotation", where="head IS NULL"),
    )
    op.create_table(
        "head",
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("at", Double, nullable=False),
        Column("digest", Text, nullable=False),
        Column("mac", Text, nullable=False),
    )
    op.create_table(
        "rollout",
        Column("id", Text, primary_key=True),
        Column("workload", Text, nullable=False),
        Column("purpose", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("exclusive", Boolean, nullable=False),
        Column("opened_at", Double, nullable=False),
        Column("started_at", Double),
        Column("ended_at", Double),
        Column("run_at", Double, nullable=False),
        Column("claim_until", Double),
        Column("owner", Text),
        Column("fence", BigInteger, nullable=False),
        Column("wake_at", Double),
        Column("attempt", Integer, nullable=False),
        Column("sentence", Text, nullable=False),
        Column("evidence", Text),
        Column("seen", Text, nullable=False),
        _partial("rollout_due", "run_at", where="state IN ('open', 'closed')"),
        _partial(
            "rollout_open", "workload", "purpose", where="state = 'open' AND NOT exclusive", unique=True
        ),
        _partial(
            "rollout_under_way", "workload", where="state = 'closed' AND started_at IS NOT NULL", unique=True
        ),
    )
    op.create_table(
        "rollout_member",
        Column("rollout", Text, primary_key=True),
        Column("rotation", Text, primary_key=True),
        Column("joined_at", Double, nullable=False),
        Index("rollout_member_rotation", "rotation"),
    )
    op.create_table(
        "request",
        Column("id", Text, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("about", Text, nullable=False),
        Column("by", Text, nullable=False),
        Column("because", Text, nullable=False),
        Column("until", Double),
        Column("at", Double, nullable=False),
        Column("state", Text, nullable=False),
        Column("sentence", Text, nullable=False),
        Column("rotation", Text),
        _partial("request_waiting", "at", where="state = 'waiting'"),
    )
    op.create_table(
        "secret",
        Column("secret", Text, primary_key=True),
        Column("observed_at", Double, nullable=False),
        Column("observed", Text, nullable=False),
    )
    op.create_table(
        "environment",
        Column("environment", Text, primary_key=True),
        Column("scanned_at", Double, nullable=False),
        Column("surveyed", Text, nullable=False),
    )
    op.create_table(
        "pause",
        Column("secret", Text, primary_key=True),
        Column("until", Double, nullable=False),
        Column("by", Text, nullable=False),
        Column("because", Text, nullable=False),
    )
    op.create_table(
        "policy_version",
        Column("number", Integer, primary_key=True),
        Column("version", Text, nullable=False),
        Column("applied_at", Double, nullable=False),
        Column("text", Text, nullable=False),
    )
    op.create_table(
        "alert",
        Column("identity", Text, primary_key=True),
        Column("alert", Text, nullable=False),
        Column("severity", Integer, nullable=False),
        Column("closed", Boolean, nullable=False),
        Column("settled", Boolean, nullable=False),
        Column("told", Text, nullable=False),
        Column("receipts", Text, nullable=False),
        Column("repeats", Integer, nullable=False),
        Column("last_told_at", Double),
        Column("attempt", Integer, nullable=False),
        Column("run_at", Double, nullable=False),
        Column("claim_until", Double),
        Column("owner", Text),
        Column("fence", BigInteger, nullable=False),
        Column("wake_at", Double),
        _partial("alert_due", "run_at", where="NOT settled"),
    )
    op.create_table(
        "source_rate",
        Column("account", Text, primary_key=True),
        Column("full_at", Double, nullable=False),
        Column("held_until", Double, nullable=False),
    )


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))
