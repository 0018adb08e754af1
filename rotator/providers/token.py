"""Token: values that are compared or used as a key as they are: internal API tokens, webhook signing keys."""

from __future__ import annotations

import re
import secrets
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions
from rotator.model.errors import Refused
from rotator.model.policy import Recipe
from rotator.model.secrets import Credential
from rotator.providers.both_ends import BothEndsOurs


class Token(BothEndsOurs):
    """One token."""

    remark: ClassVar[str] = "internal tokens, webhook signing keys; `assumed` without a probe"

    class Options(AdapterOptions):
        """How new values look.

        At least 128 bits: RFC 6749 section 10.10 demands that a token be guessed with a probability of at most 2^-128.
        At most 4096, as 1024 hex digits still fit into every store and header.
        """

        format: Literal["hex", "base64url"] = "base64url"
        bits: Annotated[int, Field(ge=128, le=4096, multiple_of=8)] = 256

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        super().__init__(recipe, around)
        self._options = self.Options.taken_from(recipe.settings, recipe.secret)

    def verify(self, credential: Credential) -> None:
        """Any value will do, unless it is to be sent to a probe and cannot travel there."""
        if self._recipe.probe:
            super().verify(credential)

    def _generated(self) -> str:
        make = secrets.token_hex if self._options.format == "hex" else secrets.token_urlsafe
        return make(self._options.bits // 8)

    def _proof(self, credential: Credential) -> str:
        """The token itself."""
        value = credential.fields["value"].reveal()
        if re.fullmatch(r"[\x21-\x7e]+", value) is None:
            raise Refused(
                f"{credential.id} cannot travel in an HTTP header (a blank, a line break or a letter beyond ASCII): "
                "see whether the parameter holds what its consumers expect"
            )
        return value
