"""A resolved policy as flat values, spelled as the file would write them: what `explain` and `diff` show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from rotator.config.spelling import Backoff
from rotator.model.durations import spell_duration
from rotator.model.policy import (
    AccessPolicy,
    AlertPolicy,
    Deployment,
    EnvironmentPolicy,
    MirrorPolicy,
    OwnerPolicy,
    PersonPolicy,
    Policies,
    Reader,
    SecretPolicy,
)
from rotator.model.windows import Freeze, Window


def values_of(policy: SecretPolicy) -> dict[str, str]:
    """Everything in force for one secret, by key."""
    values = {
        "type": policy.type or None,
        "provider": policy.recipe.provider,
        "mode": policy.mode.value + (f" ({policy.note})" if policy.note else ""),
        **{".".join(keys): value for keys, value in levelled(policy)},
    }
    return {key: spell(value) for key, value in values.items() if value is not None and value != ()}


def levelled(policy: SecretPolicy) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The keys that a level of the file may say, with the value in force; None or () where there is none."""
    recipe = policy.recipe
    yield ("rotate_every",), policy.rotate_every
    yield ("warn_before",), policy.warn_before
    yield ("grace",), recipe.grace
    yield ("quarantine",), recipe.quarantine
    yield ("cooldown",), recipe.cooldown
    yield ("overdue", "page_after"), policy.page_after
    yield ("overdue", "max_age"), policy.max_age
    yield ("approvers",), policy.approvers or None
    yield ("retry", "attempts"), recipe.attempts
    yield ("retry", "backoff"), Backoff(recipe.backoff_first, recipe.backoff_longest)
    yield ("windows",), tuple(window.name for window in policy.windows) or "any time"
    yield ("owner",), policy.owner or None
    yield ("runbook",), policy.runbook
    yield from ((("notify", who), page) for who, page in policy.notify.items())
    yield ("on_unexpected_read",), policy.on_unexpected_read.value
    yield from ((("fields", name), parameter) for name, parameter in recipe.fields.items())
    yield ("one_parameter",), "json" if recipe.one_parameter else None
    yield ("accepted_as",), recipe.accepted_as
    yield ("probe",), recipe.probe
    yield ("consumers",), "external" if recipe.external_consumers else "ours"
    yield ("deploy",), tuple(deployment.id.split("/", 1)[-1] for deployment in recipe.deployments)
    yield ("mirrors",), recipe.mirrors
    yield from ((("settings", name), value) for name, value in recipe.settings.items())
    yield ("accept_unseen",), recipe.accept_unseen
    yield ("accept_gap",), recipe.accept_gap
    yield ("torn_ok",), recipe.torn_ok
    yield ("exempt", "until"), policy.exempt_until
    yield ("exempt", "reason"), policy.exempt_reason or None


def shared_values_of(policies: Policies) -> dict[str, str]:
    """Everything that secrets name or that binds all of them, by key."""
    values: dict[str, str] = {}
    for name, environment in policies.environments.items():
        values |= {f"environments.{name}.{key}": told for key, told in _environment(environment).items()}
    for policy in policies.secrets.values():
        values |= {f"windows.{window.name}": spell_window(window) for window in policy.windows}
        values |= {f"deployments.{one.id}": spell_deployment(one) for one in policy.recipe.deployments}
    values |= {f"mirrors.{one.id}": spell_mirror(one) for one in policies.mirrors.values()}
    values |= {f"owners.{name}": spell_owner(owner) for name, owner in policies.owners.items()}
    values |= {f"people.{name}": spell_person(person) for name, person in policies.people.items()}
    values |= {
        "defaults.owner": policies.default_owner,
        "alerts.group_wait": spell(policies.alerts.group_wait),
        "alerts.repeat": spell(policies.alerts.repeat),
        **{f"access.{key}": told for key, told in _access(policies.access).items()},
        **_alerts(policies.alerts),
        "unmanaged": policies.unmanaged,
        "ignore": spell(policies.ignore),
    }
    return values


