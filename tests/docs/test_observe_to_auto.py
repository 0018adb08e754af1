"""The second tutorial, typed as it stands, from the first line to the last: what it says of each step is what happens.

Everything but the far sides is real (two_environments.py). Days are shorter, and for production shorter still, with a
restart in between: grace has to be long enough for a person to change their mind, and a soak short enough to wait for.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.docs.pages import ROOT, Piece, blocks, inline
from tests.docs.terminal import Terminal
from tests.docs.test_policies import merged, values
from tests.docs.two_environments import ACCEPTED, ENVIRONMENTS, TOKEN, Account

PAGE = ROOT / "docs" / "tutorial" / "from-observe-to-auto.md"
#: Half an hour of grace is 36 s; a day of soak is 9 s.
_FOR_STAGING, _FOR_PRODUCTION = "0.02", "0.0001"
_PATIENCE = 180.0


class Step(NamedTuple):
    """A line that is typed, or a piece of policies.yaml."""

    piece: Piece
    line: str = ""


def steps() -> Iterator[Step]:
    """All of the page, in order."""
    for block in blocks(PAGE, "sh", "yaml"):
        if block.language == "yaml":
            yield Step(block)
        else:
            yield from (Step(block, line) for line in block.text.splitlines())


class Reader:
    """Who follows the page in `home`, in one terminal."""

    def __init__(self, account: Account, home: Path) -> None:
        self._account, self._file = account, home / "policies.yaml"
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._terminal = Terminal(home, home, {**account.settings, "PYTHONPATH": str(ROOT), "PATH": path})
        self._left = list(steps())
        self._policy: Any = {}
        self._version = "of no policy"

    def to(self, words: str) -> str:
        """Goes on until a line that begins with the words, and returns what that said."""
        while self._left:
            step = self._left.pop(0)
            if not step.line:
                self._write(step.piece)
            else:
                said = self.type(step.line)
                if step.line.startswith(words):
                    return said
        raise AssertionError(f"the page has no (other) line that begins with: {words}")

    def write(self) -> None:
        """Writes the next piece of the policy into the file."""
        self._write(self._left.pop(0).piece)

    def type(self, line: str) -> str:
        """Types it; `rotator run` stays in the background."""
        line = self._account.here(line.replace("policy:VERSION", f"policy:{self._version}"))
        return self._terminal.type("rotator run 2>> rotator.log &" if line == "rotator run" else line)

    def start_again(self, scale: str) -> None:
        """Another daemon, with days of another length."""
        self.type(f"kill %%; wait; export ROTATOR_SCALE={scale}; rotator run 2>> rotator.log &")

    def wait(self, what: str, so: Callable[[], object]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not so():
            assert time.monotonic() < deadline, (
                f"{what}:\n{self.type('rotator status --all; tail rotator.log')}"
            )
            time.sleep(0.3)

    def see(self, words: str, command: str = "rotator status --all") -> None:
        """Waits until the command says so."""
        self.wait(words, lambda: words in self.type(command))

    def policy_is_in_force(self) -> None:
        self.see(f"Policy {self._version[:12]}")

    def at_end(self) -> bool:
        return not self._left

    def close(self) -> None:
        self._terminal.close()

    def _write(self, piece: Piece) -> None:
        self._policy = merged(self._policy, values(self._account.here(piece.text), piece.place))
        text = yaml.safe_dump(merged(self._policy, self._account.own_policy), sort_keys=False)
        self._version = hashlib.sha256(text.encode()).hexdigest()
        self._file.write_text(text)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_observe_to_auto_goes_as_its_page_says(tmp_path: Path) -> None:
    with Account(tmp_path) as account:
        reader = Reader(account, tmp_path)
        try:
            follow(reader, account)
        finally:
            reader.close()


def follow(reader: Reader, account: Account) -> None:
    """The page, with what has to be so after each of its steps."""

    held = account.value
    token, database = f"staging/{TOKEN}", "staging/DATABASE_URL"
    first = account.secrets()

    # 1, 2
    assert "0 errors" in reader.to("rotator policy check")
    reader.type(f"export ROTATOR_SCALE={_FOR_STAGING}")
    reader.to("rotator run")
    reader.see("2 overdue")
    reader.to("rotator status")
    assert "Nothing due" in reader.to("rotator plan")
    owners = {f"/taly/{environment}/rotator/owner" for environment in ENVIRONMENTS}
    assert account.written_by("rotator") == owners, "it only looks"

    # 3
    for environment in ENVIRONMENTS:
        reader.to("rotator prepare")
        assert json.loads(held(f"{environment}/{ACCEPTED}")) == [first[f"{environment}/{TOKEN}"]]

    # 4
    reader.write()
    reader.policy_is_in_force()
    reader.see(f"rotator approve {token}")
    reader.to("rotator approve")
    reader.wait("the first rotation", lambda: held(token) != first[token])
    assert token in reader.to("rotator status")
    assert "first rotation" in reader.to("rotator history")
    assert dict(account.secrets().items() - first.items()).keys() == {token}, "what somebody said yes to"

    # 5
    reader.write()
    reader.see("policies.yaml waits for a yes")
    reader.to("rotator policy diff")
    reader.to("rotator approve")
    reader.policy_is_in_force()
    reader.to("rotator rotate")
    assert held(database) != first[database]
    reader.to("rotator rollback")
    reader.wait("the way back", lambda: held(database) == first[database])
    reader.to("rotator status")
    reader.see("was undone", f"rotator status {database}")
    assert "a person makes it" in reader.to("rotator rotate --all")
    reader.wait("all of them", lambda: held(database) != first[database])
    reader.to("rotator status --env staging")
    reader.see("ok", f"rotator status --all | grep '^{token} '")

    # 6
    reader.start_again(_FOR_PRODUCTION)
    reader.write()
    reader.policy_is_in_force()
    production = f"production/{TOKEN}"
    assert f"rotator approve {production}" in reader.to("rotator plan")
    assert held(production) == first[production]
    reader.to("rotator approve")
    reader.wait("a yes for production", lambda: held(production) != first[production])

    # 7
    reader.write()
    reader.see("policies.yaml waits for a yes")
    assert reader.at_end()
    reader.type("rotator policy diff policies.yaml")
    reader.type('rotator approve policy:VERSION --reason "as in step 5"')
    reader.policy_is_in_force()
    reader.see("rotator approve production/DATABASE_URL")
    assert held("production/DATABASE_URL") == first["production/DATABASE_URL"]
    (pause,) = (code.text for code in inline(PAGE) if code.text.startswith("rotator pause"))
    reader.type(pause)
    reader.see("PAUSED", "rotator status --all | grep '^production/DATABASE_URL '")
