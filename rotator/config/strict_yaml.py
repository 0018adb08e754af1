"""A strict dialect of YAML: what looks like text is text, everything is written once, every path has a line.

Left out, because each has turned a policy into something else than its author read: aliases and merge keys, tags,
duplicate keys, empty values, the booleans and base-60 numbers of YAML 1.1 (`on`, `no`, `22:30`), octal and hex.
Built on the event stream of PyYAML's C parser, where nothing has been merged, aliased or overwritten yet, and whose
depth is ours to bound (its composer recurses): 5,000 secrets in 0.2 s.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from rotator.config.complaints import Complaints, Mark, Path, shorten

try:
    from yaml import CSafeLoader as _Parser
except ImportError:  # PyYAML built without libyaml: the same events, ten times slower
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]  # both give events

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
MAX_VALUES = 200_000

_INTEGER = re.compile(r"[-+]?(?:0|[1-9]\d{0,17})")
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9]\d{0,17})\.\d{1,18}")
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: What stands behind it in the line is a comment: of a colour or a channel, #ops, nothing is left.
_COMMENT = re.compile(r"[:,\[{]\s+#\S")
_BARE_BRACE = re.compile(r"""[\s:,\[{][^\s:'"{}\[\],]*(\{\w+\})""")

#: A value that could not be read and was complained about.
_NOTHING = object()


class _Halt(Exception):  # not an error: the complaint is made, reading ends
    """No more of this file is read."""


def read(text: str, complaints: Complaints) -> Any:
    """The values of `text` (dict, list, str, int, float, bool), or None when it cannot be read.

    Complains about everything that is not strict; notes the mark of every path.
    """
    try:
        _bound(text, complaints)
        return _Reader(text, complaints).document()
    except yaml.YAMLError as error:
        _explain(error, text, complaints)
    except _Halt:
        pass
    return None


def _bound(text: str, complaints: Complaints) -> None:
    if len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES:
        complaints.malformed((), "the file is larger than 1 MiB", Mark(1, 1))
        raise _Halt
    if unreadable := _UNREADABLE.search(text):
        before = text[: unreadable.start()]
        mark = Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))
        surrogate = "\ud800" <= unreadable.group() <= "\udfff"
        what = "this is not UTF-8" if surrogate else f"there is a character U+{ord(unreadable.group()):04X}"
        complaints.malformed((), f"{what}; save the file as plain UTF-8 text", mark)
        raise _Halt


class _Reader:
    """Builds values from events, one level of the file per call."""

    def __init__(self, text: str, complaints: Complaints) -> None:
        self._parser = _Parser(text)
        self._lines = text.splitlines()
        self._complaints = complaints
        self._values = 0

    def document(self) -> Any:
        """The one document of the file."""
        try:
            self._next()
            if isinstance(self._peek(), yaml.StreamEndEvent):
                self._complain((), "the file is empty", Mark(1, 1))
                return None
            start = self._next()
            if start.version or start.tags:
                self._complain((), "a % directive; take it out", _mark(start))
            value = self._node(self._next(), (), 1)
            self._next()
            if not isinstance(more := self._peek(), yaml.StreamEndEvent):
                self._complain((), "a second document begins; a policy file is one document", _mark(more))
            return None if value is _NOTHING else value
        finally:
            self._parser.dispose()

    def _node(self, event: Any, path: Path, depth: int) -> Any:
        self._count(event, path, depth)
        if isinstance(event, yaml.AliasEvent):
            self._complain(path, "is an alias (*); write the value out", _mark(event))
            return _NOTHING
        if event.anchor is not None:
            self._complain(path, "has an anchor (&); take it out", _mark(event))
        if event.tag is not None:
            self._complain(path, "has a tag (!); take it out", _mark(event))
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        return self._scalar(event, path)

    def _mapping(self, start: Any, path: Path, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        marks = self._complaints.marks
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, path, depth)
            entry, mark = (*path, key), _mark(event)
            if start.flow_style and self._is_empty(self._peek()):
                self._complain(path, f"is a mapping, not text; {_quote_it(f'{{{shorten(key)}}}')}", mark)
                self._next()
                continue
            fresh = entry not in marks
            if fresh:
                marks[entry] = mark
            else:
                self._complain(entry, f"is written twice, first in line {marks[entry].line}", mark)
            value = self._node(self._next(), entry if fresh else (*path, key, ""), depth + 1)
            if fresh and value is not _NOTHING:
                values[key] = value
        return values

    def _key(self, event: Any, path: Path, depth: int) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._complain(path, "has a key that is not plain text; quote it", _mark(event))
            self._node(event, (*path, ""), depth + 1)
            return ""
        self._count(event, path, depth)
        if event.anchor is not None or event.tag is not None:
            self._complain(path, "has a key with an anchor (&) or a tag (!); take it out", _mark(event))
        if event.value == "<<" and not event.style:
            self._complain(path, "has a merge key (<<); write the values out", _mark(event))
        return str(event.value)

    def _sequence(self, path: Path, depth: int) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            entry = (*path, len(values))
            self._complaints.marks[entry] = _mark(event)
            value = self._node(event, entry, depth + 1)
            if value is not _NOTHING:
                values.append(value)
        return values

    def _scalar(self, event: Any, path: Path) -> Any:
        text: str = event.value
        if event.style in {"'", '"', "|", ">"}:
            return text
        if text in {"", "~", "null"}:
            self._empty(path)
            return _NOTHING
        if text in {"true", "false"}:
            return text == "true"
        if _INTEGER.fullmatch(text):
            return int(text)
        return float(text) if _DECIMAL.fullmatch(text) else text

    def _empty(self, path: Path) -> None:
        if self._complaints.doubts(path):
            return
        mark = self._complaints.mark(path)
        line = self._lines[mark.line - 1] if mark.line <= len(self._lines) else ""
        comment = "; quote a value that starts with #" if re.search(r":\s+#\S", line) else ""
        self._complain(path, f"is empty; write a value or take the line out{comment}", mark)

    def _is_empty(self, event: Any) -> bool:
        return isinstance(event, yaml.ScalarEvent) and not event.value and not event.style

    def _count(self, event: Any, path: Path, depth: int) -> None:
        self._values += 1
        if depth > MAX_DEPTH:
            self._complain(path[:3], f"is nested deeper than {MAX_DEPTH} levels", _mark(event))
            raise _Halt
        if self._values > MAX_VALUES:
            self._complain((), f"the file holds more than {MAX_VALUES:,} values", _mark(event))
            raise _Halt

    def _next(self) -> Any:
        return self._parser.get_event()

    def _peek(self) -> Any:
        return self._parser.peek_event()

    def _complain(self, path: Path, sentence: str, mark: Mark) -> None:
        self._complaints.malformed(path, sentence, mark)


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _quote_it(braces: str) -> str:
    return f"quote a value that starts with {{, or has {braces} in it"


_COMMENT_BEGINS = "a # after a blank begins a comment: quote the value"
#: A part of the parser's words -> ours. `{begun}` is the line where the open thing began.
_PROBLEMS = (
    ("unexpected end of stream", "a quote opens in line {begun} and is never closed"),
    ("expected ',' or '}'", "the {{ of line {begun} is not closed by a }}, or a comma is missing"),
    ("expected ',' or ']'", "the [ of line {begun} is not closed by a ], or a comma is missing"),
    ("values are not allowed", "a second ': '; quote the value, or indent this line as the lines above"),
    ("expected ':'", "a key needs ': ' and a value after it"),
    ("expected '-' indicator", "this does not belong to the list of line {begun}; mind the indentation"),
    ("block end", "this does not fit the lines above; mind the indentation, and text after a closing quote"),
    (
        "expected key",
        "this does not fit the lines above; mind the indentation, and text after a closing quote",
    ),
    ("unknown escape", "a backslash in double quotes; use single quotes"),
    ("tab character", "a tab; indent with spaces"),
    ("node content", "a value is missing here, or a bracket closes what was never opened"),
    ("document start", "this does not belong to what is above; mind the indentation"),
)


def _explain(error: yaml.YAMLError, text: str, complaints: Complaints) -> None:
    """One plain sentence for a syntax error, where the parser stood."""
    at, opened = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    row, column = (at.line, at.column) if at else (0, 0)
    lines = text.splitlines() or [""]
    row = min(row, len(lines) - 1)  # at the end of the file the parser stands behind the last line
    mark = Mark(row + 1, column + 1)
    if complaints.on_line(mark.line):
        return  # what was wrong there first is what is wrong
    begun_at = opened.line if opened else row
    comment = next((line for line in range(begun_at, row + 1) if _COMMENT.search(lines[line])), None)
    if bare := _BARE_BRACE.search(lines[row]):
        sentence = _quote_it(bare.group(1))
    elif comment is not None:
        mark, sentence = Mark(comment + 1, lines[comment].index("#") + 1), _COMMENT_BEGINS
    else:
        begun = opened.line + 1 if opened else mark.line
        sentence = _plain(str(getattr(error, "problem", "")), lines[row][column : column + 1], begun)
    complaints.malformed((), sentence, mark)


def _plain(problem: str, character: str, begun: int) -> str:
    if "cannot start any token" in problem:
        return (
            "a tab; indent with spaces"
            if character == "\t"
            else f"quote a value that starts with {character}"
        )
    for words, sentence in _PROBLEMS:
        if words in problem:
            return sentence.format(begun=begun)
    return "this is not YAML that rotator reads; see docs/reference/policies.md"
