"""A request of `rotator apply` says what its plan was made from, a policy what was left alone since the last yes."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("request", Column("basis", Text))
    op.add_column("policy_version", Column("left_alone", Text))
