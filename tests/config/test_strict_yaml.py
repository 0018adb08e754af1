"""The strict dialect: what it reads as what, what it does not read, and where it says so, with both parsers."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from rotator.config import strict_yaml
from rotator.config.complaints import Complaints, Mark


@pytest.fixture(params=["C", "Python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """libyaml's parser, and the one that is used where PyYAML was built without it."""
    if request.param == "C" and not yaml.__with_libyaml__:
        pytest.skip("PyYAML has no libyaml here")
    monkeypatch.setattr(strict_yaml, "_Parser", yaml.CSafeLoader if request.param == "C" else yaml.SafeLoader)
    return str(request.param)


MISFIT = "3: this does not fit the lines above; mind the indentation, and text after a closing quote"


def read(text: str) -> tuple[Any, Complaints]:
    complaints = Complaints("policies.yaml")
    return strict_yaml.read(text, complaints), complaints


def said(text: str) -> list[str]:
    return [str(one).removeprefix("policies.yaml:") for one in read(text)[1].all()]


@pytest.mark.parametrize(
    "written, value",
    [
        ("90d", "90d"),
        ("on", "on"),
        ("no", "no"),
        ("True", "True"),
        ("22:30", "22:30"),
        ("1_000", "1_000"),
        ("0x1f", "0x1f"),
        ("010", "010"),
        ("1e3", "1e3"),
        (".5", ".5"),
        ("2026-12-18", "2026-12-18"),
        ("9" * 30, "9" * 30),
        ('"5"', "5"),
        ("'true'", "true"),
        ("true", True),
        ("false", False),
        ("5", 5),
        ("-3", -3),
        ("1.5", 1.5),
        ("[a, 1]", ["a", 1]),
        ("{b: c}", {"b": "c"}),
        ("https://api.{env}.example/x", "https://api.{env}.example/x"),
    ],
)
def test_what_looks_like_text_is_text(written: str, value: object) -> None:
    found, complaints = read(f"a: {written}\n")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)
    assert complaints.all() == ()


@pytest.mark.parametrize(
    "text, sentences",
    [
        ("a: *x\n", ["1: a: is an alias (*); write the value out"]),
        ("a: &x 1\n", ["1: a: has an anchor (&); take it out"]),
        ("a: !!python/name:os.system x\n", ["1: a: has a tag (!); take it out"]),
        ("&x a: 1\n", ["1: has a key with an anchor (&) or a tag (!); take it out"]),
        ("a: 1\nb: 2\na: 3\n", ["3: a: is written twice, first in line 1"]),
        ("a: {b: 1, b: 2}\n", ["1: a.b: is written twice, first in line 1"]),
        ("x: {<<: 1}\n", ["1: x: has a merge key (<<); write the values out"]),
        ("[1]: 2\n", ["1: has a key that is not plain text; quote it"]),
        ("a:\nb: ~\n", ["1: a: is empty; write a value or take the line out",
                        "2: b: is empty; write a value or take the line out"]),
        ("a: #ops\n", ["1: a: is empty; write a value or take the line out; quote a value that starts with #"]),
        ("a: {env}\n", ["1: a: is a mapping, not text; quote a value that starts with {, or has {env} in it"]),
        ("- {env}\n", ["1: [0]: is a mapping, not text; quote a value that starts with {, or has {env} in it"]),
        ("a: {p: /x/{env}, q: 1}\n", ["1: quote a value that starts with {, or has {env} in it"]),
        ("a:\n\tb: 1\n", ["2: a tab; indent with spaces"]),
        ("a: b: c\n", ["1: a second ': '; quote the value, or indent this line as the lines above"]),
        ("a: 'x\nb: 1\n", ["2: a quote opens in line 1 and is never closed"]),
        ("a: [1,\nb: 3\n", ["2: the [ of line 1 is not closed by a ], or a comma is missing"]),
        (
            "a:\n  b: {slack: #ops, email: x}\n  c: {d: 1}\n",
            ["2: a # after a blank begins a comment: quote the value"],
        ),
        ("a: {b: 1  # one\n", ["1: the { of line 1 is not closed by a }, or a comma is missing"]),
        ("a: {b: 1\n", ["1: the { of line 1 is not closed by a }, or a comma is missing"]),
        ("a:\n  b: 1\n c: 2\n", [MISFIT]),
        ("a: @x\n", ["1: quote a value that starts with @"]),
        ("a: %x\n", ["1: quote a value that starts with %"]),
        ('a: "\\q"\n', ["1: a backslash in double quotes; use single quotes"]),
        ("a: 1\nb\n", ["2: a key needs ': ' and a value after it"]),
        ("a: 1\n---\nb: 2\n", ["2: a second document begins; a policy file is one document"]),
        ("%YAML 1.1\n---\na: 1\n", ["1: a % directive; take it out"]),
        ("", ["1: the file is empty"]),
        ("# nothing\n", ["1: the file is empty"]),
        ("a: 1\nb: \x00\n", ["2: there is a character U+0000; save the file as plain UTF-8 text"]),
        ("a: 1\nb: \udcff\n", ["2: this is not UTF-8; save the file as plain UTF-8 text"]),
    ],
)  # fmt: skip
def test_what_it_does_not_read(text: str, sentences: list[str]) -> None:
    assert said(text) == sentences


def test_every_path_has_its_line_and_column() -> None:
    _values, complaints = read("a:\n  b: {c: 1}\n  d:\n    - x\n    - y: 2\n")
    assert complaints.marks == {
        ("a",): Mark(1, 1),
        ("a", "b"): Mark(2, 3),
        ("a", "b", "c"): Mark(2, 7),
        ("a", "d"): Mark(3, 3),
        ("a", "d", 0): Mark(4, 7),
        ("a", "d", 1): Mark(5, 7),
        ("a", "d", 1, "y"): Mark(5, 7),
    }


@pytest.mark.parametrize("opening", ["[", "- ", "{a: ", "? "])
def test_depth_is_bounded(opening: str) -> None:
    assert said(opening * 100_000)[-1].endswith("is nested deeper than 20 levels")


def test_size_is_bounded() -> None:
    assert said("#" * (1 << 20) + "\n") == ["1: the file is larger than 1 MiB"]
    assert said("é" * (1 << 19) + ": 1") == ["1: the file is larger than 1 MiB"]


def test_the_number_of_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_yaml, "MAX_VALUES", 1_000)
    assert said("[" + "1," * 999 + "1]") == ["1: the file holds more than 1,000 values"]
