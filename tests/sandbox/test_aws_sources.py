"""The sandbox's IAM, SES, RDS and Secrets Manager as processes: they say where they are, count, and make weather."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rotator.clock import SystemClock
from rotator.sandbox.certificates import self_signed
from rotator.sandbox.faults import Fault
from rotator.sandbox.sources.iam import Iam

DIRECTLY = Config(retries={"total_max_attempts": 1, "mode": "standard"}, proxies={})


def client(name: str, address: str) -> Any:
    return boto3.client(
        name,  # type: ignore[call-overload]  # a literal of hundreds
        region_name="eu-central-1",
        endpoint_url=address,
        aws_access_key_id="somebody",
        aws_secret_access_key="somebody",
        config=DIRECTLY,
    )


def test_whoever_plays_the_world_reads_counts_and_makes_the_weather() -> None:
    account = Iam(SystemClock())
    account.users["u"] = []
    with (
        account.server.serving() as address,
        httpx.Client(base_url=address, trust_env=False, timeout=60) as orders,
    ):
        iam = client("iam", address)
        iam.create_access_key(UserName="u")
        rule = {"fault": Fault.THROTTLED, "operation": "CreateAccessKey"}
        orders.put("/_sandbox/faults", json={"seed": 1, "rules": [rule]}).raise_for_status()
        with pytest.raises(ClientError, match="Throttling"):
            iam.create_access_key(UserName="u")
        counts = orders.get("/_sandbox/statistics").json()
    assert counts["calls"] == {"iam.CreateAccessKey": 2}
    assert counts["faults"] == {"throttled": 1}
    assert counts["refusals"] == {"Throttling": 1}


def test_what_is_not_signed_is_refused() -> None:
    account = Iam(SystemClock())
    with account.server.serving() as address, httpx.Client(trust_env=False, timeout=60) as nobody:
        answer = nobody.post(address, data={"Action": "ListAccessKeys", "UserName": "u"})
    assert answer.status_code == 403
    assert "MissingAuthenticationToken" in answer.text


@pytest.mark.slow
@pytest.mark.parametrize("source", ["iam", "ses_smtp", "aws_secrets"])
def test_a_process_says_where_it_is_and_ends_when_it_is_told(source: str, tmp_path: Path) -> None:
    made = self_signed()
    (tmp_path / "pair.pem").write_bytes(made.certificate + made.key)
    more = {"iam": ["u"], "ses_smtp": [str(tmp_path / "pair.pem"), "eu-central-1,us-east-1", "u"]}
    command = [
        sys.executable,
        "-m",
        f"rotator.sandbox.sources.{source}",
        "--port",
        "0",
        *more.get(source, []),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            if source == "aws_secrets":
                client("secretsmanager", said["address"]).create_secret(Name="x", ClientRequestToken="t" * 32)
            else:
                client("iam", said["address"]).create_access_key(UserName="u")
            if source == "ses_smtp":
                assert set(said["smtp"]) == {"eu-central-1", "us-east-1"}
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
