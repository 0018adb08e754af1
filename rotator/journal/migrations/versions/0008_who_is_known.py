"""Who has read what before, and what learning kept quiet."""

from alembic import op
from sqlalchemy import Column, Double, Index, Text, text

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "known_read",
        Column("principal", Text, primary_key=True),
        Column("secret", Text, primary_key=True),
        Column("at", Double, nullable=False),
        Index("known_read_at", "at"),
    )
    op.create_index(
        "sighting_learned",
        "sighting",
        ["last_at"],
        sqlite_where=text("disposition = 'learned'"),
        postgresql_where=text("disposition = 'learned'"),
    )
