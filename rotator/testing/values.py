"""Values for tests: made at run time, and watched."""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rotator.model.errors import RotatorError
from rotator.model.secrets import Sealed


def fresh_value(size: int = 24) -> Sealed:
    """A value that nothing else contains."""
    return Sealed(secrets.token_hex(size)[:size])


@contextmanager
def raises_silently(
    kind: type[RotatorError], *unsaid: Sealed
) -> Iterator[pytest.ExceptionInfo[RotatorError]]:
    """Like pytest.raises, and no value is in what a traceback of the exception shows."""
    with pytest.raises(kind) as caught:
        yield caught
    story = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert not any(value.reveal() in story for value in unsaid), "a value is in the exception"
