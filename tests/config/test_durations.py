"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.model.durations import parse_duration, spell_duration


@pytest.mark.parametrize(
    "text, duration",
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("1w", timedelta(days=7)),
        ("1d12h", timedelta(days=1, hours=12)),
        ("30m", timedelta(minutes=30)),
        ("45s", timedelta(seconds=45)),
        ("0.2s", timedelta(milliseconds=200)),
        ("0s", timedelta()),
    ],
)
def test_what_a_duration_means(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "90", "d", "90 d", "1.5d", "12h1d", "-1d", "1D", "P1D", "90d ", "1000000000d"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="write it with units"):
        parse_duration(text)


@pytest.mark.parametrize(
    "text, spelled", [("1w", "7d"), ("36h", "1d12h"), ("0s", "0s"), ("90s", "1m30s"), ("0.2s", "0s")]
)
def test_how_a_duration_is_spelled(text: str, spelled: str) -> None:
    assert spell_duration(parse_duration(text)) == spelled
