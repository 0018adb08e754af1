"""A request may bring what a person submitted, sealed, and the wrapped key that opens it."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("request", Column("sealed", Text))
    op.add_column("request", Column("data_key", Text))
