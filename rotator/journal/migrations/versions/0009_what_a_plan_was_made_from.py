"""A request that `rotator apply` leaves says what its plan was made from."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("request", Column("basis", Text))
