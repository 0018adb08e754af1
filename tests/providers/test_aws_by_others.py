"""The keys of an IAM user at an AWS that somebody else wrote: moto understands what is asked, and we its answers.

It keeps our stand-in honest about names, shapes and codes. What moto does not have is left out: it takes an inactive
key as if it were none, and everybody hears of everything at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from rotator.aws import _SharedSession
from rotator.contracts.provider import Liveness
from rotator.model.errors import CredentialRefused, Refused
from rotator.model.secrets import Sealed
from rotator.providers.aws_access_key import AwsAccessKey
from rotator.testing.surroundings import surroundings
from tests.providers.recipes import recipe_for

pytestmark = pytest.mark.slow  # it starts a server
USER, REGION = "taly-staging-ci", "eu-central-1"
MAY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]}'
FIELDS = {"access_key_id": "CI_KEY_ID", "secret_access_key": "CI_SECRET_KEY"}


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """moto, which looks at who asks; rotator has a key that it knows."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _host, port = server.get_host_and_port()
    where = f"http://127.0.0.1:{port}"
    httpx.post(
        f"{where}/moto-api/reset", trust_env=False, timeout=60
    )  # what an earlier test of this process left
    iam = boto3.client(
        "iam",
        region_name=REGION,
        endpoint_url=where,
        aws_access_key_id="played",
        aws_secret_access_key="played",
    )
    for name in (USER, "rotator"):
        iam.create_user(UserName=name)
    iam.put_user_policy(UserName="rotator", PolicyName="all", PolicyDocument=MAY)
    own = iam.create_access_key(UserName="rotator")["AccessKey"]
    monkeypatch.setattr("rotator.aws._shared", _SharedSession())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", own["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", own["SecretAccessKey"])
    look_at_who_asks(where, after="0")
    yield where
    look_at_who_asks(where, after="inf")
    server.stop()


def look_at_who_asks(where: str, after: str) -> None:
    """From so many requests on."""
    plain = {"Content-Type": "text/plain"}
    httpx.post(
        f"{where}/moto-api/reset-auth", content=after, headers=plain, trust_env=False, timeout=60
    ).raise_for_status()


def test_a_key_lives_beside_another_is_disabled_deleted_and_refused(address: str) -> None:
    recipe = recipe_for("CI_KEY", "aws-access-key", fields=FIELDS, settings={"iam_user": USER})
    provider = AwsAccessKey(recipe, surroundings(endpoints={"iam": address, "sts": address}))
    first, second = provider.create("ro-1", None), provider.create("ro-2", None)
    for key in (first, second):
        provider.verify(key)
        assert provider.identify(key.fields) == key.id
    observed = provider.observe()
    assert {one.id for one in observed.credentials} == {first.id, second.id}
    assert observed.free_slots == 0
    with pytest.raises(Refused, match="a user may have two"):
        provider.create("ro-3", None)
    wrong = {**second.fields, "secret_access_key": Sealed("x" * 40)}
    with pytest.raises(CredentialRefused):
        provider.verify(replace(second, fields=wrong))
    provider.disable(first.id)
    assert provider.observe().by_id()[first.id].liveness is Liveness.DISABLED
    provider.enable(first.id)
    provider.remove(first.id)
    provider.remove(first.id)
    assert provider.observe().by_id().keys() == {second.id}
    with pytest.raises(CredentialRefused):
        provider.verify(first)
    provider.verify(second)
