"""An adapter's own options, as `settings` in policies.yaml give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from rotator.model.errors import Refused


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
        raise Refused(f"settings of {whose} cannot be used: {', '.join(wrong)}")
