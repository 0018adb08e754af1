"""A real API server and real controllers, where this checkout has them beside it: `../shared/kube/control-plane`."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from rotator.sandbox.processes import free_port

_PROGRAM = Path(__file__).parents[3] / "shared" / "kube" / "control-plane"
TOKEN = "admin-token"


class NotHere(Exception):
    """Why there is none."""


@contextmanager
def shared_control_plane(folder: Path) -> Iterator[str]:
    """One for all workers of a test run, which share `folder`: the first starts it, and stops it after the others."""
    said = folder / "address"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if said.exists():
            fcntl.flock(lock, fcntl.LOCK_SH)
            address = said.read_text()
            if not address.startswith("https://"):
                raise NotHere(address)
            yield address
            return
        try:
            with control_plane(folder) as address:
                said.write_text(address)
                fcntl.flock(lock, fcntl.LOCK_SH)
                yield address
                fcntl.flock(lock, fcntl.LOCK_EX)
                said.unlink()
        except NotHere as why:
            said.write_text(str(why))
            raise


@contextmanager
def control_plane(folder: Path) -> Iterator[str]:
    """The address of one that runs in `folder`. Raises NotHere with the reason."""
    if not _PROGRAM.exists():
        raise NotHere("there is no ../shared/kube/control-plane beside this checkout")
    for program, package in (
        ("etcd", "etcd-server"),
        ("xz", "xz-utils"),
        ("curl", "curl"),
        ("openssl", "openssl"),
    ):
        if shutil.which(program) is None:
            raise NotHere(f"{program} is not installed (Debian: {package})")
    # etcd takes the port ten above its own as well; the program cannot be handed sockets.
    port, etcd_port = free_port(), free_port()
    environment = {**os.environ, "KUBE_PORT": str(port), "ETCD_PORT": str(etcd_port)}
    said = (folder / "control-plane.log").open("w")
    try:
        with said:
            subprocess.run(
                [_PROGRAM, "start", folder],
                env=environment,
                stdout=said,
                stderr=said,
                timeout=120,
                check=True,
            )
        address = f"https://127.0.0.1:{port}"
        _check_that_it_takes_a_write(address)
        yield address
    except subprocess.SubprocessError as error:
        raise NotHere(f"../shared/kube/control-plane does not start ({type(error).__name__})") from error
    finally:
        subprocess.run([_PROGRAM, "stop", folder], env=environment, timeout=60, check=False)


def _check_that_it_takes_a_write(address: str) -> None:
    """An API server with github.com/modern-go/reflect2 1.0.1, compiled by Go 1.18 or newer, panics at any JSON."""
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
            timeout=10,
            trust_env=False,
        )
    except httpx.TransportError as error:
        raise NotHere(
            f"the API server of ../shared/kube cuts off a write ({type(error).__name__}): its log says why"
        ) from error
    if answer.status_code != 201:
        raise NotHere(f"the API server of ../shared/kube answers a write with {answer.status_code}")
