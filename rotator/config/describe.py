"""One of pydantic's errors as a sentence for people, of policies and of settings.

Apart from what checks the shape of a policy, so that settings are read without the whole model of policies.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import ErrorDetails

from rotator.config.complaints import hint, listed, shorten

_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}

_TYPES = {
    "string_type": "must be text; quote it",
    "int_type": "must be a whole number, without quotes",
    "bool_type": "must be true or false, in lower case and without quotes (yes, no, on and off are text)",
    "list_type": "must be a list: [a, b]",
    "tuple_type": "must be a list: [a, b]",
    "dict_type": "must be a mapping: keys with values below them",
    "model_type": "must be a mapping: keys with values below them",
    "model_attributes_type": "must be a mapping: keys with values below them",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "too_long": "has too many entries",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}


def describe(error: ErrorDetails, keys: Sequence[str] = ()) -> str:
    """One of pydantic's errors as a sentence. `keys`: what may stand where an unknown key was found."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "wrong":
        return str(context["sentence"])
    if kind == "extra_forbidden":
        if str(error["loc"][-1]).startswith("endpoint"):
            return "is not for policies; endpoints are settings of the deployment, e.g. ROTATOR_ENDPOINT_SSM"
        return f"unknown key{hint(str(error['loc'][-1]), keys)}"
    if kind == "missing":
        return "is missing"
    if kind == "literal_error":
        return _not_allowed(error["input"], str(context["expected"]))
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"must be {words} {_spell(context[bound])}"
    if kind == "value_error":
        return str(context["error"])
    return _TYPES.get(kind) or f"{error['msg'][:1].lower()}{error['msg'][1:]}"


def _spell(bound: Any) -> str:
    return f"{bound:g}" if isinstance(bound, int | float) else str(bound)


def _not_allowed(found: Any, expected: str) -> str:
    allowed = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    if not isinstance(found, str):
        return f"must be {listed(allowed).replace('True', 'true')}"
    return f"unknown value '{shorten(found)}'{hint(found, allowed)}"


def keys_of(error: ErrorDetails) -> list[str | int]:
    """Where it stands below the options: pydantic's own steps, in brackets, are none that people write."""
    return [part for part in error["loc"] if isinstance(part, int) or not part.startswith("[")]
