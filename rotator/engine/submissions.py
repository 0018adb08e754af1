"""What people submit: sealed where it is read, kept in its request, and taken over by the rotation that it becomes.

The rotation gets the request's id, so its data key and its seal are the request's from the beginning: nobody opens the
value on the way, and the journal moves it from the one row to the other in one transaction. Whatever settles a request
otherwise forgets the value in the same statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rotator.contracts.journal import Journal
from rotator.contracts.sealer import Sealer
from rotator.engine.phases.step import seal_context, submitted_seal
from rotator.model.requests import Request, RequestKind, RequestState
from rotator.model.secrets import Sealed


def sealed_in(request: Request, fields: Mapping[str, Sealed], sealer: Sealer) -> Request:
    """The request with what was submitted in it. Raises what a sealer raises: then nothing is kept."""
    key = sealer.new_key(seal_context(request.about, request.id))
    sealed = key.seal(fields, submitted_seal(request.id))
    return request.model_copy(update={"sealed": sealed, "data_key": key.wrapped})


def without_earlier(journal: Journal, waiting: Sequence[Request]) -> list[Request]:
    """The requests without those that a later submission for the same secret replaces; these are refused.

    Who submits once more has noticed a mistake. A value that a rotation has taken over already stays its own affair:
    the later one waits for it, and then replaces it.
    """
    newest = {one.about: one for one in waiting if one.kind is RequestKind.SUBMIT}
    left = []
    for request in waiting:
        later = newest.get(request.about)
        if request.kind is not RequestKind.SUBMIT or later is None or later.id == request.id:
            left.append(request)
            continue
        sentence = (
            f"replaced by what {later.by} submitted at {later.at:%Y-%m-%d %H:%M} UTC; if that is another one, "
            "end this one at the source"
        )
        journal.settle_request(request.id, RequestState.REFUSED, sentence)
    return left
