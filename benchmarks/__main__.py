"""The runner: `python -m benchmarks [GROUP…] [--quick]` prints a table and writes benchmarks/results.json.

It ends with 0 also where an aim was missed, which the table says: a benchmark is no gate. It ends with 1 where
something could not be measured.
"""

# ruff: noqa: TID251 - a benchmark measures real time

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import structlog
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, Size, Unmeasured

RESULTS = Path(__file__).with_name("results.json")
#: Module -> what it measures; in the order of the table.
GROUPS = {
    "rotations": "no-op rotations on PostgreSQL",
    "ssm": "calls to SSM",
    "surge": "hundreds of secrets at once",
    "overhead": "what a rotation takes besides what it waits for",
    "journal": "many rows in the journal",
    "idle": "a daemon with nothing to do",
    "startup": "the command line",
    "policies": "policies.yaml",
    "page": "the status page",
    "access": "who read what",
}
#: Where no terminal says how wide it is.
WIDTH = 150
Measured = list[tuple[str, Figure]]


def main() -> int:
    """Measures, prints and writes."""
    asked = _asked()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    size = Size.QUICK if asked.quick else Size.FULL
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    began, load = time.time(), os.getloadavg()
    measured, unmeasured = _measured(asked.groups or list(GROUPS), size, console)
    _print(measured, size, console)
    document = {
        "size": size,
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "seconds": round(time.time() - began, 1),
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
            "load before": [round(one, 2) for one in load],
            "load after": [round(one, 2) for one in os.getloadavg()],
        },
        "figures": [figure.document(group) for group, figure in measured],
        "unmeasured": unmeasured,
    }
    RESULTS.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    console.print(_summary([figure for _, figure in measured], unmeasured, size, load), markup=False)
    return 1 if unmeasured else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures what rotator costs.")
    groups = ", ".join(f"{name} ({what})" for name, what in GROUPS.items())
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"only these: {groups}")
    parser.add_argument("--quick", action="store_true", help="as little as shows that it can be measured")
    asked = parser.parse_args()
    strangers = [name for name in asked.groups if name not in GROUPS]
    if strangers:
        parser.error(f"there is no group {', '.join(strangers)}; there is {', '.join(GROUPS)}")
    return asked


def _measured(groups: Sequence[str], size: Size, console: Console) -> tuple[Measured, dict[str, str]]:
    """Every figure of the groups, and why others could not be measured."""
    measured: Measured = []
    unmeasured: dict[str, str] = {}
    for group in groups:
        console.print(f"{group}: {GROUPS[group]} …", style="dim", highlight=False)
        try:
            for figure in import_module(f"benchmarks.{group}").measure(size):
                measured.append((group, figure))
        except Unmeasured as why:
            unmeasured[group] = str(why)
    return measured, unmeasured


def _print(measured: Measured, size: Size, console: Console) -> None:
    table = Table(title=f"What rotator costs ({size} size)", title_justify="left", show_lines=True)
    for name in ("figure", "value", "aim", "", "method"):
        table.add_column(name, justify="right" if name in {"value", "aim"} else "left", overflow="fold")
    for _group, figure in measured:
        verdict = figure.verdict if size is Size.FULL else ""
        table.add_row(
            figure.name,
            f"{_spelt(figure.value)} {figure.unit}",
            str(figure.aim or ""),
            f"[bold red]{verdict}[/]" if verdict == "missed" else f"[green]{verdict}[/]",
            figure.method,
        )
    console.print(table)


def _spelt(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or value >= 1000 else f"{value:.3g}"


def _summary(figures: list[Figure], unmeasured: dict[str, str], size: Size, load: tuple[float, ...]) -> str:
    """What it amounts to."""
    lines = [f"could not be measured: {group}: {why}" for group, why in unmeasured.items()]
    if load[0] > 1:
        lines.append(
            f"the machine was busy before it began (load {load[0]:.1f}): times are worse than they are"
        )
    if size is Size.QUICK:
        lines.append("quick size: enough to see that all can be measured, too little to judge by")
    else:
        missed = [figure.name for figure in figures if figure.verdict == "missed"]
        with_aims = sum(figure.aim is not None for figure in figures)
        lines.append(
            f"{with_aims - len(missed)} of {with_aims} aims met"
            + "".join(f"; missed: {one}" for one in missed)
        )
    return "\n".join([*lines, f"written to {RESULTS.parent.name}/{RESULTS.name}"])


if __name__ == "__main__":
    sys.exit(main())
