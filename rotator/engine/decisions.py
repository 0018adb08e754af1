"""How every secret stands: what was written down is gathered, and the chain of checks decides. It only reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rotator.contracts.record import Record
from rotator.engine.due import decide
from rotator.engine.plans import outdated
from rotator.engine.standing import ANSWERED_BY_ROTATING, Decision, Gathered, Standing
from rotator.model.observations import History
from rotator.model.policy import Policies
from rotator.model.requests import Request, RequestKind


@dataclass(frozen=True, slots=True)
class Decided:
    """A secret's standing and what it was decided from."""

    gathered: Gathered
    decision: Decision


def decisions(record: Record, policies: Policies) -> Mapping[str, Decided]:
    """Every secret's standing, by secret."""
    gathered = _gather(record, policies)
    decided = {secret: Decided(at, decide(at)) for secret, at in gathered.items()}
    waiting = [secret for secret, entry in decided.items() if _waits_for_proof(entry)]
    while waiting:  # whom it waits for may itself wait for an environment that goes before it
        secret = waiting.pop()
        first = f"{gathered[secret].environment.after}/{gathered[secret].policy.name}"
        if gathered[first].wanted_by:
            continue
        gathered[first] = replace(gathered[first], wanted_by=secret)
        decided[first] = Decided(gathered[first], decide(gathered[first]))
        if _waits_for_proof(decided[first]):
            waiting.append(first)
    return {secret: _with_first(entry, decided) for secret, entry in decided.items()}


def _gather(record: Record, policies: Policies) -> dict[str, Gathered]:
    now, histories, observed = record.now(), record.histories(), record.observed()
    surveyed, pauses, rejections = record.surveyed(), record.pauses(), record.rejections()
    requests: dict[str, tuple[Request, ...]] = {}
    for request in record.requests(waiting=True):
        if request.kind in ANSWERED_BY_ROTATING and _of_use(request, policies):
            requests[request.about] = (*requests.get(request.about, ()), request)
    gathered = {}
    for policy in policies.secrets.values():
        environment = policies.environments[policy.environment]
        first = f"{environment.after}/{policy.name}"
        at = Gathered(
            now=now,
            policy=policy,
            environment=environment,
            history=histories.get(policy.secret, History()),
            observed=observed.get(policy.secret),
            surveyed=surveyed.get(policy.environment),
            pause=pauses.get(policy.secret),
            requests=requests.get(policy.secret, ()),
            proof=histories.get(first, History()) if first in policies.secrets else None,
            rejection=rejections.get(policy.secret),
        )
        gathered[policy.secret] = _still_so(at, policies) if at.requests or at.rejection else at
    return gathered


def _still_so(at: Gathered, policies: Policies) -> Gathered:
    """Without what people said of a plan or a credential that is another one by now."""
    return replace(
        at,
        requests=tuple(one for one in at.requests if not outdated(one.basis, policies, at.versions)),
        rejection=at.rejection if _about_this_one(at) else None,
    )


def _about_this_one(at: Gathered) -> bool:
    """Whether what somebody said no to is the credential in use, and not one that was replaced since."""
    return at.rejection is not None and at.age is not None and at.age.born <= at.rejection.at


def _of_use(request: Request, policies: Policies) -> bool:
    """Whether a rotation can take up what it brings: a successor that a person made is nothing to other sources."""
    policy = policies.secrets.get(request.about)
    return request.kind is not RequestKind.SUBMIT or (policy is not None and policy.submitted)


def _waits_for_proof(entry: Decided) -> bool:
    """Whether the environment that goes first has to rotate before this one may."""
    return entry.decision.standing is Standing.SOAK and entry.decision.until is None


def _with_first(entry: Decided, decided: Mapping[str, Decided]) -> Decided:
    """Says also how it stands where it has to be proved first: what waits there holds this one up."""
    if not _waits_for_proof(entry):
        return entry
    at, decision = entry.gathered, entry.decision
    first = decided[f"{at.environment.after}/{at.policy.name}"].decision
    return Decided(at, replace(decision, sentence=f"{decision.sentence} (there: {first.sentence})"))
