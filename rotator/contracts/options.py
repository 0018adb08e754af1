"""An adapter's own options, as `settings` in policies.yaml give them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
)

from rotator.model.durations import parse_duration
from rotator.model.errors import Refused
from rotator.model.references import REFERENCE


def _duration(value: object) -> timedelta:
    """Raises ValueError."""
    return parse_duration(value if isinstance(value, str) else "")


#: `5d`, `12h`: as everywhere in policies.yaml.
Duration = Annotated[timedelta, BeforeValidator(_duration)]
#: Of AWS. It becomes part of a host's name.
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]


def leads_to(name: str, never: str = "a value") -> AfterValidator:
    """For an option that names a credential and must not hold one; what is refused is not repeated.

    `key: Annotated[str, leads_to("ACME_KEY")]`. `name`: how its parameter may be called; `never`: what people write.
    """

    def checked(text: str) -> str:
        if not REFERENCE.fullmatch(text):
            raise ValueError(f"must be a reference (ssm:/…/{name}), never {never}")
        return text

    return AfterValidator(checked)


class AdapterOptions(BaseModel):
    """Strict, and silent: people put a value where a reference belongs, so no error ever shows what was written."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def taken_from(cls, settings: Mapping[str, Any], whose: str) -> Self:
        """The settings of a secret, a deployment or a mirror. Raises Refused, which names the options that are wrong.

        `policy check` has looked at them before; a recipe that was frozen by another version may still not fit.
        """
        try:
            return cls.model_validate(settings)
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False, include_input=False, include_context=False)
        wrong = sorted({".".join(map(str, error["loc"])) or error["msg"] for error in errors})
        told = f"settings of {whose} cannot be used: {', '.join(wrong)}"
        raise Refused(f"{told}; `rotator policy check` says what they may be")
