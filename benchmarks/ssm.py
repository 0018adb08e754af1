"""What rotator asks of SSM: calls of a scan, and puts and other calls of a rotation."""

from __future__ import annotations

import json
import math
import os
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Size, Unmeasured, at_most
from benchmarks.loopback import served
from benchmarks.noop import ENVIRONMENT, NoOpParts, drafted, policy_of
from benchmarks.parameters import Counted
from rotator.contracts.journal import Journal, Opening, Told
from rotator.contracts.provider import Provider
from rotator.engine.scan import survey
from rotator.engine.worker import Worker
from rotator.journal import open_memory_journal
from rotator.model.observations import Surveyed
from rotator.model.policy import EnvironmentPolicy, Policies, Recipe, SecretPolicy
from rotator.model.rotation import State
from rotator.providers.token import Token
from rotator.sandbox.aws import KEYS, REGION, AwsWorld, Parameter
from rotator.sealers.keyfile import KeyFile
from rotator.stores.ssm import Ssm
from rotator.testing.surroundings import surroundings

PATH = f"/taly/{ENVIRONMENT}"
PLAIN, SHARED = "with a source", "with an accepted set"


class SsmParts(NoOpParts):
    """As NoOpParts, with the real store; tokens have their real adapter."""

    def __init__(self, journal: Journal, key_file: Path, policies: Policies, store: Ssm) -> None:
        super().__init__(journal, key_file, policies, store)

    def provider(self, recipe: Recipe) -> Provider:
        """Tokens are made and proved as ever."""
        return Token(recipe, surroundings()) if recipe.provider == "token" else super().provider(recipe)


def measure(size: Size) -> Iterator[Figure]:
    """Scans against a stand-in, rotations against the sandbox's AWS."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rotator-bench-")))
        KeyFile.generate(folder / "key")
        yield _scans(folder, size)
        aws = stack.enter_context(AwsWorld(folder))
        for kind in (PLAIN, SHARED):
            yield from _rotations(folder, aws, kind, size.of(20, 2))


def _scans(folder: Path, size: Size) -> Figure:
    sizes = (1, 49, 50, 51, 500, size.of(10_000, 1_000))
    calls = dict(zip(sizes, (_scan(folder, parameters) for parameters in sizes), strict=True))
    worst = max(asked / math.ceil(parameters / 50) for parameters, asked in calls.items())
    counts = ", ".join(f"{asked} for {parameters:,}" for parameters, asked in calls.items())
    return Figure(
        "DescribeParameters calls / ceil(N/50)", worst, "ratio",
        f"one survey() with the real store against a stand-in that counts; the worst of {counts}", at_most(1.0),
    )  # fmt: skip


def _scan(folder: Path, parameters: int) -> int:
    counted = Counted(PATH, parameters)
    with served(counted.answer) as endpoint, _credentials(), closing(open_memory_journal()) as journal:
        parts = SsmParts(journal, folder / "key", _policies([]), _store(journal, endpoint))
        survey(parts)
        trouble = journal.surveyed()[ENVIRONMENT].trouble
    if trouble:
        raise Unmeasured(trouble)
    return counted.calls


def _rotations(folder: Path, aws: AwsWorld, kind: str, rotations: int) -> Iterator[Figure]:
    """Scanned, as a daemon has done long before; then all are rotated, one after the other."""
    shared = kind == SHARED
    policies = _policies(
        [_policy(f"{'SHARED' if shared else 'PLAIN'}_{number}", shared=shared) for number in range(rotations)]
    )
    aws.control.set_quotas({})
    aws.control.seed(_seeds(policies))
    with _credentials(), closing(open_memory_journal()) as journal:
        parts = SsmParts(journal, folder / "key", policies, _store(journal, aws.endpoint))
        survey(parts)
        journal.note_surveyed(Surveyed(environment=ENVIRONMENT, scanned_at=journal.now(), agreed=True))
        told = Told("opened", "asked for")
        drafts = [drafted(policy.recipe, journal.now()) for policy in policies.secrets.values()]
        journal.open_rotations([Opening(draft, told) for draft in drafts])
        before = Counter(aws.control.statistics()["calls"])
        worker = Worker(parts, "bench")
        while worker.work():
            pass
        calls = Counter(aws.control.statistics()["calls"]) - before
        states = Counter(row.state for row in journal.rotations())
    if states != {State.DONE: rotations}:
        raise Unmeasured(f"not every rotation ended done: {dict(states)}")
    puts, values = calls.pop("PutParameter"), rotations * (3 if shared else 1)
    how = f"{rotations} rotations {kind} in a scanned environment, counted by the sandbox's AWS"
    yield Figure(f"SSM puts / values written, {kind}", puts / values, "ratio", how, at_most(1.0))
    each = ", ".join(f"{name} {number / rotations:g}" for name, number in sorted(calls.items()))
    yield Figure(
        f"other SSM calls of a rotation {kind}",
        calls.total() / rotations,
        "calls",
        f"{how}: {each}",
        at_most(5),
    )


def _policies(named: list[SecretPolicy]) -> Policies:
    environment = EnvironmentPolicy(name=ENVIRONMENT, path=PATH, region=REGION, kms_key=KEYS[0])
    return Policies(
        version="1",
        environments={ENVIRONMENT: environment},
        secrets={policy.secret: policy for policy in named},
    )


def _policy(name: str, *, shared: bool) -> SecretPolicy:
    policy = policy_of(name)
    changes: dict[str, Any] = (
        {"provider": "token", "accepted_as": f"{PATH}/{name}_ACCEPTED"} if shared else {}
    )
    return policy.model_copy(update={"recipe": policy.recipe.model_copy(update=changes)})


def _seeds(policies: Policies) -> Iterator[Parameter]:
    for policy in policies.secrets.values():
        value = secrets.token_hex(32)
        yield Parameter(policy.recipe.fields["value"], value, key_id=KEYS[0])
        if policy.recipe.accepted_as:
            yield Parameter(policy.recipe.accepted_as, json.dumps([value]), key_id=KEYS[0])


def _store(journal: Journal, endpoint: str) -> Ssm:
    environment = EnvironmentPolicy(name=ENVIRONMENT, path=PATH, region=REGION, kms_key=KEYS[0])
    return Ssm(environment, surroundings(endpoints={"ssm": endpoint}), journal.installation())


@contextmanager
def _credentials() -> Iterator[None]:
    """What boto3 wants to have before it asks anybody."""
    wanted = {
        "AWS_ACCESS_KEY_ID": "rotator", "AWS_SECRET_ACCESS_KEY": secrets.token_hex(), "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "NO_PROXY": "127.0.0.1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
