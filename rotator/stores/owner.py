"""The owner parameter: which installation may write below a path, as text for people and programs.

It is a plain String, no secret: an operator reads in the console who owns the environment.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ValidationError

from rotator.model.errors import ForeignOwner, Refused
from rotator.model.secrets import Owner


class OwnerText(BaseModel):
    """The JSON in the parameter. Fields that a later version adds are let through."""

    installation: str
    heartbeat_at: AwareDatetime
    generation: int = 0


def written(owner: Owner) -> str:
    """The parameter's value."""
    text = OwnerText(
        installation=owner.installation, heartbeat_at=owner.heartbeat_at, generation=owner.generation
    )
    return text.model_dump_json()


def parsed(text: str, parameter: str) -> Owner:
    """The owner that `parameter` names. Raises Refused when that is not what rotator writes there."""
    try:
        found = OwnerText.model_validate_json(text)
    except ValidationError:
        raise Refused(
            f"{parameter} does not hold what rotator writes there, so nobody can tell who owns the environment; "
            "nothing was written. Delete the parameter once no other rotator writes to this environment"
        ) from None
    return Owner(found.installation, found.heartbeat_at, found.generation)


def foreign(owner: Owner, path: str) -> ForeignOwner:
    """What is said when somebody else owns the environment."""
    return ForeignOwner(
        f"installation {owner.installation} owns {path} (last seen {owner.heartbeat_at:%Y-%m-%d %H:%M:%S %Z}); "
        "nothing was written. Stop that rotator, or run `rotator take-over ENVIRONMENT` if it is gone"
    )


def must_not_be_foreign(owner: Owner | None, installation: str, path: str, now: datetime) -> None:
    """Raises ForeignOwner when another living installation owns the environment: before every write."""
    if owner is not None and owner.installation != installation and owner.lives(now):
        raise foreign(owner, path)


def must_be_free(there: Owner | None, claimant: Owner, instead_of: Owner | None, path: str) -> None:
    """Raises ForeignOwner when somebody else than `instead_of` owns what the claimant is about to claim."""
    if there is not None and there.installation != claimant.installation and there != instead_of:
        raise foreign(there, path)


def claimed_twice(path: str) -> ForeignOwner:
    """What is said when a claim was overtaken by another one."""
    return ForeignOwner(
        f"another installation claimed {path} at the same moment; nothing else was written. "
        "Stop one of the two, then run `rotator take-over ENVIRONMENT`"
    )
