"""Words of our own vocabulary as literals of SQL.

A word that a partial index repeats must be in the statement's text, because a prepared statement is planned without
its parameters. And a row whose word this version does not know was written by a newer one: it is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, literal_column
from sqlalchemy.sql.elements import ColumnElement


def is_word(column: Column[Any], word: StrEnum) -> ColumnElement[bool]:
    """The column holds this word."""
    return column == _literal(word)


def among(column: Column[Any], words: Iterable[StrEnum]) -> ColumnElement[bool]:
    """The column holds one of these words."""
    return column.in_([_literal(word) for word in sorted(words)])


def _literal(word: StrEnum) -> ColumnElement[str]:
    assert word.replace("-", "").replace("_", "").isalnum(), "our words need no quoting"
    return literal_column(f"'{word.value}'")
