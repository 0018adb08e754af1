"""What a Vault can do to rotator instead of answering: drip, flood, pack, show a page, nest without end."""

from __future__ import annotations

import gzip
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import hvac.v1
import pytest

from rotator import bounded
from rotator.model.errors import Transient
from rotator.model.secrets import Sealed
from rotator.sandbox.certificates import self_signed
from rotator.testing.surroundings import surroundings
from rotator.testing.values import raises_silently
from rotator.vault import client
from rotator.vault.access import Auth
from rotator.vault.client import Vault
from tests.test_bounded import HEAD, Plays, drip, far_side

TOKEN = Sealed("a-token-of-rotators")
READ = "read crm/api"


def asked(url: str, *, changes: bool = False) -> Any:
    around = surroundings(endpoints={"vault": url.rstrip("/")})
    vault = Vault(Auth(token="ssm:/taly/staging/rotator/VAULT"), around, lambda _name: TOKEN.reveal())
    ask = vault.change if changes else vault.ask
    return ask(lambda asked: asked.read("secret/data/crm/api"), READ)


def says(content: bytes, *headers: bytes) -> Plays:
    def plays(connection: socket.socket) -> None:
        length = b"Content-Length: %d" % len(content)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"\r\n".join([length, *headers]) + b"\r\n\r\n" + content)

    return plays


@pytest.mark.parametrize(
    "plays",
    [
        pytest.param(drip(HEAD + b"Content-Length: 100000\r\n\r\n", b" "), id="its body"),
        pytest.param(drip(HEAD, b"X-Wait: yes\r\n"), id="its headers"),
    ],
)
def test_who_drips_keeps_no_worker(plays: Plays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CALL_SECONDS", 1.1)
    with far_side(plays) as url:
        began = time.monotonic()
        with raises_silently(Transient, TOKEN) as caught:
            asked(url)
        assert time.monotonic() - began < 9.0, "it dripped to its end"
    assert "Vault did not answer (Timeout)" in str(caught.value)


def test_what_floods_or_comes_packed_is_given_up() -> None:
    flood = b'{"data": "' + b"x" * (2 << 20) + b'"}'
    for plays in (says(flood), says(gzip.compress(b"{}"), b"Content-Encoding: gzip")):
        with far_side(plays) as url, pytest.raises(Transient, match="Vault did not answer"):
            asked(url)


@pytest.mark.parametrize("content", [b"<html>Sign in</html>", b"[" * 5000], ids=["a page", "without end"])
def test_what_is_no_answer_of_vaults_is_no_verdict(content: bytes) -> None:
    with far_side(says(content)) as url:
        with pytest.raises(Transient, match=r"was no Vault.*nothing was changed"):
            asked(url)
        with pytest.raises(Transient, match=r"was no Vault.*whether it happened shows at the next attempt"):
            asked(url, changes=True)


def test_certificates_are_held_against_the_authorities_that_hvac_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = self_signed()
    both, authority = tmp_path / "both.pem", tmp_path / "authority.pem"
    both.write_bytes(certificate + key)
    authority.write_bytes(certificate)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(both)

    def encrypted(connection: socket.socket) -> None:
        with server.wrap_socket(connection, server_side=True) as safe:
            safe.recv(65536)
            says(b'{"data": {}}')(safe)

    with far_side(encrypted, hears=False) as url:
        there = url.replace("http://", "https://")
        with pytest.raises(Transient, match="Vault did not answer"):
            asked(there)
        with monkeypatch.context() as patch:
            patch.setattr(hvac.v1, "VAULT_CACERT", str(authority))
            assert asked(there) == {"data": {}}
        monkeypatch.setattr(bounded, "_trusted", lambda: ssl.create_default_context(cafile=authority))
        assert asked(there) == {"data": {}}, "else the system's"


def test_an_answer_is_one() -> None:
    with far_side(says(b'{"data": {"x": 1}}')) as url:
        assert asked(url) == {"data": {"x": 1}}
