"""Places for a journal that another version has written: a file, and a database on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journal.conftest import new_database, postgres

__all__ = ["new_database", "postgres"]


@pytest.fixture(params=["sqlite", "postgresql"])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives the URL of a database with nothing in it."""
    if request.param == "postgresql":
        return request.getfixturevalue("new_database")  # type: ignore[no-any-return]  # a function that gives a URL
    numbers = iter(range(9))
    return lambda: f"sqlite:///{tmp_path}/{next(numbers)}.sqlite"
