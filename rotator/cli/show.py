"""Output: data on standard output, as a table for people or as JSON or CSV for machines; messages on standard error.

What is written for people or spreadsheets passes printable(): some of it comes from outside. JSON escapes by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from enum import StrEnum
from typing import Any

from rotator.engine.report import SCHEMA_VERSION
from rotator.model.printable import printable

#: From this width on a row and its last column stand on one line.
_WIDE = 120
_GAP = "  "
#: In a spreadsheet; some take the wide ones of East Asian keyboards, too.
_BEGINS_A_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")


class Format(StrEnum):
    """How data is written."""

    TABLE = "table"  # for people
    JSON = "json"  # one document
    JSONL = "jsonl"  # one row a line
    CSV = "csv"


class Color(StrEnum):
    """When bold and colour are used."""

    AUTO = "auto"  # on a terminal that wants it
    ALWAYS = "always"
    NEVER = "never"


class Tint(StrEnum):
    """A word that asks for something, and one that only waits. Words say it, too: nothing is told by colour alone."""

    BAD = "31"
    WAITS = "33"
    BOLD = "1"


_color = ContextVar("color", default=Color.AUTO)


def use_color(wanted: Color) -> None:
    """What --color said."""
    _color.set(wanted)


def as_json(**content: Any) -> None:
    """One JSON document on standard output, with `schema_version`."""
    json.dump({"schema_version": SCHEMA_VERSION, **content}, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def as_rows(form: Format, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """The rows one a line: as JSON with `schema_version`, or the `columns` of each as CSV; `a.b` is `b` below `a`."""
    if form is Format.CSV:
        import csv

        writer = csv.DictWriter(sys.stdout, columns, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(dict(_flat(row)) for row in rows)
        return
    for row in rows:
        line = json.dumps({"schema_version": SCHEMA_VERSION, **row}, default=str, separators=(",", ":"))
        sys.stdout.write(f"{line}\n")


def as_table(
    rows: Sequence[Mapping[str, str]],
    columns: Sequence[str],
    last: str,
    tints: Mapping[str, Tint] | None = None,
    tinted_in: str = "state",
) -> None:
    """Rows under upper-case headings; `last` is the column of sentences, `tints` are for words of one other column.

    On a wide terminal the last column is wrapped in itself, on a narrow one it stands below its row, and in a pipe
    every row is one line.
    """
    rows = [{column: printable(cell) for column, cell in row.items()} for row in rows]
    shown = [column for column in columns if any(row.get(column) for row in rows)]
    widths = [max(len(column), *(len(row.get(column, "")) for row in rows)) for column in shown]
    width = _width()
    narrow = width is not None and width < _WIDE
    lead = " " * (4 if narrow else sum(widths) + len(_GAP) * len(widths))
    headings = [column.upper() for column in shown] + ([] if narrow else [last.upper()])
    print(tinted(_joined(headings, widths), Tint.BOLD))
    for row in rows:
        sentence = row.get(last, "")
        sentences = _wrapped(sentence, lead, width) if sentence or not narrow else []
        cells = [row.get(column, "") for column in shown]
        tint = (tints or {}).get(row.get(tinted_in, ""))
        line = _joined(cells if narrow else [*cells, sentences.pop(0).strip()], widths)
        print(line if tint is None else _tinted_cell(line, shown.index(tinted_in), widths, tint))
        for line in sentences:
            print(line)


def as_lines(*lines: str) -> None:
    """Plain lines, wrapped for the terminal with their own indent."""
    width = _width()
    for line in map(printable, lines):
        indent = line[: len(line) - len(line.lstrip())]
        for part in _wrapped(line.strip(), indent, width):
            print(part)


def heading(line: str, tint: Tint = Tint.BOLD) -> None:
    """A line that others belong to."""
    print(tinted(printable(line), tint))


def say(sentence: str) -> None:
    """A message for the person at the terminal, on standard error; of several lines where there is more to say."""
    print("\n".join(map(printable, sentence.split("\n"))), file=sys.stderr)


def capital(sentence: str) -> str:
    """As it begins a line."""
    return f"{sentence[:1].upper()}{sentence[1:]}"


def tinted(words: str, tint: Tint) -> str:
    """The words, in colour where --color, NO_COLOR and the terminal allow it."""
    wanted = _color.get()
    terminal = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    plain = wanted is Color.NEVER or (wanted is Color.AUTO and not terminal)
    return words if plain else f"\x1b[{tint}m{words}\x1b[0m"


def _width() -> int | None:
    """The terminal's width, or COLUMNS; None in a pipe."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return None
    return max(40, shutil.get_terminal_size().columns)


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
    return _GAP.join([*padded, *cells[len(widths) :]]).rstrip()


def _tinted_cell(line: str, place: int, widths: Sequence[int], tint: Tint) -> str:
    """The line with one cell in colour; what is written keeps its width."""
    begins = sum(widths[:place]) + len(_GAP) * place
    cell = line[begins : begins + widths[place]].rstrip()
    return f"{line[:begins]}{tinted(cell, tint)}{line[begins + len(cell) :]}"


def _wrapped(sentence: str, indent: str, width: int | None) -> list[str]:
    """The sentence in lines of at most `width`, each with the indent; at least one."""
    if width is None:
        return [f"{indent}{sentence}"]
    width = max(width, len(indent) + 20)
    return textwrap.wrap(sentence, width, initial_indent=indent, subsequent_indent=indent) or [""]


def _flat(row: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Cells by key; what is below a key becomes `key.below`, a list one cell."""
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", _cell(value)


def _cell(value: Any) -> str:
    """What a spreadsheet shows; a sentence that somebody typed never becomes a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = printable(" ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
    return f"'{text}" if text.lstrip()[:1] in _BEGINS_A_FORMULA else text
