"""The sandbox's platform: rollouts one at a time that leave nobody without an instance, and processes that all end."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from rotator.contracts.redeployer import RolloutProgress
from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.consumer import Verifier
from rotator.sandbox.diet import Diet, Pace
from rotator.sandbox.platform import Fate, Instance, Platform, Rollout, Workload
from rotator.sandbox.platform_server import Front
from rotator.sandbox.processes import Child, NotReady, listening_socket
from rotator.testing.values import fresh_value
from tests.redeployers.sandbox_world import FakeInstance, redeployer
from tests.sandbox.parents import has_ended

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


def until(happened: Callable[[], object], within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def ended(workload: Workload, label: str) -> Rollout:
    until(lambda: workload.rollouts()[label].progress is not RolloutProgress.PENDING)
    return workload.rollouts()[label]


class Starts:
    """Starts instances that are no processes, and watches how many are started or alive at a time."""

    def __init__(self) -> None:
        self.broken = False
        self.most_at_once, self.most_alive = 0, 0
        self.workload: Workload | None = None
        self._at_once, self._numbers, self._lock = 0, count(1), threading.Lock()

    def __call__(self, _workload: str) -> Instance:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(0.01)  # room for another one to come between; nothing waits for it
        with self._lock:
            self._at_once -= 1
        if self.broken:
            raise NotReady("it ended before it was ready")
        if self.workload:
            self.most_alive = max(self.most_alive, 1 + len(self.workload.living()))
        return FakeInstance(next(self._numbers), {})


@pytest.fixture
def starts() -> Starts:
    return Starts()


@pytest.fixture
def workload(starts: Starts) -> Iterator[Workload]:
    running = starts.workload = Workload("staging/api", 3, starts)
    running.start()
    yield running
    running.stop()


def test_rollouts_of_one_workload_never_interleave(workload: Workload, starts: Starts) -> None:
    labels = [f"ro-{number}" for number in range(8)]
    together = [threading.Thread(target=workload.roll, args=(label,)) for label in labels]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    outcomes = Counter(ended(workload, label).progress for label in labels)
    assert outcomes[RolloutProgress.DONE] >= 1
    assert outcomes.total() == 8
    assert starts.most_at_once == 1
    assert starts.most_alive == 4
    assert len(workload.living()) == 3


def test_one_label_at_the_same_time_is_one_rollout(workload: Workload) -> None:
    together = [threading.Thread(target=workload.roll, args=("ro-1",)) for _ in range(8)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert ended(workload, "ro-1").progress is RolloutProgress.DONE
    assert len(workload.starts) == 6


def test_a_failing_rollout_leaves_the_workload_serving(workload: Workload) -> None:
    workload.order([Fate.FAILS])
    workload.roll("ro-1")
    assert ended(workload, "ro-1").sentence == "1 of 3 new instances never became ready: CrashLoopBackOff"
    assert [living.ending for living in workload.living()] == [False] * 3


def test_instances_that_do_not_start_fail_the_rollout_and_end_nobody(
    workload: Workload, starts: Starts
) -> None:
    before = workload.living()
    starts.broken = True
    workload.roll("ro-1")
    assert ended(workload, "ro-1").progress is RolloutProgress.FAILED
    assert "it ended before it was ready" in ended(workload, "ro-1").sentence
    assert workload.living() == before
    assert not any(living.ending for living in before)


def test_fates_are_for_one_rollout_each_and_the_last_order_counts(workload: Workload) -> None:
    workload.order([Fate.HANGS])
    workload.order([Fate.FAILS, Fate.FINE])
    outcomes = []
    for label in ("ro-1", "ro-2", "ro-3"):
        workload.roll(label)
        outcomes.append(ended(workload, label).progress)
    assert outcomes == [RolloutProgress.FAILED, RolloutProgress.DONE, RolloutProgress.DONE]


def test_statistics_of_ended_instances_are_kept(starts: Starts) -> None:
    platform = Platform({"staging/api": 2, "production/api": 1}, starts)
    platform.start()
    workload = platform.workloads["staging/api"]
    workload.order([Fate.FAILS])
    for label in ("ro-1", "ro-2"):
        workload.roll(label)
        ended(workload, label)
    assert platform.statistics() == {"logins": 3 + 1 + 2, "rollouts": 2, "rollouts_failed": 1}
    platform.stop()
    assert platform.statistics()["logins"] == 6


def test_a_rollout_that_hangs_does_not_hold_the_end_up(workload: Workload) -> None:
    workload.order([Fate.HANGS])
    workload.roll("ro-1")
    until(lambda: "1 of 3" in workload.rollouts()["ro-1"].sentence)
    workload.stop()
    assert workload.living() == []


def test_a_probe_asks_every_instance_of_the_environment() -> None:
    old, young, unknown = (fresh_value().reveal() for _ in range(3))
    with ExitStack() as running:
        accepts = iter([[old], [old, young], [young]])
        platform = Platform(
            {"staging/api": 1, "staging/worker": 1, "production/api": 1},
            lambda _name: verifying(running, next(accepts)),
        )
        platform.start()
        front = Front(platform, role="consumer")

        def verdict(bearer: str) -> HTTPStatus:
            answer = front.asked("/accepts/staging", f"Bearer {bearer}")
            assert answer is not None
            return answer.status

        assert verdict(old) == HTTPStatus.OK
        assert verdict(young) == HTTPStatus.SERVICE_UNAVAILABLE, "they differ"
        assert verdict(unknown) == HTTPStatus.UNAUTHORIZED
        running.close()
        assert verdict(old) == HTTPStatus.SERVICE_UNAVAILABLE, "they are listed and do not answer"


def verifying(running: ExitStack, tokens: list[str]) -> Instance:
    verifier = Verifier(Diet(token_accepted="set"), {"set": json.dumps(tokens)})
    threading.Thread(target=verifier.serve_forever, kwargs={"poll_interval": 0.02}).start()
    running.callback(verifier.server_close)
    running.callback(verifier.shutdown)
    instance = FakeInstance(1, {})
    instance.port = verifier.port
    return instance


# processes


@dataclass
class Running:
    """A platform with one workload of two real instances that read one parameter."""

    address: str
    parameter: str
    process: Child

    def ask(self, path: str) -> Any:
        return httpx.get(f"{self.address}/{path}", timeout=60.0, trust_env=False).json()

    def up(self) -> bool:
        try:
            return len(self.ask("peers/staging")) == 2
        except httpx.TransportError:
            return False

    def pids(self) -> list[int]:
        return [instance["pid"] for instance in self.ask("instances/staging/api")]

    def progress(self, label: str) -> Any:
        until(lambda: self.ask(f"rollouts/{label}")["progress"] != "pending", within=60)
        return self.ask(f"rollouts/{label}")


@pytest.fixture
def running(tmp_path: Path, aws: AwsWorld, ssm: SSMClient, path: str) -> Iterator[Running]:
    parameter = f"{path}/API_KEY"
    ssm.put_parameter(Name=parameter, Value=fresh_value().reveal(), Type="SecureString")
    config = tmp_path / "platform.json"
    workloads = {"staging/api": {"replicas": 2, "diet": asdict(Diet(others=(parameter,)))}}
    config.write_text(json.dumps({"pace": asdict(Pace()), "workloads": workloads}))
    with listening_socket() as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        process = Child(
            "the sandbox's platform",
            [sys.executable, "-m", "rotator.sandbox.platform_server", str(listening.fileno()), config],
            log=tmp_path / "platform.log",
            environment=aws.environment("consumer"),
            keep_open=[listening.fileno()],
        )
    started = Running(address, parameter, process)
    try:
        process.wait_until(started.up, within=90)
        yield started
    finally:
        process.stop()


def descendants(pid: int) -> list[int]:
    """Every process below this one."""
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").glob("*/children")
        for child in task.read_text().split()
    ]
    return [*children, *(below for child in children for below in descendants(child))]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL], ids=["asked", "killed"])
def test_a_platform_that_ends_leaves_no_process_behind(running: Running, ending: signal.Signals) -> None:
    below = descendants(running.process.pid)
    assert set(running.pids()) < set(below), "consumers, and the fork server that they come from"
    watched = [os.pidfd_open(pid) for pid in below]
    running.process.send(ending)
    assert running.process.wait(within=30) == (0 if ending is signal.SIGTERM else -signal.SIGKILL)
    assert [has_ended(process, within=60) for process in watched] == [True] * len(below)
    assert ending is signal.SIGKILL or running.process.log.read_text() == "", "it complained at its end"


@pytest.mark.slow
def test_a_rollout_replaces_processes_and_the_new_ones_read_anew(running: Running, ssm: SSMClient) -> None:
    before, rotator = running.pids(), redeployer("staging/api", running.address)
    watched = [os.pidfd_open(pid) for pid in before]
    ssm.put_parameter(Name=running.parameter, Value=fresh_value().reveal(), Overwrite=True)
    rotator.redeploy("ro-1")
    assert running.progress("ro-1") == {
        "progress": "done",
        "sentence": "every instance is new",
        "seen": {running.parameter: 2},
    }
    assert [has_ended(process, within=0) for process in watched] == [True, True]
    assert set(before).isdisjoint(running.pids())
    assert len(running.ask("peers/staging")) == 2


@pytest.mark.slow
def test_an_instance_that_stops_is_killed_and_counts_as_living_until_then(running: Running) -> None:
    frozen = running.pids()[-1]
    watched = os.pidfd_open(frozen)
    os.kill(frozen, signal.SIGSTOP)
    redeployer("staging/api", running.address).redeploy("ro-1")
    until(lambda: {"pid": frozen, "ending": True} in running.ask("instances/staging/api"), within=30)
    said = running.ask("rollouts/ro-1")
    assert (said["progress"], said["left"]) == ("pending", 1)
    assert running.progress("ro-1")["progress"] == "done"
    assert has_ended(watched, within=0)


@pytest.mark.slow
def test_an_instance_that_cannot_read_does_not_start_and_the_others_serve_on(
    running: Running, ssm: SSMClient
) -> None:
    before = running.pids()
    ssm.delete_parameter(Name=running.parameter)
    redeployer("staging/api", running.address).redeploy("ro-1")
    said = running.progress("ro-1")
    assert said["progress"] == "failed"
    assert "ended before it was ready" in said["sentence"]
    assert running.pids() == before
    assert len(running.ask("peers/staging")) == 2
