"""How we know that a credential is dead: by the source's own word, or by that of the verifiers that we run."""

from __future__ import annotations

from rotator.contracts.provider import Liveness
from rotator.engine.phases.step import Park, Step
from rotator.model.errors import CredentialRefused
from rotator.model.rotation import Death, Reason
from rotator.model.secrets import Credential


def death(step: Step, predecessor: Credential, successor: Credential) -> Death | None:
    """How we know that `predecessor` is dead; None while it is accepted. Raises when `successor` is refused."""
    if step.traits.shared:
        return _death_by_probe(step, predecessor, successor)
    is_dead = dead(step, predecessor)
    step.provider.verify(successor)
    return step.traits.death if is_dead else None


def dead(step: Step, credential: Credential) -> bool:
    """Whether the source says, in the way that it can, that it does not accept the credential."""
    if step.traits.death is Death.LISTED_GONE:
        listed = step.provider.observe().by_id().get(credential.id)
        return listed is None or listed.liveness is Liveness.DISABLED
    return _refused(step, credential)


def _refused(step: Step, credential: Credential) -> bool:
    try:
        step.provider.verify(credential)
    except CredentialRefused:
        return True
    return False


def _death_by_probe(step: Step, predecessor: Credential, successor: Credential) -> Death | None:
    if not step.recipe.probe:
        return Death.ASSUMED
    refused = True
    for url in step.recipe.probe:
        try:
            step.verifiers.probe(url, predecessor)
            refused = False
        except CredentialRefused:
            pass
        try:
            step.verifiers.probe(url, successor)
        except CredentialRefused as refusal:
            raise Park(Reason.SUCCESSOR_DEAD, f"{url} refuses the credential in use: {refusal}") from refusal
    return Death.PROBE if refused else None
