"""A shell that a person types into, as pages ask for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.docs.pages import ROOT

_END = "what was typed has been done"


class Terminal:
    """It begins in `folder`, the repository unless told otherwise; `settings` are variables of its environment."""

    def __init__(self, home: Path, folder: Path = ROOT, settings: Mapping[str, str] | None = None) -> None:
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env={"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", **(settings or {})},
        )

    def type(self, text: str) -> str:
        """Types it, and returns what was said until it was done."""
        assert self._shell.stdin is not None and self._shell.stdout is not None
        self._shell.stdin.write(f"{text}\necho {_END}\n")
        self._shell.stdin.flush()
        said = []
        for line in self._shell.stdout:
            if line.strip() == _END:
                break
            said.append(line)
        return "".join(said)

    def close(self) -> None:
        """Ends the shell and what it left in the background."""
        self.type("kill -9 $(jobs -p)")
        self._shell.kill()
        self._shell.wait(timeout=60)
