"""The world of docs/tutorial/first-rotation.md: a Parameter Store, a service that checks a token, and its caller.

`python -m rotator.sandbox.tutorial FOLDER` writes two files into FOLDER and runs until Ctrl-C: policies.yaml, which the
reader edits, and settings.sh, which leads `rotator` here. Everything is on this machine, and nothing of it is kept.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
from boto3.session import Session

from rotator.sandbox.aws import REGION, AwsWorld, Parameter

TOKEN, ACCEPTED = "/taly/staging/INTERNAL_API_TOKEN", "/taly/staging/INTERNAL_API_TOKENS_ACCEPTED"
_HUNDRED_DAYS = 100 * 86400.0
_CALLS_A_SECOND, _SECONDS_A_LINE = 5, 10

POLICY = """\
apiVersion: rotator/v1
kind: RotationPolicies

environments:
  staging:
    path: /taly/staging
    aws: {{region: eu-central-1}}
    mode: observe

types:
  shared-token:
    provider: token
    rotate_every: 90d
    grace: 30s

secrets:
  INTERNAL_API_TOKEN:
    type: shared-token
    owner: me
    accepted_as: INTERNAL_API_TOKENS_ACCEPTED
    probe: {probe}
    deploy: []

owners:
  me: {{email: me@taly.example}}
"""


def serve(read: Callable[[str], str | None]) -> str:
    """Starts the service: it accepts every member of the accepted set, or, while there is none, the token in use."""

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            accepted = json.loads(read(ACCEPTED) or json.dumps([read(TOKEN)]))
            shown = self.headers.get("Authorization", "").removeprefix("Bearer ")
            self.send_response(HTTPStatus.NO_CONTENT if shown in accepted else HTTPStatus.UNAUTHORIZED)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def call_until_interrupted(service: str, read: Callable[[str], str | None]) -> None:
    """Shows the token in use to the service, a few times a second, and says how often it was refused."""
    calls = refused = 0
    with httpx.Client(base_url=service, timeout=10.0, trust_env=False) as client, suppress(KeyboardInterrupt):
        while True:
            for _ in range(_CALLS_A_SECOND * _SECONDS_A_LINE):
                calls, refused = calls + 1, refused + (not _accepted(client, read(TOKEN)))
                time.sleep(1 / _CALLS_A_SECOND)
            print(f"{calls} calls, {refused} refused", flush=True)


def _accepted(client: httpx.Client, token: str | None) -> bool:
    try:
        return client.get("/", headers={"Authorization": f"Bearer {token}"}).is_success
    except httpx.HTTPError:  # also a token that no header takes, written by the reader
        return False


def settings(folder: Path, aws: AwsWorld) -> str:
    """What a shell reads to have this world's `rotator`."""
    values = {
        **aws.environment("rotator"),
        "ROTATOR_POLICIES": f"{folder}/policies.yaml",
        "ROTATOR_JOURNAL": f"sqlite:///{folder}/journal.sqlite",
        "ROTATOR_KEY_FILE": f"{folder}/sealing.key",
        "ROTATOR_SCAN_EVERY": "5s",
        "ROTATOR_POLL": "1s",
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    return "\n".join([*lines, f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"', ""])


def reader(aws: AwsWorld) -> Callable[[str], str | None]:
    """Reads a parameter as the service and its caller do; None where there is none."""
    os.environ.update(aws.environment("service"))
    ssm = Session().client("ssm", REGION)

    def read(name: str) -> str | None:
        try:
            return str(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            return None

    return read


def main(folder: Path) -> None:
    """Runs the world until Ctrl-C."""
    folder.mkdir(parents=True, exist_ok=True)
    with AwsWorld(folder) as aws:
        aws.control.seed([Parameter(TOKEN, secrets.token_hex(32), age_seconds=_HUNDRED_DAYS)])
        read = reader(aws)
        address = serve(read)
        (folder / "policies.yaml").write_text(POLICY.format(probe=address))
        (folder / "settings.sh").write_text(settings(folder, aws))
        print(f"It is up. In another terminal:  cd {shlex.quote(str(folder))} && . ./settings.sh", flush=True)
        call_until_interrupted(address, read)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
