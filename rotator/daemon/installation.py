"""An installation: journal, policy and adapters as the engine wants them, each adapter made once and kept."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from rotator.config.settings import Settings
from rotator.contracts.adapter import Surroundings
from rotator.contracts.channel import AlertChannel
from rotator.contracts.clock import Clock
from rotator.contracts.journal import Journal
from rotator.contracts.outside import Outside
from rotator.contracts.provider import Provider
from rotator.contracts.redeployer import Redeployer
from rotator.contracts.sealer import Sealer
from rotator.contracts.store import Mirror, SecretStore
from rotator.contracts.trail import Trail
from rotator.daemon.adapters import adapter
from rotator.daemon.pacer import JournalPacer, Unpaced
from rotator.daemon.remembered import Remembered
from rotator.engine.clicks import TakenClicks
from rotator.model.errors import Refused
from rotator.model.once import once
from rotator.model.policy import Deployment, EnvironmentPolicy, Policies, Recipe
from rotator.model.references import IN_SSM, own_prefixes, scheme_of
from rotator.model.secrets import Sealed

#: Puts something around an adapter: the crash rig wraps every contract so that it can kill the process at any call.
Around = Callable[[str, Any], Any]


class InForce(Protocol):
    """Whoever knows today's policy."""

    @property
    def policies(self) -> Policies:
        """Today's policy."""


