"""What viewers are sent: packed while it is made, piece by piece, and sent as it is packed, or unpacked in pieces.

The status of five thousand secrets is eleven megabytes of JSON, and made at once it is four times as much on the way.
Nobody needs all of it in one piece: it is kept packed, a twentieth of that.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

_GZIP: Final = 31  # zlib's word for gzip's header, with its largest window
_QUICK: Final = 1
_PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Body:
    """One page or document; `etag` is the same for the same text."""

    packed: bytes  # gzip
    etag: str

    @classmethod
    def of(cls, pieces: Iterable[bytes]) -> Self:
        """Whatever the pieces are together; none of them is kept."""
        packer, digest, packed = zlib.compressobj(_QUICK, wbits=_GZIP), hashlib.sha256(), bytearray()
        for piece in pieces:
            digest.update(piece)
            packed += packer.compress(piece)
        packed += packer.flush()
        return cls(bytes(packed), f'W/"{digest.hexdigest()[:32]}"')

    def pieces(self) -> Iterator[bytes]:
        """The text again, no more of it at once than a piece."""
        opener, left = zlib.decompressobj(wbits=_GZIP), self.packed
        while left:
            yield opener.decompress(left, _PIECE)
            left = opener.unconsumed_tail
