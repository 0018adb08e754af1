"""submit: a credential that a person made, handed over so that nobody else sees it."""

from __future__ import annotations

import getpass
import io
import json
import os
import secrets
import shutil
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from rotator.engine.phases.step import seal_context, submitted_seal
from rotator.model.errors import Transient
from rotator.model.requests import Request, RequestKind, RequestState
from rotator.sealers.keyfile import KeyFile
from tests.cli.beside import Beside, Said, policy_text

HAND, PAIR = "production/BY_HAND", "production/CLIENT"


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation with two secrets that only people make, one of two fields."""
    folder = tmp_path_factory.mktemp("handed")
    with pytest.MonkeyPatch.context() as monkeypatch:
        beside = Beside(folder, None, monkeypatch)
        beside.policy_file.write_text(json.dumps(made_by_hand()))  # which is YAML, without anchors
        beside.tell_the_story()
    return folder


def made_by_hand() -> dict[str, Any]:
    written: dict[str, Any] = yaml.safe_load(policy_text())
    periods = {"provider": "assisted", "rotate_every": "90d", "grace": "1d"}
    written["types"]["hand"] = {**periods, "settings": {"begins_with": {"value": "key-"}}}
    written["types"]["client"] = dict(periods)
    exempt = {"exempt": {"until": "2099-01-01", "reason": "not there"}}
    written["secrets"]["BY_HAND"] = {"type": "hand", "deploy": ["api"], "environments": {"staging": exempt}}
    written["secrets"]["CLIENT"] = {
        "type": "client", "deploy": [], "torn_ok": True, "environments": {"staging": exempt},
        "fields": {"client_id": "CLIENT_ID", "client_secret": "CLIENT_SECRET"},
    }  # fmt: skip
    written["secrets"]["rotator/OWN"] = {"type": "hand", "deploy": [], "environments": {"staging": exempt}}
    return written


@pytest.fixture
def hand(rotator: Beside, handed: Path, monkeypatch: pytest.MonkeyPatch) -> Beside:
    """What people hand over is sealed with a key file; where they sit, the story was told a moment ago."""
    monkeypatch.setenv("ROTATOR_SEALER", "keyfile")
    monkeypatch.setenv("ROTATOR_KEY_FILE", str(rotator.folder / "sealing.key"))
    shutil.copytree(handed, rotator.folder, dirs_exist_ok=True)
    return rotator


def fresh() -> str:
    return f"key-{secrets.token_urlsafe(20)}"


def piped(beside: Beside, text: str, *words: str) -> Said:
    """Run with standard input that is no terminal."""
    stdin = io.TextIOWrapper(io.BytesIO(text.encode()))
    beside.monkeypatch.setattr(sys, "stdin", stdin)
    return beside("submit", *words)


def kept(beside: Beside) -> list[Request]:
    with beside.journal() as journal:
        return [one for one in journal.requests() if one.kind is RequestKind.SUBMIT]


def opened(beside: Beside, request: Request) -> dict[str, str]:
    """What the daemon would find in it."""
    assert request.sealed is not None
    assert request.data_key is not None
    sealer = KeyFile(beside.folder / "sealing.key")
    key = sealer.open_key(request.data_key, seal_context(request.about, request.id))
    found = key.open(request.sealed, submitted_seal(request.id))
    return {field: value.reveal() for field, value in found.items()}


def nowhere(beside: Beside, value: str, said: Said) -> bool:
    """Whether the value is in no file and in nothing that was said."""
    files = [path.read_bytes() for path in beside.folder.rglob("*") if path.is_file()]
    return value not in said.out + said.err and not any(value.encode() in content for content in files)


def test_standard_input_is_sealed_and_kept_and_what_follows_is_said(hand: Beside) -> None:
    value = fresh()
    said = piped(hand, f"{value}\n", HAND, "--reason", "90 days")
    assert said.code == 0
    (request,) = kept(hand)
    assert (request.about, request.because, request.state) == (HAND, "90 days", RequestState.WAITING)
    assert opened(hand, request) == {"value": value}
    assert nowhere(hand, value, said)
    assert "the line break at the end was left out" in said.err
    assert "restarts api" in said.err
    assert "Leave the old one alive until rotator asks for its end" in said.err
    assert "no daemon seems to run" in said.err
    assert said.out == ""


def test_json_says_what_was_asked_and_nothing_of_what_was_submitted(hand: Beside) -> None:
    value = fresh()
    said = piped(hand, value, HAND, "--json")
    (told,) = said.json()["requests"]
    (request,) = kept(hand)
    assert told["kind"] == "submit"
    assert not {"sealed", "data_key"} & told.keys()
    assert request.sealed is not None
    assert request.sealed not in said.out
    assert nowhere(hand, value, said)


def test_a_prompt_shows_nothing(hand: Beside) -> None:
    value, prompts = fresh(), list[str]()

    def typed(prompt: str) -> str:
        prompts.append(prompt)
        return value

    hand.monkeypatch.setattr(getpass, "getpass", typed)
    hand.monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    assert hand("submit", HAND, "--no-wait").code == 0
    assert prompts == ["The new production/BY_HAND (nothing is shown): "]
    assert opened(hand, *kept(hand)) == {"value": value}
    assert hand("submit", PAIR, "--no-wait").code == 0
    assert [prompt.partition(",")[2] for prompt in prompts[1:]] == [
        " client_id (nothing is shown): ",
        " client_secret (nothing is shown): ",
    ]


def test_a_terminal_that_would_show_it_is_not_used(hand: Beside) -> None:
    def shows(_prompt: str) -> str:
        """As Python's own does: it warns, and then reads on."""
        warnings.warn("it is shown", getpass.GetPassWarning, stacklevel=2)
        return fresh()

    hand.monkeypatch.setattr(getpass, "getpass", shows)
    hand.monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # what Python does outside of tests
        said = hand("submit", HAND, "--no-wait")
    assert said.code == 2
    assert "this terminal would show what is typed" in said.err
    assert kept(hand) == []


