"""What judging who read what costs: CloudTrail records as a log file has them, from their text to the findings."""

# ruff: noqa: TID251 - a benchmark measures real time

from __future__ import annotations

import gzip
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.figures import Figure, Size, Unmeasured, at_least
from rotator.cli.recorded import Recorded
from rotator.config.load import load
from rotator.contracts.redeployer import Start
from rotator.engine.access.replay import Verdict, judge_all
from rotator.model.policy import Policies

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
SECRETS, ACCOUNT = 200, "111122223333"
#: Of ten records: reads that a rule expects by role, calls of others, reads near a start, and one stranger.
_TURNS = ("sync", "sync", "sync", "other", "other", "other", "app", "app", "path", "stranger")


def measure(size: Size) -> Iterator[Figure]:
    """One process, and so one core: read, understood and judged; alone judged, too."""
    number, times = size.of(100_000, 5_000), size.of(3, 2)
    policies, starts = _policies(), _starts(number)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.jsonl.gz"
        with gzip.open(file, "wt", compresslevel=1) as out:
            out.writelines(f"{json.dumps(_record(place))}\n" for place in range(number))
        whole = [_taken(file, policies, starts, number) for _ in range(times)]
        accesses = list(Recorded([file]).accesses())
    judged = []
    for _ in range(times):
        began = time.perf_counter()
        judge_all(policies, accesses, starts)
        judged.append(time.perf_counter() - began)
    shape = f"{number:,} records, 3 in 10 of other calls, 1 in 10 by a stranger; {SECRETS} secrets; median of {times}"
    yield Figure(
        "records of CloudTrail, replayed", number / statistics.median(whole), "/s",
        f"a gzipped file: unpacked, parsed, each once, sorted, judged; {shape}", at_least(5_000),
    )  # fmt: skip
    yield Figure(
        "calls judged", len(accesses) / statistics.median(judged), "/s",
        "the same, read already: the judge alone", at_least(5_000),
    )  # fmt: skip


def _taken(file: Path, policies: Policies, starts: list[Start], number: int) -> float:
    began = time.perf_counter()
    verdict = judge_all(policies, Recorded([file]).accesses(), starts)
    took = time.perf_counter() - began
    _check(verdict, number)
    return took


def _check(verdict: Verdict, number: int) -> None:
    """Every stranger is found, once, and many reads of theirs besides."""
    strangers = sum(finding.kind == "unknown_actor" for finding in verdict.findings)
    if strangers != number // len(_TURNS):
        raise Unmeasured(f"{strangers} strangers were found, of {number // len(_TURNS)}")


def _policies() -> Policies:
    secrets = "".join(f"  KEY_{place:03d}: {{type: key, deploy: []}}\n" for place in range(SECRETS))
    text = f"""\
apiVersion: rotator/v1
kind: RotationPolicies
defaults: {{rotate_every: 90d, grace: 1d, owner: platform}}
environments:
  production: {{path: /taly/production, aws: {{region: eu-central-1}}}}
types:
  key: {{provider: assisted}}
secrets:
{secrets}owners:
  platform: {{slack: "#ops"}}
access:
  allow:
    - {{name: app, role: taly-app, during: deployment}}
    - {{name: sync, role: taly-sync, during: always}}
    - {{name: rotator, role: taly-rotator, during: rotation}}
"""
    loaded = load(text, "policies.yaml")
    if loaded.policies is None:
        raise Unmeasured(f"the file is not usable: {loaded.errors[0]}")
    return loaded.policies


def _starts(number: int) -> list[Start]:
    """One every ten minutes, as long as the records last."""
    spans = range(number // 600 + 1)
    return [Start("production/api", "taly-app", BEGIN + timedelta(minutes=10 * span)) for span in spans]


def _record(place: int) -> dict[str, object]:
    turn = _TURNS[place % len(_TURNS)]
    role = {"sync": "taly-sync", "stranger": f"stranger-{place % 50}"}.get(turn, "taly-app")
    name = f"/taly/production/KEY_{place % SECRETS:03d}"
    request: dict[str, object] = {"name": name, "withDecryption": True}
    if turn == "path":
        request = {"path": f"/taly/production/{place % SECRETS}/", "recursive": True, "withDecryption": True}
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": f"AROA:{place}",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session-{place}",
            "accountId": ACCOUNT,
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROA",
                    "arn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
                    "accountId": ACCOUNT,
                    "userName": role,
                },
                "attributes": {"creationDate": "2026-11-01T00:00:00Z", "mfaAuthenticated": "false"},
            },
        },
        "eventTime": f"{BEGIN + timedelta(seconds=place):%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "kms.amazonaws.com" if turn == "other" else "ssm.amazonaws.com",
        "eventName": {"other": "Decrypt", "path": "GetParametersByPath"}.get(turn, "GetParameter"),
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "10.20.30.40",
        "userAgent": "Boto3/1.40.61 md/Botocore#1.40.61 ua/2.1 os/linux lang/python#3.11.9",
        "requestParameters": request,
        "responseElements": None,
        "requestID": f"00000000-0000-4000-8000-{place:012d}",
        "eventID": f"e0000000-0000-4000-8000-{place:012d}",
        "readOnly": True,
        "resources": [{"accountId": ACCOUNT, "ARN": f"arn:aws:ssm:eu-central-1:{ACCOUNT}:parameter{name}"}],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        "tlsDetails": {"tlsVersion": "TLSv1.3", "clientProvidedHostHeader": "ssm.eu-central-1.amazonaws.com"},
    }
