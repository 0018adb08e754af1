"""The promises of Sealer and DataKey as tests: a sealer's test class inherits `SealerContract`."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import copy
import pickle

import pytest

from rotator.contracts.sealer import DataKey, Sealer
from rotator.model.errors import Refused
from rotator.model.secrets import Sealed
from rotator.testing.values import fresh_value, raises_silently

CONTEXT = {"app": "rotator", "secret": "staging/NAME", "rotation": "r1"}
OTHER_CONTEXTS = [
    {**CONTEXT, "rotation": "r2"},
    {**CONTEXT, "more": "x"},
    {"app": "rotator"},
    {"app": "rotator", "secret": "r1", "rotation": "staging/NAME"},
]


class SealerContract:
    """Inherit, and provide the fixtures `sealer` and `restarted`."""

    @pytest.fixture
    def sealer(self) -> Sealer:
        raise NotImplementedError("a sealer's test class provides the fixture `sealer`")

    @pytest.fixture
    def restarted(self, sealer: Sealer) -> Sealer:
        """The same sealer in another process: nothing is in its memory."""
        raise NotImplementedError("a sealer's test class provides the fixture `restarted`")

    def test_it_is_a_sealer_and_gives_data_keys(self, sealer: Sealer) -> None:
        assert isinstance(sealer, Sealer)
        assert isinstance(sealer.new_key(CONTEXT), DataKey)

    def test_what_was_sealed_is_opened_by_its_key(self, sealer: Sealer) -> None:
        key, fields = sealer.new_key(CONTEXT), {"sid": fresh_value(), "secret": fresh_value()}
        assert key.open(key.seal(fields, "r1/predecessor"), "r1/predecessor") == fields

    @pytest.mark.parametrize("value", ["", "ü € 𝄞", "line\nline\r\n", '"}{', "\x00", "x" * 100_000])
    def test_every_text_comes_back_as_it_was(self, sealer: Sealer, value: str) -> None:
        key = sealer.new_key(CONTEXT)
        assert key.open(key.seal({"value": Sealed(value)}, "r1"), "r1")["value"].reveal() == value

    def test_the_data_key_is_opened_again_after_a_restart(self, sealer: Sealer, restarted: Sealer) -> None:
        key, fields = sealer.new_key(CONTEXT), {"value": fresh_value()}
        sealed = key.seal(fields, "r1")
        again = restarted.open_key(key.wrapped, dict(reversed(CONTEXT.items())))
        assert again.wrapped == key.wrapped
        assert again.open(sealed, "r1") == fields
        assert key.open(again.seal(fields, "r1"), "r1") == fields

    def test_every_key_and_every_sealed_text_is_another_one(self, sealer: Sealer) -> None:
        key, fields = sealer.new_key(CONTEXT), {"value": Sealed("same")}
        assert sealer.new_key(CONTEXT).wrapped != key.wrapped
        assert key.seal(fields, "r1") != key.seal(fields, "r1")

    def test_the_texts_are_useless_without_the_sealer(self, sealer: Sealer) -> None:
        key, value = sealer.new_key(CONTEXT), fresh_value()
        sealed = key.seal({"value": value}, "r1")
        for text in (sealed, key.wrapped, repr(key), str(key), f"{key}"):
            assert value.reveal() not in text
        assert sealed.isascii() and key.wrapped.isascii()

    def test_an_opened_key_leaves_the_process_in_no_form(self, sealer: Sealer) -> None:
        key = sealer.new_key(CONTEXT)
        for leave in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                leave(key)

    def test_a_text_bound_to_something_else_is_refused(self, sealer: Sealer) -> None:
        key, value = sealer.new_key(CONTEXT), fresh_value()
        sealed = key.seal({"value": value}, "r1/successor/3")
        for other in ("r1/successor/4", "r1/predecessor", "r2/successor/3", ""):
            with raises_silently(Refused, value):
                key.open(sealed, other)

    def test_a_text_of_another_key_is_refused(self, sealer: Sealer) -> None:
        value = fresh_value()
        sealed = sealer.new_key(CONTEXT).seal({"value": value}, "r1")
        with raises_silently(Refused, value):
            sealer.new_key(CONTEXT).open(sealed, "r1")

    def test_a_text_that_was_changed_is_refused(self, sealer: Sealer) -> None:
        key, value = sealer.new_key(CONTEXT), fresh_value()
        for changed in tampered(key.seal({"value": value}, "r1")):
            with raises_silently(Refused, value):
                key.open(changed, "r1")

    @pytest.mark.parametrize("context", OTHER_CONTEXTS)
    def test_a_key_in_another_context_is_refused(
        self, sealer: Sealer, restarted: Sealer, context: dict[str, str]
    ) -> None:
        """Also by the sealer that has just made it, and has it in memory."""
        wrapped = sealer.new_key(CONTEXT).wrapped
        for asked in (sealer, restarted):
            with pytest.raises(Refused):
                asked.open_key(wrapped, context)

    def test_a_wrapped_key_that_was_changed_is_refused(self, sealer: Sealer, restarted: Sealer) -> None:
        wrapped = sealer.new_key(CONTEXT).wrapped
        for changed in tampered(wrapped):
            with pytest.raises(Refused):
                restarted.open_key(changed, CONTEXT)


def tampered(text: str) -> list[str]:
    """The text, each time with another thing wrong with it."""
    middle = len(text) * 2 // 3
    other = "A" if text[middle] != "A" else "B"
    return [
        text[:middle] + other + text[middle + 1 :],
        text[:-8],
        text + "AAAA",
        text[: len(text) // 2],
        "",
        "ü",
        ":",
    ]
