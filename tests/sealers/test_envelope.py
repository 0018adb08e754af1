"""The envelope by itself: any text, and what it belongs to."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotator.model.errors import Refused
from rotator.model.secrets import Sealed
from rotator.sealers.envelope import KEY_BYTES, EnvelopeKey

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
KEY = secrets.token_bytes(KEY_BYTES)


@settings(deadline=None)
@given(fields=st.dictionaries(TEXTS, TEXTS), bound_to=TEXTS, context=st.dictionaries(TEXTS, TEXTS))
def test_whatever_is_sealed_comes_back(
    fields: dict[str, str], bound_to: str, context: dict[str, str]
) -> None:
    key = EnvelopeKey(KEY, "wrapped", context)
    opened = key.open(key.seal({name: Sealed(value) for name, value in fields.items()}, bound_to), bound_to)
    assert {name: value.reveal() for name, value in opened.items()} == fields


@settings(deadline=None)
@given(
    one=st.tuples(TEXTS, st.dictionaries(TEXTS, TEXTS)),
    other=st.tuples(TEXTS, st.dictionaries(TEXTS, TEXTS)),
)
def test_a_text_opens_only_where_it_belongs(
    one: tuple[str, dict[str, str]], other: tuple[str, dict[str, str]]
) -> None:
    """Even under one and the same key: context and bound_to never run into each other."""
    sealed = EnvelopeKey(KEY, "wrapped", one[1]).seal({"value": Sealed("x")}, one[0])
    elsewhere = EnvelopeKey(KEY, "wrapped", other[1])
    if one == other:
        elsewhere.open(sealed, other[0])
    else:
        with pytest.raises(Refused):
            elsewhere.open(sealed, other[0])


def test_what_was_sealed_in_one_context_does_not_open_in_another() -> None:
    sealed = EnvelopeKey(KEY, "wrapped", {"rotation": "r1"}).seal({"value": Sealed("x")}, "r1")
    with pytest.raises(Refused):
        EnvelopeKey(KEY, "wrapped", {"rotation": "r2"}).open(sealed, "r1")
