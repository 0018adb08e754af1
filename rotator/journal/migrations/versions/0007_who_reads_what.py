"""Who read what: how far the watch has looked, records until they are judged, starts, and what was seen."""

from alembic import op
from sqlalchemy import Column, Double, Index, Text, text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "watch",
        Column("source", Text, primary_key=True),
        Column("owner", Text),
        Column("claim_until", Double),
        Column("watch", Text),
    )
    op.create_table(
        "access",
        Column("event_id", Text, primary_key=True),
        Column("at", Double, nullable=False),
        Column("judge_at", Double, nullable=False),
        Column("judged_at", Double),
        Column("principal", Text, nullable=False),
        Column("what", Text, nullable=False),
        Column("access", Text, nullable=False),
        Index(
            "access_held",
            "judge_at",
            sqlite_where=text("judged_at IS NULL"),
            postgresql_where=text("judged_at IS NULL"),
        ),
        Index("access_judged", "judged_at"),
        Index("access_principal", "principal", "what", "at"),
    )
    op.create_table(
        "start",
        Column("workload", Text, primary_key=True),
        Column("role", Text, primary_key=True),
        Column("at", Double, primary_key=True, autoincrement=False),
        Index("start_at", "at"),
    )
    op.create_table(
        "sighting",
        Column("identity", Text, primary_key=True),
        Column("disposition", Text, nullable=False),
        Column("last_at", Double, nullable=False),
        Column("ended_at", Double),
        Column("sighting", Text, nullable=False),
        Index(
            "sighting_open",
            "last_at",
            sqlite_where=text("disposition = 'open'"),
            postgresql_where=text("disposition = 'open'"),
        ),
        Index("sighting_ended", "ended_at"),
    )
