"""The heartbeat, for whoever was called because of its silence: since when the outside hears nothing, and why.

A process knows what hinders it, and tells it on its page. Beside it only the journal tells, and then its log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rotator.contracts.record import Record
from rotator.engine.heartbeat import Process, last_beat, silence
from rotator.engine.report.times import moment, spelled
from rotator.model.alerts import AlertKind
from rotator.model.policy import Policies


def heartbeat_facts(record: Record, policies: Policies, process: Process) -> dict[str, Any] | None:
    """When the outside heard last, why it hears nothing (`WhySilent`), and both in a sentence, empty while all is well.

    None where policies.yaml names nobody outside.
    """
    heartbeat = policies.alerts.heartbeat
    if heartbeat is None:
        return None
    heard, quiet = last_beat(record, heartbeat), silence(record, policies, process)
    ago = f"it heard so last at {moment(heard)}" if heard else "it has never heard so"
    sentence = ""
    if quiet is not None:
        sentence = f"nobody outside is told that all is well: {quiet.sentence}; {ago}"
    elif heard is None or record.now() - heard > heartbeat.every + heartbeat.grace:
        sentence = (
            f"the outside should hear that all is well, and {ago}; why is in rotator's log (grep heartbeat)"
        )
    return {
        "heard_at": spelled(heard),
        "silent": quiet.reason.value if quiet else None,
        "sentence": sentence,
    }


def heartbeat_told(facts: Mapping[str, Any] | None) -> str:
    """The same for people; empty where there is nothing to tell."""
    return f"heartbeat: {facts['sentence']}" if facts and facts["sentence"] else ""


def known_beside(record: Record, process: Process) -> Process:
    """What somebody beside a process knows of it: also that its policies.yaml was rejected, which is an open alert."""
    rejected = [
        row.alert.facts.get("What", row.alert.title)
        for row in record.alerts()
        if row.alert.kind is AlertKind.POLICY_REJECTED and not row.alert.closed
    ]
    return process._replace(rejected=rejected[0]) if rejected else process
