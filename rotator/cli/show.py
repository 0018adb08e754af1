"""Output: data on standard output, as a table for people or JSON for machines; messages on standard error."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

#: Version of the JSON output's shape: raised when a key changes its meaning or goes away.
SCHEMA_VERSION = 1
#: From this width on a row and its last column stand on one line.
_WIDE = 120
_GAP = "  "


def as_json(**content: Any) -> None:
    """One JSON document on standard output, with `schema_version`."""
    json.dump({"schema_version": SCHEMA_VERSION, **content}, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def as_table(rows: Sequence[Mapping[str, str]], columns: Sequence[str], last: str) -> None:
    """Rows under upper-case headings; `last` is the column of sentences.

    On a wide terminal it is wrapped in its own column, on a narrow one it stands below its row, and in a pipe every
    row is one line.
    """
    shown = [column for column in columns if any(row.get(column) for row in rows)]
    widths = [max(len(column), *(len(row.get(column, "")) for row in rows)) for column in shown]
    width = _width()
    narrow = width is not None and width < _WIDE
    lead = sum(widths) + len(_GAP) * len(widths)
    headings = [column.upper() for column in shown] + ([] if narrow else [last.upper()])
    _print(_aligned(headings, widths), bold=True)
    for row in rows:
        cells = _aligned([row.get(column, "") for column in shown], widths)
        sentence = row.get(last, "")
        if narrow and width is not None:
            _print(cells)
            _print_wrapped(sentence, " " * 4, width)
        elif width is None:
            _print(f"{cells.ljust(lead)}{sentence}")
        else:
            lines = textwrap.wrap(sentence, max(20, width - lead)) or [""]
            _print(f"{cells.ljust(lead)}{lines[0]}")
            for line in lines[1:]:
                _print(" " * lead + line)


def as_lines(*lines: str) -> None:
    """Plain lines, wrapped for the terminal with their own indent."""
    width = _width()
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())]
        if width is None:
            _print(line)
        else:
            _print_wrapped(line.strip(), indent, width)


def heading(line: str) -> None:
    """A line that others belong to."""
    _print(line, bold=True)


def say(sentence: str) -> None:
    """A message for the person at the terminal, on standard error."""
    print(sentence, file=sys.stderr)


def moment(at: datetime) -> str:
    """A time as people read it, always in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def capital(sentence: str) -> str:
    """As it begins a line."""
    return f"{sentence[:1].upper()}{sentence[1:]}"


def _width() -> int | None:
    """The terminal's width, or COLUMNS; None in a pipe."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return None
    return max(40, shutil.get_terminal_size().columns)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
    return _GAP.join([*padded, *cells[len(widths) :]]).rstrip()


def _print_wrapped(sentence: str, indent: str, width: int) -> None:
    for line in textwrap.wrap(sentence, width, initial_indent=indent, subsequent_indent=indent) or [""]:
        _print(line)


def _print(line: str, *, bold: bool = False) -> None:
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    print(f"\x1b[1m{line}\x1b[0m" if bold and not plain else line)
