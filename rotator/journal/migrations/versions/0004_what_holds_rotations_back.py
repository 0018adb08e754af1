"""A stamp that every pause and every scan raises, so that what they say is read again only when it has changed."""

from alembic import op
from sqlalchemy import Column, Integer

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("meta", Column("holds", Integer, nullable=False, server_default="0"))
