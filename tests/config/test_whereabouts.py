"""What a policy changes about where values go needs a yes: each way in which a name may be bent, one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from rotator.config.diff import difference
from rotator.config.guard import objections
from rotator.config.whereabouts import moved
from rotator.contracts.journal import Journal
from rotator.journal import open_memory_journal
from rotator.model.observations import History
from rotator.model.policy import Policies
from rotator.testing.virtual_clock import VirtualClock
from tests.config.test_taly import ROOT, of_taly
from tests.engine.things import rotation

TALY = (ROOT / "policies.yaml").read_text(encoding="utf-8")
TWO = """\
apiVersion: rotator/v1
kind: RotationPolicies
defaults: {owner: platform, rotate_every: 90d, grace: 1d}
environments:
  staging: {path: /taly/staging, aws: {region: eu-central-1}}
  production: {path: /taly/production, aws: {region: eu-central-1}, mode: approve}
types: {shared: {provider: token, accept_gap: true}}
secrets:
  K: {type: shared, deploy: []}
owners: {platform: {email: platform@taly.example}}
"""
PRODUCTION = "    path: /taly/production\n"
NEXT = "  FEATURE_FLAG_SALT:\n"  # the entry that new ones are put before
DATABASE = "deploy: [api, worker, scheduler]"
SCHEDULER = "  scheduler:\n    kubernetes: deployment/scheduler\n"
HOOK = """\
    http: https://deploy.taly.example/{env}
    settings: {key: "ssm:/taly/{env}/rotator/HOOK_KEY"}
"""


def read(text: str) -> Policies:
    found = of_taly(text)
    assert found.policies is not None, [str(one) for one in found.errors]
    return found.policies


def policies(*changes: tuple[str, str], text: str = TALY) -> Policies:
    """With each first text replaced by the second; Taly's unless it is said."""
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after, 1)
    return read(text)


@pytest.fixture(scope="module")
def record() -> Iterator[Journal]:
    with closing(open_memory_journal(now=VirtualClock().now)) as journal:
        yield journal


@pytest.fixture(scope="module")
def taly() -> Policies:
    return policies()


