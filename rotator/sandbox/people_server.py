"""The program of the sandbox's people: Slack's stand-in and a mail server, and the orders that both take.

`python -m rotator.sandbox.people_server SLACK MAIL CERTIFICATE`: two inherited, listening sockets by number, and a PEM
file with a certificate and its key. The logins come as the environment variables of people.py.

    GET  /_sandbox/statistics  {"calls": {…}, "faults": {…}, "refusals": {…}, "findings": […], "alerts": {…}}
    GET  /_sandbox/messages    {"slack": […], "mail": […]} as readers see them
    GET  /_sandbox/raw         […] every body and every mail as it came, for a scan for leaks
    PUT  /_sandbox/faults      {"seed": 7, "rules": [{"fault": "lost_answer", "operation": "chat.postMessage"}]}
    PUT  /_sandbox/outages     {"slack": "closed", "mail": "unavailable"}
    PUT  /_sandbox/errors      {"chat.update": "message_not_found"}
    PUT  /_sandbox/quotas      {"posts_per_second": 1.0}, null for no limit
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

from rotator.sandbox.mail_server import MailServer
from rotator.sandbox.people import Logins
from rotator.sandbox.slack_server import SlackApp
from rotator.sandbox.weather import Weather

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ORDERS = "/_sandbox/"


@dataclass(frozen=True)
class Orders:
    """In front of Slack's stand-in: the paths under which the world gives orders and asks what people saw."""

    slack: SlackApp
    mail: MailServer
    weather: Weather

    def __call__(self, request: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = request["PATH_INFO"]
        if not path.startswith(ORDERS):
            return self.slack(request, start_response)
        content = request["wsgi.input"].read(int(request.get("CONTENT_LENGTH") or 0))
        status, answer = "200 OK", b""
        try:
            answer = json.dumps(
                self._obeyed(request["REQUEST_METHOD"], path.removeprefix(ORDERS), content)
            ).encode()
        except (KeyError, TypeError, ValueError) as mistake:
            status, answer = "400 Bad Request", json.dumps(repr(mistake)).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]

    def _obeyed(self, method: str, order: str, content: bytes) -> Any:
        match method, order:
            case "GET", "statistics":
                return {**self.weather.counts, "findings": self.slack.findings, "alerts": self._alerts()}
            case "GET", "messages":
                return {
                    "slack": [{**asdict(m), "about": m.about, "shown": m.shown} for m in self.slack.messages],
                    "mail": [asdict(mail) for mail in self.mail.mails],
                }
            case "GET", "raw":
                return [*self.slack.bodies, *(mail.raw for mail in self.mail.mails)]
            case "PUT", "quotas":
                self.slack.posts_per_second = json.loads(content)["posts_per_second"]
            case "PUT", _:
                self.weather.obey(order, json.loads(content))
            case _:
                raise KeyError(order)
        return "done"

    def _alerts(self) -> dict[str, dict[str, int]]:
        """By identity: how many messages Slack and mail have about it, and how many of them say that it is over."""
        told: dict[str, dict[str, int]] = {}
        slack = (("slack", message.about, message.shown) for message in self.slack.messages)
        mail = (("mail", mail.about, mail.subject) for mail in self.mail.mails)
        for service, about, said in (*slack, *mail):
            counts = told.setdefault(about, {"slack": 0, "mail": 0, "resolved": 0})
            counts[service] += 1
            counts["resolved"] += "Resolved" in said
        return told


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """Writes no line per request."""


@contextmanager
def serving(app: WSGIApplication, listener: socket.socket) -> Iterator[str]:
    """Serves in threads of this process; the address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet, fd=listener.fileno())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main(slack: str, mail: str, certificate: str) -> None:
    """Serves until SIGTERM."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    logins, weather = Logins.from_environment(os.environ), Weather()
    app = SlackApp(logins.slack_token, logins.webhook_path, weather)
    mails = MailServer(
        logins.smtp_username,
        logins.smtp_password,
        Path(certificate),
        weather,
        listener=socket.socket(fileno=int(mail)),
    )
    mails.start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with serving(Orders(app, mails, weather), socket.socket(fileno=int(slack))):
        ended.wait()
    mails.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
