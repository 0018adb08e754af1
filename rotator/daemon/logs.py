"""Structured logs: one JSON object a line on standard error, each line of a rotation with its id.

Nothing but our own words is ever printed. What SDKs log may quote requests and answers, and so may a traceback; both
are left out, and so are warnings. What they would have told, our own lines tell as sentences. Of our own lines,
whatever carries a secret value is left out, sealed as it is.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Mapping
from types import TracebackType

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from rotator.daemon.troubles import place_of
from rotator.model.printable import printable
from rotator.model.secrets import AcceptedSet, Credential, Sealed, StoredValue

#: What most lines are made of.
_PLAIN = frozenset({str, int, float, bool, type(None)})


def start_logging(*, human: bool, level: str) -> None:
    """Sets logging up, once a process: JSON for machines, short lines for a terminal."""
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=False) if human else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_tracebacks,
            _without_values,
            *([_printable] if human else []),  # JSON escapes by itself
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _silence_others()
    sys.excepthook = _explain
    threading.excepthook = lambda died: _explain(died.exc_type, died.exc_value, died.exc_traceback)


def _silence_others() -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


def _without_tracebacks(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key in ("exc_info", "stack_info", "exception"):
        event.pop(key, None)
    return event


def _printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """No text from elsewhere moves the cursor of a terminal."""
    return {key: printable(told) if isinstance(told, str) else told for key, told in event.items()}


def _without_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Takes out what carries a secret value, and says so: nobody has a reason to log one, sealed or not."""
    carriers = [key for key, told in event.items() if _carries_a_value(told)]
    for key in carriers:
        del event[key]
    if carriers:
        event["left_out"] = f"{', '.join(carriers)}: a secret value was about to be logged, a bug of rotator"
    return event


def _carries_a_value(told: object) -> bool:
    if type(told) in _PLAIN:
        return False
    if isinstance(told, Mapping):
        return any(map(_carries_a_value, (*told, *told.values())))
    if isinstance(told, list | tuple | set | frozenset):
        return any(map(_carries_a_value, told))
    return isinstance(told, Sealed | Credential | AcceptedSet | StoredValue)


def _explain(kind: type[BaseException], error: BaseException | None, _trace: TracebackType | None) -> None:
    """What nobody caught, without what it quotes."""
    where = place_of(error) if error is not None else "an unknown place"
    structlog.get_logger().error("bug", kind=kind.__name__, at=where)