def test_a_file_descriptor_is_read(hand: Beside) -> None:
    value = fresh()
    reading, writing = os.pipe()
    os.write(writing, value.encode())
    os.close(writing)
    assert hand("submit", HAND, "--fd", str(reading)).code == 0
    os.close(reading)
    assert opened(hand, *kept(hand)) == {"value": value}
    said = hand("submit", HAND, "--fd", "999999")  # more than a process may open
    assert said.code == 2
    assert "file descriptor 999999 cannot be read" in said.err


def test_several_fields_are_one_json_object(hand: Beside) -> None:
    value = fresh()
    said = piped(hand, json.dumps({"client_id": "app", "client_secret": value}), PAIR)
    assert said.code == 0
    assert opened(hand, *kept(hand)) == {"client_id": "app", "client_secret": value}


def test_one_of_several_fields_may_be_submitted_alone(hand: Beside) -> None:
    value = fresh()
    assert piped(hand, value, PAIR, "--field", "client_secret").code == 0
    assert opened(hand, *kept(hand)) == {"client_secret": value}
    said = piped(hand, value, PAIR, "--field", "secret")
    assert said.code == 2
    assert "it has client_id, client_secret" in said.err


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("", "it is empty"),
        ("\n", "it is empty"),
        ("key-a \n", "begins or ends with blanks"),
        ("key-a\n\n", "begins or ends with blanks"),
        (" key-a", "begins or ends with blanks"),
        ("key-a\0b", "it holds a NUL"),
        ("key-" + "x" * 70_000, "more than 65536 bytes came"),
    ],
)
def test_what_can_be_no_value_is_refused_before_anything_is_kept(
    hand: Beside, text: str, complaint: str
) -> None:
    said = piped(hand, text, HAND)
    assert said.code == 2
    assert complaint in said.err
    assert kept(hand) == []


@pytest.mark.parametrize(
    "text", ["no json", "[1]", '{"client_id": "x"}', '{"client_id": 1, "client_secret": 2}']
)
def test_what_is_no_object_of_all_fields_is_refused_and_not_repeated(hand: Beside, text: str) -> None:
    said = piped(hand, text, PAIR)
    assert said.code == 2
    assert text not in said.err
    assert kept(hand) == []


def test_a_value_of_another_kind_is_refused_and_not_repeated(hand: Beside) -> None:
    value = f"other-{secrets.token_urlsafe(20)}"
    said = piped(hand, value, HAND)
    assert said.code == 4
    assert "it does not begin with key-, as all of its kind do; nothing was kept" in said.err
    assert nowhere(hand, value, said)
    assert kept(hand) == []


