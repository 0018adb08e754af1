"""Parts that do nothing but answer: what is left of a rotation is what rotator itself costs.

Journal, worker, phases and seals are the real ones. The source mints, keeps labels, shows use, and has no step that
could be taken back, as most APIs are; nobody has to be restarted, because a rollout is shared by many rotations.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from rotator.clock import SystemClock
from rotator.contracts.clock import Clock
from rotator.contracts.journal import Journal, Opening, Told
from rotator.contracts.provider import LastUsed, Observation, Overlap, Provider, Sight, Traits
from rotator.contracts.redeployer import Redeployer
from rotator.contracts.sealer import Sealer
from rotator.contracts.store import Change, Look, Mirror, SecretStore
from rotator.model.errors import CredentialRefused, Refused
from rotator.model.observations import Surveyed
from rotator.model.policy import Deployment, EnvironmentPolicy, Policies, Recipe, SecretPolicy
from rotator.model.rotation import Death, Phase, Rotation
from rotator.model.secrets import Credential, Owner, ParameterAge, Sealed, StoredValue
from rotator.sealers.keyfile import KeyFile

ENVIRONMENT = "production"
OPENED = Told("opened", "91 days old, the policy says 90")


class NoOpProvider:
    """A source that says yes, and no to what it was told to remove."""

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.MANY, mints=True, labels=True, reversible=False, sight=Sight.YES, death=Death.TRIED
    )

    def __init__(self, secret: str) -> None:
        self.principal = f"noop:{secret}"
        self._minted: Credential | None = None
        self._removed: set[str] = set()

    def observe(self) -> Observation:
        """Nothing that matters."""
        return Observation(())

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """By its value, as a source that is asked with it does."""
        minted = self._minted
        return minted.id if minted and minted.fields == current else f"before-{self.principal}"

    def create(self, label: str, predecessor: str | None) -> Credential:
        """A new one."""
        del predecessor
        value = Sealed(secrets.token_urlsafe(32))
        self._minted = Credential(f"{self.principal}@{label}", {"value": value})
        return self._minted

    def activate(self, successor: Credential) -> None:
        """It mints."""

    def verify(self, credential: Credential) -> None:
        """Accepted, unless it was removed."""
        if credential.id in self._removed:
            raise CredentialRefused(f"{credential.id} was removed")

    def disable(self, credential_id: str) -> None:
        """There is no such step."""
        raise Refused(f"{credential_id} cannot be disabled")

    enable = disable

    def remove(self, credential_id: str) -> None:
        """For good."""
        self._removed.add(credential_id)

    def last_used(self, credential_id: str) -> LastUsed:
        """Not used since anybody looked."""
        del credential_id
        return LastUsed()


class NoOpStore:
    """Parameters that are all there, at version 1 until they are written."""

    def __init__(self) -> None:
        self._held: dict[str, StoredValue] = {}

    def ages(self, prefix: str) -> Iterator[ParameterAge]:
        """Nobody scans."""
        raise NotImplementedError(prefix)

    def read(self, name: str) -> StoredValue:
        """What was written, or what was there."""
        return self._held.get(name) or StoredValue(Sealed("the first value"), 1)

    def look(self, names: Iterable[str]) -> Look:
        """All of them."""
        return {name: self.read(name) for name in names}

    def edit(self, name: str, change: Change, beside: Iterable[str] = ()) -> int:
        """Nobody has an accepted set."""
        raise NotImplementedError(name, change, beside)

    def write(self, name: str, value: Sealed, after: int | None) -> int:
        """The next version."""
        version = (after or 0) + 1
        self._held[name] = StoredValue(value, version)
        return version

    def check_writable(self, name: str, largest: int) -> None:
        """Always."""

    def owner(self, path: str) -> Owner | None:
        """Nobody else."""
        del path
        return None

    def claim_owner(self, path: str, owner: Owner, instead_of: Owner | None) -> None:
        """Nobody minds."""


class NoOpParts:
    """An installation on a real journal."""

    def __init__(
        self, journal: Journal, key_file: Path, policies: Policies, store: SecretStore | None = None
    ) -> None:
        self.journal = journal
        self.clock: Clock = SystemClock()
        self.sealer: Sealer = KeyFile(key_file)
        self._policies = policies
        self._providers: dict[str, Provider] = {}
        self._store = store or NoOpStore()

    def new_id(self) -> str:
        """As an installation makes them."""
        return secrets.token_hex(10)

    def policies(self) -> Policies:
        """Always the same."""
        return self._policies

    def provider(self, recipe: Recipe) -> Provider:
        """The secret's own."""
        made = self._providers.get(recipe.secret)
        if made is None:
            made = self._providers[recipe.secret] = NoOpProvider(recipe.secret)
        return made

    def store(self, environment: str) -> SecretStore:
        """The one there is."""
        del environment
        return self._store

    def mirror(self, environment: str, name: str) -> Mirror:
        """There is none."""
        raise NotImplementedError(environment, name)

    def redeployer(self, deployment: Deployment) -> Redeployer:
        """There is none."""
        raise NotImplementedError(deployment)


def policies_of(secrets_named: int) -> Policies:
    """So many secrets that nothing holds back."""
    environment = EnvironmentPolicy(name=ENVIRONMENT, path=f"/taly/{ENVIRONMENT}", region="eu-central-1")
    named = [policy_of(f"KEY_{number}") for number in range(secrets_named)]
    return Policies(
        version="1",
        environments={ENVIRONMENT: environment},
        secrets={policy.secret: policy for policy in named},
    )


def policy_of(name: str) -> SecretPolicy:
    """One secret whose old value may go at once."""
    secret = f"{ENVIRONMENT}/{name}"
    recipe = Recipe(
        secret=secret,
        environment=ENVIRONMENT,
        provider="noop",
        fields={"value": f"/taly/{secret}"},
        grace=timedelta(),
    )
    return SecretPolicy(
        secret=secret,
        environment=ENVIRONMENT,
        name=name,
        type="noop",
        recipe=recipe,
        rotate_every=timedelta(days=90),
    )


def open_all(journal: Journal, policies: Policies) -> None:
    """A rotation of each secret, due now, in an environment that two scans have agreed on."""
    now = journal.now()
    journal.note_surveyed(Surveyed(environment=ENVIRONMENT, scanned_at=now, agreed=True))
    drafts = [drafted(policy.recipe, now) for policy in policies.secrets.values()]
    journal.open_rotations([Opening(draft, OPENED) for draft in drafts])


def drafted(recipe: Recipe, now: datetime) -> Rotation:
    """A rotation as the scan would open it."""
    return Rotation(
        id=secrets.token_hex(10),
        secret=recipe.secret,
        principal=f"noop:{recipe.secret}",
        provider=recipe.provider,
        phase=Phase.PLAN,
        run_at=now,
        opened_at=now,
        phase_since=now,
        sentence=OPENED.sentence,
        recipe=recipe,
    )
