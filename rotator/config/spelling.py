"""How single values are written in policies and settings: durations, backoffs, times, dates, time zones.

Each type takes the text that people write; a mistake becomes a sentence that says what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Annotated, Any, Final, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from rotator.config.complaints import hint, nearest, shorten
from rotator.model.durations import parse_duration

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")
_URL = re.compile(r"https?://[A-Za-z0-9._{}-]+(:\d{1,5})?(/[^\s]*)?")
_LONGEST = timedelta(days=3660)
_DAYS = {
    "monday": "mon", "tuesday": "tue", "wednesday": "wed", "thursday": "thu",
    "friday": "fri", "saturday": "sat", "sunday": "sun",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]{2,}")
_MULTIPLE = re.compile(r"[1-9]\d?(\.\d{1,2})?x")


class Wrong(PydanticCustomError):
    """A value that is not spelled right; the sentence says how to."""

    def __new__(cls, sentence: str) -> Self:
        """Pydantic's own errors take a template and its fields."""
        return super().__new__(cls, "wrong", "{sentence}", {"sentence": sentence})


class Listen(NamedTuple):
    """An address to listen on; port 0 lets the system choose."""

    host: str
    port: int


class Backoff(NamedTuple):
    """The first and the longest wait between two attempts."""

    first: timedelta
    longest: timedelta


def _text(read: Callable[[str], Any]) -> BeforeValidator:
    """Reads text only; a value that is read already (a default) stays as it is."""

    def checked(value: Any) -> Any:
        if isinstance(value, str):
            return read(value)
        if isinstance(value, bool | int | float):
            return read(str(value))
        if isinstance(value, list | dict):
            raise Wrong("must be one value, not a list or a mapping")
        return value

    return BeforeValidator(checked)


def _duration(text: str) -> timedelta:
    if re.fullmatch(r"\d+", text):
        raise Wrong(
            f"{shorten(text)} is a bare number; write it with its unit: {shorten(text)}d, 12h, 30m, 45s"
        )
    try:
        duration = parse_duration(text)
    except ValueError as error:
        raise Wrong(f"'{shorten(text)}' {error}") from None
    if duration > _LONGEST:
        raise Wrong(f"{shorten(text)} is longer than ten years")
    return duration


def _backoff(text: str) -> Backoff:
    first, dots, longest = text.partition("..")
    if not dots:
        raise Wrong(f"'{shorten(text)}' is no backoff; write the first and the longest wait: 5s..15m")
    backoff = Backoff(_duration(first), _duration(longest))
    if not timedelta() < backoff.first <= backoff.longest:
        raise Wrong(f"{shorten(text)}: the first wait must be more than 0 and at most the longest")
    return backoff


def _time(text: str) -> time:
    if text == "24:00":
        return time(0)
    if found := _TIME.fullmatch(text):
        return time(int(found[1]), int(found[2]))
    raise Wrong(f"'{shorten(text)}' is no time of day; write hours and minutes: \"09:30\"")


def _moment(text: str) -> date | datetime:
    read = date if _DATE.fullmatch(text) else datetime if _DATE_TIME.fullmatch(text) else None
    try:
        if read and 2000 <= (moment := read.fromisoformat(text)).year <= 2100:
            return moment
    except ValueError:
        pass  # a 31st of February
    raise Wrong(f"'{shorten(text)}' is no date; write 2027-01-31, or 2027-01-31T18:00")


def _day(text: str) -> str:
    if text in _DAYS.values():
        return text
    known = frozenset({*_DAYS, *_DAYS.values()})
    meant = nearest(text.lower(), known)
    suggested = f" (did you mean '{_DAYS.get(meant, meant)}'?)" if meant else hint("", _DAYS.values())
    raise Wrong(f"unknown day '{shorten(text)}'{suggested}")


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _timezone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        meant = hint(text, _timezones())
        meant = meant if "did you mean" in meant else " (write it as Europe/Warsaw, or UTC)"
        raise Wrong(f"unknown time zone '{shorten(text)}'{meant}") from None


def _max_age(text: str) -> str:
    if not _MULTIPLE.fullmatch(text):
        _duration(text)
    return text


def _url(text: str) -> str:
    if not _URL.fullmatch(text):
        raise Wrong("is no address; write it as https://host/path, without user and password")
    return text


def _region(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-\d+", text):
        raise Wrong(f"'{shorten(text)}' is no AWS region; write it as eu-central-1")
    return text


def _account(text: str) -> str:
    if not re.fullmatch(r"\d{12}", text):
        raise Wrong('is no account; write its twelve digits in quotes: "111122223333"')
    return text


def _why(text: str) -> str:
    if len(_WORD.findall(text)) < 2:
        raise Wrong("must say why, in words, for whoever reads it in a year")
    return text


# What an editor is told of each (JSON Schema). A pattern is as near as one comes; the sentences above say more.
_SPELT = r"(?:\d{1,6}w)?(?:\d{1,6}d)?(?:\d{1,6}h)?(?:\d{1,6}m)?(?:\d{1,6}(?:\.\d{1,3})?s)?"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
URL_SCHEMA: Final = {"type": "string", "pattern": f"^{_URL.pattern}$"}


def _written(pattern: str, *examples: str) -> WithJsonSchema:
    """Text of that shape; editors offer the examples."""
    return WithJsonSchema(
        {"type": "string", "minLength": 1, "pattern": f"^(?:{pattern})$", "examples": list(examples)}
    )


Duration = Annotated[timedelta, _text(_duration), _written(_SPELT, "90d", "12h", "1w", "1d12h", "30m")]
BackoffRange = Annotated[Backoff, _text(_backoff), _written(rf"{_SPELT}\.\.{_SPELT}", "5s..15m")]
Day = Annotated[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], _text(_day)]
TimeOfDay = Annotated[time, _text(_time), _written(f"{_CLOCK}|24:00", "09:30", "24:00")]
Moment = Annotated[
    date | datetime,
    _text(_moment),
    _written(rf"\d{{4}}-\d\d-\d\d(?:[T ]{_CLOCK}(?::\d\d)?)?", "2027-01-31", "2027-01-31T18:00"),
]
Timezone = Annotated[str, _text(_timezone), _written(r"[A-Za-z0-9_+\-/]+", "Europe/Warsaw", "UTC")]
MaxAge = Annotated[str, _text(_max_age), _written(rf"{_MULTIPLE.pattern}|{_SPELT}", "1.5x", "120d")]
Region = Annotated[str, _text(_region), _written(r"[a-z]{2,}(-[a-z]+)+-\d+", "eu-central-1")]
Account = Annotated[str, _text(_account), _written(r"\d{12}", "111122223333")]
Url = Annotated[str, _text(_url), WithJsonSchema(URL_SCHEMA)]
Why = Annotated[str, _text(_why)]
