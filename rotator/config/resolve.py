"""From a checked file to `Policies`: nothing left to look up, every calendar duration scaled once.

Scaled are the durations of the calendar (rotate_every, warn_before, grace, quarantine, cooldown, page_after, soak,
repeat), never those of real work (timeouts, backoff, group_wait) and of people's days (digest, quiet_hours, budget).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rotator.config import schema
from rotator.config.draft import Draft, expand
from rotator.config.precedence import Effective
from rotator.config.watched import mode_of, obstacle
from rotator.model.alerts import Severity
from rotator.model.durations import parse_duration
from rotator.model.hours import DigestTimes, QuietHours
from rotator.model.policy import (
    AccessPolicy,
    AlertPolicy,
    Budget,
    Deployment,
    During,
    EnvironmentPolicy,
    HeartbeatPolicy,
    MirrorPolicy,
    Mode,
    OnUnexpectedRead,
    OwnerPolicy,
    PersonPolicy,
    Policies,
    Reader,
    Reads,
    Recipe,
    Role,
    SecretPolicy,
    TrailPolicy,
)
from rotator.model.windows import Freeze, Window

#: How long a disabled credential can be brought back where the policy does not say; an accepted set has no such step.
_QUARANTINE = timedelta(days=1)
_COOLDOWN = timedelta(hours=6)
_PAGE_AFTER = timedelta(days=7)


class Resolution:
    """Resolves one draft; what several secrets share is made once."""

    def __init__(self, draft: Draft) -> None:
        self._draft, self._file, self._scale = draft, draft.file, draft.scale
        self._windows = {name: window_of(name, window) for name, window in self._file.windows.items()}
        self._deployments: dict[tuple[str, str], Deployment | None] = {}

    def policies(self, version: str, recipes: Iterable[tuple[Effective, Recipe]]) -> Policies:
        """The whole file."""
        return Policies(
            version=version,
            environments=self.environments(),
            secrets={effective.id: self._secret(effective, recipe) for effective, recipe in recipes},
            mirrors=self.mirrors(),
            owners={name: self._owner(name, owner) for name, owner in self._file.owners.items()},
            people={name: person_of(name, person) for name, person in self._file.people.items()},
            default_owner=self._file.defaults.owner or "",
            alerts=self._alerts(self._file.alerts),
            access=self._access(self._file.access or schema.Access()),
            unmanaged=self._file.unmanaged,
            ignore=tuple(self._file.ignore),
        )

    def environments(self) -> dict[str, EnvironmentPolicy]:
        """By their names."""
        return {name: self._environment(name) for name in self._file.environments}

    def mirrors(self) -> dict[str, MirrorPolicy]:
        """By their ids."""
        return {mirror.id: mirror for name in self._file.mirrors for mirror in self._mirrors(name)}

    def recipe(self, effective: Effective) -> Recipe:
        """How one secret is rotated. Names that the file does not define are left out."""
        rules, environment = effective.rules, effective.environment
        retry = rules.retry or schema.Retry()
        return Recipe(
            secret=effective.id,
            environment=environment,
            provider=effective.provider,
            settings=self._settings(effective),
            fields=self._draft.fields_of(effective),
            one_parameter=rules.one_parameter == "json",
            accepted_as=self._draft.accepted_as_of(effective),
            probe=tuple(expand(url, environment) for url in rules.probe or ()),
            external_consumers=rules.consumers == "external",
            deployments=self._deployments_of(effective),
            mirrors=tuple(name for name in rules.mirrors or () if self._has_adapter(name)),
            grace=(rules.grace or timedelta()) * self._scale,
            quarantine=self._quarantine(effective) * self._scale,
            cooldown=(_COOLDOWN if rules.cooldown is None else rules.cooldown) * self._scale,
            accept_unseen=bool(rules.accept_unseen),
            accept_gap=bool(rules.accept_gap),
            torn_ok=bool(rules.torn_ok),
            scale=self._scale,
            **_stated(
                attempts=retry.attempts,
                backoff_first=retry.backoff and retry.backoff.first,
                backoff_longest=retry.backoff and retry.backoff.longest,
            ),
        )

    def _secret(self, effective: Effective, recipe: Recipe) -> SecretPolicy:
        rules, exempt = effective.rules, effective.rules.exempt
        held = obstacle(self._draft, effective)
        page_after = rules.overdue.page_after if rules.overdue else None
        traits = getattr(self._draft.provider_of(effective), "traits", None)
        return SecretPolicy(
            secret=effective.id,
            environment=effective.environment,
            name=effective.name,
            type=effective.type,
            recipe=recipe,
            mode=Mode.OBSERVE if held else mode_of(self._draft, effective),
            rotate_every=(rules.rotate_every or timedelta()) * self._scale,
            warn_before=self._scaled(rules.warn_before or ()),
            windows=tuple(self._windows[name] for name in rules.windows or ()),
            owner=rules.owner or "",
            runbook=expand(rules.runbook, effective.environment),
            notify=expand(rules.notify or {}, effective.environment),
            submitted=bool(getattr(traits, "submitted", False)),
            shared=bool(getattr(traits, "shared", False)),
            exempt_until=end_of(exempt.until, "UTC") if exempt else None,
            exempt_reason=exempt.reason if exempt else "",
            line=self._draft.complaints.mark(effective.path).line,
            note=f"{held[1]}: watched only" if held else "",
            page_after=(_PAGE_AFTER if page_after is None else page_after) * self._scale,
            on_unexpected_read=OnUnexpectedRead(rules.on_unexpected_read or OnUnexpectedRead.ALERT),
            max_age=oldest * self._scale if (oldest := oldest_of(rules)) is not None else None,
            approvers=self._members_of(rules.approvers or ()),
        )

    def _members_of(self, owners: Iterable[str]) -> tuple[str, ...]:
        """The people of these owners, each once."""
        known = [self._file.owners[name] for name in owners if name in self._file.owners]
        return tuple(dict.fromkeys(member for owner in known for member in owner.members))

    def _settings(self, effective: Effective) -> dict[str, Any]:
        """The adapter's own options; `length_bits` is the default of those that have `bits`."""
        settings: dict[str, Any] = expand(effective.rules.settings or {}, effective.environment)
        options = getattr(self._draft.provider_of(effective), "Options", None)
        if effective.rules.length_bits and "bits" in getattr(options, "model_fields", {}):
            settings.setdefault("bits", effective.rules.length_bits)
        return settings

    def _quarantine(self, effective: Effective) -> timedelta:
        if effective.rules.quarantine is not None:
            return effective.rules.quarantine
        traits = getattr(self._draft.provider_of(effective), "traits", None)
        return timedelta() if getattr(traits, "shared", False) else _QUARANTINE

    def _deployments_of(self, effective: Effective) -> tuple[Deployment, ...]:
        found = (self._deployment(name, effective.environment) for name in effective.rules.deploy or ())
        return tuple(deployment for deployment in found if deployment)

    def _deployment(self, name: str, environment: str) -> Deployment | None:
        if (name, environment) not in self._deployments:
            self._deployments[name, environment] = self._new_deployment(name, environment)
        return self._deployments[name, environment]

    def _new_deployment(self, name: str, environment: str) -> Deployment | None:
        written = self._file.deployments.get(name)
        platform = self._draft.platform_of(name) if written else None
        if written is None or platform is None:
            return None
        kind, target = platform
        return Deployment(
            id=f"{environment}/{name}",
            kind=self._draft.redeployer or kind,
            target=expand(target, environment),
            reads=Reads(written.reads),
            timeout=written.timeout,
            health=expand(written.health, environment),
            external_secrets=tuple(expand(written.external_secrets, environment)),
            after=tuple(f"{environment}/{first}" for first in written.after),
            settings={**self._place(environment).get(kind, {}), **expand(written.settings, environment)},
        )

    def _has_adapter(self, mirror: str) -> bool:
        written = self._file.mirrors.get(mirror)
        return written is not None and self._draft.adapters.mirror(written.kind) is not None

    def _mirrors(self, name: str) -> Iterator[MirrorPolicy]:
        """The places of one mirror, one for each environment."""
        written = self._file.mirrors[name]
        for environment in self._file.environments if self._has_adapter(name) else ():
            options = expand(written.model_extra or {}, environment)
            yield MirrorPolicy(id=f"{environment}/{name}", kind=written.kind, settings=options)

    def _place(self, environment: str) -> dict[str, Any]:
        """Redeployer -> where it finds the environment's workloads."""
        kubernetes = self._file.environments[environment].kubernetes
        return {"kubernetes": expand(kubernetes.model_dump(), environment)} if kubernetes else {}

    def _store_settings(self, environment: str) -> dict[str, Any]:
        """Store -> its own options."""
        store = self._file.environments[environment].store
        return {store.kind: expand(store.model_extra, environment)} if store.model_extra else {}

    def _environment(self, name: str) -> EnvironmentPolicy:
        written = self._file.environments[name]
        return EnvironmentPolicy(
            name=name,
            path=self._draft.prefixes[name],
            region=written.aws.region,
            account=written.aws.account or "",
            store=written.store.kind,
            kms_key=expand(written.aws.kms_key, name),
            freezes=tuple(
                freeze_of(one) for one in self._file.freezes if name in (one.environments or [name])
            ),
            after=written.after.environment if written.after else None,
            soak=written.after.soak * self._scale if written.after else timedelta(),
            max_concurrent=written.max_concurrent,
            settings={**self._place(name), **self._store_settings(name)},
        )

    def _owner(self, name: str, owner: schema.Owner) -> OwnerPolicy:
        reached = {
            channel: address
            for channel, address in (owner.model_extra or {}).items()
            if channel in self._draft.adapters.channel_names()
        }
        return OwnerPolicy(
            name=name, addresses=reached, escalate_to=owner.escalate_to, members=tuple(owner.members)
        )

    def _alerts(self, alerts: schema.Alerts) -> AlertPolicy:
        repeat = self._scaled(alerts.repeat or AlertPolicy().repeat)
        return AlertPolicy(
            repeat=repeat,
            digest=digest_of(alerts.digest) if alerts.digest else None,
            quiet_hours=quiet_hours_of(alerts.quiet_hours) if alerts.quiet_hours else None,
            budget=Budget(**_stated(**alerts.budget.model_dump()) if alerts.budget else {}),
            heartbeat=heartbeat_of(alerts.heartbeat) if alerts.heartbeat else None,
            **_stated(group_wait=alerts.group_wait),
        )

    def _access(self, access: schema.Access) -> AccessPolicy:
        source = access.source
        return AccessPolicy(
            readers=tuple(
                self._reader(reader, environment)
                for reader in access.allow
                for environment in reader.only_in or self._file.environments
            ),
            source=_trail(source) if source else None,
            roles=dict(self._roles()),
            **_stated(
                bulk_more_than=access.bulk_read and access.bulk_read.more_than,
                bulk_within=access.bulk_read and access.bulk_read.within,
                hold=access.hold,
                learn_until=access.learn_until and end_of(access.learn_until, "UTC"),
            ),
        )

    def _roles(self) -> Iterator[tuple[str, str]]:
        for name, written in self._file.deployments.items():
            for environment in self._file.environments if written.role else ():
                yield f"{environment}/{name}", expand(written.role, environment)

    def _reader(self, reader: schema.Reader, environment: str) -> Reader:
        return Reader(
            name=reader.name,
            environment=environment,
            role=expand(reader.role or "", environment),
            principal=expand(reader.principal or "", environment),
            during=During(reader.during),
            secrets=tuple(expand(reader.secrets or [], environment)),
            source=tuple(reader.source or ()),
            quiet=reader.notify == "low",
            **_stated(slack_after=reader.slack_after),
        )

    def _scaled(self, durations: Iterable[timedelta]) -> tuple[timedelta, ...]:
        return tuple(duration * self._scale for duration in durations)


