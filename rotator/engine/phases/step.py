"""Step: what a phase sees, and the moves it may answer with.

A phase is a function from Step to Move. It reads the row, asks adapters, and names the next phase; it never writes
the row itself. `Undo` and `Park` are verdicts; what adapters raise is sorted in engine/outcomes.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from rotator.contracts.parts import Parts
from rotator.contracts.provider import (
    Overlap,
    PromotingProvider,
    Provider,
    SubmittedProvider,
    Traits,
    VerifiedProvider,
)
from rotator.contracts.sealer import DataKey
from rotator.contracts.store import Look, SecretStore
from rotator.engine.parameters import Texts, fields_in, holds, laid_over, texts_in
from rotator.engine.principals import Principals
from rotator.engine.settings import Bounds
from rotator.model.errors import Refused
from rotator.model.once import once
from rotator.model.policy import Deployment, Recipe, SecretPolicy
from rotator.model.rotation import Ledger, Phase, Priority, Reason, Rotation, State
from rotator.model.secrets import Credential, Sealed


class Verdict(Exception):
    """A declared end of the way forward, with our own reason and a sentence for people."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason, self.sentence = reason, sentence


class Undo(Verdict):
    """Back to the predecessor."""


class Park(Verdict):
    """Stop with both alive; a person must look."""


@dataclass(frozen=True, slots=True)
class Move:
    """A phase's answer: the next phase, what it wrote down, and when to go on.

    `durable=False` marks a phase after which nothing is lost if it has to be gone through again: the next durable
    move carries it along, one commit fewer.
    """

    phase: Phase
    ledger: Ledger
    sentence: str
    kind: str = "advanced"
    state: State = State.ACTIVE
    reason: Reason | None = None
    run_at: datetime | None = None
    sealed: Mapping[str, str | None] | None = (
        None  # row fields: sealed_predecessor, sealed_successor, data_key
    )
    durable: bool = True


