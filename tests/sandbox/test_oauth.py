"""The sandbox's authorization servers: as a process, and how hostile they are."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import timedelta

import httpx
import pytest

from rotator.sandbox.faults import Fault
from rotator.sandbox.sources.oauth import OauthSource
from rotator.testing.virtual_clock import VirtualClock

SECRETS = "/api/v1/apps/app-crm/credentials/secrets"


@pytest.mark.slow
def test_as_a_process_it_says_where_it_is_counts_and_makes_weather() -> None:
    command = [sys.executable, "-m", "rotator.sandbox.sources.oauth", "--port", "0", "okta", "crm"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            with httpx.Client(base_url=said["address"], trust_env=False, timeout=60) as line:
                login = ("crm", said["secrets"]["crm"])
                assert line.post("/oauth2/default/v1/token", auth=login).status_code == 200
                assert line.get(SECRETS).status_code == 401
                rule = {"fault": Fault.THROTTLED, "operation": "token"}
                line.put("/_sandbox/faults", json={"seed": 1, "rules": [rule]}).raise_for_status()
                answer = line.post("/oauth2/default/v1/token", auth=login)
                assert answer.status_code == 429
                assert answer.headers["X-Rate-Limit-Reset"].isdigit()
                counts = line.get("/_sandbox/statistics").json()
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert counts["calls"] == {"token": 2, "list": 1}
    assert counts["refusals"] == {"list 401": 1, "token 429": 1}


def test_okta_keeps_two_secrets_deletes_no_live_one_and_lists_late_and_page_by_page() -> None:
    clock = VirtualClock()
    source = OauthSource(clock, "okta")
    kept = source.somebody_makes("crm")
    headers = {"Authorization": f"SSWS {source.own_token}"}
    with (
        source.serving() as address,
        httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=60) as line,
    ):
        made = line.post(SECRETS)
        assert (made.status_code, line.post(SECRETS).status_code) == (201, 400)
        first = line.get(SECRETS)
        assert first.json() == []
        second = line.get(first.headers["Link"].partition(">")[0].removeprefix("<"))
        assert [secret["id"] for secret in second.json()] == [kept.id]
        assert "Link" not in second.headers  # the new one is not listed yet
        assert line.delete(f"{SECRETS}/{kept.id}").status_code == 400
        assert line.post(f"{SECRETS}/{kept.id}/lifecycle/deactivate").status_code == 200
        assert line.post(f"{SECRETS}/{made.json()['id']}/lifecycle/deactivate").status_code == 400
        assert line.delete(f"{SECRETS}/{kept.id}").status_code == 204
        assert source.accepts("crm", kept.value)
        clock.pass_by(source.propagation + timedelta(seconds=1))
        assert not source.accepts("crm", kept.value)
