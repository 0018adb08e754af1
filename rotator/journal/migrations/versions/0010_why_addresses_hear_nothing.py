"""Why an address has not heard an alert: what the last attempt met, so that the other addresses can be told it."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("alert", Column("failures", Text, nullable=False, server_default="{}"))
