"""What tests of several parts share: one AWS of the sandbox for each worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rotator.sandbox.aws import AwsWorld


@pytest.fixture(scope="session")
def running_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsWorld]:
    with AwsWorld(tmp_path_factory.mktemp("aws")) as world:
        yield world


@pytest.fixture
def aws(running_aws: AwsWorld, monkeypatch: pytest.MonkeyPatch) -> AwsWorld:
    """The running world in good weather, without quotas; every AWS SDK in this process is led there."""
    running_aws.control.set_faults([])
    running_aws.control.set_outages({})
    running_aws.control.set_quotas({})
    for name, value in running_aws.environment("rotator").items():
        monkeypatch.setenv(name, value)
    return running_aws
