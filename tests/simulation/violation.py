"""How a run ends when a promise does not hold."""

from __future__ import annotations


class Violated(BaseException):
    """A promise does not hold. No `except Exception` of the engine can swallow it."""

    def __init__(self, promise: str, sentence: str) -> None:
        super().__init__(f"{promise}: {sentence}")
        self.promise, self.sentence = promise, sentence
