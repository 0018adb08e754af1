"""What Secrets Manager's own error codes mean, and which secrets are not ours to write, in sentences for people.

Source of the codes: the API reference of AWS Secrets Manager.
"""

from __future__ import annotations

from collections.abc import Mapping

from rotator.aws import Failure
from rotator.model.errors import Refused, RotatorError, Transient


class Missing(Refused):
    """There is no such secret, or it has no value."""


class AlreadyThere(Transient):
    """The secret that was to be created has appeared since we looked."""


class Invalid(Refused):
    """It does not take the request as it is."""


class NotAsExpected(Transient):
    """Another version than the expected one is current: nothing was changed."""


def must_be_ours(name: str, described: Mapping[str, object]) -> None:
    """Raises Refused where somebody else writes or rotates the secret, or nobody may."""
    if described.get("DeletedDate"):
        raise Refused(
            f"{name} is scheduled for deletion; nothing was written. Restore it, or name another one"
        )
    if described.get("OwningService"):
        raise Refused(f"{name} belongs to {described['OwningService']}, which writes it; nothing was written")
    if described.get("RotationEnabled"):
        raise Refused(
            f"Secrets Manager rotates {name} itself; nothing was written. Only one can: turn that off "
            "(aws secretsmanager cancel-rotate-secret), or take it out of policies.yaml"
        )


_REFUSALS = {
    "InvalidRequestException": "it is not in a state for that (scheduled for deletion, perhaps)",
    "ValidationException": "it finds the request invalid",
    "MalformedPolicyDocumentException": "its policy is not valid",
}
_LATER = {
    "EncryptionFailure": "the KMS key that it is sealed with is gone, disabled or not rotator's to use",
    "DecryptionFailure": "the KMS key that it is sealed with is gone, disabled or not rotator's to use",
    "LimitExceededException": "it keeps about 100 versions of a secret, and drops none that is younger than a day",
    "PreconditionNotMetException": "it is waiting for something else in the account",
}


def verdict(failure: Failure) -> RotatorError | None:
    """What Secrets Manager means by its answer; None when the answer is not its own."""
    code, doing = failure.code, failure.doing
    if code == "ResourceNotFoundException":
        return Missing(f"Secrets Manager will not {doing}: there is no such secret, or it has no value")
    if code == "ResourceExistsException":
        return AlreadyThere(
            f"Secrets Manager could not {doing}: somebody did at this moment; nothing was changed"
        )
    if code == "InvalidParameterException":
        return Invalid(f"Secrets Manager will not {doing}: it finds the request invalid; nothing was changed")
    if code in _REFUSALS:
        return Refused(f"Secrets Manager will not {doing}: {_REFUSALS[code]}; nothing was changed")
    if code in _LATER or code.startswith(("EncryptionFailure", "DecryptionFailure")):
        why = _LATER.get(code, _LATER["EncryptionFailure"])
        return Transient(f"Secrets Manager could not {doing}: {why}; nothing was changed")
    return None
