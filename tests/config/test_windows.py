"""Windows and freezes as a policy writes them: when work that restarts or invalidates may begin."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rotator.config.resolve import freeze_of, window_of
from rotator.config.schema import Freeze, Window
from rotator.model.windows import next_allowed

OFFICE = {"days": ["mon", "tue", "wed", "thu"], "from": "09:30", "to": "16:00", "timezone": "Europe/Warsaw"}
NIGHT = {"days": ["mon"], "from": "22:00", "to": "02:00", "timezone": "UTC"}
MIDNIGHT = {"days": ["mon"], "from": "20:00", "to": "24:00", "timezone": "UTC"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "window, moment, opens",
    [
        (OFFICE, "2026-11-24 08:00", "2026-11-24 08:30"),  # Tuesday; Warsaw is an hour ahead in winter
        (OFFICE, "2026-11-24 10:00", "2026-11-24 10:00"),
        (OFFICE, "2026-11-24 15:00", "2026-11-25 08:30"),
        (OFFICE, "2026-11-27 10:00", "2026-11-30 08:30"),  # Friday to Monday
        (OFFICE, "2026-07-06 07:00", "2026-07-06 07:30"),  # two hours ahead in summer
        (NIGHT, "2026-11-23 21:00", "2026-11-23 22:00"),
        (NIGHT, "2026-11-24 01:00", "2026-11-24 01:00"),  # still Monday's window
        (NIGHT, "2026-11-24 02:00", "2026-11-30 22:00"),
        (MIDNIGHT, "2026-11-23 23:59", "2026-11-23 23:59"),
        (MIDNIGHT, "2026-11-24 00:00", "2026-11-30 20:00"),
        ({"always": True}, "2026-11-24 01:00", "2026-11-24 01:00"),
    ],
)
def test_when_a_window_opens(window: dict[str, object], moment: str, opens: str) -> None:
    assert window_of("w", Window.model_validate(window)).next_open(at(moment)) == at(opens)


def test_a_window_of_days_only_is_open_all_day() -> None:
    monday = window_of("w", Window.model_validate({"days": ["mon"], "timezone": "UTC"}))
    assert monday.next_open(at("2026-11-22 12:00")) == at("2026-11-23 00:00")
    assert monday.next_open(at("2026-11-23 23:59")) == at("2026-11-23 23:59")
    assert monday.next_open(at("2026-11-24 00:00")) == at("2026-11-30 00:00")


def test_a_freeze_holds_until_the_window_after_its_last_day() -> None:
    office = window_of("w", Window.model_validate(OFFICE))
    freeze = freeze_of(
        Freeze.model_validate(
            {"name": "year-end", "from": "2026-12-18", "to": "2027-01-04", "timezone": "Europe/Warsaw"}
        )
    )
    assert next_allowed(at("2026-12-17 14:59"), (office,), (freeze,)) == at("2026-12-17 14:59")
    assert next_allowed(at("2026-12-17 15:00"), (office,), (freeze,)) == at("2027-01-05 08:30")
    assert next_allowed(at("2026-12-25 12:00"), (), (freeze,)) == at("2027-01-04 23:00")
