"""One parameter with all fields, as other people's tools leave it: what is not ours stays, to the letter."""

from __future__ import annotations

import json

import pytest

from rotator.model.secrets import JsonObject, MalformedObject, Sealed

FIELDS = ("sid", "secret")
TEXT = (
    '{ "sid":"s\\u0069d-0",\n\t"ratio" : 1.10, "é": {"sid": "theirs", "sid": 1e400},'
    '"secret":"sec\\"ret-0" , "n": []}\n'
)


def read(text: str) -> JsonObject:
    return JsonObject.parse(Sealed(text))


def test_fields_are_read() -> None:
    assert read(TEXT).fields(FIELDS) == {"sid": Sealed("sid-0"), "secret": Sealed('sec"ret-0')}


def test_all_else_stays_to_the_letter() -> None:
    edited = read(TEXT).having({"sid": Sealed("SK1"), "secret": Sealed('x"\\ü\n')}).sealed().reveal()
    assert edited == TEXT.replace('"s\\u0069d-0"', '"SK1"').replace('"sec\\"ret-0"', '"x\\"\\\\ü\\n"')


def test_a_field_that_is_the_same_keeps_its_spelling() -> None:
    assert read(TEXT).having({"sid": Sealed("sid-0"), "secret": Sealed('sec"ret-0')}).sealed() == Sealed(TEXT)


def test_what_was_written_is_read_again() -> None:
    fields = {"sid": Sealed('a"b\\'), "secret": Sealed("\u2028\x00,}")}
    edited = read(TEXT).having(fields)
    assert edited.fields(FIELDS) == fields
    assert list(json.loads(edited.sealed().reveal())) == ["sid", "ratio", "é", "secret", "n"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain-value",
        '"text"',
        '["sid", "secret"]',
        '{"sid": "a", "secret": "b"',
        '{"sid": "a", "secret": "b",}',
        '{"sid": "a", "secret": "b"} {}',
        '{"sid": "a", "secret": "b", "sid": "c"}',
        '{"sid": ' * 20_000,
    ],
)
def test_what_is_no_object_is_refused_and_never_shown(text: str) -> None:
    with pytest.raises(MalformedObject) as refused:
        read(text)
    assert str(refused.value) == "it is no JSON object, or one that says a key twice"
    assert refused.value.__context__ is None, "json's own error keeps the text"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"sid": "a"}',
        '{"sid": "a", "secret": null}',
        '{"sid": "a", "secret": 5}',
        '{"sid": "a", "secret": "\\ud800"}',
    ],
)
def test_an_object_without_a_field_is_refused(text: str) -> None:
    with pytest.raises(MalformedObject, match=r'its field "(sid|secret)" is missing, or is no text'):
        read(text).fields(FIELDS)
    with pytest.raises(MalformedObject):
        read(text).having({"sid": Sealed("x"), "secret": Sealed("y")})