@dataclass(frozen=True)
class Step:
    """One claimed rotation, its adapters and the present moment."""

    rotation: Rotation
    parts: Parts
    bounds: Bounds
    now: datetime
    principals: Principals | None = None  # as the worker knows them
    resumed: bool = False  # the first phase under this claim: what an earlier one saw may be long ago

    @property
    def recipe(self) -> Recipe:
        """The frozen how."""
        return self.rotation.recipe

    @property
    def ledger(self) -> Ledger:
        """What is written down."""
        return self.rotation.ledger

    @property
    def emergency(self) -> bool:
        """Whether windows, freezes and grace do not bind."""
        return self.rotation.priority is Priority.EMERGENCY

    @once
    def provider(self) -> Provider:
        """The source's adapter."""
        return self.parts.provider(self.recipe)

    @property
    def verifiers(self) -> VerifiedProvider:
        """The source's adapter of a secret that verifiers of ours check. Parks where it is none."""
        if not (self.traits.shared or self.traits.verified):
            sentence = f"{self.recipe.provider} has no accepted set; take accepted_as out of the policy"
            raise Park(Reason.NO_ACCEPTED_SET, sentence)
        return cast("VerifiedProvider", self.provider)

    @property
    def promoting(self) -> PromotingProvider:
        """The adapter of a source that promotes."""
        return cast("PromotingProvider", self.provider)

    @property
    def by_hand(self) -> SubmittedProvider:
        """The adapter of a source where a person makes credentials."""
        return cast("SubmittedProvider", self.provider)

    @property
    def traits(self) -> Traits:
        """What the source is like."""
        return self.provider.traits

    @property
    def gapped(self) -> bool:
        """Whether the source accepts one credential only: after activate the only way is forward."""
        return self.traits.overlap is Overlap.NONE

    @once
    def store(self) -> SecretStore:
        """Where consumers read."""
        return self.parts.store(self.recipe.environment)

    @once
    def today(self) -> SecretPolicy | None:
        """Today's policy for this secret; None when it left the policy."""
        return self.parts.policies().secrets.get(self.recipe.secret)

    @property
    def grace(self) -> timedelta:
        """How long the predecessor outlives confirmation: the recipe's grace, or today's if that is longer."""
        return max(self.recipe.grace, self.today.recipe.grace) if self.today else self.recipe.grace

    def counts_from(self, moment: datetime) -> datetime:
        """Use since `moment` counts, but no use that ended a whole grace ago: some sources only tell when it was last.

        In an emergency only what goes on right now.
        """
        return max(moment, self.now if self.emergency else self.now - self.grace)

    @property
    def accept_unseen(self) -> bool:
        """Whether use that cannot be seen counts as none: by the recipe, or by today's policy once it has parked."""
        return self.recipe.accept_unseen or (self.today is not None and self.today.recipe.accept_unseen)

    def deployments(self) -> tuple[Deployment, ...]:
        """The recipe's consumers, and those that today's policy adds."""
        known = {
            deployment.id: deployment for deployment in (self.today.recipe.deployments if self.today else ())
        }
        known.update({deployment.id: deployment for deployment in self.recipe.deployments})
        return tuple(known.values())

    def namesakes(self) -> Sequence[Recipe]:
        """Today's recipes that share the principal, this secret's own among them."""
        principals = self.principals or Principals(self.parts)
        return principals.namesakes(self.recipe, self.provider.principal)

    # values

    @property
    def seal_context(self) -> dict[str, str]:
        """What the data key is bound to."""
        return seal_context(self.recipe.secret, self.rotation.id)

    @once
    def data_key(self) -> DataKey:
        """The rotation's data key, opened."""
        assert self.rotation.data_key is not None, "plan makes the data key before anything is sealed"
        return self.parts.sealer.open_key(self.rotation.data_key, self.seal_context)

    @property
    def submitted(self) -> Mapping[str, Sealed]:
        """What a person submitted; other fields stay as they are. Raises Refused when it does not open."""
        if self.rotation.sealed_successor is None:
            raise Refused("it is not in the row")
        brought = self.data_key.open(self.rotation.sealed_successor, submitted_seal(self.rotation.id))
        return {**self.predecessor.fields, **brought}

    @once
    def former(self) -> Texts:
        """What the store held when the rotation was planned, by parameter: an undo puts it back to the letter."""
        assert self.rotation.sealed_predecessor is not None, "plan seals the predecessor"
        kept = self.data_key.open(self.rotation.sealed_predecessor, predecessor_seal(self.rotation.id))
        return kept if self.recipe.one_parameter else laid_over(self.recipe, kept, {})

    def sealed_former(self, key: DataKey, texts: Texts) -> str:
        """The same, as it is kept in the row: by field, or the one text that all fields are in."""
        kept = texts if self.recipe.one_parameter else fields_in(self.recipe, texts)
        return key.seal(kept, predecessor_seal(self.rotation.id))

    @once
    def predecessor(self) -> Credential:
        """The credential that is being replaced."""
        return Credential(self.ledger.predecessor_id or "", fields_in(self.recipe, self.former))

    @once
    def successor(self) -> Credential:
        """The credential that replaces it."""
        assert self.rotation.sealed_successor is not None, "create seals the successor"
        assert self.ledger.successor_id is not None and self.ledger.created_fence is not None, (
            "create writes both"
        )
        bound_to = successor_seal(self.rotation.id, self.ledger.created_fence)
        return Credential(
            self.ledger.successor_id,
            self.data_key.open(self.rotation.sealed_successor, bound_to),
        )

    def look(self, *beside: str) -> Look:
        """One look at the secret's parameters, and at those beside them that exist."""
        return self.store.look((*self.recipe.parameters, *beside))

    def holds(self, name: str, text: Sealed, credential: Credential) -> bool:
        """Whether a parameter with this text holds what it should of the credential. Raises Unreadable."""
        return holds(self.recipe, name, text, credential.fields)

    def laid_over(self, credential: Credential, texts: Texts) -> dict[str, Sealed]:
        """What to write so that the credential is there, where parameters hold `texts`. Raises Unreadable."""
        return laid_over(self.recipe, credential.fields, texts)

    def texts_in(self, there: Look) -> dict[str, Sealed]:
        """What such a look saw of the secret's own, by parameter. Raises Refused when one is missing."""
        return texts_in(self.recipe, there)

    # moves

    def to(
        self,
        phase: Phase,
        sentence: str,
        *,
        sealed: Mapping[str, str | None] | None = None,
        **written: Any,
    ) -> Move:
        """On to `phase` at once, with `written` in the ledger."""
        return Move(phase, self.ledger.having(**written), sentence, sealed=sealed)

    def skip(self, phase: Phase, **written: Any) -> Move:
        """On to `phase`: there was nothing to do here, and nothing to tell."""
        return self.carry(phase, "", **written)

    def carry(self, phase: Phase, sentence: str, **written: Any) -> Move:
        """On to `phase`, which writes this down together with its own answer: nothing was changed here but the row.

        Only to a phase that answers before it has any effect: a crash goes through this one again.
        """
        return Move(phase, self.ledger.having(**written), sentence, durable=False)

    def stay(self, sentence: str, **written: Any) -> Move:
        """The same phase again at once, after `written` is down."""
        return Move(self.rotation.phase, self.ledger.having(**written), sentence)

    def wait(self, reason: Reason, sentence: str, until: datetime | timedelta, **written: Any) -> Move:
        """The same phase again at `until` (or after that long)."""
        at = self.now + until if isinstance(until, timedelta) else until
        return Move(
            self.rotation.phase,
            self.ledger.having(**written),
            sentence,
            "waits",
            reason=reason,
            run_at=at,
        )

    def not_everywhere_yet(self, sentence: str, **written: Any) -> Move | None:
        """A wait while what was changed may not be known everywhere; None once the source's bound for that is over."""
        since = self.ledger.polling_since or self.now
        if self.now - since >= self.traits.propagation:
            return None
        return self.wait(Reason.PROPAGATING, sentence, self.bounds.poll, polling_since=since, **written)

    def accepted_again(self, by: str = "") -> Move | None:
        """A wait until it was accepted as often in a row as the source wants; None when this time was the last."""
        accepted, wanted = self.ledger.accepted + 1, self.traits.acceptances
        if accepted >= wanted:
            return None
        since, sentence = (
            self.ledger.polling_since or self.now,
            f"{by}accepted {accepted} of {wanted} times in a row",
        )
        return self.wait(
            Reason.PROPAGATING, sentence, self.bounds.poll, accepted=accepted, polling_since=since
        )

    def park(self, reason: Reason, sentence: str, *, at: Phase | None = None, **written: Any) -> Move:
        """Stops as Park does, with `written` in the ledger: once a person has looked it goes on at `at`, from there."""
        ledger = self.ledger.having(**written)
        return Move(at or self.rotation.phase, ledger, sentence, "parked", State.PARKED, reason)

    def end(self, state: State, sentence: str, **written: Any) -> Move:
        """The end: both sealed values are wiped."""
        wiped = {"sealed_predecessor": None, "sealed_successor": None, "data_key": None}
        ledger = self.ledger.having(**written)
        return Move(
            self.rotation.phase,
            ledger,
            sentence,
            state.value,
            state,
            ledger.undo_reason,
            sealed=wiped,
        )


def seal_context(secret: str, rotation_id: str) -> dict[str, str]:
    """What a rotation's data key is bound to."""
    return {"app": "rotator", "secret": secret, "rotation": rotation_id}


def predecessor_seal(rotation_id: str) -> str:
    """What the sealed predecessor is bound to besides its key."""
    return f"{rotation_id}/predecessor"


def submitted_seal(rotation_id: str) -> str:
    """What a submitted value is bound to besides its key, from the request on."""
    return f"{rotation_id}/submitted"


def successor_seal(rotation_id: str, created_fence: int) -> str:
    """What the sealed successor is bound to: the claim under which create ran."""
    return f"{rotation_id}/successor/{created_fence}"


def plural(names: Iterable[str]) -> str:
    """Names for a sentence: `a`, `a and b`, `a, b and c`."""
    *most, last = list(names) or ["nothing"]
    return f"{', '.join(most)} and {last}" if most else last
