"""`rotator adapters`: what can be talked to, and what each was tried on."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint

import pytest

from rotator.cli import adapters
from tests.cli.beside import Beside


def listed(rotator: Beside) -> dict[tuple[str, str], dict[str, str]]:
    said = rotator("adapters", "--json")
    assert said.code == 0
    return {(row["kind"], row["name"]): row for row in json.loads(said.out)["adapters"]}


def test_every_source_says_what_it_is_like_what_it_needs_and_what_it_was_tried_on(rotator: Beside) -> None:
    found = listed(rotator)
    like = {
        "postgres": ("two", "yes", "tried"),
        "aws-access-key": ("two", "later", "tried"),
        "jwt": ("many", "ours", "probe"),
        "stripe-webhook": ("many", "no", "listed-gone"),
        "rds-master": ("one", "no", "tried"),
        "assisted": ("many", "no", "assumed"),
    }
    said = {name: found["provider", name] for name in like}
    assert {name: (row["accepts"], row["use_seen"], row["death"]) for name, row in said.items()} == like
    for (kind, name), row in found.items():
        assert row["needs"], name
        assert row["tried_on"], name
        of_sources = ("accepts", "use_seen", "death", "dark", "remark")
        assert all(row[key] for key in of_sources) is (kind == "provider"), f"{kind} {name}"
    dark = {name for (kind, name), row in found.items() if kind == "provider" and row["dark"] != "none"}
    assert dark == {"rds-master"}, "what keeps one credential only"


def test_an_adapter_that_cannot_be_loaded_says_so(rotator: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("theirs", "no.such.module:Theirs", "rotator.providers")
    monkeypatch.setattr(adapters, "entry_points", lambda group: [broken] if group == broken.group else [])
    assert listed(rotator)["provider", "theirs"]["about"] == "cannot be loaded (ModuleNotFoundError)"
