"""The redeployers of AWS at an AWS that somebody else wrote: moto understands what they ask, and they its answers.

It keeps the played ones honest about names and shapes. What moto does not have is left out: its deployments of ECS
never end unless nothing is desired, and its Lambda knows no RevisionId of a function, so one is added here.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer
from mypy_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef

from rotator.clock import SystemClock
from rotator.contracts.redeployer import RolloutProgress
from rotator.model.errors import Refused
from rotator.model.policy import Deployment
from rotator.redeployers.ecs import Ecs
from rotator.redeployers.lambda_calls import LambdaCalls
from rotator.redeployers.lambda_configuration import VARIABLE
from rotator.redeployers.lambda_function import LambdaFunction
from rotator.testing.redeployer_contract import LABEL
from rotator.testing.surroundings import surroundings

pytestmark = pytest.mark.slow  # it starts a server
REGION, ROLE = "eu-central-1", "arn:aws:iam::111122223333:role/taly-staging-app"


@pytest.fixture
def address(aws_without_waits: None) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _host, port = server.get_host_and_port()
    where = f"http://127.0.0.1:{port}"
    httpx.post(f"{where}/moto-api/reset", trust_env=False)  # what an earlier test of this process left
    httpx.post(f"{where}/moto-api/config", json={"lambda": {"use_docker": False}}, trust_env=False)
    yield where
    server.stop()


def test_a_service_of_ecs_is_restarted(address: str) -> None:
    ecs = boto3.client("ecs", region_name=REGION, endpoint_url=address)
    ecs.create_cluster(clusterName="staging")
    ecs.register_task_definition(
        family="app",
        containerDefinitions=[{"name": "app", "image": "taly/app", "memory": 64}],
        taskRoleArn=ROLE,
    )
    ecs.create_service(cluster="staging", serviceName="api", taskDefinition="app", desiredCount=0)
    before = ecs.describe_services(cluster="staging", services=["api"])["services"][0]["deployments"][0]["id"]
    redeployer = service(address, "staging/api")
    redeployer.redeploy(LABEL)
    after = ecs.describe_services(cluster="staging", services=["api"])["services"][0]["deployments"][0]["id"]
    assert after != before
    assert redeployer.progress(LABEL).progress is RolloutProgress.DONE
    assert redeployer.progress("another").progress is RolloutProgress.FAILED
    assert list(redeployer.starts(SystemClock().now() - timedelta(days=1))) == []
    for nothing in ("staging/nothing", "nothing/api"):
        with pytest.raises(Refused, match="active service"):
            service(address, nothing).redeploy(LABEL)


def test_an_alias_of_lambda_is_moved(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotator.redeployers.lambda_function.LambdaCalls", WithRevisions)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def main(event, context): pass")
    iam = boto3.client("iam", region_name=REGION, endpoint_url=address)
    role = iam.create_role(RoleName="taly-staging-app", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    functions = boto3.client("lambda", region_name=REGION, endpoint_url=address)
    functions.create_function(
        FunctionName="webhooks",
        Runtime="python3.12",
        Role=role,
        Handler="app.main",
        Code={"ZipFile": code.getvalue()},
        Publish=True,
        Timeout=1,
        Environment={"Variables": {"STAGE": "staging"}},
    )
    functions.create_alias(FunctionName="webhooks", Name="live", FunctionVersion="1")
    redeployer = LambdaFunction(
        Deployment(id="staging/webhooks", kind="lambda", target="webhooks:live"),
        surroundings(endpoints={"lambda": address}),
    )
    redeployer.redeploy(LABEL)
    runs = functions.get_function_configuration(FunctionName="webhooks", Qualifier="live")
    assert runs["Version"] == "2"
    assert runs["Environment"]["Variables"] == {"STAGE": "staging", VARIABLE: LABEL}
    clock = SystemClock()
    while redeployer.progress(LABEL).progress is RolloutProgress.PENDING:
        clock.sleep(0.1)
    assert redeployer.progress(LABEL).progress is RolloutProgress.DONE
    starts = list(redeployer.starts(clock.now() - timedelta(days=1)))
    assert {start.role for start in starts} == {"taly-staging-app"}
    assert len(starts) == 2


class WithRevisions(LambdaCalls):
    """moto gives a function no RevisionId, and compares none."""

    def configuration(self, version: str = "$LATEST") -> FunctionConfigurationResponseTypeDef:
        return {**super().configuration(version), "RevisionId": "moto's"}


def service(address: str, target: str) -> Ecs:
    deployment = Deployment(id="staging/api", kind="ecs", target=target)
    return Ecs(deployment, surroundings(endpoints={"ecs": address}))
