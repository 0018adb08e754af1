"""What is sent is packed once, and is the same text however it was made and is sent."""

from __future__ import annotations

import gzip
import random

from rotator.web.body import Body

TEXT = random.Random(1).randbytes(300_000) + b"the same again and again " * 20_000
PIECES = [TEXT[first : first + 7_001] for first in range(0, len(TEXT), 7_001)]


def test_what_was_packed_in_pieces_is_whole_again() -> None:
    body = Body.of(PIECES)
    assert gzip.decompress(body.packed) == TEXT
    assert b"".join(body.pieces()) == TEXT
    assert len(body.packed) < len(TEXT) / 2


def test_no_piece_is_large() -> None:
    assert max(map(len, Body.of(PIECES).pieces())) <= 1 << 16


def test_the_same_text_has_the_same_mark_and_another_has_another() -> None:
    assert Body.of(PIECES) == Body.of([TEXT])
    assert Body.of(PIECES).etag != Body.of(PIECES[1:]).etag


def test_nothing_is_a_text_too() -> None:
    assert b"".join(Body.of([]).pieces()) == b""