@pytest.mark.slow
@pytest.mark.parametrize(
    "before, after",
    [
        ("rotate_every: 90d ", "rotate_every: 80d "),
        ("owner: platform", "owner: identity"),
        ("grace: 14d", "grace: 12d"),
        (DATABASE, "deploy: [api, worker]"),
        ("timeout: 5m", "timeout: 6m"),
        ("soak: 24h", "soak: 25h"),
        ("    type: stripe-key\n", "    type: stripe-key\n    mode: approve\n"),
        (NEXT, f"  A_NEW_KEY: {{type: stripe-key, deploy: [api]}}\n{NEXT}"),
        (NEXT, f"  NEW: {{type: shared-token, mode: approve, accept_gap: true, deploy: []}}\n{NEXT}"),
    ],
)
def test_what_leaves_values_where_they_are_needs_nobody(
    taly: Policies, record: Journal, before: str, after: str
) -> None:
    assert objections(taly, policies((before, after)), record) == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    "before, after, what",
    [
        (
            "production\n    aws: {region: eu-central-1",
            "production\n    aws: {region: eu-west-1",
            "region would be eu-west-1 instead of eu-central-1",
        ),
        (
            "kms_key: alias/taly-production",
            "kms_key: alias/theirs",
            "kms_key would be alias/theirs instead of alias/taly-production",
        ),
        (
            "{namespace: taly}",
            "{namespace: theirs}",
            "kubernetes.namespace would be theirs instead of taly",
        ),
        (
            "    after: {environment: staging, succeeded: true, soak: 24h}",
            "    #",
            "would no longer wait for staging as it does",
        ),
        ("soak: 24h", "soak: 1h", "would no longer wait for staging as it does"),
        (
            "  production:\n    path",
            (
                "  test: {path: /taly/test, aws: {region: eu-central-1}, kubernetes: {namespace: test}}\n"
                "  production:\n    path"
            ),
            "would be a new environment below /taly/test, rotated without a person's yes",
        ),
        (
            "  rotators-own:\n    provider: assisted ",
            "  rotators-own:\n    provider: token\n    accept_gap: true ",
            "provider would be token instead of assisted",
        ),
        (
            "sid: TWILIO_API_KEY_SID",
            "sid: ANOTHER",
            "fields.sid would be ANOTHER instead of TWILIO_API_KEY_SID",
        ),
        (
            "accepted_as: JWT_SECRET_ACCEPTED",
            "accepted_as: ANOTHER",
            "accepted_as would be ANOTHER instead of JWT_SECRET_ACCEPTED",
        ),
        (
            "probe: https://api.{env}.taly.example/internal/accepts-token",
            "probe: https://their.taly.example/{env}",
            (
                "probe would be [https://their.taly.example/production] instead of "
                "[https://api.production.taly.example/internal/accepts-token]"
            ),
        ),
        (
            'iam_user: "taly-{env}-ses"',
            'iam_user: "{env}-theirs"',
            "settings.iam_user would be production-theirs instead of taly-production-ses",
        ),
        (
            "consumers: external",
            "consumers: ours",
            "would lose the old one without a person's yes (consumers ours instead of external)",
        ),
        (
            "    mirrors: [vault]\n    environments:\n",
            "    mirrors: [vault, github-deploy]\n    environments:\n",
            (
                "would be copied to github-actions {repo: taly/crm, environment: production, app: 184467, "
                "auth: ssm:/taly/production/rotator/GITHUB_APP_KEY}"
            ),
        ),
        (
            (
                "  github-deploy:                  # the deploy job's own key, and nothing else\n"
                "    kind: github-actions\n    repo: taly/crm\n"
            ),
            "  github-deploy:\n    kind: github-actions\n    repo: theirs/crm\n",
            (
                "would be copied to github-actions {repo: theirs/crm, environment: production, app: 184467, "
                "auth: ssm:/taly/production/rotator/GITHUB_APP_KEY}"
            ),
        ),
        (
            SCHEDULER,
            "  scheduler:\n    kubernetes: deployment/another\n",
            "deployment would be kubernetes deployment/another instead of kubernetes deployment/scheduler",
        ),
        (
            SCHEDULER,
            f"  scheduler:\n{HOOK}",
            (
                "deployment would be http https://deploy.taly.example/production instead of "
                "kubernetes deployment/scheduler"
            ),
        ),
        (
            NEXT,
            f"  rotator/HOOK: {{type: shared-token, accept_gap: true, deploy: []}}\n{NEXT}",
            "would be made up by rotator: whatever stands there is overwritten with random bytes when it is due",
        ),
        (
            "  STRIPE_SECRET_KEY:\n",
            "  ANOTHER:\n    fields: {value: STRIPE_SECRET_KEY}\n",
            "would write what another secret did",
        ),
    ],
)
def test_what_moves_values_needs_a_person(
    taly: Policies, record: Journal, before: str, after: str, what: str
) -> None:
    found = objections(taly, policies((before, after)), record)
    assert any(sentence.endswith(f": {what}") for sentence in found), found


def test_it_is_said_for_whom(taly: Policies, record: Journal) -> None:
    after = policies((NEXT, f"  rotator/HOOK: {{type: shared-token, accept_gap: true, deploy: []}}\n{NEXT}"))
    (sentence,) = objections(taly, after, record)
    assert sentence.startswith(
        "staging/rotator/HOOK (/taly/staging/rotator/HOOK), production/rotator/HOOK "
        "(/taly/production/rotator/HOOK): would be made up by rotator"
    )


