"""Who asked to go back; and policies as they were resolved, so that looking needs neither to load nor to check them."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("rotation", Column("rolled_back_by", Text))
    op.add_column("policy_version", Column("resolved", Text))
