"""PagerDuty by its Events API v2: an alert is one incident, which is resolved when the alert is over.

The API takes an event into a queue (202) and answers for a routing key that is none with 400, like for an event that
is none; what is said about both is ours, since the key stands in the body. Sources: PagerDuty's pages "Send an Alert
Event" and its schema of the Events API v2: dedup_key at most 255 characters, summary 1,024, an event 512 KB.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

from rotator.channels import events, wording
from rotator.channels.posting import Post, kept, post
from rotator.contracts.pacer import Pacer
from rotator.model.alerts import Alert, Receipt, Severity
from rotator.model.errors import RotatorError, Transient
from rotator.model.secrets import Sealed

ADDRESS = "https://events.pagerduty.com"
PATH = "/v2/enqueue"
_SEVERITIES = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "critical"}


class PagerDuty:
    """Incidents in PagerDuty. `address` is a reference to a service's routing key (its Events API v2 integration).

    `endpoint` is another server than PagerDuty's own where settings name one; a policy cannot, so no host is asked
    about.
    """

    needs: ClassVar[str] = "the routing key of a service's Events API v2 integration, behind a reference"
    tried_on: ClassVar[str] = "a stand-in as strict as the API's schema"

    def __init__(
        self,
        *,
        resolve: Callable[[str], Sealed],
        pacer: Pacer,
        endpoint: str | None = None,
        docs_url: str | None = None,
    ) -> None:
        self._resolve, self._pacer, self._docs_url = resolve, pacer, docs_url
        self._url = (endpoint or ADDRESS).rstrip("/") + PATH

    def edit(self, alert: Alert, address: str, earlier: Receipt) -> Receipt:
        """Acknowledges the incident when somebody has answered; PagerDuty has no way to take that back.

        Raises as deliver() does.
        """
        return self.deliver(alert, address, earlier) if alert.hush else earlier

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        """Triggers the incident, says that it goes on, or resolves it.

        The receipt is as events.receipt makes it. Raises Transient, also for a routing key that PagerDuty does not
        know: the alert is kept until somebody has put the right one there.
        """
        if events.action(alert) == "digest":
            return events.receipt(alert, earlier)  # a table wakes nobody
        content = {"routing_key": self._resolve(address).reveal(), **_event(alert, earlier, self._docs_url)}

        def no_such_key(status: int) -> RotatorError | None:
            sentence = f"PagerDuty does not take it (400): is {address} a routing key of Events API v2?"
            return Transient(kept(sentence)) if status == 400 else None

        post(
            Post(
                url=self._url,
                content=json.dumps(content).encode(),
                headers={"Content-Type": "application/json"},
                where="PagerDuty",
                account=f"pagerduty:{address}",
                login=f"see that {address} is a routing key of Events API v2",
            ),
            _anywhere,
            self._pacer,
            no_such_key,
        )
        return events.receipt(alert, earlier)


def _anywhere(_host: str) -> bool:
    """No policy can name the host."""
    return True


def _event(alert: Alert, earlier: Receipt | None, docs: str | None) -> dict[str, Any]:
    told = events.event(alert, earlier, docs)
    action = events.action(alert)
    made = {"event_action": action, "dedup_key": told["dedup_key"]}
    details = {
        **dict(wording.facts(wording.whole(alert))),
        "Whose": wording.whose(alert),
        "Ids": wording.trace(alert),
    }
    details |= {"How it stands": told["how_it_stands"], "News": told["news"]}
    if action == "resolve":
        details |= {"How it ended": told["closing"]}
    else:
        details |= {"What you do": told["to_do"]}
    payload = {
        "summary": told["title"],
        "source": told["environment"] or "rotator",
        "severity": _SEVERITIES[alert.severity],
        "timestamp": told["opened_at"],
        "component": told["secret"] or "rotator",
        "class": told["kind"],
        "custom_details": {name: said for name, said in details.items() if said},
    }
    pages = [{"href": url, "text": name} for name, url in told["links"].items()]
    return {**made, "client": "rotator", "payload": payload, "links": pages}
