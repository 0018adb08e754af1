"""A real API server and real controllers, where this checkout has them beside it: `../shared/kube/control-plane`."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import IO

import httpx
import pytest

from rotator.sandbox.processes import free_port

_PROGRAM = Path(__file__).parents[3] / "shared" / "kube" / "control-plane"
#: program -> the package of Debian that has it
_NEEDS = {"etcd": "etcd-server", "xz": "xz-utils", "curl": "curl", "openssl": "openssl"}
_ATTEMPTS = 3
TOKEN = "admin-token"


class NotHere(Exception):
    """Why there is none."""


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one. Skips, with the reason, where there is none."""
    of_this_worker = tmp_path_factory.getbasetemp()
    of_all = of_this_worker.parent if "PYTEST_XDIST_WORKER" in os.environ else of_this_worker
    folder = of_all / "control-plane"
    folder.mkdir(exist_ok=True)
    try:
        with _shared(folder) as address:
            yield address
    except NotHere as why:
        pytest.skip(str(why))


@contextmanager
def _shared(folder: Path) -> Iterator[str]:
    """One for all workers of a test run, which share `folder`: the first starts it, and stops it after the others.

    Who holds the door starts it or stops it; all who use it are inside together.
    """
    said = folder / "address"
    with (folder / "door").open("w") as door, (folder / "inside").open("w") as inside, ExitStack() as running:
        with _held(door):
            first = not said.exists()
            if first:
                said.write_text(running.enter_context(_working(folder)))
            fcntl.flock(inside, fcntl.LOCK_SH)
            address = said.read_text()
        yield address
        fcntl.flock(inside, fcntl.LOCK_UN)
        if first:
            with _held(door):
                said.unlink()
                fcntl.flock(inside, fcntl.LOCK_EX)
                running.close()


@contextmanager
def _held(lock: IO[str]) -> Iterator[None]:
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield
    fcntl.flock(lock, fcntl.LOCK_UN)


@contextmanager
def _working(folder: Path) -> Iterator[str]:
    """One that runs in `folder`. Raises NotHere when this machine lacks what it needs."""
    if not _PROGRAM.exists():
        raise NotHere("there is no ../shared/kube/control-plane beside this checkout")
    for program, package in _NEEDS.items():
        if shutil.which(program) is None:
            raise NotHere(f"{program} is not installed (Debian: {package})")
    for _ in range(_ATTEMPTS):
        with _started(folder) as address:
            if _takes_a_write(address):
                yield address
                return
    raise AssertionError(f"the control plane of ../shared/kube takes no writes: its logs are in {folder}")


@contextmanager
def _started(folder: Path) -> Iterator[str]:
    # The program looks with curl whether the API server answers. That one writes indented JSON for curl, and with
    # it (github.com/modern-go/reflect2 1.0.1, compiled by Go 1.19) an iterator over a map onto the type of that
    # map: it panics at every JSON from then on. Whoever is not called curl, wget or a browser harms nothing.
    (folder / ".curlrc").write_text('user-agent = "a test"\n')
    # The program cannot be handed sockets.
    port, etcd_port = free_port(), _pair()
    environment = {
        **os.environ,
        "CURL_HOME": str(folder),
        "KUBE_PORT": str(port),
        "ETCD_PORT": str(etcd_port),
    }
    try:
        with (folder / "control-plane.log").open("w") as said:
            subprocess.run(
                [_PROGRAM, "start", folder],
                env=environment,
                stdout=said,
                stderr=said,
                timeout=120,
                check=True,
            )
        yield f"https://127.0.0.1:{port}"
    finally:
        subprocess.run([_PROGRAM, "stop", folder], env=environment, timeout=60, check=False)


def _pair() -> int:
    """A free port; the one ten above it, which etcd takes as well, is free too."""
    while True:
        port = free_port()
        with socket.socket() as other, suppress(OSError, OverflowError):
            other.bind(("127.0.0.1", port + 10))
            return port


def _takes_a_write(address: str) -> bool:
    """False when it is not there: somebody else took a port meanwhile."""
    try:
        answer = httpx.post(
            f"{address}/api/v1/namespaces",
            json={
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": "takes-writes", "labels": {}},
            },
            headers={"Authorization": f"Bearer {TOKEN}"},
            verify=False,  # noqa: S501 - on loopback, with a certificate made for a test
            timeout=60,
            trust_env=False,
        )
    except httpx.TransportError:
        return False
    return answer.status_code == HTTPStatus.CREATED
