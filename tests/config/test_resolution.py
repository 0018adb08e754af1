"""What a file means: which level wins, what `{env}` becomes, what is scaled, and what is only watched."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from rotator.model.policy import Mode, Policies, SecretPolicy
from tests.config.files import loaded, notes

DAY = timedelta(days=1)


def policies(*changes: tuple[str, str], **settings: object) -> Policies:
    found = loaded(*changes, **settings)
    assert found.policies is not None, [str(one) for one in found.errors]
    return found.policies


def secret(name: str, *changes: tuple[str, str], **settings: object) -> SecretPolicy:
    return policies(*changes, **settings).secrets[name]


LEVELS = [
    ("defaults", ("defaults:\n", "defaults:\n  cooldown: 1h\n")),
    (
        "environment",
        ("    defaults: {windows: [any-time]}", "    defaults: {windows: [any-time], cooldown: 2h}"),
    ),
    ("type", ("rotate_every: 180d}", "rotate_every: 180d, cooldown: 3h}")),
    ("secret", ("    deploy: [api, worker]\n", "    deploy: [api, worker]\n    cooldown: 4h\n")),
    ("override", ("production: {owner: dba}", "production: {owner: dba}\n      staging: {cooldown: 5h}")),
]


@pytest.mark.parametrize("height", range(len(LEVELS)))
def test_the_higher_level_wins(height: int) -> None:
    changes = [change for _name, change in LEVELS[: height + 1]]
    staging = secret("staging/DATABASE_URL", *changes)
    assert staging.recipe.cooldown == timedelta(hours=height + 1)


def test_an_override_is_for_its_environment_only() -> None:
    changes = [change for _name, change in LEVELS]
    assert secret("production/DATABASE_URL", *changes).recipe.cooldown == timedelta(hours=4)
    assert secret("staging/DATABASE_URL").owner == "platform"
    assert secret("production/DATABASE_URL").owner == "dba"


def test_lists_replace_and_maps_merge() -> None:
    found = secret(
        "production/JWT_SECRET",
        ("rotate_every: 90d\n", "rotate_every: 90d\n  retry: {attempts: 3}\n"),
        ("    deploy: [api]\n", "    deploy: [api]\n    warn_before: [1d]\n    settings: {bits: 512}\n"),
        ("    settings: {bits: 512}\n", "    settings: {bits: 512}\n    retry: {backoff: 1m..1h}\n"),
    )
    assert found.warn_before == (DAY,)
    assert found.recipe.settings == {"format": "hex", "bits": 512}
    assert (found.recipe.attempts, found.recipe.backoff_first) == (3, timedelta(minutes=1))
    assert found.recipe.backoff_longest == timedelta(hours=1)


def test_an_empty_list_switches_off() -> None:
    assert secret("staging/JWT_SECRET", ("warn_before: [14d, 3d]", "warn_before: []")).warn_before == ()


def test_env_is_expanded_everywhere_and_other_braces_stay_in_settings() -> None:
    found = secret(
        "staging/DATABASE_URL",
        ("api: {kubernetes: deployment/api", 'api: {kubernetes: "deployment/api-{env}"'),
        ("timeout: 5m", 'timeout: 5m, health: "https://api.{env}.example/healthz"'),
    )
    api = found.recipe.deployments[0]
    assert (api.id, api.target) == ("staging/api", "deployment/api-staging")
    assert api.health == "https://api.staging.example/healthz"
    assert api.settings == {"namespace": "staging"}
    assert found.recipe.settings == {"admin": "ssm:/taly/staging/rotator/ADMIN"}
    assert secret("production/JWT_SECRET").recipe.probe == ("https://api.production.example/accepts",)


def test_parameters_are_below_the_path_of_the_environment() -> None:
    recipe = secret("production/JWT_SECRET").recipe
    assert recipe.fields == {"value": "/taly/production/JWT_SECRET"}
    assert recipe.accepted_as == "/taly/production/JWT_SECRET_ACCEPTED"
    fields = (
        "type: pair\n",
        "type: pair\n    fields: {user: DB_USER, password: DB_PASSWORD}\n    torn_ok: true\n",
    )
    assert secret("staging/DATABASE_URL", fields).recipe.fields == {
        "user": "/taly/staging/DB_USER",
        "password": "/taly/staging/DB_PASSWORD",
    }


def test_a_secret_may_be_in_one_environment_only() -> None:
    found = policies(("    deploy: [api]\n", "    deploy: [api]\n    only_in: [staging]\n"))
    assert "staging/JWT_SECRET" in found.secrets
    assert "production/JWT_SECRET" not in found.secrets


def test_the_calendar_is_scaled_once_and_real_work_is_not() -> None:
    changes = [
        (
            "rotate_every: 90d\n",
            "rotate_every: 90d\n  retry: {backoff: 1m..1h}\n  overdue: {page_after: 10d}\n",
        ),
        ("secrets:\n", "alerts: {group_wait: 30s, repeat: [1d]}\nsecrets:\n"),
    ]
    found = policies(*changes, scale=0.5)
    pair, key = found.secrets["production/DATABASE_URL"], found.secrets["production/JWT_SECRET"]
    assert (pair.rotate_every, pair.warn_before, pair.page_after) == (90 * DAY, (7 * DAY, 1.5 * DAY), 5 * DAY)
    assert (pair.recipe.grace, pair.recipe.quarantine) == (0.5 * DAY, 0.5 * DAY)
    assert (pair.recipe.cooldown, pair.recipe.scale) == (timedelta(hours=3), 0.5)
    assert (key.recipe.grace, key.recipe.quarantine) == (3.5 * DAY, timedelta())
    assert found.environments["production"].soak == 0.5 * DAY
    assert found.alerts.repeat == (0.5 * DAY,)
    assert found.alerts.group_wait == timedelta(seconds=30)
    assert pair.recipe.backoff_first == timedelta(minutes=1)
    assert pair.recipe.deployments[0].timeout == timedelta(minutes=5)
    assert policies(scale=0.5).alerts.repeat == (0.5 * DAY, 1.5 * DAY, 3.5 * DAY)


def test_quarantine_is_a_day_where_a_source_can_take_it_back_unless_the_policy_says() -> None:
    assert secret("staging/DATABASE_URL").recipe.quarantine == DAY
    assert secret("staging/JWT_SECRET").recipe.quarantine == timedelta()
    longer = ("type: key\n", "type: key\n    quarantine: 2d\n")
    assert secret("staging/JWT_SECRET", longer).recipe.quarantine == 2 * DAY


def test_windows_and_freezes() -> None:
    found = policies()
    (window,) = found.secrets["production/JWT_SECRET"].windows
    assert (window.days, window.opens, window.closes) == (("mon", "tue"), time(9, 30), time(16))
    assert found.secrets["staging/JWT_SECRET"].windows[0].always
    (freeze,) = found.environments["production"].freezes
    assert found.environments["staging"].freezes == ()
    assert (freeze.begins, freeze.ends) == (
        datetime(2026, 12, 18, tzinfo=UTC),
        datetime(2027, 1, 5, tzinfo=UTC),
    )


def test_a_freeze_counts_its_days_in_its_own_time_zone() -> None:
    change = ("to: 2027-01-04", "to: 2027-01-04T12:00, timezone: Europe/Warsaw")
    (freeze,) = policies(change).environments["production"].freezes
    assert freeze.begins == datetime(2026, 12, 17, 23, tzinfo=UTC)
    assert freeze.ends == datetime(2027, 1, 4, 11, tzinfo=UTC)


def test_an_exemption_lasts_to_the_end_of_its_last_day() -> None:
    salt = ("secrets:\n", "secrets:\n  SALT: {exempt: {reason: no credential, until: 2027-01-31}}\n")
    found = secret("production/SALT", salt)
    assert (found.exempt_until, found.exempt_reason) == (datetime(2027, 2, 1, tzinfo=UTC), "no credential")
    assert found.mode is Mode.OBSERVE


@pytest.mark.parametrize(
    "environment, own, mode",
    [
        ("auto", "approve", Mode.APPROVE),
        ("approve", "auto", Mode.APPROVE),
        ("observe", "auto", Mode.OBSERVE),
        ("approve", "observe", Mode.OBSERVE),
        ("auto", "auto", Mode.AUTO),
    ],
)
def test_the_mode_of_an_environment_is_a_ceiling(environment: str, own: str, mode: Mode) -> None:
    found = secret(
        "production/JWT_SECRET",
        ("    after: {", f"    mode: {environment}\n    after: {{"),
        ("type: key\n", f"type: key\n    mode: {own}\n"),
    )
    assert found.mode is mode


def test_owners_alerts_and_the_rest() -> None:
    found = policies(("secrets:\n", "unmanaged: ignore\nignore: [/taly/*/LEGACY_*]\nsecrets:\n"))
    assert found.owners["platform"].addresses == {"slack": "#ops", "email": "ops@taly.example"}
    assert found.owners["dba"].escalate_to == "platform"
    assert (found.default_owner, found.unmanaged, found.ignore) == (
        "platform",
        "ignore",
        ("/taly/*/LEGACY_*",),
    )
    assert found.environments["staging"].kms_key == "alias/staging"
    assert found.environments["production"].after == "staging"


def test_one_redeployer_does_the_work_of_every_other() -> None:
    deployments = secret("staging/DATABASE_URL", redeployer="sandbox").recipe.deployments
    assert [one.kind for one in deployments] == ["sandbox", "sandbox"]
    assert [one.target for one in deployments] == ["deployment/api", "deployment/worker"]


def test_fields_in_one_parameter_are_rotated() -> None:
    fields = "type: pair\n    fields: {user: DATABASE, password: DATABASE}\n    one_parameter: json\n"
    found = secret("production/DATABASE_URL", ("type: pair\n", fields))
    assert found.recipe.fields == dict.fromkeys(("user", "password"), "/taly/production/DATABASE")
    assert found.recipe.parameters == ("/taly/production/DATABASE",)
    assert (found.recipe.one_parameter, found.mode) == (True, Mode.AUTO)


@pytest.mark.parametrize(
    "change, note",
    [
        (
            ("provider: key", "provider: broken"),
            "26: note: types.key.provider: the adapter 'broken' cannot be loaded",
        ),
        (
            ("api: {kubernetes:", "api: {ecs:"),
            "43: note: deployments.api.ecs: the adapter 'ecs' cannot be loaded",
        ),
    ],
)
def test_what_cannot_be_loaded_is_watched_only(change: tuple[str, str], note: str) -> None:
    extra = ("[api, worker]", "[worker]")
    apart = ("deployment/api", '"deployment/api-{env}"')
    found = secret("production/JWT_SECRET", change, extra, apart)
    assert found.mode is Mode.OBSERVE
    assert found.note.endswith("cannot be loaded: watched only")
    assert notes(change, extra, apart) == [f"policies.yaml:{note}: JWT_SECRET is watched only"]


def test_a_redeployer_that_cannot_be_loaded_does_not_matter_where_another_does_its_work() -> None:
    changes = [("api: {kubernetes: deployment/api", "api: {ecs: 'api-{env}'")]
    assert secret("production/JWT_SECRET", *changes, redeployer="sandbox").mode is Mode.AUTO
    assert notes(*changes, redeployer="sandbox") == []


def test_a_secret_whose_mirror_cannot_be_loaded_is_watched_only() -> None:
    """Rotated without it, whoever reads the mirror would be left with a dead credential."""
    mirrors = "mirrors: {ci: {kind: kubernetes-secret, to: '{env}'}, kv: {kind: vault-kv2, path: '{env}'}}\n"
    changes = [
        ("deployments:", f"{mirrors}deployments:"),
        ("    deploy: [api]\n", "    deploy: [api]\n    mirrors: [ci, kv]\n"),
    ]
    found, why = secret("staging/JWT_SECRET", *changes), "the adapter 'kubernetes-secret' cannot be loaded"
    assert (found.mode, found.note) == (Mode.OBSERVE, f"{why}: watched only")
    assert notes(*changes) == [f"policies.yaml:43: note: mirrors.ci.kind: {why}: JWT_SECRET is watched only"]
    assert secret("staging/JWT_SECRET", *changes, ("[ci, kv]", "[kv]")).recipe.mirrors == ("kv",)


def test_a_key_that_nothing_acts_on_is_said_once() -> None:
    (said,) = notes(("type: key\n", "type: key\n    verify: {sql: select 1}\n"))
    assert said.endswith("note: secrets.JWT_SECRET.verify: is checked, but nothing acts on it yet")


def test_who_is_to_be_told_is_for_verifiers_outside() -> None:
    notify = 'type: key\n    notify: {customers: "https://x.example/{env}"}\n'
    (said,) = notes(("type: key\n", notify))
    assert "secrets.JWT_SECRET.notify: is for consumers: external" in said
    outside = ("type: key\n", f"{notify}    consumers: external\n")
    assert notes(outside) == []
    assert secret("production/JWT_SECRET", outside).notify == {"customers": "https://x.example/production"}


def test_approvers_are_the_members_of_owners() -> None:
    found = secret(
        "production/DATABASE_URL",
        ('  dba: {slack: "#dba"', '  dba: {members: [ana, bea], slack: "#dba"'),
        ("{owner: dba}", "{owner: dba, mode: approve, approvers: [dba]}"),
    )
    assert (found.mode, found.approvers) == (Mode.APPROVE, ("ana", "bea"))


@pytest.mark.parametrize("written, times", [("1.5x", 1.5), ("400d", None)])
def test_the_oldest_that_it_may_be(written: str, times: float | None) -> None:
    change = ("  grace: 24h\n", f"  grace: 24h\n  overdue: {{max_age: {written}}}\n")
    found = secret("production/JWT_SECRET", change)
    assert found.max_age == (found.rotate_every * times if times else timedelta(days=400))


def test_rotator_itself_needs_a_rule_and_what_is_read_elsewhere_is_not_seen() -> None:
    store = "    aws: {region: eu-central-1}\n    store: {kind: vault-kv2, mount: kv, path: a, auth: {token: x}}\n"
    found = notes(
        ("secrets:\n", "access: {allow: [{name: a, role: rotator, during: always}]}\nsecrets:\n"),
        ("    aws: {region: eu-central-1}\n", store),
    )
    unseen, itself = [sentence.split(": ", 1)[1] for sentence in found if "access" in sentence]
    assert unseen.endswith("production.store: access watches SSM only: who reads from vault-kv2 is not seen")
    assert itself.startswith("note: access.allow: no rule has during: rotation, so what rotator itself reads")
    assert notes(("secrets:\n", "access: {allow: [{name: a, role: x, during: rotation}]}\nsecrets:\n")) == []


FORWARD = (
    "reads in us-east-1 reach the queue in eu-central-1 only where they are forwarded "
    "(k8s/aws/access-forward.yaml)"
)
QUEUE = "queue: arn:aws:sqs:eu-central-1:111122223333:rotator-trail"


@pytest.mark.parametrize(
    "regions, source, said",
    [
        (("eu-central-1", "eu-central-1"), f"kind: sqs, {QUEUE}", ""),
        (
            ("eu-central-1", "us-east-1"), f"kind: sqs, {QUEUE}",
            FORWARD,
        ),
        (
            ("us-east-1", "us-east-1"), f"kind: sqs, {QUEUE}",
            FORWARD,
        ),
        (("eu-central-1", "us-east-1"), f"kind: s3, {QUEUE}, bucket: taly-trail", ""),
        (
            ("us-east-1", "eu-central-1"), "kind: lookup-events",
            "reads in eu-central-1 are not seen: lookup-events looks in the first environment's region, us-east-1",
        ),
        (("us-east-1", "us-east-1"), "kind: lookup-events", ""),
    ],
)  # fmt: skip
def test_a_region_of_which_the_source_of_records_hears_nothing_is_noted(
    regions: tuple[str, str], source: str, said: str
) -> None:
    access = f"access: {{source: {{{source}}}, allow: [{{name: a, role: x, during: rotation}}]}}\nsecrets:\n"
    first, second = (f"aws: {{region: {region}" for region in regions)
    found = notes(
        ("secrets:\n", access),
        ("aws: {region: eu-central-1}", f"{second}}}"),
        ("aws: {region: eu-central-1,", f"{first},"),
    )
    assert [one.split("access.source: ", 1)[1] for one in found if "access.source" in one] == [said] * bool(
        said
    )


def test_who_may_read_is_resolved_for_every_environment() -> None:
    allow = '{name: a, role: "app-{env}", during: deployment, secrets: [JWT_*], from: [10.0.0.0/8]}'
    other = "{name: b, principal: x.amazonaws.com, during: always, only_in: [staging], notify: low}"
    access = f"access: {{allow: [{allow}, {other}], bulk_read: {{more_than: 3, within: 30m}}, hold: 5m}}\nsecrets:\n"
    policies = loaded(("secrets:\n", access)).policies
    assert policies is not None
    first, second, third = policies.access.readers
    assert (first.environment, first.role, second.environment, second.role) == (
        "staging", "app-staging", "production", "app-production",
    )  # fmt: skip
    assert (first.secrets, first.source, first.slack_after) == (
        ("JWT_*",),
        ("10.0.0.0/8",),
        timedelta(minutes=15),
    )
    assert (third.environment, third.principal, third.quiet) == ("staging", "x.amazonaws.com", True)
    assert (policies.access.bulk_more_than, policies.access.bulk_within) == (3, timedelta(minutes=30))
    assert policies.access.hold == timedelta(minutes=5)


def test_a_credential_of_rotators_own_without_a_policy_is_noted() -> None:
    change = ("admin: ssm:/taly/{env}/rotator/ADMIN\n", "admin: ssm:/taly/{env}/rotator/OTHER\n")
    (note,) = notes(change)
    assert note.removeprefix("policies.yaml:37: note: secrets.DATABASE_URL.settings.admin: ") == (
        "nobody watches the age of rotator/OTHER; list it under secrets"
    )


def test_length_bits_is_the_default_of_adapters_that_have_bits() -> None:
    bits = ("rotate_every: 90d\n", "rotate_every: 90d\n  length_bits: 512\n")
    assert secret("staging/JWT_SECRET", bits).recipe.settings == {"format": "hex", "bits": 512}
    assert "bits" not in secret("staging/DATABASE_URL", bits).recipe.settings


def test_lines_point_at_the_secret() -> None:
    assert secret("production/DATABASE_URL").line == 34


def test_the_same_text_has_the_same_version_and_survives_json() -> None:
    first, second = policies(), policies()
    assert first == second
    assert first.version != policies(("rotate_every: 180d", "rotate_every: 181d")).version
    assert Policies.model_validate_json(first.model_dump_json()) == first
