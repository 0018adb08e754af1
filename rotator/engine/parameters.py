"""Where the fields of a credential stand: each in a parameter of its own, or all in one, as a JSON object.

With one parameter there is one write, and no pod reads halves of two credentials. What other people keep in that
object is theirs: it may change at any time, it stays, and it says nothing about the credential.
"""

from __future__ import annotations

from collections.abc import Mapping

from rotator.contracts.store import Look
from rotator.model.errors import Refused
from rotator.model.policy import Recipe
from rotator.model.secrets import JsonObject, MalformedObject, Sealed

#: Parameter -> all that it holds.
Texts = Mapping[str, Sealed]


class Unreadable(Refused):
    """The parameter that should hold all fields is no JSON object with these fields."""


def texts_in(recipe: Recipe, there: Look) -> dict[str, Sealed]:
    """What a look saw of the secret's own parameters. Raises Refused when one is missing."""
    missing = [name for name in recipe.parameters if name not in there]
    if missing:
        raise Refused(f"there is no parameter {' and '.join(missing)}")
    return {name: there[name].value for name in recipe.parameters}


def fields_in(recipe: Recipe, texts: Texts) -> dict[str, Sealed]:
    """The credential's fields. Raises Unreadable."""
    if not recipe.one_parameter:
        return {field: texts[name] for field, name in recipe.fields.items()}
    name = _the_one(recipe)
    try:
        return JsonObject.parse(texts[name]).fields(recipe.fields)
    except MalformedObject as malformed:
        raise _unreadable(name, malformed) from malformed


def laid_over(recipe: Recipe, fields: Mapping[str, Sealed], texts: Texts) -> dict[str, Sealed]:
    """What the parameters are to hold so that these fields are in them, where they hold `texts`. Raises Unreadable."""
    if not recipe.one_parameter:
        return {name: fields[field] for field, name in recipe.fields.items()}
    name = _the_one(recipe)
    try:
        return {name: JsonObject.parse(texts[name]).having(fields).sealed()}
    except MalformedObject as malformed:
        raise _unreadable(name, malformed) from malformed


def holds(recipe: Recipe, name: str, text: Sealed, fields: Mapping[str, Sealed]) -> bool:
    """Whether a parameter with this text holds what it should of these fields. Raises Unreadable."""
    if recipe.one_parameter:
        return fields_in(recipe, {name: text}) == dict(fields)
    return all(text == fields[field] for field, where in recipe.fields.items() if where == name)


def _the_one(recipe: Recipe) -> str:
    (name,) = recipe.parameters  # `policy check` lets no others through
    return name


def _unreadable(name: str, malformed: MalformedObject) -> Unreadable:
    return Unreadable(f"{name}: {malformed}; nothing was written to it")
