"""Asking a server as kubelet and Prometheus do."""

from __future__ import annotations

from typing import NamedTuple

import httpx
from prometheus_client.parser import text_string_to_metric_families


class Answer(NamedTuple):
    """What came back."""

    status: int
    text: str


def ask(port: int, path: str, **headers: str) -> Answer:
    answer = httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=60)
    return Answer(answer.status_code, answer.text)


def figures(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Name -> labels' values, in the order of the labels' names -> number."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(value for _, value in sorted(sample.labels.items()))] = (
                sample.value
            )
    return found
