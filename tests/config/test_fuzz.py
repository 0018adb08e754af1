"""Whatever bytes are in the file: no crash, and every complaint has a line that the file has."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rotator.config.load import explain_complaints, load
from tests.config.files import ADAPTERS, FILE

TALY = (Path(__file__).parents[2] / "policies.yaml").read_text(encoding="utf-8")
PIECES = [
    "{env}", "~", "null", "yes", "90", "90d", "-1", "[]", "{}", "'", '"', "*a", "&a", "!!x ", "- ", "? ", ": ",
    " #", "\t", "\n", "  ", "<<: ", "1e999", "\x00", "\u2028", "\x85", "{", "}", "[", "]", "|\n", ">\n", "%", "@",
    "../../x", "999999w", "9999-12-31", "http://[x", "ssm:/x", "€", "staging", "true", "0s", "24:00", "{user}",
    "x://u:p@h", "\r", "\ufeff", "\udcff", "---\n", "...\n",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, 5, -1, 1.5, "", "x", "{env}", "90d", "0s", "3650d", [], {}, ["x"], ["production"], {"x": 1},
    {"staging": {}}, [[]], "ssm:/taly/staging/rotator/X", "2m..1h", "/", "/a/b", "Europe/Warsaw", "09:30", "api",
    "production", "platform", "key", "pair", {"env": None},
]  # fmt: skip

#: Other tests keep this machine busy, and nothing is written beside the tests.
CALM = settings(deadline=None, database=None)


class Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in below for place in places(one, (*path, key)))]


TREE = yaml.safe_load(FILE)
PLACES = [place for place in places(TREE) if place]


def check(text: str) -> None:
    found = load(text, "policies.yaml", adapters=ADAPTERS)
    assert (found.policies is None) == bool(found.errors)
    last = max(1, len(text.splitlines()))
    for complaint in found.complaints:
        assert str(complaint).startswith(f"policies.yaml:{complaint.line}: ")
        assert 1 <= complaint.line <= last
        assert complaint.column >= 1
        assert complaint.sentence
    assert explain_complaints(found)


@given(st.binary(max_size=200))
@settings(CALM)
def test_any_bytes(content: bytes) -> None:
    check(content.decode(errors="surrogateescape"))


@given(st.text(alphabet="{}[]:,-#&*!|>'\"%@`?~ \n\tabc019", max_size=80))
@settings(CALM)
def test_any_text_of_yamls_own_characters(text: str) -> None:
    check(text)


@given(
    st.sampled_from([FILE, TALY]),
    st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(0, 30), st.sampled_from(PIECES)), min_size=1, max_size=4
    ),
)
@settings(CALM, max_examples=150)
def test_a_policy_with_a_slip_of_the_hand(text: str, slips: list[tuple[int, int, str]]) -> None:
    for place, lost, piece in slips:
        at = place % len(text)
        text = text[:at] + piece + text[at + lost :]
    check(text)


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(["set", "drop", "double"]), st.sampled_from(VALUES)),
                min_size=1, max_size=3))  # fmt: skip
@settings(CALM, max_examples=150)
def test_a_policy_that_is_yaml_and_makes_no_sense(changes: list[tuple[tuple[Any, ...], str, Any]]) -> None:
    tree = copy.deepcopy(TREE)
    for path, what, value in changes:
        holder: Any = tree
        for part in path[:-1]:
            holder = holder[part] if isinstance(holder, dict) and part in holder else None
        if not isinstance(holder, dict) or path[-1] not in holder:
            continue
        if what == "set":
            holder[path[-1]] = copy.deepcopy(value)
        elif what == "drop":
            del holder[path[-1]]
        else:
            holder[f"{path[-1]}x"] = copy.deepcopy(holder[path[-1]])
    check(yaml.dump(tree, Dumper=Plain, sort_keys=False, allow_unicode=True))