def _trail(source: schema.TrailSource) -> TrailPolicy:
    return TrailPolicy(kind=source.kind, queue=source.queue or "", bucket=source.bucket or "")


def digest_of(written: schema.Digest) -> DigestTimes:
    """The times of the digest."""
    days = tuple(written.days) if written.days is not None else None
    return DigestTimes(at=written.at, timezone=written.timezone, **_stated(days=days))


def quiet_hours_of(written: schema.QuietHours) -> QuietHours:
    """The quiet hours."""
    return QuietHours(
        begins=written.begins,
        ends=written.ends,
        timezone=written.timezone,
        exceptions=tuple(Severity[name.upper()] for name in written.exceptions),
    )


def heartbeat_of(written: schema.Heartbeat) -> HeartbeatPolicy:
    """In real time: who is outside has a clock of his own."""
    return HeartbeatPolicy(url=written.url, every=written.every, grace=written.grace)


def oldest_of(rules: schema.Schedule) -> timedelta | None:
    """The oldest that a credential may ever be: a duration, or a multiple of its period."""
    written = rules.overdue.max_age if rules.overdue else None
    if written is None:
        return None
    if written.endswith("x"):
        return (rules.rotate_every or timedelta()) * float(written.removesuffix("x"))
    return parse_duration(written)


