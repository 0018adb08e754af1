"""A labelled corpus: some days of Taly's trail, every record with what a person should be told of it.

Labels are written beside each record by what the record is, never taken from the judge. What carries state (many reads,
versions) has a principal or a parameter of its own. `LABELLED` is in the order of its making; trails deliver in any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rotator.contracts.redeployer import Start
from tests.access.records import (
    BROWSER,
    CLI,
    OURS,
    THEIRS,
    Record,
    arn,
    at,
    below,
    call,
    delete,
    denied,
    failed,
    federated,
    foreign,
    history,
    identity_center,
    instance,
    irsa,
    one,
    pod,
    put,
    refused,
    role,
    root,
    saml,
    service,
    several,
    sso,
    user,
    web_identity,
    without_issuer,
)

ENVIRONMENTS = ("staging", "production")
#: Parameters that Taly's policy names, in either environment.
NAMES = (
    "JWT_SECRET", "JWT_SECRET_ACCEPTED", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET",
    "STRIPE_WEBHOOK_SECRETS_ACCEPTED", "DATABASE_URL", "TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET",
    "TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKENS_ACCEPTED", "SES_SMTP_USERNAME", "SES_SMTP_PASSWORD",
    "GOOGLE_OAUTH_CLIENT_SECRET", "INTERNAL_API_TOKEN", "INTERNAL_API_TOKENS_ACCEPTED", "WEBHOOK_SIGNING_KEY",
    "WEBHOOK_SIGNING_KEYS_ACTIVE", "FEATURE_FLAG_SALT",
)  # fmt: skip
#: One parameter of each of twelve secrets.
TWELVE = (
    "JWT_SECRET", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "DATABASE_URL", "TWILIO_API_KEY_SID",
    "TWILIO_AUTH_TOKEN", "SES_SMTP_PASSWORD", "GOOGLE_OAUTH_CLIENT_SECRET", "INTERNAL_API_TOKEN", "WEBHOOK_SIGNING_KEY",
    "rotator/DATABASE_ADMIN_URL", "rotator/STRIPE_ADMIN_KEY",
)  # fmt: skip
JWT, DATABASE = "/taly/production/JWT_SECRET", "/taly/production/DATABASE_URL"
APP, STAGING_APP = "taly-production-app", "taly-staging-app"
ESO, ROTATOR = "taly-production-external-secrets", "taly-rotator"
UNKNOWN, OUTSIDE = "unknown_actor", "access_outside_deployment"
HISTORY, VERSION, BULK = "history_read", "old_version_read", "bulk_read"
DENIED, DRIFT = "denied_read", "drift"


class Labelled(NamedTuple):
    """One record, and the kinds of finding that it is. None at all: nobody should hear of it."""

    record: Record
    kinds: frozenset[str]


#: When workloads started: a deployment, autoscaling and an eviction in production, one in staging.
STARTS = (
    Start("production/api", APP, at(0)),
    Start("production/worker", APP, at(0, 1)),
    Start("production/worker", APP, at(5)),  # autoscaling: nobody deployed anything
    Start(
        "production/scheduler", f"arn:aws:iam::{OURS}:role/{APP}", at(9)
    ),  # an eviction; the platform tells the ARN
    Start("staging/api", STAGING_APP, at(12)),
    Start("production/other", "taly-production-other", at(15)),
)


def labelled() -> list[Labelled]:
    """The corpus."""
    return [
        *_expect(_pods_that_start()),
        *_expect(_ways_to_name()),
        *_expect(_external_secrets()),
        *_expect(_rotator_at_work()),
        *_expect(_people_with_emergency_roles()),
        *_expect(_nothing_of_ours()),
        *_expect(_gave_nothing()),
        *_expect(_unknown(), UNKNOWN),
        *_expect(_in_disguise(), UNKNOWN),
        *_unknown_below_a_path(),
        *_expect(_outside(), OUTSIDE),
        *_histories(),
        *_old_versions(),
        *_many(),
        *_expect(_denied(), DENIED),
        *_expect(_written_by_others(), DRIFT),
        *_twins(),
    ]


def _expect(records: Iterator[Record], *kinds: str) -> Iterator[Labelled]:
    yield from (Labelled(record, frozenset(kinds)) for record in records)


def _full(environment: str, name: str) -> str:
    return f"/taly/{environment}/{name}"


def _pods_that_start() -> Iterator[Record]:
    """Whatever made them start: a deployment, autoscaling, an eviction."""
    for number, name in enumerate(NAMES):
        yield one(pod(APP), at(0, 0, 5 + number), _full("production", name))
        yield one(irsa(STAGING_APP), at(12, 0, 5 + number), _full("staging", name))
    yield several(pod(APP, "worker"), at(0, 1, 20), *(_full("production", name) for name in NAMES[:10]))
    yield below(pod(APP, "worker"), at(5, 0, 3), "/taly/production", recursive=True)
    yield below(pod(APP, "worker"), at(5, 0, 9), "/taly/production/", recursive=None)
    yield one(pod(APP, "scheduler"), at(9, 3), DATABASE)
    yield one(pod(APP), at(-1, 58, 1), JWT)  # the platform shows the start a little later
    yield one(pod(APP), at(0, 15, 59), JWT)  # 14 min 59 s after the worker
    yield one(pod(APP), at(0, 16), JWT)
    yield one(
        role(APP, "b41f-ecs-task"), at(0, 2), JWT, userAgent="aws-sdk-go-v2/1.39 exec-env/AWS_ECS_FARGATE"
    )
    yield one(
        role(APP, "taly-function"), at(0, 2), JWT, userAgent=f"{'Boto3/1.40'} exec-env/AWS_Lambda_python3.11"
    )
    yield one(instance(APP), at(0, 3), JWT, userAgent="aws-sdk-java/2.33")
    yield one(pod(APP), at(0, 4), JWT, userAgent=CLI)  # an entry point that is a shell script
    yield one(without_issuer(role(APP)), at(0, 4), JWT)
    yield one(role(APP, path="/taly/"), at(0, 5), JWT)


def _ways_to_name() -> Iterator[Record]:
    """The same parameter, as callers write it."""
    who = pod(APP)
    yield one(who, at(0, 6), arn(JWT))
    yield one(who, at(0, 6), f"{JWT}:current")
    yield one(who, at(0, 6), f"{arn(JWT)}:current")
    yield several(who, at(0, 6), arn(JWT), DATABASE)
    yield one(who, at(0, 6), JWT, vpcEndpointId="vpce-0abc1234def567890", vpcEndpointAccountId=OURS)
    yield one(who, at(0, 6), JWT, sourceIPAddress="2a05:d014::1")
    yield one(who, at(0, 6), JWT, requestParameters={"name": JWT})  # encrypted as it is, which nobody can use
    yield one(who, at(0, 6), JWT, requestParameters={"name": JWT, "withDecryption": False})
    yield one(who, at(0, 6), JWT, resources=None)
    yield one(who, at(0, 6), JWT, recipientAccountId=None)


def _external_secrets() -> Iterator[Record]:
    """Every hour, everything."""
    for hour in (1, 2):
        for name in NAMES:
            yield one(
                irsa(ESO),
                at(hour, 30),
                _full("production", name),
                userAgent="external-secrets aws-sdk-go/1.55",
            )
    yield below(irsa("taly-staging-external-secrets"), at(1, 30), "/taly/staging")


def _rotator_at_work() -> Iterator[Record]:
    who = pod(ROTATOR, "rotator")
    for number, name in enumerate(("JWT_SECRET", "DATABASE_URL", "INTERNAL_API_TOKEN", "TWILIO_AUTH_TOKEN")):
        parameter = _full("staging", name)
        yield one(who, at(3, number), parameter)
        yield put(who, at(3, number, 10), parameter, 4)
        yield one(who, at(3, number, 12), parameter)
        yield one(who, at(3, number, 40), f"{parameter}:3")  # the one to go back to
        yield call(
            "LabelParameterVersion",
            who,
            at(3, number, 50),
            {"name": parameter, "parameterVersion": 4, "labels": ["x"]},
        )
    yield one(who, at(3, 30), "/taly/production/rotator/STRIPE_ADMIN_KEY")
    yield put(who, at(3, 31), _full("production", "JWT_SECRET_ACCEPTED"), 9)


def _people_with_emergency_roles() -> Iterator[Record]:
    """Ten secrets each, no more; told quietly."""
    for number, name in enumerate(TWELVE[:10]):
        yield one(
            sso("BreakGlass", "ana@taly.example"), at(4, number), _full("production", name), userAgent=BROWSER
        )
    for number, name in enumerate(TWELVE[2:]):
        yield one(
            sso("BreakGlass", "bob@taly.example"), at(4, number), _full("production", name), userAgent=CLI
        )


def _nothing_of_ours() -> Iterator[Record]:
    """Other parameters, other calls, other services."""
    stranger = role("somebody", "x")
    yield one(stranger, at(6), "/other/production/JWT_SECRET")
    yield one(stranger, at(6), "/taly/production2/JWT_SECRET")
    yield one(stranger, at(6), "/taly/production")
    yield one(stranger, at(6), "/taly/production/JWT_SECRET_OF_NOBODY")
    yield one(stranger, at(6), "/taly/production/jwt_secret")  # names of parameters are told apart by case
    yield one(stranger, at(6), "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")
    yield one(stranger, at(6), arn("/taly/production/ELSE", THEIRS))
    yield several(stranger, at(6), "/other/A", "/other/B")
    yield below(stranger, at(6), "/taly/prod")
    yield below(stranger, at(6), "/taly/production2/")
    yield below(stranger, at(6), "/taly", recursive=False)  # what lies deeper is not returned
    yield below(stranger, at(6), "/", recursive="false")
    yield below(stranger, at(6), "/aws/service/")
    yield history(stranger, at(6), "/other/production/JWT_SECRET")
    yield put(stranger, at(6), "/other/production/JWT_SECRET", 2)
    yield delete(stranger, at(6), "/other/A", "/other/B")
    yield call("DescribeParameters", stranger, at(6), {"maxResults": 50})
    yield call("ListTagsForResource", stranger, at(6), {"resourceType": "Parameter", "resourceId": JWT})
    yield call(
        "AddTagsToResource", stranger, at(6), {"resourceType": "Parameter", "resourceId": JWT, "tags": []}
    )
    yield call("GetParameter", stranger, at(6), {"name": JWT}, eventSource="other.amazonaws.com")
    yield call("UpdateInstanceInformation", instance("nodes"), at(6), {"instanceId": "i-0abc1234def567890"})
    yield call("Decrypt", stranger, at(6), None, eventSource="kms.amazonaws.com")
    yield call(
        "GetSecretValue", stranger, at(6), {"secretId": JWT}, eventSource="secretsmanager.amazonaws.com"
    )
    yield denied(one(stranger, at(6), "/other/production/JWT_SECRET"))
    yield refused(one(stranger, at(6), "/other/A"), arn("/other/A"))
    yield refused(below(stranger, at(6), "/other"), arn("/other/"))
    yield refused(one(stranger, at(6), JWT), arn(JWT, THEIRS))
    yield put(role("replication"), at(6), JWT, 9, awsRegion="us-east-1")  # the store's is in its own region


def _gave_nothing() -> Iterator[Record]:
    """Calls that failed, for another reason than that they were not allowed."""
    stranger = user("clumsy")
    yield failed(one(stranger, at(6, 30), JWT), "ThrottlingException")
    yield failed(one(stranger, at(6, 30), JWT), "ParameterNotFound")
    yield failed(one(stranger, at(6, 30), f"{JWT}:99"), "ParameterVersionNotFound")
    yield failed(history(stranger, at(6, 30), JWT), "ThrottlingException")
    yield failed(below(stranger, at(6, 30), "/taly/production"), "ValidationException")
    yield failed(put(stranger, at(6, 30), JWT, 0), "ParameterAlreadyExists")
    yield failed({**one(stranger, at(6, 30), JWT), "requestParameters": None}, "InternalServerError")
    yield denied(put(stranger, at(6, 30), JWT, 0))  # nothing was read, and nothing was changed


def _unknown() -> Iterator[Record]:
    """Everybody whom no rule names, in every form of an identity."""
    yield one(role("taly-ci", "GitHubActions"), at(7), JWT)
    yield one(role("taly-ci", "GitHubActions", "/ci/"), at(7), JWT)
    yield one(without_issuer(role("taly-ops", "ana")), at(7), JWT)
    yield one(instance("taly-bastion"), at(7), DATABASE)
    yield one(irsa("taly-debug"), at(7), DATABASE)
    yield one(pod("taly-reports", "reports"), at(7), DATABASE)
    yield one(
        role("taly-function", "taly-function"),
        at(7),
        JWT,
        userAgent="aws-sdk-nodejs exec-env/AWS_Lambda_nodejs22.x",
    )
    yield one(user("ana"), at(7), JWT, userAgent=CLI)
    yield one(user("ana", "/people/"), at(7), JWT, userAgent=BROWSER)
    yield one(
        user("deploy"),
        at(7),
        JWT,
        sourceIPAddress="cloudformation.amazonaws.com",
        userAgent="cloudformation.amazonaws.com",
    )
    yield one(root(), at(7), JWT, userAgent=BROWSER)
    yield one(root(), at(7), DATABASE, userAgent="AWS CloudShell")
    yield one(
        service("ssm-incidents.amazonaws.com"),
        at(7),
        JWT,
        sourceIPAddress="AWS Internal",
        userAgent="AWS Internal",
    )
    yield one(foreign(), at(7), arn(JWT))
    yield one(
        foreign("AIDAEXAMPLEOTHER"),
        at(7),
        arn(DATABASE),
        sharedEventID="5f1c0000-0000-4000-8000-000000000001",
    )
    yield one(federated("ana"), at(7), JWT)
    yield one(identity_center(), at(7), JWT)
    yield one(web_identity(), at(7), JWT)
    yield one(saml(), at(7), JWT)
    yield one({"type": "Unknown", "principalId": "?"}, at(7), JWT)
    yield one({"type": "Directory", "principalId": "d-9067f10000", "accountId": OURS}, at(7), JWT)
    yield one({}, at(7), JWT)
    yield one(sso("Developer", "eve@taly.example"), at(7), JWT, userAgent=BROWSER)
    yield one(sso("AdministratorAccess", "eve@taly.example"), at(7), JWT, userAgent=CLI)
    yield several(user("copy"), at(7), "/other/A", JWT, "/other/B")
    yield one(user("old-sdk"), at(7), JWT, requestParameters={"name": JWT})
    yield one(user("by-arn"), at(7), arn(JWT))
    yield one(user("by-label"), at(7), f"{JWT}:current")
    yield one(user("by-version"), at(7), f"{arn(DATABASE)}:1")
    yield one(user("at-resources"), at(7), JWT, requestParameters=None)
    yield one(user("accepted-set"), at(7), "/taly/production/JWT_SECRET_ACCEPTED")
    yield one(user("own"), at(7), "/taly/production/rotator/GITHUB_APP_KEY")
    yield one(user("exempt"), at(7), "/taly/production/FEATURE_FLAG_SALT")
    yield one(user("elsewhere"), at(7), JWT, awsRegion="us-east-1")
    for name in NAMES[:6]:
        yield one(user("staging-reader"), at(7), _full("staging", name))


def _in_disguise() -> Iterator[Record]:
    """Whatever looks like somebody whom a rule names, and is not."""
    yield one(role(ESO, account=THEIRS), at(7, 20), arn(JWT))  # that name, in another account
    yield one(role(APP, account=THEIRS), at(0, 3), arn(JWT))
    yield one(role("somebody", session=ESO), at(7, 20), JWT)  # a session's name is the caller's own choice
    yield one(role("somebody", session=ROTATOR), at(7, 20), JWT)
    yield one(user(ESO), at(7, 20), JWT)  # a user with a role's name
    yield one(user(ROTATOR), at(7, 20), JWT)
    yield one(federated(ROTATOR), at(7, 20), JWT)
    yield one(role(f"{ESO}-2"), at(7, 20), JWT)
    yield one(role(f"x-{ROTATOR}"), at(7, 20), JWT)
    yield one(role(STAGING_APP), at(12, 1), JWT)  # staging started; it may not read production's
    yield one(role("taly-staging-external-secrets"), at(7, 20), JWT)
    yield one(role(APP), at(0, 3), _full("staging", "JWT_SECRET"))
    yield one(
        sso("BreakGlass", "eve", path="/"), at(7, 20), JWT
    )  # made by hand: Identity Center's have their path
    yield one(without_issuer(sso("BreakGlass", "eve")), at(7, 20), JWT)  # which path it has is not told
    yield one(role("somebody", path=f"/{ROTATOR}/"), at(7, 20), JWT)


def _unknown_below_a_path() -> Iterator[Labelled]:
    """The names that were returned are in no record: it counts as the whole subtree."""
    both, few = frozenset({UNKNOWN, BULK}), frozenset({UNKNOWN})
    yield Labelled(below(user("all"), at(7, 40), "/"), both)
    yield Labelled(below(user("taly"), at(7, 40), "/taly"), both)
    yield Labelled(below(user("production"), at(7, 40), "/taly/production"), both)
    yield Labelled(below(user("production-slash"), at(7, 40), "/taly/production/", recursive=None), both)
    yield Labelled(below(user("says-nothing"), at(7, 40), "/taly", recursive=None), both)
    yield Labelled(below(user("says-it-in-a-word"), at(7, 40), "/", recursive="true"), both)
    yield Labelled(below(user("one-level"), at(7, 40), "/taly/production", recursive=False), both)
    yield Labelled(below(user("own"), at(7, 40), "/taly/production/rotator", recursive=None), few)
    yield Labelled(below(user("ci"), at(7, 40), "/taly/production/ci/"), few)


def _outside() -> Iterator[Record]:
    """Roles of applications, when none of their workloads started."""
    yield one(pod(APP), at(-1, 57, 59), JWT)  # two minutes and a second early
    yield one(pod(APP), at(0, 16, 1), JWT)  # fifteen minutes and a second late
    yield one(pod(APP), at(3), JWT)
    yield one(pod(APP), at(3), DATABASE, userAgent=CLI)
    yield one(role(APP, "eve"), at(3), DATABASE, sourceIPAddress="203.0.113.7", userAgent=BROWSER)
    yield one(irsa(APP), at(3), arn(JWT))
    yield several(pod(APP), at(12, 1), JWT, DATABASE)  # staging started, and production did not
    yield one(pod(APP), at(15, 1), JWT)  # something with another role started
    yield one(without_issuer(role(APP)), at(3), JWT)
    yield one(irsa(STAGING_APP), at(0, 2), _full("staging", "JWT_SECRET"))
    yield below(irsa(STAGING_APP), at(2), "/taly/staging/ci")
    yield one(pod(APP), at(30), JWT)


def _histories() -> Iterator[Labelled]:
    by_known, by_others = frozenset({HISTORY}), frozenset({HISTORY, UNKNOWN})
    yield Labelled(history(pod(ROTATOR), at(3, 40), JWT), by_known)
    yield Labelled(history(irsa(ESO), at(3, 40), JWT), by_known)
    yield Labelled(history(pod(APP), at(0, 3), JWT), by_known)
    yield Labelled(
        history(sso("BreakGlass", "kim@taly.example"), at(3, 40), DATABASE, userAgent=CLI), by_known
    )
    yield Labelled(history(pod(APP), at(3, 40), JWT), frozenset({HISTORY, OUTSIDE}))
    yield Labelled(history(user("historian"), at(3, 40), JWT), by_others)
    yield Labelled(history(root(), at(3, 40), arn(DATABASE)), by_others)
    yield Labelled(history(role("taly-ci"), at(3, 40), "/taly/staging/JWT_SECRET"), by_others)


def _old_versions() -> Iterator[Labelled]:
    """WEBHOOK_SIGNING_KEY of production becomes version 7 at 20:00; nobody else writes it."""
    key, old = _full("production", "WEBHOOK_SIGNING_KEY"), frozenset({VERSION})
    yield Labelled(put(pod(ROTATOR), at(12), key, 7), frozenset())
    yield Labelled(one(irsa(ESO), at(13), f"{key}:7"), frozenset())
    yield Labelled(one(irsa(ESO), at(13), f"{arn(key)}:7"), frozenset())
    yield Labelled(one(irsa(ESO), at(11), f"{key}:6"), frozenset())  # it was the current one then
    yield Labelled(one(irsa(ESO), at(11), f"{key}:5"), old)
    yield Labelled(one(irsa(ESO), at(13), f"{key}:6"), old)
    yield Labelled(one(irsa(ESO), at(13), f"{arn(key)}:1"), old)
    yield Labelled(several(irsa(ESO), at(13), f"{key}:6", JWT), old)
    yield Labelled(one(sso("BreakGlass", "lee@taly.example"), at(13), f"{key}:6"), old)
    yield Labelled(one(user("digger"), at(13), f"{key}:2"), frozenset({VERSION, UNKNOWN}))
    yield Labelled(failed(one(irsa(ESO), at(13), f"{key}:6"), "ThrottlingException"), frozenset())


def _many() -> Iterator[Labelled]:
    """The eleventh secret within an hour is one too many, also for people who may read."""
    for number, name in enumerate(TWELVE):
        kinds = {UNKNOWN, BULK} if number == 10 else {UNKNOWN}
        yield Labelled(one(user("hoarder"), at(16, number * 5), _full("production", name)), frozenset(kinds))
    for number, name in enumerate(TWELVE):
        kinds = {BULK} if number == 10 else set()
        person = sso("BreakGlass", "mallory@taly.example")
        yield Labelled(
            one(person, at(16, number), _full("production", name), userAgent=CLI), frozenset(kinds)
        )
    for number, name in enumerate(TWELVE):  # one in ten minutes: never more than seven within an hour
        yield Labelled(
            one(user("slow"), at(18, number * 10), _full("production", name)), frozenset({UNKNOWN})
        )
    for number, environment in enumerate(ENVIRONMENTS[::-1]):  # the second call makes it eleven
        full = [_full(environment, name) for name in NAMES]
        second = {UNKNOWN, BULK} if number == 0 else {UNKNOWN}
        yield Labelled(several(user("vacuum"), at(17, number, 1), *full[:10]), frozenset({UNKNOWN}))
        yield Labelled(several(user("vacuum"), at(17, number, 2), *full[10:]), frozenset(second))
    for _again in range(15):  # the same one, again and again
        yield Labelled(one(user("monitor"), at(18), JWT), frozenset({UNKNOWN}))


def _denied() -> Iterator[Record]:
    """Nothing was read. Low, whoever it was."""
    yield denied(one(user("curious"), at(20), JWT))
    yield denied(one(user("curious"), at(20), JWT), "AccessDeniedException")
    yield denied(several(user("curious"), at(20), JWT, DATABASE))
    yield denied(below(user("curious"), at(20), "/taly/production"))
    yield denied(history(user("curious"), at(20), JWT))
    yield refused(one(user("curious"), at(20), JWT), arn(JWT))
    yield refused(several(user("curious"), at(20), "/other/A", JWT), arn(JWT))
    yield refused(below(user("curious"), at(20), "/taly/production/"), arn("/taly/production/"))
    yield refused(history(pod(APP), at(0, 4), JWT), arn(JWT))
    yield denied(one(role("taly-ci"), at(20), arn(DATABASE)), "Client.UnauthorizedOperation")
    yield denied({**one(role("taly-ci"), at(20), JWT), "requestParameters": None})
    yield denied({**one(role("taly-ci"), at(20), JWT, resources=None), "requestParameters": None})
    yield denied(one(foreign(), at(20), arn(JWT)))
    yield denied(one(irsa(ESO), at(20), JWT))
    yield denied(one(root(), at(20), JWT))


def _written_by_others() -> Iterator[Record]:
    """By anyone but rotator, also by those who may read."""
    salt = "/taly/production/FEATURE_FLAG_SALT"
    yield put(user("ana"), at(21), salt, 2)
    yield put(sso("BreakGlass", "ana@taly.example"), at(21), salt, 3, userAgent=BROWSER)
    yield put(irsa(ESO), at(21), salt, 4)
    yield put(pod(APP), at(0, 3), "/taly/production/GOOGLE_OAUTH_CLIENT_SECRET", 2)
    yield put(role(ROTATOR, account=THEIRS), at(21), arn(salt), 5)
    yield put(user(ROTATOR), at(21), salt, 6)
    yield put(root(), at(21), "/taly/staging/FEATURE_FLAG_SALT", 2)
    yield delete(user("ana"), at(21), salt)
    yield delete(user("ana"), at(21), salt, "/other/A")
    yield call(
        "LabelParameterVersion",
        user("ana"),
        at(21),
        {"name": salt, "parameterVersion": 1, "labels": ["current"]},
    )
    yield call(
        "UnlabelParameterVersion",
        user("ana"),
        at(21),
        {"name": salt, "parameterVersion": 1, "labels": ["current"]},
    )


def _twins() -> Iterator[Labelled]:
    """One call, delivered twice."""
    again = one(user("twice"), at(22), JWT)
    yield Labelled(again, frozenset({UNKNOWN}))
    yield Labelled(dict(again), frozenset({UNKNOWN}))
