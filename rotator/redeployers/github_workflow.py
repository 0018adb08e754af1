"""GitHub Actions: the workflow that deploys is dispatched, and its run is watched.

A dispatch has no idempotency key and its run has no label of its own, so the label is one of the workflow's inputs and
the workflow shows it in its `run-name`: that is where a run is found again, by any process and after a lost answer. A
run that was just dispatched may not be listed yet: redeploy waits until it is, so that whoever looks afterwards sees
it, and after a lost answer a second dispatch waits until the list had its time. The run's id is in the answer
(`return_run_details`); with it a workflow that does not show the label is told at once.

DONE is the workflow's word: whether instances from before are left, GitHub cannot tell. A workflow that ends before
its deployment has ended would say it too early; the page of this adapter says how to write one that does not.

Permissions of the App or token: Actions write (and so read) on the repository. Sources: GitHub's REST reference,
"Create a workflow dispatch event", "List workflow runs for a workflow", "Get pending deployments".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, ClassVar

from pydantic import Field

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions
from rotator.contracts.redeployer import Rollout, RolloutProgress, Start
from rotator.github import NAME, Auth, Github, Missing, moment
from rotator.model.errors import NotYet, Refused, Transient
from rotator.model.policy import Deployment

_TARGET = re.compile(rf"({NAME})/({NAME})/({NAME}\.ya?ml)")
#: GitHub answers a search with so many results at most, in pages ("List workflow runs for a workflow").
_RESULTS, _PAGE = 1000, 100
#: So many searches, each of what is older than the one before; whoever has still not seen all looks again later.
_SEARCHES, _LATER = 10, timedelta(minutes=10)
#: No run lasts longer, waiting and approval included ("Actions limits"): none that is older can be under way.
_LONGEST = timedelta(days=35)
#: Starts are looked for among so many runs, the newest.
_LATEST = 300
#: For so long a run may not be listed yet.
_SETTLED = timedelta(seconds=15)
#: redeploy waits for the list so long itself, and looks so often.
_PATIENCE, _POLL = timedelta(seconds=5), timedelta(seconds=1)
_SUCCESS = "success"
#: What becomes of a run that did not succeed (REST reference, "conclusion").
_CONCLUSIONS = {
    "failure": "failed",
    "cancelled": "was cancelled",
    "timed_out": "took too long and was ended",
    "startup_failure": "could not be started: the workflow file is not valid",
    "skipped": "was skipped: none of its jobs ran",
}
_STATUSES = {
    "queued": "waits for a runner",
    "requested": "waits for a runner",
    "pending": "waits for another run of its concurrency group",
    "in_progress": "runs",
}


@dataclass(slots=True)
class _Sent:
    """A dispatch of ours: when, whether it was answered, and the id of the run if the answer had it."""

    at: datetime
    answered: bool = False
    number: int | None = None


class GithubWorkflow:
    """One workflow: `github-workflow: OWNER/REPOSITORY/FILE.yml`, with `settings` as in Options."""

    needs: ClassVar[str] = "a GitHub App, or a token, that may dispatch workflows"
    tried_on: ClassVar[str] = "a stand-in for GitHub's API"

    class Options(AdapterOptions):
        """What `settings` of the deployment may say. `label_input` is an input that the workflow declares."""

        auth: Auth  # reference to the App's private key, or to a token
        app: str | None = None  # the App's client id or number; without it `auth` is a token
        ref: str = "main"  # branch or tag whose workflow file is run
        inputs: dict[str, str] = Field(default_factory=dict, max_length=24)
        label_input: str = "rollout"
        role: str = ""  # the AWS role that its jobs read secrets with

    def __init__(self, deployment: Deployment, around: Surroundings) -> None:
        """Raises Refused when the deployment does not say which workflow, or its settings cannot be used."""
        written = _TARGET.fullmatch(deployment.target)
        if written is None:
            raise Refused(
                f"{deployment.id} is no workflow: write github-workflow: OWNER/REPOSITORY/FILE.yml (in "
                ".github/workflows)"
            )
        self._options = self.Options.taken_from(deployment.settings, deployment.id)
        self._id, self._target, self._clock = deployment.id, deployment.target, around.clock
        self._repository = f"repos/{written[1]}/{written[2]}"
        self._workflow = f"{self._repository}/actions/workflows/{written[3]}"
        self._github = Github(around, self._repository, self._options.auth, self._options.app)
        self._sent: dict[str, _Sent] = {}  # dispatches whose run may not be listed yet

    def redeploy(self, label: str) -> None:
        """Dispatches the workflow, unless a run of it shows the label, and waits until the run is listed.

        Raises Refused when there is no such workflow or input, or its runs do not show the label; NotYet while a run
        of ours may be there without being listed, or among too many to look through.
        """
        if self._find(label):
            return
        sent = self._sent.get(label)
        if sent is None or (not sent.answered and self._is_settled(sent)):
            self._dispatch(label)
        deadline = self._clock.monotonic() + _PATIENCE.total_seconds()
        while not self._find(label):
            if self._clock.monotonic() >= deadline:
                raise NotYet(
                    f"{self._target} was dispatched: GitHub lists the run soon", self._clock.now() + _PATIENCE
                )
            self._clock.sleep(_POLL.total_seconds())

    def progress(self, label: str) -> Rollout:
        """How the run of this label stands; PENDING names the environment whose approval it waits for.

        Raises NotYet when there are too many runs to look through.
        """
        run = self._seen(label)
        if run is None:
            since = f"of the last {_LONGEST.days} days"
            return Rollout.failed(
                f"{self._target} has no run {since} that shows {label}: it was never dispatched"
            )
        name = f"run {run['run_number']} of {self._target}"
        if run["status"] == "completed":
            conclusion = str(run["conclusion"])
            if conclusion == _SUCCESS:
                return Rollout(RolloutProgress.DONE, f"{name} succeeded")
            return Rollout.failed(f"{name} {_CONCLUSIONS.get(conclusion, 'did not succeed')}")
        if run["status"] == "waiting":
            return _pending(f"{name} {self._waits_for(run['id'])}")
        return _pending(f"{name} {_STATUSES.get(run['status'], 'has not ended')}")

    def starts(self, since: datetime) -> Iterator[Start]:
        """Runs of the workflow since then, whatever caused them: its jobs are what reads the secrets."""
        try:
            begun = [moment(run["run_started_at"]) for run in islice(self._runs(), _LATEST)]
        except Missing:
            return iter(())
        return iter([Start(self._id, self._options.role, at) for at in begun if at >= since])

    def _seen(self, label: str) -> dict[str, Any] | None:
        """The run that shows the label. What GitHub does not show any more is no verdict: a right may be missing."""
        try:
            return self._find(label)
        except Missing as missing:
            trouble = Transient(str(missing))
        raise trouble

    def _dispatch(self, label: str) -> None:
        sent = _Sent(self._clock.now())
        try:
            made = self._github.change(
                "POST",
                f"{self._workflow}/dispatches",
                f"dispatch {self._target}",
                {
                    "ref": self._options.ref,
                    "inputs": {**self._options.inputs, self._options.label_input: label},
                    "return_run_details": True,
                },
            )
        except Transient as trouble:
            if trouble.retry_after is None:  # else it was turned away
                self._sent[label] = sent
            raise
        sent.answered, sent.number = True, (made or {}).get("workflow_run_id")
        self._sent[label] = sent

    def _find(self, label: str) -> dict[str, Any] | None:
        """The run that shows the label. Raises Refused when ours is there and does not: nobody could find it again."""
        sent = self._sent.get(label)
        for run in self._runs(event="workflow_dispatch"):
            if _shows(run, label):
                return run
            if sent and run["id"] == sent.number:
                raise self._unlabelled()
        if sent and sent.answered and self._is_settled(sent):
            raise self._unlabelled()
        return None

    def _is_settled(self, sent: _Sent) -> bool:
        return self._clock.now() >= sent.at + _SETTLED

    def _unlabelled(self) -> Refused:
        name = self._options.label_input
        return Refused(
            f"{self._target} does not show its input {name}, so its runs cannot be told apart: write "
            f"`run-name: deploy ${{{{ inputs.{name} }}}}` in it. A run was started and goes on"
        )

    def _runs(self, **query: str) -> Iterator[dict[str, Any]]:
        """Every run that may be under way, and more, the newest first. Raises NotYet in the end when that is not all.

        From the beginning of a day on, so that what was asked before is asked again and may cost nothing (ETag).
        """
        first = f"{self._clock.now() - _LONGEST:%Y-%m-%dT00:00:00Z}"
        oldest = ""
        for _ in range(_SEARCHES):
            created = f"{first}..{oldest}" if oldest else f">={first}"
            for page in range(1, _RESULTS // _PAGE + 1):
                runs = self._page(page, created, query)
                yield from runs
                if len(runs) < _PAGE:
                    return
                oldest = runs[-1]["created_at"]
        raise NotYet(
            f"{self._target} was started more than {_SEARCHES * _RESULTS} times in {_LONGEST.days} days: rotator "
            "cannot find its run among so many",
            self._clock.now() + _LATER,
        )

    def _page(self, page: int, created: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        answer = self._github.look(
            f"{self._workflow}/runs",
            f"list the runs of {self._target}",
            per_page=_PAGE,
            page=page,
            created=created,
            **query,
        )
        runs: list[dict[str, Any]] = answer["workflow_runs"]
        return runs

    def _waits_for(self, run: int) -> str:
        """Environments whose rules hold the run: reviewers, or a wait timer."""
        held = self._github.look(
            f"{self._repository}/actions/runs/{int(run)}/pending_deployments",
            f"see what a run of {self._target} waits for",
        )
        names = sorted({str(one["environment"]["name"]) for one in held})
        return f"waits for approval of {', '.join(names)}" if names else "waits for a rule of its environment"


def _shows(run: dict[str, Any], label: str) -> bool:
    """Whether the label is a word of the run's name."""
    return bool(re.search(rf"(?<![\w-]){re.escape(label)}(?![\w-])", str(run.get("display_title", ""))))


def _pending(sentence: str) -> Rollout:
    return Rollout(RolloutProgress.PENDING, sentence)
