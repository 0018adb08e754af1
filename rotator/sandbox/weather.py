"""The weather over the sandbox's people: what happens to their mails and to calls of Slack, switched and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from rotator.sandbox.faults import Faults, Outage, Rule


class Weather:
    """Faults by chance (per operation), outages (per service) and answers that are always the same error.

    `counts` holds `calls`, `faults` and `refusals`, each by name.
    """

    def __init__(self) -> None:
        self._faults = Faults()
        self._lock = Lock()
        self._outages: Mapping[str, Outage] = {}
        self._errors: Mapping[str, str] = {}
        self.counts: dict[str, Counter[str]] = {what: Counter() for what in ("calls", "faults", "refusals")}

    def set_faults(self, rules: Sequence[Rule], seed: int = 0) -> None:
        """From now on calls meet these faults; `()` ends them."""
        self._faults.set(rules, seed)

    def set_outages(self, outages: Mapping[str, Outage]) -> None:
        """From now on these services ("slack", "mail") are away, and the others are back."""
        self._outages = dict(outages)

    def set_errors(self, errors: Mapping[str, str]) -> None:
        """From now on these operations answer these errors, e.g. {"chat.update": "message_not_found"}."""
        self._errors = dict(errors)

    def outage(self, service: str) -> Outage | None:
        """How the service is away, if it is."""
        outage = self._outages.get(service)
        if outage:
            self.count("faults", f"{service} away")
        return outage

    def error(self, operation: str) -> str | None:
        """The error that the operation answers, if it always answers one."""
        return self._errors.get(operation)

    def draw(self, operation: str) -> Rule | None:
        """What happens to this call by chance."""
        rule = self._faults.draw(operation)
        if rule:
            self.count("faults", rule.fault)
        return rule

    def count(self, what: str, name: str) -> None:
        """Counts one call, fault or refusal."""
        with self._lock:
            self.counts[what][name] += 1

    def obey(self, order: str, wanted: Any) -> None:
        """One order as JSON has it. Raises KeyError, TypeError or ValueError for what is none."""
        match order:
            case "faults":
                self.set_faults([Rule.from_json(rule) for rule in wanted["rules"]], wanted["seed"])
            case "outages":
                self.set_outages({service: Outage(kind) for service, kind in wanted.items()})
            case "errors":
                self.set_errors({str(operation): str(code) for operation, code in wanted.items()})
            case _:
                raise KeyError(order)
