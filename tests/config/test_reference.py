"""The reference pages name every key and every setting."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from rotator.config import schema
from rotator.config.settings import Settings

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def keys() -> Iterator[str]:
    parts: list[Any] = [one for one in vars(schema).values() if isinstance(one, type)]
    for part in parts:
        if issubclass(part, BaseModel):
            yield from (field.alias or name for name, field in part.model_fields.items())


def test_every_key_of_a_policy_is_in_its_reference() -> None:
    page = re.sub("```.*?```", "", (REFERENCE / "policies.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    named = set(re.findall(r"[\w-]+", " ".join(re.findall(r"`([^`]+)`", page))))
    assert set(keys()) - named == set()


def rows() -> Iterator[str]:
    """A row for each key that a level may say, as the page has it: where it may stand, and its own sentence."""
    levels: dict[str, type[schema.Part]] = {
        "everywhere": schema.Schedule,
        "types, secrets": schema.Manner,
        "types": schema.Type,
        "secrets": schema.SecretRules,
        "secrets, not per environment": schema.Secret,
    }
    seen: set[str] = set()
    for where, part in levels.items():
        for name, field in part.model_fields.items():
            if name not in seen:
                yield f"| `{name}` | {where} | {field.description} |"
            seen.add(name)


def test_what_editors_show_is_what_the_reference_says() -> None:
    page = (REFERENCE / "policies.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in rows() if row not in page] == []


def test_every_setting_is_in_its_reference() -> None:
    page = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`ROTATOR_(\w+)`", page))
    assert {name.upper() for name in Settings.model_fields} - named == {"ENDPOINTS"}
    assert named <= {name.upper() for name in Settings.model_fields} | {"ENDPOINT_SSM"}
