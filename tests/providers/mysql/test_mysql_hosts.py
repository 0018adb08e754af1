"""Where a password goes: to hosts that settings allow, and itself only to a server that has proved who it is."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest

from rotator.clock import SystemClock
from rotator.model.errors import CredentialRefused, Refused, Transient
from rotator.model.secrets import Credential, Sealed
from rotator.providers.mysql import Mysql
from rotator.providers.mysql_consumers import Login
from rotator.providers.mysql_session import session
from rotator.sandbox.sources.mysql8_wire import Gone, Wire
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value, raises_silently
from tests.providers.mysql.world import ADMIN
from tests.providers.recipes import recipe_for

PARTS = {"user": "DATABASE_USER", "password": "DATABASE_PASSWORD"}
#: Leads to this machine, and is none of its names: as a host somewhere else would be.
ELSEWHERE = "0.0.0.0"  # noqa: S104 - nobody listens there


def recipe(template: str) -> Any:
    settings = {"user": "app", "admin": ADMIN, "template": template}
    return recipe_for("DATABASE_URL", "mysql", settings=settings, fields=PARTS)


def test_the_host_of_a_template_is_shown_to_policy_check() -> None:
    assert Mysql.hosts(recipe("mysql://{user}:{password}@evil.example/x")) == {"template": ["evil.example"]}


def test_a_host_that_settings_do_not_allow_gets_no_login() -> None:
    password = fresh_value()
    provider = Mysql(recipe(f"mysql://{{user}}:{{password}}@{ELSEWHERE}:1/x"), surroundings())
    with raises_silently(Refused, password) as refused:
        provider.verify(Credential("app@first", {"user": Sealed("app"), "password": password}))
    assert "ROTATOR_ALLOWED_HOSTS" in str(refused.value)


@pytest.mark.parametrize("option", ["ssl-mode=DISABLED", "ssl-mode=VERIFY_CA", "ssl-ca=/tmp/ca.pem"])
def test_what_protects_a_login_on_its_way_is_a_difference(option: str) -> None:
    settings = {
        "user": "app",
        "admin": ADMIN,
        "template": f"mysql://{{user}}:{{password}}@db.internal/x?{option}",
    }
    stored = f"mysql://app:{fresh_value().reveal()}@db.internal/x?ssl-mode=VERIFY_IDENTITY"
    provider = Mysql(recipe_for("DATABASE_URL", "mysql", settings=settings), surroundings())
    with pytest.raises(Refused, match=r"differ in ssl-"):
        provider.identify({"value": Sealed(stored)})


class Rogue:
    """A server that asks for the password itself, in one of the ways that MySQL has."""

    def __init__(self, greeting: str, switch: str, more: bytes) -> None:
        self._greeting, self._switch, self._more = greeting, switch, more
        self.got = b""

    @contextmanager
    def listening(self) -> Iterator[int]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = Thread(target=self._serve, args=(listener,))
            thread.start()
            yield listener.getsockname()[1]
            thread.join()

    def _serve(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(60)
            wire = Wire(connection, 1, "8.0.36")
            wire.send(
                b"\x0a8.0.36\0" + struct.pack("<I", 1) + b"n" * 8 + b"\0" + struct.pack("<HBHH", 0xA209, 45, 2, 0x0038)
                + b"\x15" + bytes(10) + b"n" * 12 + b"\0" + self._greeting.encode() + b"\0"
            )  # fmt: skip
            try:
                self.got = wire.receive()
                if self._switch:
                    wire.send(b"\xfe" + self._switch.encode() + b"\0" + b"n" * 20 + b"\0")
                    self.got = wire.receive()
                wire.send(self._more)
                self.got = wire.receive()
                self.asked_on = self.got
            except (Gone, TimeoutError, OSError):
                return


@pytest.mark.parametrize(
    "greeting, switch, more",
    [
        ("caching_sha2_password", "", b"\x01\x04"),
        ("caching_sha2_password", "", b"\x01\x02"),
        ("mysql_native_password", "caching_sha2_password", b"\x01\x04"),
        ("sha256_password", "", b"\x01-----BEGIN PUBLIC KEY-----"),
        ("mysql_native_password", "sha256_password", b"\x01-----BEGIN PUBLIC KEY-----"),
        ("mysql_native_password", "mysql_clear_password", b"\x00"),
    ],
)
@pytest.mark.parametrize("tls", ["DISABLED", "PREFERRED"])
def test_a_rogue_server_gets_no_password(greeting: str, switch: str, more: bytes, tls: str) -> None:
    password = fresh_value()
    rogue = Rogue(greeting, switch, more)
    with rogue.listening() as port:
        login = Login(ELSEWHERE, port, "x", tls, None, "app", password.reveal())
        with (
            raises_silently(Transient, password) as away,
            session(login, SystemClock(), "app", "rotator", allows=lambda _host: True) as opened,
        ):
            opened.ask("select 1")
    assert "was not sent" in str(away.value) or "verified certificate" in str(away.value)
    assert password.reveal().encode() not in rogue.got
    assert not hasattr(rogue, "asked_on"), "it was answered once more after it had asked for the password"


def test_the_cache_that_is_warm_needs_no_password() -> None:
    """The proof alone goes out, and the server may say no to it."""
    rogue = Rogue("caching_sha2_password", "", b"\xff" + struct.pack("<H", 1045) + b"#28000no")
    with rogue.listening() as port:
        login = Login(ELSEWHERE, port, "x", "DISABLED", None, "app", fresh_value().reveal())
        with (
            pytest.raises(CredentialRefused),
            session(login, SystemClock(), "app", "rotator", allows=lambda _host: True) as opened,
        ):
            opened.ask("select 1")
