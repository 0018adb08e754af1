"""Each signed head keeps the wrapped key that it was signed with."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("head", Column("data_key", Text, nullable=False, server_default="none"))
