"""Every `kubectl` on a page is one that kubectl takes, and what needs no pod that runs is done to a real API server."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.docs.programs import Started, started
from tests.kubernetes.rendered import kubectl
from tests.kubernetes.test_control_plane import kubeconfig
from tests.redeployers.control_plane import control_plane

__all__ = ["control_plane", "kubeconfig"]  # pytest finds its fixtures here
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # they start programs by the dozen

#: What an API server alone can do, in the order in which a reader comes to it.
_DONE = ("create", "get", "describe", "patch", "scale", "restart")
#: What is typed into those that read; a patch is what printf makes of the page.
_TYPED = '{"stringData": {"ROTATOR_SLACK_TOKEN": "typed"}}'


def run(*words: str, config: Path = Path("/dev/null")) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [kubectl(), *words],
        input=_TYPED,
        cwd=ROOT,
        env={"KUBECONFIG": str(config), "PATH": "", "HOME": str(config.parent)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def trouble(command: Started) -> str:
    """Why kubectl would not take verb and options; empty when it would. Behind `--` stand another program's."""
    words = command.words[: command.words.index("--")] if "--" in command.words else command.words
    done = run(*words, "--help")
    if done.returncode:
        return done.stderr
    usage = done.stdout.rpartition("Usage:")[2].strip().partition("\n")[0]
    return f"that is no verb: {usage}" if "SUBCOMMAND" in usage else ""


def done_here() -> Iterator[tuple[str, ...]]:
    """Commands that an API server can do, in namespaces that no other test uses."""
    commands = dict.fromkeys(one.words for one in started("kubectl") if one.exact)
    for verb in _DONE:
        for words in commands:
            if verb in words[:4]:
                following = {"-n", "namespace"}
                yield words[0], *(f"typed-{b}" if a in following else b for a, b in pairwise(words))


def test_every_kubectl_command_is_one_that_kubectl_takes() -> None:
    commands = list({one.words: one for one in started("kubectl")}.values())
    assert len(commands) > 30
    with ThreadPoolExecutor(4) as together:
        found = zip(commands, together.map(trouble, commands), strict=True)
        assert not {f"{one}: {why}" for one, why in found if why}


@pytest.mark.parametrize(
    "line",
    ["gte pods", "-n rotator logs deployment/rotator --sinse 1h", "rollout restrat deployment/rotator"],
)
def test_one_that_it_does_not_take_would_be_seen(line: str) -> None:
    assert trouble(Started("here", tuple(line.split()), exact=True))


def test_what_an_api_server_can_do_is_done(kubeconfig: Path) -> None:
    commands = list(done_here())
    assert len(commands) > 12
    assert run("create", "namespace", "typed-taly", config=kubeconfig).returncode == 0
    there = {"rotator": ["rotator"], "taly": ["api", "worker"]}
    for words in commands:
        done = run(*words, config=kubeconfig)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
        if words[:2] == ("create", "namespace"):
            for namespace, workloads in there.items():
                for name in workloads:
                    made = f"-n typed-{namespace} create deployment {name} --image {name}"
                    assert run(*made.split(), config=kubeconfig).returncode == 0
    restarted = run(*["-n", "typed-taly", "get", "deployment", "api", "-o", "yaml"], config=kubeconfig)
    assert re.search(r"kubectl.kubernetes.io/restartedAt", restarted.stdout)
