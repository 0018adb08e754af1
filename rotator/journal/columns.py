"""What columns hold beyond the database's own types: moments and documents.

A moment is a double of seconds since 1970, in UTC, so that `now + lease` is arithmetic which SQLite and PostgreSQL
agree on. A double keeps a microsecond of this century exactly (2**-22 s is its step until 2106).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Dialect, Double, Text
from sqlalchemy.types import TypeDecorator

from rotator.journal.newer import known_part


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as seconds since 1970. A naive one is refused."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> float | None:
        """To seconds."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone is not a moment")
        return value.timestamp()

    def process_result_value(self, value: float | None, _dialect: Dialect) -> datetime | None:
        """From seconds."""
        return None if value is None else datetime.fromtimestamp(value, UTC)


#: Stands in a row for a document that this version cannot read: a newer one wrote it.
UNREADABLE: Final = object()


class Document(TypeDecorator[Any]):
    """A pydantic shape, stored as its JSON text. One that cannot be read is UNREADABLE, which no shape takes.

    A `sparse` one leaves out what has its default value: a version that knows more fields writes rows which this
    one still reads, until a new field means something. Of a `found` one, which any look at the world makes anew,
    fields that this version does not know are forgotten.
    """

    impl = Text
    cache_ok = True

    def __init__(self, shape: Any, *, sparse: bool = False, found: bool = False) -> None:
        super().__init__()
        self.shape, self.sparse, self.found = shape, sparse, found
        self._adapter: TypeAdapter[Any] = TypeAdapter(shape)

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        """To JSON."""
        return (
            None if value is None else self._adapter.dump_json(value, exclude_defaults=self.sparse).decode()
        )

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Any:
        """From JSON."""
        if value is None:
            return None
        try:
            return known_part(self.shape, value) if self.found else self._adapter.validate_json(value)
        except ValidationError:
            return UNREADABLE
