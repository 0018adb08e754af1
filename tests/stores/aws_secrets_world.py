"""The far side of the Secrets Manager store, and people who use it past the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rotator.model.policy import EnvironmentPolicy
from rotator.model.secrets import Sealed, StoredValue
from rotator.sandbox.aws import KEYS, REGION
from rotator.sandbox.faults import Fault, Rule
from rotator.sandbox.sources.aws_secrets import CURRENT, SecretsSource
from rotator.sandbox.weather import Weather
from rotator.stores.aws_secrets import AwsSecrets
from rotator.testing.store_world import OURS
from rotator.testing.surroundings import FreePacer, surroundings
from rotator.testing.virtual_clock import VirtualClock

READS = ("GetSecretValue", "BatchGetSecretValue")


class AwsSecretsWorld:
    """StoreWorld."""

    largest = 65536
    path = "/taly/staging"

    def __init__(self, source: SecretsSource, clock: VirtualClock, address: str) -> None:
        self.source, self.clock, self.address = source, clock, address
        self.pacer = FreePacer()
        self.store = self.as_seen_by(OURS)

    def as_seen_by(self, installation: str) -> AwsSecrets:
        environment = EnvironmentPolicy(name="staging", path=self.path, region=REGION, kms_key=KEYS[0])
        places = {"secrets_manager": self.address}
        return AwsSecrets(
            environment, surroundings(clock=self.clock, pacer=self.pacer, endpoints=places), installation
        )

    def seed(self, name: str, value: Sealed, kind: str = "SecureString") -> None:
        """Here all is secret; what is not ours to write is what a service of AWS owns."""
        secret = self.source.somebody_writes(name, value.reveal(), kms_key=KEYS[1])
        if kind == "String":
            secret.more["OwningService"] = "rds"

    def someone_else_writes(self, name: str, value: Sealed) -> None:
        self.source.somebody_writes(name, value.reveal())

    def someone_else_interferes(self, name: str, value: Sealed) -> None:
        self.before_next("UpdateSecretVersionStage", lambda: self.someone_else_writes(name, value))

    def before_next(self, operation: str, happens: Callable[[], None]) -> None:
        """It happens when the store has looked, and its call has not left."""
        events = self.store._secrets._changing._client().meta.events

        def once(**_event: object) -> None:
            events.unregister(f"before-sign.secrets-manager.{operation}", once)
            happens()

        events.register(f"before-sign.secrets-manager.{operation}", once)

    def lose_next_answer(self) -> None:
        """Of what consumers see: of the promotion, or of what creates the secret."""
        lost = ("UpdateSecretVersionStage", "CreateSecret")
        self.weather.set_faults([Rule(Fault.LOST_ANSWER, operation, times=1) for operation in lost])

    def throttle_next(self) -> None:
        self.weather.set_faults([Rule(Fault.THROTTLED, "PutSecretValue", times=1)])

    def holds(self, name: str) -> StoredValue | None:
        secret = self.source.secrets.get(name)
        current = secret.holder(CURRENT) if secret else None
        if secret is None or current is None:
            return None
        return StoredValue(Sealed(current.value), secret.versions.index(current) + 1)

    def metadata(self, name: str) -> Mapping[str, str]:
        secret = self.source.secrets[name]
        return {"description": secret.description, "key": secret.kms_key}

    def values_read(self) -> int:
        return sum(self.calls(operation) for operation in READS)

    # more of it

    @property
    def weather(self) -> Weather:
        return self.source.server.weather

    def calls(self, operation: str) -> int:
        return self.source.server.weather.counts["calls"][f"secretsmanager.{operation}"]

    def stages(self, name: str) -> list[list[str]]:
        """Of every version, the oldest first."""
        return [sorted(version.stages) for version in self.source.secrets[name].versions]
