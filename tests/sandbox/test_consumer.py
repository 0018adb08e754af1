"""A consumer counts what it is refused as refused and trouble as trouble, and verifies by the set that it read."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, ClassVar

import httpx
import jwt
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from rotator.sandbox import consumer
from rotator.sandbox.consumer import Verifier
from rotator.sandbox.diet import TROUBLE, Diet
from rotator.sandbox.logins import logged_in, refuses_login
from rotator.sandbox.postgres import EmbeddedPostgres, Missing, from_wheel
from rotator.sandbox.tokens import Peers, Token
from tests.sandbox.ports import closed_port

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


def signed(key: str, lives: float = 60) -> str:
    return jwt.encode({"iss": "staging/api", "exp": int(time.time() + lives)}, key, algorithm="HS256")


@contextmanager
def verifier(keys: list[str], tokens: list[str]) -> Iterator[Verifier]:
    values = {"keys": json.dumps(keys), "tokens": json.dumps(tokens)}
    running = Verifier(Diet(jwt_accepted="keys", token_accepted="tokens"), values)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


# verifying


def test_it_accepts_what_the_set_knows_and_refuses_what_is_older_than_the_set() -> None:
    forgotten, current, successor = (token_hex(32) for _ in range(3))
    with verifier(keys=[current, successor], tokens=[]) as verifying:
        assert verifying.accepts(signed(current))
        assert verifying.accepts(signed(successor))
        assert not verifying.accepts(signed(forgotten))


def test_it_refuses_a_token_that_has_expired() -> None:
    key = token_hex(32)
    with verifier(keys=[key], tokens=[]) as verifying:
        assert not verifying.accepts(signed(key, lives=-2))


def test_it_accepts_internal_tokens_of_the_set_and_no_others() -> None:
    forgotten, current = token_hex(32), token_hex(32)
    with verifier(keys=[], tokens=[current]) as verifying:
        assert verifying.accepts(current)
        assert not verifying.accepts(forgotten)
        assert not verifying.accepts("")
        assert not verifying.accepts("ü")


def test_one_without_a_set_accepts_nothing() -> None:
    with verifier(keys=[], tokens=[]) as verifying:
        assert not verifying.accepts(signed(token_hex(32)))


def test_it_answers_probes_with_200_or_401() -> None:
    token = token_hex(32)
    with verifier(keys=[], tokens=[token]) as verifying:
        url = f"http://127.0.0.1:{verifying.port}/"
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as asks:
            assert asks.get("", headers={"Authorization": f"Bearer {token}"}).status_code == HTTPStatus.OK
            assert asks.get("", headers={"Authorization": "Bearer x"}).status_code == HTTPStatus.UNAUTHORIZED
            assert asks.get("").status_code == HTTPStatus.UNAUTHORIZED


# showing tokens to peers


class Directory(BaseHTTPRequestHandler):
    """Lists peers, as the platform does."""

    ports: ClassVar[dict[str, list[int]]] = {}

    def do_GET(self) -> None:
        body = json.dumps(self.ports[self.path]).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def directory() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Directory)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def shown(directory: str, ports: list[int], bearer: str, own_port: int = 1, lives: float = 60) -> list[str]:
    Directory.ports["/peers/staging"] = ports
    token = Token("a token", bearer, time.time(), time.time() + lives)
    return list(Peers(directory, "staging", own_port).shown(token))


def test_a_token_that_a_peer_accepts_is_checked_and_one_that_it_refuses_is_refused(directory: str) -> None:
    token = token_hex(32)
    with verifier(keys=[], tokens=[token]) as peer:
        assert shown(directory, [peer.port], token) == ["tokens_checked"]
        assert shown(directory, [peer.port], token_hex(32)) == ["tokens_checked", "tokens_refused"]


def test_a_refusal_is_told_without_the_token(directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    token = token_hex(32)
    with verifier(keys=[], tokens=[]) as peer:
        shown(directory, [peer.port], token)
    told = capsys.readouterr().err
    assert re.fullmatch(rf"{TROUBLE} a peer refuses a token, \d+\.\d s old, with 401\n", told)


def test_a_token_that_ended_on_the_way_counts_nothing(directory: str) -> None:
    with verifier(keys=[], tokens=[]) as peer:
        assert shown(directory, [peer.port], token_hex(32), lives=0) == []


def test_a_peer_that_went_away_has_refused_nothing(directory: str) -> None:
    with closed_port() as nobody:
        assert shown(directory, [nobody], token_hex(32)) == []


def test_a_directory_that_is_away_counts_nothing() -> None:
    with closed_port() as nobody:
        assert shown(f"http://127.0.0.1:{nobody}", [1], token_hex(32)) == []


def test_an_instance_shows_nothing_to_itself(directory: str) -> None:
    with verifier(keys=[], tokens=[]) as alone:
        assert shown(directory, [alone.port], token_hex(32), own_port=alone.port) == []


# logging in


@pytest.mark.parametrize(
    "words,refused",
    [
        ('FATAL:  password authentication failed for user "taly_app_a"', True),
        ('FATAL:  role "taly_app_a" is not permitted to log in', True),
        ('FATAL:  role "taly_app_a" does not exist', True),
        ('FATAL:  database "taly" does not exist', False),
        ("connection refused", False),
        ("FATAL:  sorry, too many clients already", False),
        ("FATAL:  the database system is shutting down", False),
        ("server closed the connection unexpectedly", False),
        ("connection timeout expired", False),
    ],
)
def test_a_refusal_is_the_servers_own_word(words: str, refused: bool) -> None:
    assert refuses_login(words) is refused


def test_a_server_that_is_not_there_is_trouble_and_is_explained_without_the_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    password = token_hex(16)
    with closed_port() as nobody:
        assert logged_in(f"postgresql://app:{password}@127.0.0.1:{nobody}/taly") == "login_troubles"
    assert logged_in(f"what {password} is this") == "login_troubles"
    explained = capsys.readouterr().err.splitlines()
    assert [line.startswith(TROUBLE) for line in explained] == [True, True]
    assert "refused" in explained[0]
    assert not any(password in line for line in explained)


@pytest.mark.slow
def test_logins_are_counted_by_what_a_real_server_says(tmp_path: Path) -> None:
    try:
        from_wheel()
    except Missing as missing:
        pytest.skip(str(missing))
    password = token_hex(16)
    with EmbeddedPostgres(tmp_path) as server:
        dsn = make_conninfo(server.superuser_dsn(), user="app", password=password)
        with psycopg.connect(server.superuser_dsn(), autocommit=True) as admin:
            assert logged_in(dsn) == "logins_refused", "there is no such role"
            admin.execute(f"create role app login password '{password}'".encode())
            assert logged_in(dsn) == "login_troubles", "there is no such table, which is nobody's refusal"
            admin.execute("create table visit (id int)")
            assert logged_in(dsn) == "logins_refused", "it may log in and may not read"
            admin.execute("grant select on visit to app")
            assert logged_in(dsn) == "logins"
            assert logged_in(make_conninfo(dsn, password=token_hex(16))) == "logins_refused"
            admin.execute("alter role app nologin")
            assert logged_in(dsn) == "logins_refused"
            admin.execute("alter role app login connection limit 0")
            assert logged_in(dsn) == "login_troubles"
    assert logged_in(dsn) == "login_troubles"


# reading


def test_it_reads_every_parameter_once_with_its_version(ssm: SSMClient, path: str) -> None:
    wanted = {f"{path}/NAME_{number}": token_hex(16) for number in range(11)}
    for name, value in wanted.items():
        ssm.put_parameter(Name=name, Value=value, Type="SecureString")
    twice = f"{path}/NAME_3"
    ssm.put_parameter(Name=twice, Value=wanted[twice], Overwrite=True)
    values, versions = consumer.read(ssm, sorted(wanted))
    assert values == wanted
    assert versions == {name: 2 if name == twice else 1 for name in wanted}


def test_a_parameter_that_is_missing_is_named_and_no_value_is(ssm: SSMClient, path: str) -> None:
    value = token_hex(16)
    ssm.put_parameter(Name=f"{path}/THERE", Value=value, Type="SecureString")
    with pytest.raises(LookupError, match=f"{path}/MISSING") as caught:
        consumer.read(ssm, [f"{path}/THERE", f"{path}/MISSING"])
    assert value not in str(caught.value)


def test_a_diet_names_every_parameter_once() -> None:
    diet = Diet(database="/d", jwt="/j", jwt_accepted="/a", signing_keys="/s", others=("/j", "/w"))
    assert diet.names() == ["/a", "/d", "/j", "/s", "/w"]
