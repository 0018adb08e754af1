"""A real daemon under a rotation: its probes, its figures, and that no value is ever among them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.people import PeopleWorld
from rotator.testing.spellings import betrays
from tests.daemon.world import SIGNING, TOKEN, Town
from tests.web.asking import ask, figures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PeopleWorld]:
    with PeopleWorld(tmp_path_factory.mktemp("people")) as people:
        yield people


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory, aws: AwsWorld, people: PeopleWorld) -> Iterator[Town]:
    town = Town(tmp_path_factory.mktemp("town"), aws, people, names=(TOKEN, SIGNING))
    yield town
    town.platform.stop()


def port_of(town: Town) -> int:
    town.until("it listens", lambda: town.said("listening"))
    return int(town.said("listening")[-1]["port"])


def values_of(town: Town) -> set[str]:
    """Everything that nobody may read: values in use, members of accepted sets, what it logs in with, its key."""
    values = {town.value(name) for name in town.names}
    for name in town.names:
        values |= set(json.loads(town.value(f"{name}_ACCEPTED")))
    assert town.people is not None
    values |= {town.people.logins.slack_token, town.people.logins.smtp_password}
    key = town.folder / "state" / "sealing.key"
    return values | (
        {key.read_bytes().hex(), key.read_text(errors="replace").strip()} if key.exists() else set()
    )


def states_in(document: str) -> dict[str, str]:
    return {one["secret"]: one["state"] for one in json.loads(document)["secrets"]}


def test_no_value_is_ever_told(town: Town) -> None:
    told, pages, values = "", "", values_of(town)
    with town.daemon(ROTATOR_LISTEN="127.0.0.1:0"):
        port = port_of(town)
        town.until("scanned", town.scanned)
        for name in town.names:
            town.ask(f"staging/{name}")

        def looked() -> bool:
            nonlocal told, pages
            told += "".join(ask(port, path).text for path in ("/metrics", "/healthz", "/readyz"))
            pages += "".join(ask(port, path).text for path in ("/", "/api/v1/status"))
            values.update(values_of(town))
            return len(town.rotated()) == 2

        town.until("both were rotated", looked)
        last = ""

        def both_are_told() -> bool:
            nonlocal last
            last = ask(port, "/metrics").text
            found = figures(last)  # some of them are found aside, and told once they are
            return (
                found.get("rotator_rotations_ended_total") == {("done",): 2}
                and "rotator_audit_chain_ok" in found
            )

        town.until("both are told", both_are_told)
        told += last

        def page_and_command_line_tell_the_same() -> bool:
            nonlocal pages
            document, said = ask(port, "/api/v1/status").text, town.cli("status", "--json").stdout
            pages += document + ask(port, "/").text
            return states_in(document) == states_in(said)

        town.until("page and command line tell the same", page_and_command_line_tell_the_same)
    assert len(values) >= 6, "those before, those after, and what it logs in with"
    assert figures(last)["rotator_audit_chain_ok"] == {(): 1}
    assert not any(betrays(told + pages, value) for value in values), "a value was told"
    assert all(f'<details id="staging/{name}">' in pages for name in town.names)
    assert not [rotation.id for rotation in town.rotated() if rotation.id in told]


def test_probes_do_not_mind_that_aws_is_away(town: Town) -> None:
    with town.daemon(ROTATOR_LISTEN="127.0.0.1:0", ROTATOR_ENDPOINT_SSM="http://127.0.0.1:9"):
        port = port_of(town)
        town.until("it is missed", lambda: town.said("trouble", what="store"))
        assert ask(port, "/healthz") == (200, "ok\n")
        assert ask(port, "/readyz") == (200, "ok\n")
        assert "rotator_scan_last_success" not in figures(ask(port, "/metrics").text)


def test_an_address_that_cannot_be_had_is_a_sentence(town: Town) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = town.cli("run", ROTATOR_LISTEN=f"127.0.0.1:{taken.getsockname()[1]}")
    assert refused.returncode == 2
    assert "ROTATOR_LISTEN" in refused.stderr


def test_who_does_not_want_it_does_not_load_it() -> None:
    loading = "import sys, rotator.daemon.run, rotator.daemon.serving, rotator.cli.run; "
    telling = "print([name for name in ('uvicorn', 'starlette', 'prometheus_client') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", loading + telling], capture_output=True, text=True, timeout=200, check=True
    )
    assert done.stdout == "[]\n"
