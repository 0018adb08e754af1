"""The sandbox's platform as the contract suite wants it: the real one, with instances that are no processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Self

from rotator.clock import SystemClock
from rotator.model.policy import Deployment
from rotator.model.secrets import Sealed
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sandbox.platform import Fate, Instance, Platform, Workload
from rotator.sandbox.platform_server import Front, PlatformServer
from rotator.sandbox.processes import listening_socket
from rotator.sandbox.redeployer import SandboxRedeployer
from rotator.testing.surroundings import surroundings

ROLE = "taly-staging-app"


class FakeInstance:
    """It reads when it starts, counts one login at once, and ends when it may."""

    port = 9

    def __init__(self, pid: int, versions: Mapping[str, int]) -> None:
        self.pid, self.versions = pid, versions
        self.may_end = threading.Event()
        self.may_end.set()

    def counts(self) -> dict[str, int]:
        return {"logins": 1}

    def end(self) -> None:
        assert self.may_end.wait(60), "nobody let it end"


class SandboxWorld:
    workload, parameter = "staging/api", "/taly/staging/API_KEY"
    patience, resolution = timedelta(seconds=100), timedelta(milliseconds=1)

    def __init__(self) -> None:
        self.clock = SystemClock()
        self._version, self._numbers, self._labels = 1, count(1), count(1)
        self.platform = Platform({self.workload: 2}, self._start)
        self._listening = listening_socket()
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._front = Front(self.platform, ROLE)
        self._server = PlatformServer(self._front, self._listening)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self.platform.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.platform.stop()

    def redeployer(self) -> SandboxRedeployer:
        return redeployer(self.workload, self.address)

    def redeployer_of_nothing(self) -> SandboxRedeployer:
        return redeployer("staging/nothing", self.address)

    def write(self, value: Sealed) -> int:
        self._version += 1
        return self._version

    def instances(self) -> list[str]:
        return [str(living.instance.pid) for living in self._workload.living()]

    def serving(self) -> list[str]:
        return [str(living.instance.pid) for living in self._workload.living() if not living.ending]

    def started(self) -> int:
        return len(self._workload.starts)

    def someone_else_rolls(self) -> None:
        self._workload.roll(f"someone-else-{next(self._labels)}")

    @contextmanager
    def lingering(self) -> Iterator[None]:
        fakes = [living.instance for living in self._workload.living()]
        for fake in fakes:
            assert isinstance(fake, FakeInstance)
            fake.may_end.clear()
        yield
        for fake in fakes:
            assert isinstance(fake, FakeInstance)
            fake.may_end.set()

    def fail_next(self) -> None:
        self._order(Fate.FAILS)

    def hang_next(self) -> None:
        self._order(Fate.HANGS)

    def lie_next(self) -> None:
        self._order(Fate.LIES)

    def lose_next_answer(self) -> None:
        self._meet(Fault.LOST_ANSWER)

    def throttle_next(self) -> None:
        self._meet(Fault.THROTTLED)

    def err_next(self) -> None:
        self._meet(Fault.INTERNAL_ERROR)

    @contextmanager
    def away(self) -> Iterator[None]:
        self._front.told("/outages", {"platform": Outage.CLOSED})
        yield
        self._front.told("/outages", {})

    @property
    def _workload(self) -> Workload:
        return self.platform.workloads[self.workload]

    def _start(self, _workload: str) -> Instance:
        return FakeInstance(next(self._numbers), {self.parameter: self._version})

    def _order(self, fate: Fate) -> None:
        self._front.told("/fates", {"workload": self.workload, "rollouts": [fate]})

    def _meet(self, fault: Fault) -> None:
        self._front.told("/faults", {"seed": 0, "rules": [Rule(fault, times=1)._asdict()]})


def redeployer(workload: str, address: str | None) -> SandboxRedeployer:
    """The redeployer of a workload of the platform at `address`."""
    deployment = Deployment(id=workload, kind="sandbox", target=workload)
    return SandboxRedeployer(deployment, surroundings(endpoints={"platform": address} if address else {}))
