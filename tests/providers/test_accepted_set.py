"""What verifiers accept, as one parameter: a JSON list, or a JWKS whose other members are not ours to change."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from rotator.model.jwks import thumbprint
from rotator.model.secrets import AcceptedSet, MalformedSet, Sealed

# RFC 7638 section 3.1
RFC_KEY = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
    "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
    "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
    "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}


def public_key(**more: Any) -> dict[str, Any]:
    return {"kty": "OKP", "crv": "Ed25519", "x": secrets.token_urlsafe(32), **more}


def member(jwk: dict[str, Any]) -> Sealed:
    return Sealed(json.dumps({**jwk, "kid": thumbprint(jwk)}))


def document(members: AcceptedSet) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(members.sealed().reveal())
    return read


def test_the_thumbprint_is_that_of_the_rfc() -> None:
    assert thumbprint(RFC_KEY) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize(
    "jwk", [{"kty": "oct", "k": "AAAA"}, {"kty": "RSA", "e": "AQAB"}, {"kty": ["EC"]}, {}]
)
def test_what_is_no_whole_asymmetric_key_has_no_thumbprint(jwk: dict[str, Any]) -> None:
    assert thumbprint(jwk) is None


def test_a_jwks_is_edited_and_never_replaced() -> None:
    theirs, symmetric, ours = public_key(kid="theirs", x5t="…"), {"kty": "oct", "k": "AAAA"}, public_key()
    written = {"keys": [theirs, symmetric, {"kty": "AKP"}], "issuer": "https://crm.example", "n": 1}
    edited = AcceptedSet.parse(Sealed(json.dumps(written, indent=2))).including(member(ours))
    assert document(edited) == {**written, "keys": [*written["keys"], json.loads(member(ours).reveal())]}  # type: ignore[misc]  # a list
    assert list(document(edited)) == ["keys", "issuer", "n"]
    again = AcceptedSet.parse(edited.sealed())
    assert again.including(member(ours)) is again
    assert document(again.without(member(ours))) == written
    assert again.strangers(member(ours)) == 3


def test_a_key_is_the_same_whatever_name_somebody_gave_it() -> None:
    ours = public_key()
    named = AcceptedSet.parse(Sealed(json.dumps({"keys": [{**ours, "kid": "2024-1", "use": "sig"}, ours]})))
    assert member(ours) in named
    assert member(public_key()) not in named
    assert document(named.including(member(ours)))["keys"][0]["kid"] == "2024-1"
    assert len(named.without(member(ours))) == 0


def test_the_first_set_has_the_form_that_its_member_asks_for() -> None:
    ours = public_key()
    assert document(AcceptedSet.of(member(ours))) == {"keys": [json.loads(member(ours).reveal())]}
    text = secrets.token_urlsafe(32)
    for symmetric in (text, json.dumps({"k": text}), json.dumps([text]), json.dumps({**ours, "d": text})):
        assert json.loads(AcceptedSet.of(Sealed(symmetric)).sealed().reveal()) == [symmetric]


def test_a_json_list_stays_as_it_was_written() -> None:
    first, second = (Sealed(secrets.token_urlsafe(32)) for _ in range(2))
    listed = AcceptedSet.parse(Sealed(json.dumps([first.reveal()])))
    assert listed.including(second).sealed().reveal() == json.dumps([first.reveal(), second.reveal()])
    assert listed.including(second).without(first).sealed().reveal() == json.dumps([second.reveal()])


def test_nothing_is_put_into_a_set_of_the_other_form() -> None:
    text, private = secrets.token_urlsafe(32), {**public_key(), "d": secrets.token_urlsafe(32)}
    listed, keys = AcceptedSet.parse(Sealed("[]")), AcceptedSet.parse(Sealed('{"keys": []}'))
    for wrong, members in ((member(public_key()), listed), (Sealed(text), keys), (member(private), keys)):
        for edit in (members.including, members.without):
            with pytest.raises(MalformedSet) as malformed:
                edit(wrong)
            assert wrong.reveal() not in str(malformed.value)


@pytest.mark.parametrize("text", ["", "{}", '{"keys": {}}', '{"keys": ["a"]}', "[1]", '"a"', "null"])
def test_what_is_neither_form_is_told_without_being_shown(text: str) -> None:
    with pytest.raises(MalformedSet, match="not a JSON list of strings, and no JWKS"):
        AcceptedSet.parse(Sealed(text))