def spell(value: Any) -> str:
    """A value as the file would write it."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case Backoff():
            return f"{spell_duration(value.first)}..{spell_duration(value.longest)}"
        case timedelta():
            return spell_duration(value)
        case list() | tuple():
            return f"[{', '.join(map(spell, value))}]"
        case Mapping():
            return f"{{{', '.join(f'{key}: {spell(below)}' for key, below in value.items())}}}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M %Z}"
        case date():
            return value.isoformat()
    return str(value)


def spell_window(window: Window) -> str:
    """When it is open."""
    if window.always:
        return "always"
    return f"{' '.join(window.days)}, {window.opens:%H:%M} to {window.closes:%H:%M} {window.timezone}"


def spell_deployment(one: Deployment) -> str:
    """What is restarted, how it reads, and how long that may take."""
    told = [f"{one.kind} {one.target}", f"reads {one.reads}", f"timeout {spell_duration(one.timeout)}"]
    told += [f"health {one.health}"] if one.health else []
    told += [f"external_secrets {spell(one.external_secrets)}"] if one.external_secrets else []
    told += [f"settings {spell(one.settings)}"] if one.settings else []
    return ", ".join(told)


def spell_mirror(one: MirrorPolicy) -> str:
    """What a copy is, and where."""
    return f"{one.kind} {spell(one.settings)}"


def spell_owner(owner: OwnerPolicy) -> str:
    """Where an owner is reached."""
    told = [f"{channel} {address}" for channel, address in owner.addresses.items()]
    told += [f"escalate_to {owner.escalate_to}"] if owner.escalate_to else []
    told += [f"members {spell(owner.members)}"] if owner.members else []
    return ", ".join(told) or "told nowhere"


def spell_person(person: PersonPolicy) -> str:
    """What somebody may do."""
    return f"slack {person.slack}, {spell(person.roles)}"


def spell_freeze(freeze: Freeze) -> str:
    """From when to when."""
    return f"{spell(freeze.begins)} to {spell(freeze.ends)}" + (
        f" ({freeze.reason})" if freeze.reason else ""
    )


def _alerts(alerts: AlertPolicy) -> dict[str, str]:
    values: dict[str, str] = {}
    if alerts.heartbeat:
        values |= {f"alerts.heartbeat.{key}": spell(value) for key, value in alerts.heartbeat}
    if alerts.digest:
        days, at, zone = alerts.digest.days, alerts.digest.at, alerts.digest.timezone
        values["alerts.digest"] = f"{' '.join(days)}, {at:%H:%M} {zone}"
    if alerts.quiet_hours:
        quiet = alerts.quiet_hours
        loud = " ".join(one.name.lower() for one in quiet.exceptions)
        values["alerts.quiet_hours"] = (
            f"{quiet.begins:%H:%M} to {quiet.ends:%H:%M} {quiet.timezone}, except {loud}"
        )
    if alerts.budget:
        values["alerts.budget"] = f"{alerts.budget.pages} pages in {spell(alerts.budget.shift)}"
    return values


def _environment(environment: EnvironmentPolicy) -> dict[str, str]:
    values = {
        "path": environment.path,
        "region": environment.region,
        "account": environment.account or None,
        "store": environment.store,
        "kms_key": environment.kms_key,
        "after": environment.after and f"{environment.after}, soaking {spell_duration(environment.soak)}",
        "max_concurrent": environment.max_concurrent,
        "settings": environment.settings or None,
        **{f"freezes.{freeze.name}": spell_freeze(freeze) for freeze in environment.freezes},
    }
    return {key: spell(value) for key, value in values.items() if value is not None}


def _access(access: AccessPolicy) -> dict[str, str]:
    source = access.source
    return {
        "source": " ".join(filter(None, (source.kind, source.queue))) if source else "nothing is watched",
        "bulk_read": f"more than {access.bulk_more_than} within {spell_duration(access.bulk_within)}",
        "hold": spell_duration(access.hold),
        "learn_until": f"{access.learn_until:%Y-%m-%d %H:%M} UTC"
        if access.learn_until
        else "nothing is kept quiet",
        **{
            f"allow[{place}] ({one.environment})": _spell_reader(one)
            for place, one in enumerate(access.readers)
        },
    }


def _spell_reader(one: Reader) -> str:
    """Who may read, when, and what."""
    told = [f"{one.name}: {one.role or one.principal}", f"during {one.during}"]
    told += [f"slack_after {spell_duration(one.slack_after)}"] if one.during == "deployment" else []
    told += [f"secrets {spell(one.secrets)}"] if one.secrets else []
    told += [f"from {spell(one.source)}"] if one.source else []
    return ", ".join([*told, "told quietly"] if one.quiet else told)
