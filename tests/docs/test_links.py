"""Nothing on a page leads nowhere, and every page is found by whoever begins at the README."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.pages import PAGES, ROOT, anchors, inline, links

#: Files that pages name in prose, as `docs/…`; a * stands for some of them.
_FILES = re.compile(r"(?:docs|k8s|tests|benchmarks|requirements|\.ci)/[\w./*-]*|rotator/[\w/]+\.py")


def target(page: Path, link: str) -> Path:
    file = link.partition("#")[0]
    return (page.parent / file).resolve() if file else page


def inside(page: Path) -> list[str]:
    """Links of a page that stay in this repository."""
    return [link.text for link in links(page) if not re.match(r"[a-z]+:", link.text)]


def test_every_link_leads_to_a_file_of_ours() -> None:
    assert not [
        link.place
        for page in PAGES
        for link in links(page)
        if link.text in inside(page)
        and not (target(page, link.text).exists() and target(page, link.text).is_relative_to(ROOT))
    ]


def test_every_anchor_is_a_heading() -> None:
    assert not [
        f"{link.place} {link.text}"
        for page in PAGES
        for link in links(page)
        if link.text in inside(page) and "#" in link.text and target(page, link.text).suffix == ".md"
        if link.text.partition("#")[2] not in anchors(target(page, link.text))
    ]


def test_every_page_is_reached_from_the_readme() -> None:
    reached, following = set[Path](), [ROOT / "README.md"]
    while following:
        page = following.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            following += [target(page, link) for link in inside(page)]
    assert set(PAGES) - reached == set(), "docs/README.md is the index"


def test_every_file_that_is_named_is_there() -> None:
    assert not [
        f"{code.place} {code.text}"
        for page in PAGES
        for code in inline(page)
        if _FILES.fullmatch(code.text) and not any(ROOT.glob(code.text.rstrip("/")))
    ]
