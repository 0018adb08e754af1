"""Every alert has a page that answers the reader's questions in the same order (links, commands: tests/docs)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rotator.model.alerts import AlertKind
from rotator.model.rotation import Reason

PAGES = Path(__file__).parents[2] / "docs" / "how-to" / "alerts"
QUESTIONS = [
    "What happened",
    "The credential in use",
    "What rotator does by itself",
    "What you do",
    "How it ends",
]


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_of_alert_has_a_page_that_answers_in_order(kind: AlertKind) -> None:
    text = (PAGES / f"{kind}.md").read_text()
    assert text.startswith(f"# {kind}: ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == QUESTIONS
    assert len(text.splitlines()) <= 50


def test_every_page_is_of_a_kind_and_is_listed() -> None:
    pages = {page.stem for page in PAGES.glob("*.md")} - {"README"}
    assert pages == set(AlertKind)
    listed = {link.removesuffix(".md") for link in _links(PAGES / "README.md") if "/" not in link}
    assert listed == pages


def test_every_reason_that_a_page_names_exists() -> None:
    named = re.findall(r"`([a-z_]+)`", (PAGES / "parked.md").read_text())
    assert {word for word in named if "_" in word} - {"accept_unseen"} <= set(Reason)


def _links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)]+)\)", page.read_text())
