"""Runs of one GitHub workflow, played over the platform in memory: each run deploys the workload.

From GitHub's REST reference, "Workflows" and "Workflow runs": a dispatch answers with the run's id when it is asked
to, a run is queued, waits for the approval of its environment, runs and is completed with a conclusion; a newer run
of the same concurrency group cancels the one under way. Hostile: a run is listed later than it is made, a dispatch is
no more than once for nobody, a search ends after a thousand results, and an unknown input is refused with a message
that quotes it.
It simplifies: one workflow, one environment, one job, which waits until no instance from before is left.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rotator.clock import SystemClock
from rotator.contracts.clock import Clock
from rotator.contracts.redeployer import RolloutProgress
from rotator.sandbox.platforms.front import Answer, Asked, serve
from rotator.sandbox.platforms.github import Github, Scope
from rotator.testing.memory_platform import MemoryPlatform

#: A search by a filter has no more results than this.
_RESULTS = 1000


@dataclass(slots=True)
class Run:
    """One run. `waiting`: its environment has not been approved."""

    number: int
    title: str
    event: str
    at: datetime
    waiting: bool = False

    @property
    def id(self) -> int:
        return 9_000_000 + self.number

    @property
    def written_at(self) -> str:
        """When it was made, in whole seconds."""
        return f"{self.at:%Y-%m-%dT%H:%M:%SZ}"


class Runs:
    """The runs of `repository`'s workflow `file`. `approval`: its environment wants one; `shows`: it has a run-name."""

    def __init__(self, clock: Clock, repository: str, file: str, platform: MemoryPlatform) -> None:
        self.clock, self.platform = clock, platform
        self._repository, self._workflow = (
            f"/repos/{repository}",
            f"/repos/{repository}/actions/workflows/{file}",
        )
        self.inputs = {"rollout", "stage"}
        self.approval, self.shows, self.details = False, True, True
        self.lag = timedelta()  # a run is listed so much later than it is made
        self.runs: list[Run] = []

    def begin(self, title: str, event: str = "workflow_dispatch") -> Run:
        """A run, whoever caused it."""
        run = Run(len(self.runs) + 1, title, event, self.clock.now(), self.approval)
        self.runs.append(run)
        if not run.waiting:
            self.platform.roll(str(run.id))
        return run

    def approve(self) -> None:
        """Somebody approves what waits."""
        for run in self.runs:
            if run.waiting:
                run.waiting = False
                self.platform.roll(str(run.id))

    def answer(self, asked: Asked) -> Answer | None:
        """The answer to what is about this workflow; None: it is not."""
        self.platform.catch_up()
        found = re.fullmatch(rf"{self._repository}/actions/runs/(\d+)/pending_deployments", asked.path)
        if found:
            held = [run for run in self.runs if run.id == int(found[1]) and run.waiting]
            return Answer(200, [{"environment": {"name": "production"}} for _ in held])
        if asked.path == f"{self._workflow}/dispatches":
            return self._dispatched(asked.content)
        if asked.path == f"{self._workflow}/runs":
            return Answer(200, {"workflow_runs": self._listed(dict(asked.query))})
        return None

    def _dispatched(self, wanted: dict[str, Any]) -> Answer:
        unknown = wanted["inputs"].keys() - self.inputs
        if unknown or wanted["ref"] != "main":
            return Answer(422, {"message": f"Unexpected inputs provided: {wanted['inputs']}"})
        run = self.begin(f"deploy {wanted['inputs']['rollout']}" if self.shows else "deploy")
        if not (self.details and wanted.get("return_run_details")):
            return Answer(204)
        return Answer(200, {"workflow_run_id": run.id, "run_url": "", "html_url": ""})

    def _listed(self, query: dict[str, str]) -> list[dict[str, object]]:
        visible = [
            run
            for run in reversed(self.runs)
            if run.at + self.lag <= self.clock.now()
            and query.get("event", run.event) == run.event
            and _within(run.written_at, query.get("created", ">="))
        ][:_RESULTS]
        size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
        return [self._shown(run) for run in visible[size * (page - 1) : size * page]]

    def _shown(self, run: Run) -> dict[str, object]:
        rollout = self.platform.rollouts.get(str(run.id))
        progress = rollout.progress if rollout else RolloutProgress.PENDING
        older = [one for one in self.platform.living if int(one.rollout or 0) < run.id]
        if progress is RolloutProgress.DONE and older:
            progress = RolloutProgress.PENDING
        cancelled = progress is RolloutProgress.FAILED and rollout and "another" in rollout.sentence
        conclusions = {
            RolloutProgress.PENDING: None,
            RolloutProgress.DONE: "success",
            RolloutProgress.FAILED: "cancelled" if cancelled else "failure",
        }
        status = "waiting" if run.waiting else "in_progress" if conclusions[progress] is None else "completed"
        return {
            "id": run.id,
            "run_number": run.number,
            "display_title": run.title,
            "event": run.event,
            "status": status,
            "conclusion": conclusions[progress],
            "created_at": run.written_at,
            "run_started_at": run.written_at,
        }


def _within(moment: str, created: str) -> bool:
    """Whether a moment is in a range, `>=FIRST` or `FIRST..LAST`, of moments written in the same way."""
    first, _, last = created.removeprefix(">=").partition("..")
    return first <= moment <= (last or moment)


def main() -> None:
    """`python -m rotator.sandbox.platforms.github_runs --port 0`: `taly/crm`, its secrets and a workflow deploy.yml.

    What a caller has to show is told beside the address.
    """

    def make() -> Github:
        clock = SystemClock()
        runs = Runs(clock, "taly/crm", "deploy.yml", MemoryPlatform(clock, "staging/functions", {}))
        github = Github(clock, runs.answer)
        github.scopes = {
            place: Scope() for place in ("repos/taly/crm", "repos/taly/crm/environments/staging")
        }
        return github

    serve(make, lambda github: {"token": github.token, "app": github.app, "app_key": github.app_key})


if __name__ == "__main__":
    main()
