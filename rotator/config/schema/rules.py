"""What may be said about a secret: its schedule, its manner, and the rest, each at the levels where it may stand.

A class for each level, so that a key has one meaning wherever it stands. The sentence below a key is what editors show,
and docs/reference/policies.md has it word for word.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from rotator.config.spelling import URL_SCHEMA, BackoffRange, Duration, MaxAge, Moment, Url

OneOrMore = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)


class Part(BaseModel):
    """A mapping of the file with known keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Overdue(Part):
    """When overdue gets worse."""

    page_after: Duration | None = None
    """Overdue by more than this is critical. 7d."""
    max_age: MaxAge | None = None
    """The oldest it may ever be, `1.5x` or a duration: then it is critical, and no alert of it can be snoozed. None."""


class Retry(Part):
    """After an unexpected failure."""

    attempts: Annotated[int, Field(ge=1, le=100)] | None = None
    """So many before it parks. 5."""
    backoff: BackoffRange | None = None
    """The first wait and the longest. 5s..15m."""


class Schedule(Part):
    """When, how patiently and for whom: what defaults may say."""

    rotate_every: Duration | None = None
    """The period. Required."""
    warn_before: Annotated[list[Duration], Field(max_length=20)] | None = None
    """Due-soon notices, e.g. `[14d, 3d]`; `[]` switches them off. None."""
    grace: Duration | None = None
    """How long the predecessor stays valid after everybody is seen on the successor. Required."""
    quarantine: Duration | None = None
    """How long it is disabled before it is removed. 1d; 0s where both ends are ours."""
    cooldown: Duration | None = None
    """How long nothing is tried again after an undo. 6h."""
    overdue: Overdue | None = None
    """When overdue gets worse: `page_after`, 7d; `max_age`, the oldest it may ever be."""
    retry: Retry | None = None
    """After an unexpected failure: `attempts` before it parks, 5; `backoff`, 5s..15m."""
    windows: list[str] | None = None
    """When it may restart and invalidate: names of `windows`. Any time."""
    owner: str | None = None
    """Who is told: one of `owners`. Required."""
    runbook: str | None = None
    """A page for people; each message about the secret has it."""
    mode: Literal["auto", "approve", "observe"] | None = None
    """`auto`, `approve` (a person says yes first), or `observe` (watched only). auto."""
    approvers: list[str] | None = None
    """Owners whose `members` may say yes. Anybody but whoever asked; of an emergency, also who declared it."""
    on_unexpected_read: Literal["alert", "ask", "rotate"] | None = None
    """What follows a read that nobody expected: `alert`, `ask` or `rotate`, once a day at most. alert."""
    length_bits: Annotated[int, Field(ge=128, le=4096)] | None = None
    """The default of `settings.bits` for adapters that have it."""


class Manner(Schedule):
    """How: what a type may say besides."""

    settings: dict[str, Any] | None = None
    """The adapter's own options."""
    accept_unseen: bool | None = None
    """Invalidate although the source cannot show whether the predecessor is still used. false."""
    accept_gap: bool | None = None
    """Accept that it is refused for a moment: sources without overlap, no accepted set where one is needed. false."""
    torn_ok: bool | None = None
    """Fields in several parameters may be read half and half by a pod that starts between the writes. false."""
    one_parameter: Literal["json"] | None = None
    """`json`: all fields are keys of a JSON object in one parameter, which `fields` names for each. None."""


class Type(Manner):
    """One kind of secret."""

    provider: str
    """The source's adapter. Where it cannot be loaded, its secrets are watched only."""


class Exempt(Part):
    """An exception that ends."""

    reason: Annotated[str, Field(min_length=1)]
    """Why it need not be rotated."""
    until: Moment
    """The last day."""
    approved_by: str | None = None
    """One of `owners`."""


class SecretRules(Manner):
    """What one secret may say, also for a single environment."""

    fields: dict[str, str] | None = None
    """Credential field -> parameter, below the environment's path. `{value: NAME}`."""
    accepted_as: str | None = None
    """The parameter with the accepted set, where verifiers accept several."""
    probe: (
        Annotated[
            list[Url],
            OneOrMore,
            WithJsonSchema({"anyOf": [URL_SCHEMA, {"type": "array", "items": URL_SCHEMA}]}),
        ]
        | None
    ) = None
    """A page, or pages, that answer whether verifiers accept what we made."""
    consumers: Literal["ours", "external"] | None = None
    """`ours`, or `external`: the last step waits for a person's yes. ours."""
    deploy: list[str] | None = None
    """Names of `deployments` that read it; `[]` when nothing needs a restart. Required for what is rotated."""
    mirrors: list[str] | None = None
    """Names of `mirrors`."""
    verify: dict[str, Any] | None = None
    """Nothing acts on it yet."""
    notify: dict[str, str] | None = None
    """With `consumers: external`: whom to tell before the last step, and the page that says how. Its alert says it."""
    exempt: Exempt | None = None
    """An exception: `reason`; `until`, the last day; `approved_by`, an owner. An exempt secret needs no type."""


class Secret(SecretRules):
    """One secret."""

    type: str | None = None
    """One of `types`."""
    only_in: list[str] | None = None
    """The environments that have it. All."""
    environments: dict[str, SecretRules] = Field(default_factory=dict)
    """Environment -> what is different there."""
