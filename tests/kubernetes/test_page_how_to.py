"""docs/how-to/look-at-the-status-page.md: the proxy that it puts beside rotator is one that the cluster takes."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.kubernetes.rendered import ROOT, the
from tests.kubernetes.restricted import offences
from tests.kubernetes.test_manifests import KUBERNETES

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/how-to/look-at-the-status-page.md").read_text(encoding="utf-8")


def block(mark: str) -> Any:
    (found,) = re.findall(rf"```yaml {mark}\n(.*?)```", PAGE, re.DOTALL)
    return yaml.safe_load(found)


def test_the_proxy_is_admitted_beside_rotator_and_leads_to_it() -> None:
    deployment, proxy = deepcopy(the("production", "Deployment")), block("container")
    pod = deployment["spec"]["template"]["spec"]
    (rotator,) = pod["containers"]
    pod["containers"].append(proxy)
    kubernetes_validate.validate(deployment, KUBERNETES, strict=True)
    assert offences(pod) == []
    assert f"--upstream=http://127.0.0.1:{rotator['ports'][0]['containerPort']}" in proxy["args"]
    assert "--pass-host-header=false" in proxy["args"], "rotator answers to localhost alone"
    assert {port["name"] for port in proxy["ports"]} & {port["name"] for port in rotator["ports"]} == set()


def test_the_network_lets_people_in_to_the_proxy_and_prometheus_to_the_figures() -> None:
    policy, more = deepcopy(the("production", "NetworkPolicy")), block("ingress")
    (figures,) = policy["spec"]["ingress"]
    policy["spec"]["ingress"].append(more)
    kubernetes_validate.validate(policy, KUBERNETES, strict=True)
    assert [port["port"] for port in figures["ports"]] == ["http"]
    assert [port["port"] for port in more["ports"]] == [block("container")["ports"][0]["name"]]
    assert figures["from"] != more["from"]
