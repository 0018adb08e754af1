"""What SSM's own error codes mean, in sentences for people.

Source of the codes: the service model of SSM in botocore (PutParameter, GetParameter, GetParameters,
DescribeParameters, GetParameterHistory), and its unmodelled ValidationException and AccessDeniedException.
"""

from __future__ import annotations

import re

from rotator.aws import Failure
from rotator.model.errors import Refused, RotatorError, Transient

_REFUSALS = {
    "ParameterNotFound": "there is no such parameter. It was deleted, or policies.yaml names it wrongly",
    "ParameterVersionNotFound": "it does not keep that version of the parameter",
    "ParameterPatternMismatchException": (
        "its AllowedPattern does not admit the value (or its name is not allowed). "
        "Change the pattern, or the alphabet and length in policies.yaml"
    ),
    "HierarchyTypeMismatchException": "a parameter's type cannot be changed; delete it and make it a SecureString",
    "HierarchyLevelLimitExceededException": "a parameter's name may have 15 levels",
    "ParameterLimitExceeded": "the account holds as many parameters as it may in this region; delete some of them",
    "UnsupportedParameterType": "it does not know the parameter's type",
    "InvalidAllowedPatternException": "the parameter's AllowedPattern is not valid",
    "PoliciesLimitExceededException": "the parameter has more policies than the 10 that are allowed",
    "InvalidPolicyTypeException": "the parameter has a policy of a type it does not know",
    "InvalidPolicyAttributeException": "one of the parameter's policies is not valid",
    "IncompatiblePolicyException": "the parameter's policies contradict each other",
    "ValidationException": "it finds the request invalid",
}

_REPAIRABLE = {
    # Not a verdict on the value: a person enables the key or the permission again, and the work goes on.
    "InvalidKeyId": "the KMS key that the parameter is sealed with is gone, disabled or not rotator's to use",
    "TooManyUpdates": "somebody else is writing it at this moment",
}


class AlreadyThere(Transient):
    """The parameter that was to be created has appeared since we looked."""


_OLDEST = re.compile(r"\bVersion (\d+)\b")


def verdict(failure: Failure) -> RotatorError | None:
    """What SSM means by its answer; None when the answer is not SSM's own."""
    if failure.code == "ParameterAlreadyExists":
        return AlreadyThere(
            f"SSM could not {failure.doing}: somebody created it at this moment; nothing was changed"
        )
    if failure.code == "ParameterMaxVersionLimitExceeded":
        return _versions_held(failure)
    if failure.code in _REFUSALS:
        return Refused(f"SSM will not {failure.doing}: {_REFUSALS[failure.code]}; nothing was changed")
    if failure.code in _REPAIRABLE:
        return Transient(f"SSM could not {failure.doing}: {_REPAIRABLE[failure.code]}; nothing was changed")
    if failure.code == "AccessDeniedException" and "KMS" in failure.message:
        return Transient(f"SSM could not {failure.doing}: {_REPAIRABLE['InvalidKeyId']}; nothing was changed")
    return None


def _versions_held(failure: Failure) -> Refused:
    oldest = _OLDEST.search(failure.message)
    which = f"version {oldest[1]}" if oldest else "the oldest"
    return Refused(
        f"SSM will not {failure.doing}: it keeps 100 versions, and {which} cannot make room because it bears a label; "
        f"nothing was written. {free_oldest(oldest[1] if oldest else 'OLDEST')}"
    )


def free_oldest(version: str) -> str:
    """What a person does about a label on the oldest version."""
    return (
        "Move the label to a newer version (aws ssm label-parameter-version), or take it away "
        f"(aws ssm unlabel-parameter-version --parameter-version {version})"
    )
