"""The colours of the page: enough contrast for text and for drawings, in the light and in the dark."""

from __future__ import annotations

import re

import pytest

from rotator.web.status_page import PARTS

STYLES = (PARTS / "page.css").read_text(encoding="utf-8")
#: What is written in them, and what is drawn in them; WCAG 2.2, 1.4.3 and 1.4.11.
TEXTS, SHAPES = (
    ("ink", "soft", "link", "wrong", "asks", "waits", "quiet"),
    ("life", "past", "late", "grace", "ink"),
)


def colours(scheme: str) -> dict[str, str]:
    """Names of colours and what they are."""
    light, dark = re.findall(r":root \{(.*?)\}", STYLES, re.DOTALL)
    return dict(re.findall(r"--(\w+): (#\w{6})", light if scheme == "light" else dark))


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(part * share for part, share in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "card"])
def test_everything_stands_out_from_its_ground(scheme: str, ground: str) -> None:
    known = colours(scheme)
    assert {name: known[name] for name in TEXTS if contrast(known[name], known[ground]) < 4.5} == {}
    assert {name: known[name] for name in SHAPES if contrast(known[name], known[ground]) < 3} == {}


def test_every_colour_has_a_name_and_both_schemes_have_the_same_names() -> None:
    assert colours("light").keys() == colours("dark").keys()
    rest = re.sub(r":root \{.*?\}", "", STYLES, flags=re.DOTALL)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(", rest)
    assert set(re.findall(r"var\(--(\w+)\)", rest)) <= colours("light").keys()
