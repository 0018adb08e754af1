"""What a far side says of when to come back is believed up to a day, however it says it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rotator.model.errors import Transient
from rotator.model.retry_after import LONGEST, pause, until

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
SECONDS = round(NOW.timestamp())


@pytest.mark.parametrize(
    "said, waits",
    [
        ("0", timedelta()),
        ("7", timedelta(seconds=7)),
        ("86400", LONGEST),
        ("86401", LONGEST),
        ("315360000", LONGEST),
        ("9" * 5000, LONGEST),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("١٢", None),  # digits, and none of HTTP's
        ("Fri, 27 Nov 2026 09:00:00 GMT", None),
    ],
)
def test_seconds(said: str, waits: timedelta | None) -> None:
    assert pause(said) == waits


@pytest.mark.parametrize(
    "said, waits",
    [
        (f"{SECONDS + 60}", timedelta(minutes=1)),
        (f"{SECONDS - 60}", timedelta(seconds=1)),
        ("0", timedelta(seconds=1)),
        ("9" * 12, LONGEST),
        ("9" * 5000, LONGEST),
        ("soon", None),
        ("", None),
    ],
)
def test_a_moment(said: str, waits: timedelta | None) -> None:
    assert until(said, NOW) == waits


def test_whoever_says_it_in_another_way_is_believed_no_longer() -> None:
    assert Transient("later", timedelta.max).retry_after == LONGEST
    assert Transient("later").retry_after is None
