"""The pods would be admitted under Pod Security `restricted`; and the rules that say so find what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kubernetes.rendered import OVERLAYS, Thing, pod_of, the
from tests.kubernetes.restricted import offences


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_rotator_is_restricted_and_its_namespace_enforces_it(overlay: str) -> None:
    assert offences(pod_of(overlay)) == []
    labels = the(overlay, "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def container(spec: Thing) -> Thing:
    first: Thing = spec["containers"][0]
    return first


@pytest.mark.parametrize(
    "offence, commit",
    [
        ("hostNetwork", lambda spec: spec.update(hostNetwork=True)),
        ("volume journal", lambda spec: spec["volumes"].append({"name": "journal", "hostPath": {"path": "/"}})),
        ("sysctl kernel.msgmax", lambda spec: spec["securityContext"].update(sysctls=[{"name": "kernel.msgmax"}])),
        ("runAsUser of the pod", lambda spec: spec["securityContext"].update(runAsUser=0)),
        ("runAsNonRoot", lambda spec: spec["securityContext"].pop("runAsNonRoot")),
        ("runAsNonRoot", lambda spec: container(spec)["securityContext"].update(runAsNonRoot=False)),
        ("runAsUser", lambda spec: container(spec)["securityContext"].update(runAsUser=0)),
        ("seccompProfile", lambda spec: spec["securityContext"].pop("seccompProfile")),
        ("privileged", lambda spec: container(spec)["securityContext"].update(privileged=True)),
        ("allowPrivilegeEscalation", lambda spec: container(spec)["securityContext"].pop("allowPrivilegeEscalation")),
        ("capabilities", lambda spec: container(spec)["securityContext"].pop("capabilities")),
        ("capabilities", lambda spec: container(spec)["securityContext"]["capabilities"].update(add=["SYS_PTRACE"])),
        ("procMount", lambda spec: container(spec)["securityContext"].update(procMount="Unmasked")),
        ("hostPort", lambda spec: container(spec)["ports"][0].update(hostPort=80)),
    ],
)  # fmt: skip
def test_each_offence_is_found(offence: str, commit: Callable[[Thing], object]) -> None:
    spec = pod_of("production")
    commit(spec)
    assert offences(spec) == [offence]
