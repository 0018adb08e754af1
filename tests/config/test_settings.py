"""Settings: what ROTATOR_ variables mean, and a sentence for each that cannot be used."""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.config import places
from rotator.config.settings import InvalidSettings, Settings, read_settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("ROTATOR_", "AWS_")) or name == "XDG_STATE_HOME":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def read(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(f"ROTATOR_{name}", value)
    return read_settings()


def refused(monkeypatch: pytest.MonkeyPatch, **values: str) -> list[str]:
    with pytest.raises(InvalidSettings) as raised:
        read(monkeypatch, **values)
    assert raised.value.exit_code == 2
    assert str(raised.value).splitlines() == raised.value.sentences
    return raised.value.sentences


def test_defaults() -> None:
    settings = read_settings()
    assert (settings.policies, settings.sealer, settings.workers) == (Path("policies.yaml"), "keyfile", 4)
    assert (settings.claim_seconds, settings.ssm_writes_per_second) == (60, 3.0)
    assert settings.signed_request_life == timedelta(minutes=15)
    assert (settings.scale, settings.redeployer, settings.slack_token) == (1.0, None, None)
    assert settings.endpoint("ssm") is None
    assert (settings.commands, settings.own_recipes) == ((), False), "what is off unless it is allowed"


def test_values(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(
        monkeypatch,
        POLICIES="/etc/rotator/policies.yaml",
        SCAN_EVERY="1h30m",
        POLL="0.2s",
        SCALE="0.001",
        ALLOWED_HOSTS="*.taly.example, hooks.slack.com",
        REFERENCE_PREFIXES="file:/etc/rotator/",
        WORKERS="",
    )
    assert settings.policies == Path("/etc/rotator/policies.yaml")
    assert (settings.scan_every, settings.poll) == (timedelta(minutes=90), timedelta(milliseconds=200))
    assert settings.allowed_hosts == ("*.taly.example", "hooks.slack.com")
    assert settings.reference_prefixes == ("file:/etc/rotator/",)
    assert (settings.workers, settings.scale) == (4, 0.001)


def test_whom_settings_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, ALLOWED_HOSTS="*.Taly.example", ENDPOINT_OAUTH_OKTA="https://okta.test:8443")
    for host in ("db.taly.example", "DB.taly.example", "127.0.0.1", "::1", "localhost", "okta.test"):
        assert settings.allows(host)
    for host in (
        "evil.example",
        "taly.example",
        "evil.example?.taly.example",
        "evil.example/.taly.example",
        "",
    ):
        assert not settings.allows(host)
    assert not read(monkeypatch, ALLOWED_HOSTS="").allows("db.taly.example")


@pytest.mark.parametrize(
    "text, host, port",
    [("127.0.0.1:8080", "127.0.0.1", 8080), ("localhost:0", "localhost", 0), ("[::1]:9090", "::1", 9090)],
)
def test_listening(text: str, host: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().listen is None
    assert read(monkeypatch, LISTEN=text).listen == (host, port)


def test_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(
        monkeypatch, ENDPOINT_SSM="http://127.0.0.1:4566", ENDPOINT_SECRETS_MANAGER="http://127.0.0.1:1"
    )
    assert settings.endpoint("ssm") == "http://127.0.0.1:4566"
    assert settings.endpoint("secrets-manager") == "http://127.0.0.1:1"
    assert settings.endpoint("kms") is None


def test_secrets_are_sealed_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    token, password = secrets.token_hex(16), secrets.token_hex(16)
    settings = read(
        monkeypatch,
        SLACK_TOKEN=token,
        SMTP_USER="rotator",
        SMTP_PASSWORD=password,
        JOURNAL=f"postgresql://rotator:{password}@db/rotator",
    )
    assert settings.slack_token is not None
    assert settings.slack_token.reveal() == token
    assert settings.journal.endswith("@db/rotator")
    for shown in (repr(settings), str(settings), f"{settings}"):
        assert token not in shown
        assert password not in shown


@pytest.mark.parametrize("where", ["volume", "XDG_STATE_HOME", "HOME", "nowhere"])
def test_the_journal_is_in_the_pods_volume_or_with_the_user(
    where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(places, "_VOLUME", tmp_path if where == "volume" else tmp_path / "none")
    monkeypatch.chdir(tmp_path)
    expected = {
        "volume": tmp_path,
        "XDG_STATE_HOME": tmp_path / "state/rotator",
        "HOME": tmp_path / ".local/state/rotator",
        "nowhere": tmp_path / ".local/state/rotator",
    }[where]
    if where == "XDG_STATE_HOME":
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    if where == "nowhere":
        monkeypatch.delenv("HOME")
    settings = read_settings()
    assert settings.journal == f"sqlite:///{expected}/journal.sqlite"
    assert settings.key_file.absolute() == expected / "sealing.key"


@pytest.mark.parametrize(
    "values, sentences",
    [
        ({"WORKERS": "many"}, ["ROTATOR_WORKERS: must be a whole number"]),
        ({"WORKERS": "0"}, ["ROTATOR_WORKERS: must be at least 1"]),
        ({"SCALE": "0"}, ["ROTATOR_SCALE: must be more than 0"]),
        ({"SCALE": "2"}, ["ROTATOR_SCALE: must be at most 1"]),
        ({"SCAN_EVERY": "5"},
         ["ROTATOR_SCAN_EVERY: 5 is a bare number; write it with its unit: 5d, 12h, 30m, 45s"]),
        ({"ALERT_ATTEMPTS": "0"}, ["ROTATOR_ALERT_ATTEMPTS: must be at least 1"]),
        ({"ALERT_PATIENCE": "10"},
         ["ROTATOR_ALERT_PATIENCE: 10 is a bare number; write it with its unit: 10d, 12h, 30m, 45s"]),
        ({"SCAN_EVERY": "0s"}, ["ROTATOR_SCAN_EVERY: must be more than 0 seconds"]),
        ({"SEALER": "kmss"}, ["ROTATOR_SEALER: unknown value 'kmss' (did you mean 'kms'?)"]),
        ({"SEALER": "kms"}, ["ROTATOR_KMS_KEY: is missing; ROTATOR_SEALER=kms needs a key, e.g. alias/rotator"]),
        ({"SMTP_HOST": "mail", "SMTP_USER": "x"},
         ["ROTATOR_SMTP_PASSWORD: goes together with ROTATOR_SMTP_USER, and one of them is missing",
          "ROTATOR_SMTP_FROM: is missing; mail needs a sender, e.g. rotator@taly.example"]),
        ({"SMTP_PASSWORD": "x"},
         ["ROTATOR_SMTP_PASSWORD: goes together with ROTATOR_SMTP_USER, and one of them is missing"]),
        ({"JOURNAL": "mysql://db/x"}, ["ROTATOR_JOURNAL: must begin with sqlite:/// or postgresql://"]),
        ({"REGION": "frankfurt"}, ["ROTATOR_REGION: 'frankfurt' is no AWS region; write it as eu-central-1"]),
        ({"ENDPOINT_SSM": "localhost"},
         ["ROTATOR_ENDPOINT_SSM: is no address; write it as https://host/path, without user and password"]),
        *(
            ({"LISTEN": wrong},
             ["ROTATOR_LISTEN: is no address to listen on; write it as 127.0.0.1:8080, or 0.0.0.0:8080 in a pod"])
            for wrong in ("8080", ":8080", "everywhere", "127.0.0.1:99999", "https://127.0.0.1:1")
        ),
        ({"SLACK_TOKN": "x"}, ["ROTATOR_SLACK_TOKN is no setting; did you mean ROTATOR_SLACK_TOKEN?"]),
    ],
)  # fmt: skip
def test_each_mistake_is_a_sentence(
    values: dict[str, str], sentences: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(monkeypatch, **values) == sentences


def test_all_mistakes_are_said_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(refused(monkeypatch, WORKERS="x", SCALE="x", SMTP_PORT="0", SLACK_WEBHOK="x")) == 4


def test_a_setting_that_another_one_asks_for_is_said_beside_other_mistakes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert refused(monkeypatch, SEALER="kms", SMTP_HOST="mail", SMTP_USER="x", WORKERS="many") == [
        "ROTATOR_KMS_KEY: is missing; ROTATOR_SEALER=kms needs a key, e.g. alias/rotator",
        "ROTATOR_SMTP_PASSWORD: goes together with ROTATOR_SMTP_USER, and one of them is missing",
        "ROTATOR_SMTP_FROM: is missing; mail needs a sender, e.g. rotator@taly.example",
        "ROTATOR_WORKERS: must be a whole number",
    ]


def test_a_secret_in_the_wrong_variable_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    value = secrets.token_hex(24)
    for name in ("JOURNAL", "SEALER", "WORKERS", "REGION", "ENDPOINT_KMS", "SCAN_EVERY"):
        with monkeypatch.context() as patch:
            assert value[:12] not in "\n".join(refused(patch, **{name: value}))


def test_what_kubernetes_sets_beside_a_service_called_rotator_is_no_mistake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read(monkeypatch, PORT="tcp://10.0.0.1:80", SERVICE_HOST="10.0.0.1", PORT_80_TCP_ADDR="10.0.0.1")
