"""What a rollout leaves at a platform of AWS that keeps no label of its own: two tags on what was rolled out.

Everything that has to outlive a process is at the platform. One tag says which rollout of ours came last and what it
has become there; the other one, which rollouts were seen done, because a later one takes the first tag over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

ROLLOUT, FINISHED = "rotator:rollout", "rotator:finished"
#: Characters of a tag's value (AWS General Reference, "Tag naming limits and requirements").
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class Mark:
    """Our last rollout: its label, a word for how far it came, what it is called there, and when that was written."""

    label: str
    state: str
    name: str
    at: datetime

    @classmethod
    def read(cls, tags: Mapping[str, str]) -> Mark | None:
        """None where there is none, or somebody else wrote it."""
        try:
            label, state, name, at = tags.get(ROLLOUT, "").split(" ")
            return cls(label, state, name, datetime.fromisoformat(at))
        except ValueError:
            return None

    def tag(self) -> dict[str, str]:
        """The tag that holds it."""
        return {ROLLOUT: f"{self.label} {self.state} {self.name} {self.at.isoformat()}"}


def finished(tags: Mapping[str, str]) -> list[str]:
    """Labels of the rollouts that were seen done, the latest one last."""
    return tags.get(FINISHED, "").split()


def also_finished(tags: Mapping[str, str], label: str) -> dict[str, str]:
    """The tag with one more; the oldest make room."""
    labels = [*finished(tags), label]
    while len(" ".join(labels)) > _LONGEST:
        del labels[0]
    return {FINISHED: " ".join(labels)}
