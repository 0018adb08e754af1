"""A property that is computed when it is first asked for, and kept.

functools.cached_property does the same, but before Python 3.12 it holds one lock for all objects of a class meanwhile:
workers would wait for each other's calls to KMS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

_Of = TypeVar("_Of")
_What = TypeVar("_What")


class once(Generic[_Of, _What]):  # noqa: N801 - it reads as a decorator, like property
    """Keeps what the method returned in the object's `__dict__`; what it raised is not kept.

    Two threads that share one object may both compute it.
    """

    def __init__(self, compute: Callable[[_Of], _What]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, one: None, owner: type[_Of]) -> Self: ...

    @overload
    def __get__(self, one: _Of, owner: type[_Of] | None = None) -> _What: ...

    def __get__(self, one: _Of | None, owner: type[_Of] | None = None) -> Self | _What:
        """Asked only while the object does not have it: its `__dict__` comes first."""
        if one is None:
            return self
        what = self._compute(one)
        vars(one)[self._name] = what
        return what
