"""Figures: what was measured, what it should be, and how it was measured, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Size(StrEnum):
    """How much is measured: what the aims are about, or as little as shows that it can be measured."""

    FULL = "full"
    QUICK = "quick"

    def of(self, full: int, quick: int) -> int:
        """A number of things, by size."""
        return full if self is Size.FULL else quick


class Unmeasured(RuntimeError):
    """It could not be measured here; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Aim:
    """The value should be at most, or at least, this."""

    bound: float
    least: bool = False

    def met_by(self, value: float) -> bool:
        """Whether it is kept."""
        return value >= self.bound if self.least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.bound:g}"


def at_most(bound: float) -> Aim:
    """The value should not be more."""
    return Aim(bound)


def at_least(bound: float) -> Aim:
    """The value should not be less."""
    return Aim(bound, least=True)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. Without an aim it is there to understand the others by."""

    name: str
    value: float
    unit: str
    method: str
    aim: Aim | None = None

    @property
    def verdict(self) -> str:
        """What the aim says about the value; a miss is never hidden."""
        if self.aim is None:
            return ""
        return "met" if self.aim.met_by(self.value) else "missed"

    def document(self, group: str) -> dict[str, object]:
        """As results.json has it."""
        return {
            "group": group,
            "figure": self.name,
            "value": self.value,
            "unit": self.unit,
            "aim": None if self.aim is None else str(self.aim),
            "met": None if self.aim is None else self.aim.met_by(self.value),
            "method": self.method,
        }
