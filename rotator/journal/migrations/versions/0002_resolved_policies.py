"""A policy is kept as it was resolved, too: the command line then needs neither to load nor to check its text."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("policy_version", Column("resolved", Text))