@pytest.mark.parametrize(
    "words", [(HAND, "{}"), (HAND, "--", "{}"), ("{}",), (HAND, "--value={}"), (HAND, "--value", "{}")]
)
def test_a_value_on_the_command_line_is_refused_and_not_repeated(
    hand: Beside, words: tuple[str, ...]
) -> None:
    value = fresh()
    said = hand("submit", *(word.format(value) for word in words))
    assert said.code == 2
    assert nowhere(hand, value, said)
    assert kept(hand) == []


def test_why_a_value_is_never_an_argument_is_said(hand: Beside) -> None:
    assert "in the shell's history" in hand("submit", HAND, fresh()).err
    assert "value" not in hand("submit", "--help").out.partition("\n")[0]


@pytest.mark.parametrize(
    "secret, why",
    [
        ("production/HEALTHY", "nobody has to submit production/HEALTHY: token makes its own"),
        ("production/GONE", "not in the store"),
        ("staging/BY_HAND", "exempt until its date"),
    ],
)
def test_what_would_not_be_taken_is_not_asked_for(hand: Beside, secret: str, why: str) -> None:
    said = piped(hand, fresh(), secret)
    assert said.code == 4
    assert why in said.err
    assert kept(hand) == []


@pytest.mark.parametrize("name", ["production/rotator/OWN", "/taly/production/rotator/OWN"])
def test_what_rotator_itself_logs_in_with_stands_in_a_folder(hand: Beside, name: str) -> None:
    assert piped(hand, fresh(), name).code == 0
    assert [request.about for request in kept(hand)] == ["production/rotator/OWN"]


def test_a_typo_is_guessed(hand: Beside) -> None:
    said = piped(hand, fresh(), "production/BY_HNAD")
    assert said.code == 2
    assert "no secret of that name (did you mean 'BY_HAND'?)" in said.err


def test_who_submits_once_more_hears_that_it_replaces_the_first(hand: Beside) -> None:
    piped(hand, fresh(), HAND)
    assert "this replaces what" in piped(hand, fresh(), HAND).err


def test_trouble_with_sealing_keeps_nothing_and_says_so(hand: Beside) -> None:
    def away(_self: KeyFile, _context: Mapping[str, str]) -> None:
        raise Transient("KMS does not answer")

    hand.monkeypatch.setattr(KeyFile, "new_key", away)
    value = fresh()
    said = piped(hand, value, HAND)
    assert said.code == 1
    assert "it could not be sealed: KMS does not answer. Nothing was kept: submit it again" in said.err
    assert nowhere(hand, value, said)
    assert kept(hand) == []


def test_asking_for_a_rotation_says_who_makes_the_new_one(hand: Beside) -> None:
    said = hand("rotate", HAND)
    assert said.code == 4
    assert "a person makes it: make a new one, then: rotator submit production/BY_HAND" in said.err
    assert "cannot be rotated: a person makes it" in hand("plan", HAND).out
    told = hand("rotate", "--all", "--json").json()
    assert told["left_out"][HAND].startswith("a person makes it"), (
        "it is said, and no failure beside the others"
    )
    assert HAND not in told["refused"]
    said = hand("compromised", HAND, "--reason", "on a laptop")
    assert said.code == 0
    assert "a person makes it, now: rotator submit production/BY_HAND" in said.err


@pytest.mark.slow
@pytest.mark.parametrize("begun", ["run.run_daemon('info')", "submit.submit_credential(*[None] * 4, **rest)"])
def test_the_memory_of_who_holds_values_is_kept_private(begun: str) -> None:
    program = f"""
import contextlib, ctypes, resource
from rotator.cli import run, submit
rest = dict(wait=None, timeout="", json=False)
with contextlib.suppress(Exception):
    {begun}
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
print(resource.getrlimit(resource.RLIMIT_CORE), dumpable)
"""
    bare = {"PATH": os.environ["PATH"], "ROTATOR_JOURNAL": "sqlite:////proc/rotator/none"}
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True, env=bare)
    assert said.stdout == "(0, 0) 0\n"
