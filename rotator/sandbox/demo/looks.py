"""Somebody who looks all the time: at the daemon's pages, and with the verbs that only look. What he saw is kept.

Nobody ever finds a value there: the audit searches all of it.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx

from rotator.sandbox.demo import verbs

PAGES = ("/metrics", "/healthz", "/readyz")
VERBS: tuple[tuple[str, ...], ...] = (("status",), ("status", "--json"), ("plan",), ("plan", "--json"))
_BETWEEN_PAGES, _PAGES_A_VERB = 2.0, 6
_AT_ONCE = 2


@dataclass
class Onlooker:
    """`environment` is the daemon's, `log` its log. Enter it to have him look; leave it and he stops."""

    environment: Mapping[str, str] = field(repr=False)
    log: Path
    seen: dict[str, list[bytes]] = field(
        default_factory=dict, repr=False
    )  # what was looked at -> each answer
    failed: list[str] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _looking: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._looking = threading.Thread(target=self._look, daemon=True)
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._looking is not None:
            self._looking.join()

    @staticmethod
    def expected() -> list[str]:
        """What he looks at, as `looks` names it."""
        return [*PAGES, "rotator status", "rotator status --json", "rotator plan", "rotator plan --json"]

    def looks(self) -> Counter[str]:
        """How often each thing was looked at."""
        return Counter({what: len(answers) for what, answers in self.seen.items()})

    def places(self) -> dict[str, bytes]:
        """Everything he saw, to be searched."""
        return {what: b"\n".join(answers) for what, answers in self.seen.items()}

    def open_pages(self) -> None:
        """All pages, once; silent while nobody serves them, which is so after a `kill -9`."""
        port = listening_on(self.log)
        if port is None:
            return
        for page in PAGES:
            try:
                answer = httpx.get(f"http://127.0.0.1:{port}{page}", timeout=30.0, trust_env=False)
            except httpx.TransportError:
                return
            self._keep(page, str(answer.headers).encode() + answer.content)

    def run(self, verb: Sequence[str], typed: str = "") -> int:
        """`rotator` with these words, as from a terminal. Its exit code; what it printed is kept."""
        ended = verbs.run(verb, self.environment, typed)
        # One place for all of a kind: the ids of rotations are many.
        self._keep(f"rotator {verb[0]}{' --json' if '--json' in verb else ''}", ended.output)
        return ended.code

    def run_all(self, words: Iterable[Sequence[str]]) -> None:
        """Each of these verbs; those that do not exit with 0 are noted."""
        with ThreadPoolExecutor(_AT_ONCE) as together:
            wanted = list(words)
            for verb, code in zip(wanted, together.map(self.run, wanted), strict=True):
                if code != 0:
                    self.failed.append(f"rotator {' '.join(verb)}: exit code {code}")

    def _look(self) -> None:
        rounds = 0
        while not self._stopping.wait(_BETWEEN_PAGES):
            self.open_pages()
            rounds += 1
            if rounds % _PAGES_A_VERB == 0:
                self.run_all([VERBS[rounds // _PAGES_A_VERB % len(VERBS)]])

    def _keep(self, what: str, answer: bytes) -> None:
        self.seen.setdefault(what, []).append(answer)


def listening_on(log: Path) -> int | None:
    """The port that the newest daemon says it serves its pages on; None while it has said nothing."""
    for line in reversed(log.read_text(errors="replace").splitlines() if log.exists() else []):
        if '"listening"' in line:
            return int(json.loads(line)["port"])
    return None
