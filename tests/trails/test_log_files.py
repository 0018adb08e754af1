"""A log file is read record by record, whatever it unpacks to."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from typing import Any

import pytest

from rotator.trails.cloudtrail import Malformed
from rotator.trails.log_files import records_of


def packed(records: list[Any]) -> bytes:
    return gzip.compress(json.dumps({"Records": records}).encode())


def test_every_record_comes_once_in_order() -> None:
    records = [{"number": number, "text": "é" * (number % 700)} for number in range(2000)]
    assert list(records_of(packed(records))) == records
    assert list(records_of(packed([]))) == []


def test_parts_in_gzip_one_behind_the_other_are_one_file() -> None:
    text = json.dumps({"Records": [{"a": 1}, {"b": 2}]}).encode()
    assert list(records_of(gzip.compress(text[:20]) + gzip.compress(text[20:]))) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    "content",
    [
        b"no gzip",
        gzip.compress(b"no json"),
        gzip.compress(b'{"Records": [{"a": 1}'),
        gzip.compress(b'{"Records": [{"a": \xff}]}'),
        packed([{"a": 1}])[:-12],
        gzip.compress(b'{"Records": [' + b"[" * 100_000),
        b"",
    ],
    ids=["no gzip", "no JSON", "cut off", "no text", "cut gzip", "deep", "empty"],
)
def test_what_is_no_log_is_malformed(content: bytes) -> None:
    with pytest.raises(Malformed):
        list(records_of(content))


@pytest.mark.slow
def test_a_small_file_that_unpacks_to_far_more_takes_little_memory_and_is_given_up() -> None:
    record = b'{"a": "%s"},' % (
        b"a" * 200
    )  # of the size of text that is held, and not many: each takes its time
    bomb = gzip.compress(b'{"Records": [' + record * ((36 << 20) // len(record)))
    tracemalloc.start()
    with pytest.raises(Malformed, match="unpacks to more than 16 MiB"):
        for _ in records_of(bomb, 16 << 20):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{len(bomb)} bytes, {peak / 2**20:.1f} MiB at most")
    assert peak < 8 << 20


def test_one_record_that_never_ends_is_given_up() -> None:
    endless = gzip.compress(b'{"Records": [{"a": "' + b"x" * (4 << 20))
    with pytest.raises(Malformed):
        list(records_of(endless))
