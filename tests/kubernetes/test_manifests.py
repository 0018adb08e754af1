"""What the overlays become: valid objects that fit each other, policies.yaml and the daemon."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest

from rotator.config.load import Loaded
from rotator.config.reading import load_with
from rotator.config.settings import Settings, read_settings
from rotator.daemon.run import STOP_SECONDS
from tests.kubernetes.rendered import OVERLAYS, ROOT, Thing, of_kind, pod_of, the, things

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

#: Old enough to be everywhere, new enough to know what is in here.
KUBERNETES = "1.34"
OPERATOR = "monitoring.coreos.com/v1"
ENVIRONMENTS = {
    "staging": ["taly-staging"],
    "production": ["taly", "taly-staging"],
    "ha": ["taly", "taly-staging"],
}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid(overlay: str) -> None:
    for thing in things(overlay):
        if thing["apiVersion"] == OPERATOR:
            assert thing["kind"] in {"ServiceMonitor", "PrometheusRule"}
        else:
            kubernetes_validate.validate(thing, KUBERNETES, strict=True)


def test_an_invalid_object_would_be_found() -> None:
    deployment = the("production", "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["readOnly"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_the_prometheus_operator_reads(overlay: str) -> None:
    """Its fields: github.com/prometheus-operator/prometheus-operator, Documentation/api-reference/api.md."""
    monitor, service = the(overlay, "ServiceMonitor"), the(overlay, "Service")
    assert monitor["spec"].keys() == {"selector", "endpoints"}
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint == {"port": service["spec"]["ports"][0]["name"], "path": "/metrics", "interval": "30s"}
    (group,) = the(overlay, "PrometheusRule")["spec"]["groups"]
    assert group.keys() == {"name", "rules"}
    for rule in group["rules"]:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        _, _, page = rule["annotations"]["runbook_url"].partition("/blob/main/")
        assert (ROOT / page).is_file()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_it_may_restart_what_its_policy_names_and_no_more(overlay: str) -> None:
    """One Role for each environment's namespace, each workload by name; nothing cluster-wide, nothing of Secrets."""
    kinds = {thing["kind"] for thing in things(overlay)}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding"}
    namespaces = ENVIRONMENTS[overlay]
    roles = {role["metadata"]["namespace"]: role for role in of_kind(overlay, "Role")}
    bindings = {binding["metadata"]["namespace"]: binding for binding in of_kind(overlay, "RoleBinding")}
    assert sorted(roles) == sorted(bindings) == namespaces
    named = {target.partition("/")[2] for target in targets(overlay)}
    for namespace in namespaces:
        granted = {
            (resource, verb): set(rule.get("resourceNames", []))
            for rule in roles[namespace]["rules"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
        assert granted.keys() == {
            ("deployments", "get"), ("deployments", "patch"), ("replicasets", "list"), ("pods", "list"),
        }  # fmt: skip
        assert granted["deployments", "get"] == granted["deployments", "patch"] >= named
        assert bindings[namespace]["roleRef"]["name"] == roles[namespace]["metadata"]["name"]
        assert bindings[namespace]["subjects"] == [
            {"kind": "ServiceAccount", "name": "rotator", "namespace": "rotator"}
        ]


def text_of_policy(overlay: str) -> str:
    text: str = the(overlay, "ConfigMap", "rotator-policies")["data"]["policies.yaml"]
    return text


def policy_of(overlay: str) -> Loaded:
    """As the daemon reads it with the overlay's settings."""
    settings = the(overlay, "ConfigMap", "rotator-settings")["data"]
    known = Settings(
        allowed_hosts=tuple(settings["ROTATOR_ALLOWED_HOSTS"].split(",")),
        endpoints={"vault": settings["ROTATOR_ENDPOINT_VAULT"]},
    )
    return load_with(known, text_of_policy(overlay))


def targets(overlay: str) -> set[str]:
    """What the policy's deployments are called in Kubernetes."""
    loaded = policy_of(overlay)
    assert loaded.policies is not None
    return {
        deployment.target
        for secret in loaded.policies.secrets.values()
        for deployment in secret.recipe.deployments
        if deployment.kind == "kubernetes"
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_its_policy_loads_and_speaks_of_the_environments_that_it_may_touch(overlay: str) -> None:
    loaded = policy_of(overlay)
    assert loaded.errors == ()
    assert not [note for note in loaded.notes if "settings do not say" in note.sentence]
    assert loaded.policies is not None
    namespaces = {one.settings["kubernetes"]["namespace"] for one in loaded.policies.environments.values()}
    assert sorted(namespaces) == ENVIRONMENTS[overlay]
    assert targets(overlay)


def test_production_s_policy_is_the_one_at_the_top() -> None:
    assert text_of_policy("production") == text_of_policy("ha") == (ROOT / "policies.yaml").read_text()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_edit_of_the_policy_changes_the_mounted_file_and_restarts_nothing(overlay: str) -> None:
    pod = pod_of(overlay)
    (volume,) = [one for one in pod["volumes"] if "configMap" in one]
    assert volume["configMap"]["name"] == the(overlay, "ConfigMap", "rotator-policies")["metadata"]["name"]
    (mount,) = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == volume["name"]]
    assert mount == {"name": volume["name"], "mountPath": "/etc/rotator", "readOnly": True}, (
        "the folder, no subPath"
    )
    image = (ROOT / "Dockerfile").read_text()
    assert "ROTATOR_POLICIES=/etc/rotator/policies.yaml" in image


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_its_settings_are_settings(overlay: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = the(overlay, "ConfigMap", "rotator-settings")
    assert settings["metadata"]["name"] != "rotator-settings", "a changed setting restarts the pod"
    assert settings["metadata"]["name"] in {
        source["configMapRef"]["name"]
        for source in pod_of(overlay)["containers"][0]["envFrom"]
        if "configMapRef" in source
    }
    for name, value in settings["data"].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    read = read_settings()
    (port,) = pod_of(overlay)["containers"][0]["ports"]
    assert read.listen == ("0.0.0.0", port["containerPort"])  # noqa: S104 - in a pod, behind a NetworkPolicy
    assert (read.region, read.sealer) == ("eu-central-1", "kms")
    (served,) = the(overlay, "Service")["spec"]["ports"]
    (admitted,) = the(overlay, "NetworkPolicy")["spec"]["ingress"][0]["ports"]
    assert served["targetPort"] == admitted["port"] == port["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_probes_ask_the_pages_that_there_are(overlay: str) -> None:
    container = pod_of(overlay)["containers"][0]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }
    assert {probe["port"] for probe in probes.values()} == {"http"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_it_has_the_time_to_stop_in_order(overlay: str) -> None:
    assert pod_of(overlay)["terminationGracePeriodSeconds"] >= STOP_SECONDS + 5


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_its_root_is_read_only_and_memory_has_a_limit(overlay: str) -> None:
    container = pod_of(overlay)["containers"][0]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"] == {
        "requests": {"cpu": "50m", "memory": "128Mi"},
        "limits": {"memory": "256Mi"},
    }
    assert container["image"].startswith("registry.taly.example/rotator:")


def runs_alone(overlay: str) -> Thing:
    spec: Thing = the(overlay, "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    return spec


@pytest.mark.parametrize("overlay", ["staging", "production"])
def test_the_embedded_journal_has_one_daemon_and_a_disk(overlay: str) -> None:
    pod = runs_alone(overlay)["template"]["spec"]
    (disk,) = of_kind(overlay, "PersistentVolumeClaim")
    assert disk["spec"]["accessModes"] == ["ReadWriteOncePod"]
    (volume,) = [one for one in pod["volumes"] if "persistentVolumeClaim" in one]
    assert volume["persistentVolumeClaim"]["claimName"] == disk["metadata"]["name"]
    assert {"name": volume["name"], "mountPath": "/var/lib/rotator"} in pod["containers"][0]["volumeMounts"]


def test_with_postgresql_two_share_a_journal_and_no_disk() -> None:
    assert of_kind("ha", "PersistentVolumeClaim") == []
    spec, pod = the("ha", "Deployment")["spec"], pod_of("ha")
    assert (spec["replicas"], spec["strategy"]["type"]) == (2, "RollingUpdate")
    assert not [volume for volume in pod["volumes"] if "persistentVolumeClaim" in volume]
    assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} <= {
        one["name"] for one in pod["volumes"]
    }
    (journal,) = pod["containers"][0]["env"]
    assert journal["name"] == "ROTATOR_JOURNAL"
    assert journal["valueFrom"]["secretKeyRef"] == {"name": "rotator-journal", "key": "url"}
    budget = the("ha", "PodDisruptionBudget")["spec"]
    assert (budget["maxUnavailable"], budget["selector"]) == (1, spec["selector"])
    assert {one["topologyKey"] for one in pod["topologySpreadConstraints"]} == {
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_manifest_holds_a_secret(overlay: str) -> None:
    assert of_kind(overlay, "Secret") == []
