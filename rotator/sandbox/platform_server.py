"""The program of the sandbox's platform, and what it answers over HTTP.

`python -m rotator.sandbox.platform_server SOCKET CONFIG`: an inherited, listening socket by number, and a JSON file:
{"pace": {…}, "workloads": {"staging/api": {"replicas": 2, "diet": {…}}}, "places": {"staging": {…}}}. It also is the
load balancer in front of the workloads: a probe asks every living instance, a vendor's request goes to one of them. And
it is the way out to the customers (customers.py).

    POST /rollouts             {"workload": "staging/api", "label": "ro_1"}; 404: no such workload
    GET  /rollouts/LABEL       {"progress": "pending", "sentence": "…", "left": 1, "seen": {…}}; 404: no such rollout.
                               `progress` is what the platform claims. `left` is how many instances from before it
                               live; it is left out when there are none
    GET  /starts/ENV/NAME      [{"role": "consumer", "at": "2026-…"}]
    GET  /instances/ENV/NAME   [{"pid": 1, "ending": false}]
    GET  /peers/ENV            [PORT, …]
    GET  /accepts/ENV          200: every verifier accepts the token; 401: every one refuses it; 503: they differ
    POST /webhooks/ENV/NAME/…  passed on, with its headers, to one of the workload's instances; 502: it did not answer
    GET  /statistics           {"logins": 7, …}
    GET  /shown                [TOKEN, …]: every token that a probe has shown, for a search for leaks
    POST /events/ENV           {"sender": 1, "body": "…", "signatures": ["…"]}; answers as customers.py says
    GET  /events/ENV           [{"sender": 1, "body": "…", "signatures": ["…"]}]: the newest of every sender
    PUT  /customers            {"environment": "staging", "customer": 0, "key": "…"}: is handed a key
    PUT  /fates                {"workload": "staging/api", "rollouts": ["fails"]}: what becomes of the next ones
    PUT  /faults, /outages     as rotator.sandbox.weather has them; they meet redeploy, progress and starts
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from rotator.sandbox import loopback
from rotator.sandbox.customers import Customers
from rotator.sandbox.diet import Diet, Pace, Places
from rotator.sandbox.events import Event
from rotator.sandbox.faults import Fault
from rotator.sandbox.instances import starter
from rotator.sandbox.platform import Fate, Platform
from rotator.sandbox.weather import Weather

#: The headers of a vendor's request that an instance gets to see.
_PASSED_ON = frozenset({"content-type", "stripe-signature", "x-twilio-signature"})
#: What a caller that is turned away is told, in seconds.
RETRY_AFTER = 7


class Answer(NamedTuple):
    """A status, and what is sent as JSON."""

    status: HTTPStatus
    content: object = None


NOT_FOUND = Answer(HTTPStatus.NOT_FOUND)
DONE = Answer(HTTPStatus.OK)


class Front:
    """Answers for the platform. `role` is whom instances read as."""

    def __init__(self, platform: Platform, role: str) -> None:
        self._platform, self._role = platform, role
        self._weather, self._customers = Weather(), Customers()
        self._shown: set[str] = set()
        self._verifiers = loopback.client(seconds=3.0)

    def asked(self, path: str, authorization: str) -> Answer | None:
        """The answer to a GET; None: the connection closes without one."""
        match path.strip("/").split("/"):
            case ["rollouts", label]:
                return self._through("progress", lambda: self._progress(label))
            case ["starts", environment, name]:
                return self._through("starts", lambda: self._starts(f"{environment}/{name}"))
            case ["instances", environment, name]:
                return self._instances(f"{environment}/{name}")
            case ["peers", environment]:
                return Answer(HTTPStatus.OK, self._platform.ports(environment))
            case ["accepts", environment]:
                return Answer(self._verdict(environment, authorization))
            case ["events", environment]:
                newest = [event._asdict() for event in self._customers.newest(environment)]
                return Answer(HTTPStatus.OK, newest)
            case ["statistics"]:
                return Answer(HTTPStatus.OK, self._platform.statistics())
            case ["shown"]:
                return Answer(HTTPStatus.OK, sorted(self._shown))
        return NOT_FOUND

    def told(self, path: str, order: Any) -> Answer | None:
        """The answer to a POST or a PUT; None: the connection closes without one."""
        match path.strip("/").split("/"):
            case ["rollouts"]:
                return self._through("redeploy", lambda: self._roll(order["workload"], order["label"]))
            case ["events", environment]:
                event = Event(order["sender"], order["body"], tuple(order["signatures"]))
                return Answer(self._customers.receive(environment, event))
            case ["customers"]:
                self._customers.hand_over(order["environment"], order["customer"], order["key"])
            case ["fates"]:
                self._platform.workloads[order["workload"]].order(map(Fate, order["rollouts"]))
            case [what]:
                self._weather.obey(what, order)
            case _:
                return NOT_FOUND
        return DONE

    def passed_on(self, path: str, headers: Mapping[str, str], body: bytes) -> HTTPStatus:
        """What one of the workload's instances answers; where it takes no connection any more, another one."""
        _webhooks, environment, name, vendor = path.strip("/").split("/")
        ports = self._platform.ports(environment, name)
        for port in random.sample(ports, len(ports)):
            try:
                url = f"http://127.0.0.1:{port}/webhooks/{vendor}"
                return HTTPStatus(self._verifiers.post(url, headers=dict(headers), content=body).status_code)
            except httpx.ConnectError:
                continue
            except httpx.TransportError:
                break
        return HTTPStatus.BAD_GATEWAY

    def _through(self, operation: str, answer: Callable[[], Answer]) -> Answer | None:
        """The answer as the weather lets it through."""
        if self._weather.outage("platform"):
            return None
        rule = self._weather.draw(operation)
        if rule and rule.fault is Fault.THROTTLED:
            return Answer(HTTPStatus.TOO_MANY_REQUESTS)
        if rule and rule.fault is Fault.INTERNAL_ERROR:
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR)
        given = answer()
        return None if rule and rule.fault is Fault.LOST_ANSWER else given

    def _roll(self, name: str, label: str) -> Answer:
        workload = self._platform.workloads.get(name)
        if workload is None:
            return NOT_FOUND
        workload.roll(label)
        return Answer(HTTPStatus.ACCEPTED)

    def _progress(self, label: str) -> Answer:
        found = self._platform.find(label)
        if found is None:
            return NOT_FOUND
        workload, rollout = found
        said: dict[str, object] = {"progress": rollout.progress, "sentence": rollout.sentence}
        living, seen = workload.living(), dict[str, int]()
        for each in living:
            for parameter, version in each.instance.versions.items():
                seen[parameter] = min(version, seen.get(parameter, version))
        if left := sum(each.started_at < rollout.started_at for each in living):
            said["left"] = left
        return Answer(HTTPStatus.OK, {**said, "seen": seen})

    def _starts(self, name: str) -> Answer:
        workload = self._platform.workloads.get(name)
        if workload is None:
            return NOT_FOUND
        starts = [{"role": self._role, "at": at.isoformat()} for at in workload.starts]
        return Answer(HTTPStatus.OK, starts)

    def _instances(self, name: str) -> Answer:
        workload = self._platform.workloads.get(name)
        if workload is None:
            return NOT_FOUND
        living = [{"pid": each.instance.pid, "ending": each.ending} for each in workload.living()]
        return Answer(HTTPStatus.OK, living)

    def _verdict(self, environment: str, authorization: str) -> HTTPStatus:
        """What the verifiers say: 200 if all accept, 401 if all refuse, 503 while they differ or come and go."""
        self._shown.add(authorization.removeprefix("Bearer "))
        verdicts = set()
        for port in self._platform.ports(environment):
            try:
                answer = self._verifiers.get(
                    f"http://127.0.0.1:{port}/", headers={"Authorization": authorization}
                )
            except httpx.HTTPError:
                if port in self._platform.ports(environment):
                    return HTTPStatus.SERVICE_UNAVAILABLE
                continue  # it ended while it was asked: others answer for it
            verdicts.add(answer.status_code)
        return HTTPStatus(verdicts.pop()) if len(verdicts) == 1 else HTTPStatus.SERVICE_UNAVAILABLE


