"""The newest migration of the journal's tables, for whoever has to know without loading them."""

from typing import Final

NEWEST: Final = "0010"
