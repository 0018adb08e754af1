"""What people answer to alerts and to questions: acknowledged, snoozed, no; and by which way they reached us."""

from alembic import op
from sqlalchemy import Column, Double, Text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("alert", Column("hush", Text))
    op.add_column("alert", Column("shown", Text, nullable=False, server_default="{}"))
    op.add_column("request", Column("via", Text, nullable=False, server_default="cli"))
    op.create_table(
        "rejection",
        Column("secret", Text, primary_key=True),
        Column("by", Text, nullable=False),
        Column("because", Text, nullable=False),
        Column("at", Double, nullable=False),
    )