class PlatformServer(ThreadingHTTPServer):
    """The front on a socket that is already listening."""

    daemon_threads = True

    def __init__(self, front: Front, listening: socket.socket) -> None:
        super().__init__(listening.getsockname(), _Answers, bind_and_activate=False)
        self.socket.close()
        self.socket, self.front = listening, front


class _Answers(BaseHTTPRequestHandler):
    server: PlatformServer

    def do_GET(self) -> None:
        self._send(self.server.front.asked(self.path, self.headers.get("Authorization") or ""))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/webhooks/"):
            headers = {name: value for name, value in self.headers.items() if name.lower() in _PASSED_ON}
            self._send(Answer(self.server.front.passed_on(self.path, headers, body)))
        else:
            self._send(self.server.front.told(self.path, json.loads(body)))

    def do_PUT(self) -> None:
        self.do_POST()

    def _send(self, answer: Answer | None) -> None:
        if answer is None:
            self.close_connection = True
            return
        body = json.dumps(answer.content).encode()
        self.send_response(answer.status)
        if answer.status is HTTPStatus.TOO_MANY_REQUESTS:
            self.send_header("Retry-After", str(RETRY_AFTER))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: headers are secrets."""


def main(descriptor: str, config: str) -> None:
    """Runs until SIGTERM."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    listening = socket.socket(fileno=int(descriptor))
    wanted = json.loads(Path(config).read_text())
    diets = {name: Diet(**each["diet"]) for name, each in wanted["workloads"].items()}
    directory = f"http://127.0.0.1:{listening.getsockname()[1]}"
    replicas = {name: each["replicas"] for name, each in wanted["workloads"].items()}
    places = {name: Places(**each) for name, each in wanted.get("places", {}).items()}
    platform = Platform(replicas, starter(directory, Pace(**wanted["pace"]), diets, places))
    server = PlatformServer(Front(platform, role=os.environ["AWS_ACCESS_KEY_ID"]), listening)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    platform.start()
    stopping.wait()
    platform.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
