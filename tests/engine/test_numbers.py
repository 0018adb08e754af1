from __future__ import annotations

import pytest

from rotator.model.numbers import counted


@pytest.mark.parametrize(
    "number, words", [(0, "0 secrets"), (1, "1 secret"), (2, "2 secrets"), (11, "11 secrets")]
)
def test_one_is_one_and_everything_else_is_many(number: int, words: str) -> None:
    assert counted(number, "secret") == words
