"""The played platforms as processes: each prints its address as JSON, answers there, and ends when it is told to."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx
import pytest


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ecs", "lambda_function", "github_runs", "deploy_service"])
def test_a_platform_is_played_as_a_process(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_KEY", "made-up")
    command = [sys.executable, "-m", f"rotator.sandbox.platforms.{name}", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = json.loads(process.stdout.readline())["address"]
            answer = httpx.get(f"{address}/repos/taly/nothing", timeout=60, trust_env=False)
            assert answer.status_code in {400, 401, 404}
        finally:
            process.terminate()
