"""Who starts a rotation, and which secrets are only watched because an adapter that they need cannot be loaded."""

from __future__ import annotations

from collections.abc import Iterable

from rotator.config.complaints import Path, listed
from rotator.config.draft import Draft
from rotator.config.precedence import Effective
from rotator.model.policy import Mode

_BY_CAUTION = (Mode.AUTO, Mode.APPROVE, Mode.OBSERVE)


def mode_of(draft: Draft, effective: Effective) -> Mode:
    """The more careful of what the secret and its environment say."""
    own = Mode(effective.rules.mode or Mode.AUTO)
    ceiling = Mode(draft.file.environments[effective.environment].mode)
    return max(own, ceiling, key=_BY_CAUTION.index)


def rotates(draft: Draft, effective: Effective) -> bool:
    """Whether rotator is to rotate it as things are."""
    return mode_of(draft, effective) is not Mode.OBSERVE and not obstacle(draft, effective)


def obstacle(draft: Draft, effective: Effective) -> tuple[Path, str] | None:
    """What keeps rotator from rotating it: where the file asks for it, and a sentence without its end."""
    if not effective.type:
        return effective.path, "an exempt secret without a type"
    if draft.provider_of(effective) is None:
        return ("types", effective.type, "provider"), f"the adapter '{effective.provider}' cannot be loaded"
    for name in effective.rules.mirrors or ():  # a mirror that stays behind would hand out a dead credential
        kind = draft.file.mirrors[name].kind if name in draft.file.mirrors else ""
        if kind in draft.adapters.mirror_names() and draft.adapters.mirror(kind) is None:
            return ("mirrors", name, "kind"), f"the adapter '{kind}' cannot be loaded"
    for deployment in effective.rules.deploy or ():
        platform = draft.platform_of(deployment) if deployment in draft.file.deployments else None
        if platform and not draft.redeployer and draft.adapters.redeployer(platform[0]) is None:
            return ("deployments", deployment, platform[0]), f"the adapter '{platform[0]}' cannot be loaded"
    return None


def note_watched_only(draft: Draft, everything: Iterable[Effective]) -> None:
    """One note for each missing part, with the secrets that wait for it; none for a provider that nobody knows."""
    providers = draft.adapters.provider_names()
    waiting: dict[str, tuple[Path, dict[str, None]]] = {}
    for effective in everything:
        if effective.provider in providers and (found := obstacle(draft, effective)):
            where, sentence = found
            waiting.setdefault(sentence, (where, {}))[1][effective.name] = None
    for sentence, (where, names) in waiting.items():
        verb = "is" if len(names) == 1 else "are"
        draft.complaints.note(where, f"{sentence}: {listed(names)} {verb} watched only")
