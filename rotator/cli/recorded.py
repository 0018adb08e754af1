"""Files of recorded events: JSON lines, one JSON document with Records, either of them gzipped.

A line that cannot be understood is skipped, said with its place, and counted: one bad line does not hide the others. A
document is read record by record, as a line is: days of a trail in one would not fit into memory, and of one that is
damaged counts what comes before that.
"""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, cast

from rotator.cli.opening import Unusable
from rotator.cli.show import say
from rotator.contracts.redeployer import Start
from rotator.model.access import Access
from rotator.model.json_text import parsed
from rotator.model.numbers import counted
from rotator.trails.cloudtrail import Malformed, access_of, moment_of
from rotator.trails.log_files import is_log, records_among

_GZIP = b"\x1f\x8b"
_LIST = "Records"
#: How the first line ends of a document that is laid out over several.
_BEGINS = (b"{", b"[", b",")
_NO_JSON = object()
#: A document is read so much at a time. A record of AWS is 256 kB at most; what others write may be longer.
_PIECE, _LONGEST_RECORD = 1 << 18, 1 << 26
#: Enough to see whether another document begins.
_LOOK = 64
#: So many are told one by one; the rest is counted.
_TOLD = 20


class Recorded:
    """What some files hold, and what of it had to be skipped."""

    def __init__(self, paths: list[Path], *, again: bool = False) -> None:
        """`again`: they were read before, and everything was said then."""
        self._paths, self._again = paths, again
        self.read = 0
        self.others = 0  # of other services, and calls that touch no value
        self.skipped = 0

    def accesses(self) -> Iterator[Access]:
        """Every call that touches parameters."""
        for place, record in self._records():
            try:
                access = access_of(record)
            except Malformed as trouble:
                self._skip(place, str(trouble))
                continue
            if access is None:
                self.others += 1
            else:
                yield access

    def starts(self) -> Iterator[Start]:
        """Every start of a workload: `{"time", "environment", "workload", "role"}`."""
        for place, record in self._records():
            try:
                yield _start_of(record)
            except Malformed as trouble:
                self._skip(place, str(trouble))

    def summary(self) -> None:
        """Says how much was skipped, where anything was."""
        if self.skipped > _TOLD:
            say(f"… and {self.skipped - _TOLD} more")
        if self.skipped:
            say(f"{counted(self.skipped, 'record')} of {self.read} could not be understood and were skipped")

    def _records(self) -> Iterator[tuple[str, object]]:
        for path in self._paths:
            with _opened(path) as file:
                yield from self._within(path, file)

    def _within(self, path: Path, file: BinaryIO) -> Iterator[tuple[str, object]]:
        try:
            for place, record in _records_in(file):
                self.read += 1
                if record is _NO_JSON:
                    self._skip(f"{path}{place}", "it is no JSON")
                else:
                    yield f"{path}{place}", record
        except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError, Malformed):
            if not self._again:
                say(f"{path}: it ends in the middle or is damaged, and nothing behind that was read")

    def _skip(self, place: str, why: str) -> None:
        self.skipped += 1
        if self.skipped <= _TOLD and not self._again:
            say(f"{place}: skipped: {why}")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            zipped = file.peek(len(_GZIP)).startswith(_GZIP)
            yield cast("BinaryIO", gzip.GzipFile(fileobj=file)) if zipped else file
    except OSError as trouble:
        raise Unusable(f"{path} cannot be read: {trouble.strerror or trouble}") from None


def _records_in(file: BinaryIO) -> Iterator[tuple[str, object]]:
    """Every record, with its place in the file. Raises Malformed, also after some, and what unpacking raises."""
    if is_log(_beginning(file)):
        yield from ((f" (record {number})", record) for number, record in enumerate(_logged(file), 1))
        return
    for line, content in _contents(file):
        yield from ((f":{line}{within}", record) for within, record in _unpacked(content))


def _beginning(file: BinaryIO) -> str:
    """The first characters of it, which stay to be read: a pipe gives them once."""
    peek = cast("BufferedReader", file).peek(_LOOK)
    return peek.removeprefix(codecs.BOM_UTF8).decode(errors="ignore")


def _logged(file: BinaryIO) -> Iterator[object]:
    """The records of a document, and of those behind it; of whatever else is behind it, what the lines hold."""
    pieces, text = _decoded(file), ""
    while is_log(text) or not text:
        text = yield from records_among(pieces, text, _LONGEST_RECORD)
        if not (text := _behind(text, pieces)):
            return
    for _number, content in _contents_of_lines((text + "".join(pieces)).encode().splitlines()):
        yield from (record for _within, record in _unpacked(content))


def _decoded(file: BinaryIO) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    while piece := file.read(_PIECE):
        if text := decoder.decode(piece):
            yield text


def _behind(text: str, pieces: Iterator[str]) -> str:
    """What follows a document of whose list this is the end; empty where nothing does. Raises Malformed."""
    while (end := _end_of(text)) is None:
        if not (piece := next(pieces, "")):
            raise Malformed("the document does not end")
        text += piece
    text = text[end:].lstrip()
    while len(text) < _LOOK and (piece := next(pieces, "")):
        text = (text + piece).lstrip()
    return text


def _end_of(text: str) -> int | None:
    """Where an object ends of whose last value this is the end; None where it does not yet."""
    begun = '{"": 0'
    try:
        return json.JSONDecoder().raw_decode(begun + text)[1] - len(begun)
    except (ValueError, RecursionError):
        return None


def _contents(file: BinaryIO) -> Iterator[tuple[int, object]]:
    """What every line holds, with its number; or what the whole holds, where its first line only begins it."""
    for number, line in enumerate(file, 1):
        if number == 1 and line.rstrip().endswith(_BEGINS):
            whole = line + file.read()
            content = _json(whole)
            if content is not _NO_JSON:
                yield 1, content
                return
            yield from _contents_of_lines(whole.splitlines())
            return
        yield from _contents_of_lines([line], number)


def _contents_of_lines(lines: list[bytes], first: int = 1) -> Iterator[tuple[int, object]]:
    yield from ((number, _json(line)) for number, line in enumerate(lines, first) if line.strip())


def _json(text: bytes) -> object:
    try:
        return parsed(text.removeprefix(codecs.BOM_UTF8))
    except ValueError:
        return _NO_JSON


def _unpacked(content: Any) -> Iterator[tuple[str, object]]:
    """The records of a document; a line that is a record is one by itself."""
    if isinstance(content, dict) and isinstance(content.get(_LIST), list):
        content = content[_LIST]
    if isinstance(content, list):
        yield from ((f" (record {number})", record) for number, record in enumerate(content, 1))
    else:
        yield "", content


def _start_of(record: object) -> Start:
    if not isinstance(record, dict):
        raise Malformed("it is no JSON object")
    said = {}
    for key in ("time", "environment", "workload", "role"):
        if not isinstance(record.get(key), str) or not record[key]:
            raise Malformed(f"it has no {key}")
        said[key] = record[key]
    at = moment_of(said["time"], "time")
    return Start(f"{said['environment']}/{said['workload']}", said["role"], at)
