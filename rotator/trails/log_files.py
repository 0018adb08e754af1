"""CloudTrail's log files, `{"Records": […]}` in gzip, read record by record: a file may unpack to far more than fits.

Nothing says how large such a file becomes, and whoever may write to the bucket may write a small one that unpacks to
terabytes. So it is unpacked in pieces, and given up beyond a bound; a single record is at most 256 kB ("Quotas in AWS
CloudTrail").
"""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections.abc import Generator, Iterator
from typing import Any

from rotator.trails.cloudtrail import Malformed

#: All that one file may unpack to.
LARGEST_UNPACKED = 1 << 30
#: As long as a record may be, and then some.
LONGEST_RECORD = 1 << 20
_PIECE = 1 << 16
_BEGINNING = re.compile(r'\s*\{\s*"Records"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")


def records_of(packed: bytes, largest: int = LARGEST_UNPACKED) -> Iterator[Any]:
    """Each record, as JSON has it. Raises Malformed, also after some."""
    yield from records_among(_unpacked(packed, largest))


def is_log(text: str) -> bool:
    """Whether this is the beginning of a log file."""
    return bool(_BEGINNING.match(text))


def records_among(
    pieces: Iterator[str], text: str = "", longest: int = LONGEST_RECORD
) -> Generator[Any, None, str]:
    """Each record of a log file that comes in pieces, of which `text` was read; at last what is behind its list.

    Raises Malformed, also after some.
    """
    decoder = json.JSONDecoder()
    while not (begun := _BEGINNING.match(text)):
        text = _longer(text, pieces, longest)
    place = begun.end()
    while True:
        place = _place_after(text, place)
        if text[place : place + 1] == "]":
            return text[place + 1 :]
        try:
            record, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            text, place = _longer(text[place:], pieces, longest), 0
        else:
            yield record


def _place_after(text: str, place: int) -> int:
    between = _BETWEEN.match(text, place)
    return between.end() if between else place


def _longer(text: str, pieces: Iterator[str], longest: int) -> str:
    """With the next piece. Raises Malformed where there is none, or where no more would help."""
    piece = next(pieces, "")
    if not piece or len(text) > longest:
        raise Malformed("the file is no log of CloudTrail, or only a part of one")
    return text + piece


def _unpacked(packed: bytes, largest: int) -> Iterator[str]:
    """Its text, in pieces. Raises Malformed."""
    left, decoder = largest, codecs.getincrementaldecoder("utf-8")()
    unpacking = zlib.decompressobj(wbits=31)
    while packed:
        try:
            piece = unpacking.decompress(packed, _PIECE)
            text = decoder.decode(piece)
        except (zlib.error, UnicodeDecodeError):
            raise Malformed("the file is no gzip of text") from None
        left -= len(piece)
        if left < 0:
            raise Malformed(f"the file unpacks to more than {largest >> 20} MiB")
        if text:
            yield text
        packed = unpacking.unconsumed_tail
        if unpacking.eof:  # gzip files may stand one behind the other
            packed, unpacking = unpacking.unused_data, zlib.decompressobj(wbits=31)