class Installation:
    """Parts, from settings and the policy in force."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        policy: InForce,
        clock: Clock,
        around: Around = lambda _contract, part: part,
    ) -> None:
        self.settings = settings
        self._journal, self._policy, self._clock = journal, policy, clock
        self._around = around
        self._pacer = JournalPacer(journal, clock)
        self._remembered = Remembered(self._resolve_anywhere)
        self._made: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    @once
    def _id(self) -> str:
        """It never changes, and every adapter is told."""
        return self._journal.installation()

    @property
    def journal(self) -> Journal:
        """The journal."""
        return self._journal

    @property
    def clock(self) -> Clock:
        """The clock."""
        return self._clock

    @property
    def sealer(self) -> Sealer:
        """Where data keys come from: KMS or a key file, by settings."""
        made: Sealer = self._make("sealer", self.settings.sealer, self._new_sealer)
        return made

    def new_id(self) -> str:
        """An id of 20 hex digits: 80 random bits."""
        return secrets.token_hex(10)

    def close(self) -> None:
        """Lets go of the journal."""
        close = getattr(self._journal, "close", None)
        if close is not None:
            close()

    def policies(self) -> Policies:
        """Today's policy."""
        return self._policy.policies

    def provider(self, recipe: Recipe) -> Provider:
        """The source's adapter for this recipe."""
        made: Provider = self._make(
            "provider",
            recipe.model_dump_json(),
            lambda: adapter("providers", recipe.provider)(recipe, self._surroundings(recipe.environment)),
        )
        return made

    def store(self, environment: str) -> SecretStore:
        """The environment's store."""
        return self._store(self._environment(environment))

    def _store(self, known: EnvironmentPolicy) -> SecretStore:
        made: SecretStore = self._make("store", known.model_dump_json(), lambda: self._new_store(known))
        return made

    def _new_store(self, known: EnvironmentPolicy) -> SecretStore:
        pace = {"writes_per_second": self.settings.ssm_writes_per_second} if known.store == IN_SSM else {}
        # What opens a store cannot be behind itself: its own references lead into SSM only.
        around = replace(
            self._surroundings(known.name),
            resolve=lambda reference: self._resolve(known.name, reference, IN_SSM),
        )
        store: SecretStore = adapter("stores", known.store)(known, around, self._id, **pace)
        return store

    def mirror(self, environment: str, name: str) -> Mirror:
        """A mirror by its name in policies.yaml. Raises Refused when it is not there any more."""
        known = self.policies().mirrors.get(f"{environment}/{name}")
        if known is None:
            raise Refused(
                f"there is no mirror {name} in policies.yaml any more, and {environment} has copies there"
            )
        made: Mirror = self._make(
            "mirror",
            known.model_dump_json(),
            lambda: adapter("mirrors", known.kind)(known, self._surroundings(environment)),
        )
        return made

    def redeployer(self, deployment: Deployment) -> Redeployer:
        """The workload's redeployer."""
        environment = deployment.id.split("/", 1)[0]
        made: Redeployer = self._make(
            "redeployer",
            deployment.model_dump_json(),
            lambda: adapter("redeployers", deployment.kind)(deployment, self._surroundings(environment)),
        )
        return made

    def trail(self) -> Trail | None:
        """Where records come from of who read what; None where the policy names no source."""
        source, environments = self.policies().access.source, self.policies().environments
        if source is None:
            return None
        around = self._surroundings(next(iter(environments), ""))
        made: Trail = self._make(
            "trail",
            f"{source.model_dump_json()} {around.region}",
            lambda: adapter("trails", source.kind)(source, around),
        )
        return made

    def channels(self, *, unpaced: bool = False) -> dict[str, AlertChannel]:
        """The channels that settings give a key for, by the name that policies.yaml's owners use.

        `unpaced` ones work while the journal, which knows everybody's rate, is away.
        """
        settings, found = self.settings, {}
        if settings.slack_token is not None or settings.slack_webhook is not None:
            found["slack"] = self._make("channel", f"slack, {unpaced=}", lambda: self._slack(unpaced=unpaced))
        if settings.smtp_host:
            found["email"] = self._make("channel", "email", self._mail)
        elif settings.ses_region:
            found["email"] = self._make("channel", "email", self._ses)
        if settings.webhook_secret is not None:
            found["webhook"] = self._make(
                "channel", f"webhook, {unpaced=}", lambda: self._webhook(unpaced=unpaced)
            )
        if any("pagerduty" in owner.addresses for owner in self.policies().owners.values()):
            found["pagerduty"] = self._make(
                "channel", f"pagerduty, {unpaced=}", lambda: self._pagerduty(unpaced=unpaced)
            )
        return found

    def outside(self) -> Outside:
        """Who hears regularly that all is well."""
        outside: Outside = self._make(
            "outside",
            "",
            self._new_outside,
        )
        return outside

    def _new_outside(self) -> Outside:
        from rotator.channels.heartbeat_url import HeartbeatUrl

        return HeartbeatUrl(self._remembered, self.settings.allows)

    def learn_addresses(self) -> None:
        """Looks at what alerts need out of the store, so that it is known while the store is away."""
        policies = self.policies()
        named = {address for owner in policies.owners.values() for address in owner.addresses.values()}
        if policies.alerts.heartbeat is not None:
            named.add(policies.alerts.heartbeat.url)
        self._remembered.learn(sorted(name for name in named if self._leads_into(name)))

    def _slack(self, *, unpaced: bool) -> AlertChannel:
        settings = self.settings
        slack: AlertChannel = adapter("channels", "slack")(
            token=settings.slack_token,
            webhook=settings.slack_webhook,
            app_token=settings.slack_app_token,
            clicks=None if unpaced or settings.slack_app_token is None else TakenClicks(self),
            pacer=Unpaced() if unpaced else self._pacer,
            base_url=settings.endpoint("slack"),
            docs_url=settings.docs_url,
        )
        return slack

    def _webhook(self, *, unpaced: bool) -> AlertChannel:
        webhook: AlertChannel = adapter("channels", "webhook")(
            secret=self.settings.webhook_secret,
            resolve=self._remembered,
            allows=self.settings.allows,
            pacer=Unpaced() if unpaced else self._pacer,
            clock=self._clock,
            docs_url=self.settings.docs_url,
        )
        return webhook

    def _pagerduty(self, *, unpaced: bool) -> AlertChannel:
        pagerduty: AlertChannel = adapter("channels", "pagerduty")(
            resolve=self._remembered,
            pacer=Unpaced() if unpaced else self._pacer,
            endpoint=self.settings.endpoint("pagerduty"),
            docs_url=self.settings.docs_url,
        )
        return pagerduty

    def _ses(self) -> AlertChannel:
        settings = self.settings
        ses: AlertChannel = adapter("channels", "ses")(
            region=settings.ses_region,
            sender=settings.ses_from,
            clock=self._clock,
            endpoint=settings.endpoint("ses"),
            docs_url=settings.docs_url,
        )
        return ses

    def _mail(self) -> AlertChannel:
        settings = self.settings
        mail: AlertChannel = adapter("channels", "smtp")(
            host=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_user,
            password=settings.smtp_password,
            sender=settings.smtp_from,
            clock=self._clock,
            ca_file=settings.smtp_ca_file,
            docs_url=settings.docs_url,
        )
        return mail

    def _new_sealer(self) -> Sealer:
        settings = self.settings
        sealer: Sealer
        if settings.sealer == "kms":
            sealer = adapter("sealers", "kms")(settings.kms_key, self._surroundings(""))
        else:
            sealer = self._key_file(settings.key_file)
        return sealer

    def _key_file(self, path: Path) -> Sealer:
        """The key file; made now if nothing can have been sealed with an earlier one, or be by another replica."""
        kind = adapter("sealers", "keyfile")
        keys = [rotation.data_key for rotation in self._journal.rotations(unfinished=True)]
        keys += [request.data_key for request in self._journal.requests(waiting=True)]
        sealed = any(keys)
        alone = self.settings.journal.startswith("sqlite:")
        sealer: Sealer
        if alone and not sealed and not os.path.lexists(path):
            with suppress(OSError):  # generate() says what is wrong
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            sealer = kind.generate(path)
        else:
            sealer = kind(path)
        return sealer

    def _make(self, contract: str, key: str, make: Callable[[], Any]) -> Any:
        """One adapter, made on first use. Options that changed make another one."""
        with self._lock:
            if (contract, key) not in self._made:
                self._made[contract, key] = self._around(contract, make())
            return self._made[contract, key]

    def _environment(self, name: str) -> EnvironmentPolicy:
        environment = self.policies().environments.get(name)
        if environment is None:
            raise Refused(f"there is no environment {name} in policies.yaml any more")
        return environment

    def _surroundings(self, environment: str) -> Surroundings:
        known = self.policies().environments.get(environment)
        return Surroundings(
            environment=environment,
            region=known.region if known else self.settings.region,
            clock=self._clock,
            pacer=self._pacer,
            resolve=lambda reference: self._resolve(
                environment, reference, self._environment(environment).store
            ),
            endpoint=self.settings.endpoint,
            kubeconfig=str(self.settings.kubeconfig) if self.settings.kubeconfig else None,
            allows=self.settings.allows,
            commands=self.settings.commands,
            own_recipes=self.settings.own_recipes,
            installation=self._id,
        )

    def _resolve_anywhere(self, reference: str) -> Sealed:
        """What is written once for all environments leads into one of them."""
        known = self._leads_into(reference) or next(iter(self.policies().environments.values()))
        return self._resolve(known.name, reference, known.store)

    def _leads_into(self, reference: str) -> EnvironmentPolicy | None:
        known = self.policies().environments.values()
        return next((one for one in known if reference.startswith(own_prefixes(one.store, one.path))), None)

    def _resolve(self, environment: str, reference: str, store: str) -> Sealed:
        """The value in SSM or in `store`: below `<path>/rotator/` of the same environment, or where settings allow."""
        known = self._environment(environment)
        own = own_prefixes(store, known.path)
        scheme, _, name = reference.partition(":")
        readable = scheme in {IN_SSM, scheme_of(store)}
        if (
            not readable
            or not reference.startswith((*own, *self.settings.reference_prefixes))
            or ".." in name
        ):
            places = " and ".join(f"{prefix}…" for prefix in own)
            raise Refused(f"reference {reference} is not allowed: only {places} of the same environment is")
        if scheme == scheme_of(known.store):
            return self._store(known).read(name).value
        return self._store(known.model_copy(update={"store": IN_SSM, "settings": {}})).read(name).value