def test_an_environment_cannot_take_the_name_of_another(record: Journal) -> None:
    """Else staging, in mode auto, would write production's parameters, whatever production asks for."""
    swapped = TWO.replace("/taly/production", "/taly/nowhere").replace("/taly/staging", "/taly/production")
    assert objections(read(TWO), read(swapped), record) == (
        "staging: path would be /taly/production instead of /taly/staging",
        "production: path would be /taly/nowhere instead of /taly/production",
        "staging/K (/taly/production/K, which was production/K's): would write what another secret did",
    )


@pytest.mark.parametrize("mode", ["approve", "observe"])
def test_a_looser_ceiling_needs_a_person_and_a_tighter_one_moves_nothing(
    taly: Policies, record: Journal, mode: str
) -> None:
    careful = policies((PRODUCTION, f"{PRODUCTION}    mode: {mode}\n"))
    assert moved(taly, careful, record) == ()
    sentence, *more = objections(careful, taly, record)
    assert sentence.endswith(f": would be rotated without a person's yes (mode auto instead of {mode})")
    assert ["would be made up by rotator" in one for one in more] == ([True] if mode == "observe" else [])


def test_what_was_exempt_and_gets_a_type_needs_a_person(taly: Policies, record: Journal) -> None:
    exempt = "    exempt:\n      reason: not a credential; changing it reshuffles experiments\n"
    until = "      until: 2027-01-31\n      approved_by: ciso\n"
    typed = policies((f"{exempt}{until}", "    type: shared-token\n    accept_gap: true\n    deploy: []\n"))
    found = objections(taly, typed, record)
    assert (
        "staging/FEATURE_FLAG_SALT, production/FEATURE_FLAG_SALT: provider would be token instead of assisted"
        in found
    )


def test_what_is_only_watched_may_be_tried_out(record: Journal) -> None:
    """Whoever begins with observe changes much, and nothing is done to any value until the mode is another."""
    watched = TWO.replace("grace: 1d", "grace: 1d, mode: observe")
    other = policies(("provider: token, accept_gap: true", "provider: assisted"), text=watched)
    assert objections(read(watched), other, record) == ()


def test_what_rotator_wrote_itself_may_come_back(record: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken out and put back: nothing stands there but what a rotation wrote, in the same way."""
    entry = "  K: {type: shared, deploy: []}\n"
    gone = read(TWO.replace(entry, entry.replace("K", "L")))
    back = read(TWO.replace(entry, entry + entry.replace("K", "L")))
    assert len(objections(gone, back, record)) == 1
    done = rotation("staging/K", recipe=back.secrets["staging/K"].recipe)
    monkeypatch.setattr(record, "histories", lambda: {"staging/K": History(last_done=done)})
    assert objections(gone, back, record) == ()
    moved = entry.replace("shared,", "shared, fields: {value: M},")
    elsewhere = read(TWO.replace(entry, moved + entry.replace("K", "L")))
    assert len(objections(gone, elsewhere, record)) == 1


def test_what_was_never_called_before_is_asked_about(taly: Policies, record: Journal) -> None:
    hooked = policies((DATABASE, f"{DATABASE[:-1]}, hook]"), (SCHEDULER, f"  hook:\n{HOOK}{SCHEDULER}"))
    assert objections(taly, hooked, record) == tuple(
        f"{name}/hook: would be restarted by http https://deploy.taly.example/{name}, which was never called"
        for name in ("staging", "production")
    )


def test_ten_sentences_are_said_and_the_rest_is_counted(taly: Policies, record: Journal) -> None:
    after = read(TALY.replace("/taly/", "/theirs/").replace("repo: taly", "repo: theirs"))
    found = objections(taly, after, record)
    assert len(found) == 11
    assert re.fullmatch(r"\d+ more changes of where values go", found[-1])


def test_the_whole_change_of_a_mirror_is_in_the_diff(taly: Policies) -> None:
    found = difference(taly, policies(("mount: kv", "mount: theirs")))
    assert [change.key for change in found.shared] == ["mirrors.staging/vault", "mirrors.production/vault"]
