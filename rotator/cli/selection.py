"""Which secrets a person means: by name, by what is due, by everything, or by kind.

Whoever asks for a kind means all of it: what a window, a freeze or a soak holds back is asked for as it would be by
name, and what cannot be asked for is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rotator.cli.names import in_environment, secret_named
from rotator.cli.opening import Place, Unusable
from rotator.config.complaints import hint
from rotator.engine.decisions import Decided
from rotator.engine.standing import Standing, rotate_command
from rotator.model.requests import RequestKind

#: A request by name is kept, and waits for its turn; one for a whole kind leaves it out.
_BUSY = {
    Standing.ACTIVE: "is being rotated already",
    Standing.PARKED: "is parked and waits for a person (see `rotator history {secret}`)",
    Standing.PAUSED: "is paused",
    Standing.UNSURVEYED: "has not been looked at often enough yet",
}
#: No waiting makes it possible.
_CANNOT = {
    Standing.OBSERVED: "watched only: an adapter of it cannot be loaded, or its policy says mode: observe",
    Standing.EXEMPT: "exempt until its date in policies.yaml",
    Standing.MISSING: "not in the store",
    Standing.FOREIGN: "its environment belongs to another installation",
}
#: It is well that a choice leaves them out: the policy says so, or what was wanted is under way.
_AS_IT_SHOULD_BE = {Standing.ACTIVE, Standing.OBSERVED, Standing.EXEMPT}


@dataclass(frozen=True, slots=True)
class Choice:
    """Secrets as they were chosen; environment, type and owner narrow each other and everything but names."""

    names: tuple[str, ...] = ()
    due: bool = False
    everything: bool = False
    environment: str | None = None
    type: str | None = None
    owner: str | None = None

    @property
    def clear(self) -> bool:
        """Whether it says which in one way: by names, by what is due, by everything, or by kind alone."""
        by_kind = (self.type or self.owner) is not None
        ways = bool(self.names) + self.due + self.everything
        return (ways == 1 and not (self.names and by_kind)) or (
            ways == 0 and (by_kind or self.environment is not None)
        )

    @property
    def narrowing(self) -> str:
        """The options that narrow it, as they are typed; empty where none does."""
        said = (("env", self.environment), ("type", self.type), ("owner", self.owner))
        return " ".join(f"--{option} {wanted}" for option, wanted in said if wanted is not None)


def chosen(place: Place, choice: Choice, *, kind: RequestKind = RequestKind.ROTATE) -> Mapping[str, Decided]:
    """Those that are meant, whether they can be asked for or not; of what is due, what a request of that kind begins.

    Raises Unusable with a guess for a word that nothing bears.
    """
    if choice.names:
        secrets = [secret_named(name, place.policies, choice.environment) for name in choice.names]
        return {secret: place.decided[secret] for secret in secrets}
    decided = narrowed(place, choice)
    if not choice.due:
        return decided
    return {
        secret: entry
        for secret, entry in decided.items()
        if entry.decision.due and not impossible(entry, kind=kind)
    }


def narrowed(place: Place, choice: Choice) -> Mapping[str, Decided]:
    """Those of the wanted environment, type and owner. Raises Unusable with a guess for one that no secret has."""
    decided: Mapping[str, Decided] = in_environment(place.policies, place.decided, choice.environment)
    for what, wanted in (("type", choice.type), ("owner", choice.owner)):
        known = {getattr(entry.gathered.policy, what) for entry in decided.values()}
        if wanted is not None and wanted not in known:
            raise Unusable(f"no secret has the {what} {wanted}{hint(wanted, known)}")
        decided = {
            secret: entry
            for secret, entry in decided.items()
            if wanted in {None, getattr(entry.gathered.policy, what)}
        }
    return decided


def impossible(entry: Decided, *, kind: RequestKind = RequestKind.ROTATE) -> str:
    """Why no request of that kind would help, a sentence; empty where one does."""
    policy, sentence = entry.gathered.policy, _CANNOT.get(entry.decision.standing, "")
    if not sentence and policy.submitted and kind is RequestKind.ROTATE:
        return f"a person makes it: make a new one, then: {rotate_command(policy.secret, by_hand=True)}"
    return sentence and (policy.note or sentence)


def waits_its_turn(entry: Decided) -> str:
    """What a request for it waits for, a sentence without the secret; empty where it is taken up at once."""
    return _BUSY.get(entry.decision.standing, "").format(secret=entry.gathered.policy.secret)


def why_left_out(entry: Decided) -> str:
    """Why a request for its whole kind leaves it out, a sentence; empty where it is asked for."""
    waits = waits_its_turn(entry)
    return impossible(entry) or (waits and f"{waits}; asked for by name, it would wait its turn")


def rightly_left_out(entry: Decided) -> bool:
    """Whether nothing is wrong about that: it is under way, or its policy keeps it from being rotated by asking."""
    standing = entry.decision.standing
    return standing in _AS_IT_SHOULD_BE or (entry.gathered.policy.submitted and standing not in _CANNOT)