def window_of(name: str, written: schema.Window) -> Window:
    """A window; one that names no hours is open all day."""
    return Window(
        name=name,
        always=bool(written.always),
        **_stated(
            days=tuple(written.days) if written.days is not None else None,
            opens=written.opens,
            closes=written.closes,
            timezone=written.timezone,
        ),
    )


def person_of(name: str, written: schema.Person) -> PersonPolicy:
    """Somebody who may answer; each role once."""
    roles = tuple(dict.fromkeys(Role(role) for role in written.roles))
    return PersonPolicy(name=name, slack=written.slack, roles=roles)


def freeze_of(written: schema.Freeze) -> Freeze:
    """A freeze; of dates, both days are inside."""
    begins = (
        written.begins if isinstance(written.begins, datetime) else datetime.combine(written.begins, time())
    )
    return Freeze(
        name=written.name,
        begins=begins.replace(tzinfo=ZoneInfo(written.timezone)),
        ends=end_of(written.ends, written.timezone),
        reason=written.reason,
    )


def end_of(moment: date | datetime, timezone: str) -> datetime:
    """The end of a day, or the moment itself."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time()) + timedelta(days=1)
    return moment.replace(tzinfo=ZoneInfo(timezone))


def _stated(**values: Any) -> dict[str, Any]:
    """What the file says; for the rest the model's own defaults hold."""
    return {name: value for name, value in values.items() if value is not None}
