"""What a deploy service or a program of the company's own says of a rollout.

Nothing that it writes reaches a message, because nobody knows what that may quote: it tells a word of a fixed list and
numbers, and the sentences are ours. What is not understood is no verdict.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from rotator.contracts.redeployer import Rollout, RolloutProgress, Start
from rotator.model.errors import Transient
from rotator.model.numbers import counted

#: Bytes of an answer.
LARGEST = 256 * 1024
#: The words, and what people are told.
_WHY = {
    "": "",
    "approval": "waits for somebody's approval",
    "cancelled": "was cancelled",
    "crashing": "new instances end right after their start",
    "image": "the image cannot be fetched",
    "not-ready": "new instances do not become ready",
    "queued": "waits for its turn",
    "replaced": "another rollout took its place",
    "resources": "there is no room for new instances",
    "timed-out": "it took too long",
}


class _Said(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    progress: RolloutProgress
    why: str = ""
    fresh: Annotated[int, Field(ge=0)] = 0  # instances of this rollout that are ready
    wanted: Annotated[int, Field(ge=0)] = 0
    left: Annotated[int, Field(ge=0)]  # instances from before it that live, terminating ones included
    seen: dict[str, int] = {}


class _Began(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    role: Annotated[str, Field(pattern=r"^[\w+=,.@-]{0,64}$")]
    at: AwareDatetime


_BEGAN = TypeAdapter(list[_Began])


def rollout(workload: str, content: bytes, where: str) -> Rollout:
    """How it stands: its word, and for DONE that it has nothing left from before. Raises Transient."""
    try:
        said = _Said.model_validate_json(content)
    except ValidationError:
        said = None
    if said is None:
        raise _not_understood(where)
    why = _WHY.get(said.why, "the reason that is given is none that rotator knows")
    progress, told = said.progress, [f"{said.fresh} of {counted(said.wanted, 'instance')} are new"]
    if progress is RolloutProgress.DONE and said.left:
        progress = RolloutProgress.PENDING
    if said.left and progress is RolloutProgress.PENDING:
        told.append(f"{counted(said.left, 'instance')} from before live")
    return Rollout(progress, f"{workload}: {'; '.join(filter(None, (why, *told)))}", said.seen)


def starts(workload: str, content: bytes, where: str) -> list[Start]:
    """Starts of instances. Raises Transient."""
    try:
        return [Start(workload, one.role, one.at) for one in _BEGAN.validate_json(content)]
    except ValidationError:
        trouble = _not_understood(where)
    raise trouble


def _not_understood(where: str) -> Transient:
    return Transient(f"{where} answers what rotator does not understand; see the page of its redeployer")
