"""Logging in to Vault, and what is said when it says no or nothing; against OpenBao."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import hvac
import pytest

from rotator.contracts.guard import CALL_SECONDS, MINT_SECONDS, claimed
from rotator.model.errors import LostClaim, Refused, Transient
from rotator.model.secrets import Sealed
from rotator.sandbox.certificates import self_signed
from rotator.sandbox.openbao import EmbeddedOpenBao
from rotator.testing.surroundings import surroundings
from rotator.testing.values import raises_silently
from rotator.vault import client
from rotator.vault.access import Auth
from rotator.vault.client import Changed, NotThere, Vault
from tests.vault.front import VaultFront

pytestmark = pytest.mark.slow

REFERENCE = "ssm:/taly/staging/rotator/VAULT"
POLICY = 'path "secret/*" { capabilities = ["create", "read", "update", "list"] }'


class Company:
    """An OpenBao with a policy for rotator, behind a bad network."""

    def __init__(self, openbao: EmbeddedOpenBao, front: VaultFront) -> None:
        self.front = front
        self.root: Any = hvac.Client(url=openbao.address, token=openbao.token)
        self.root.sys.create_or_update_policy("rotator", POLICY)
        self.secret = Sealed(self.new_token())

    def new_token(self) -> str:
        token: str = self.root.auth.token.create(policies=["rotator"], ttl="1h")["auth"]["client_token"]
        return token

    def vault(self, **auth: Any) -> Vault:
        around = surroundings(endpoints={"vault": self.front.address})
        return Vault(
            Auth.model_validate(auth or {"token": REFERENCE}), around, lambda _name: self.secret.reveal()
        )

    def write(self, vault: Vault, path: str, cas: int | None = None) -> int:
        answer = vault.change(
            lambda asked: asked.secrets.kv.v2.create_or_update_secret(path, {"value": "x"}, cas=cas),
            f"write {path}",
        )
        version: int = answer["data"]["version"]
        return version


def read(vault: Vault, path: str) -> str:
    answer = vault.ask(
        lambda asked: asked.secrets.kv.v2.read_secret_version(path, raise_on_deleted_version=True),
        f"read {path}",
    )
    value: str = answer["data"]["data"]["value"]
    return value


@pytest.fixture
def company(openbao: EmbeddedOpenBao) -> Iterator[Company]:
    with VaultFront(openbao.address) as front:
        yield Company(openbao, front)


@pytest.fixture
def path() -> str:
    return f"client/{secrets.token_hex(4)}"


# Logging in


def test_by_a_token(company: Company, path: str) -> None:
    company.write(company.vault(), path)
    assert read(company.vault(), path) == "x"


def test_by_an_approle_and_again_when_the_token_has_run_out(company: Company, path: str) -> None:
    mount = f"approle-{secrets.token_hex(4)}"
    company.root.sys.enable_auth_method("approle", path=mount)
    company.root.auth.approle.create_or_update_approle(
        "rotator", token_policies=["rotator"], mount_point=mount
    )
    role_id = company.root.auth.approle.read_role_id("rotator", mount_point=mount)["data"]["role_id"]
    made = company.root.auth.approle.generate_secret_id("rotator", mount_point=mount)
    company.secret = Sealed(made["data"]["secret_id"])
    vault = company.vault(approle={"role_id": role_id, "secret_id": REFERENCE, "mount": mount})
    company.write(vault, path)
    assert vault._client is not None
    company.root.auth.token.revoke(vault._client.token)
    assert company.write(vault, path) == 2, "logged in again, and written once"


def test_by_a_pods_own_token(
    company: Company, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount, pod_token = f"kubernetes-{secrets.token_hex(4)}", tmp_path / "token"
    monkeypatch.setattr(client, "POD_TOKEN", pod_token)
    vault = company.vault(kubernetes={"role": "rotator", "mount": mount})
    with pytest.raises(Transient, match="has no pod token"):
        read(vault, path)
    pod_token.write_text(_unsigned("system:serviceaccount:rotator:rotator"), encoding="ascii")
    with _cluster() as address:
        company.root.sys.enable_auth_method("kubernetes", path=mount)
        certificate, _key = self_signed()
        company.root.auth.kubernetes.configure(
            address, kubernetes_ca_cert=certificate.decode(), token_reviewer_jwt="any", mount_point=mount
        )
        company.root.auth.kubernetes.create_role(
            "rotator", ["rotator"], ["rotator"], policies=["rotator"], mount_point=mount
        )
        company.write(vault, path)
        assert read(vault, path) == "x"


def test_nothing_of_vaults_environment_is_taken_for_a_login(
    company: Company, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", company.secret.reveal())
    monkeypatch.setenv("VAULT_ADDR", company.front.address)
    company.secret = Sealed("")
    with pytest.raises(Transient, match="does not allow"):
        read(company.vault(), path)
    around = surroundings()
    with pytest.raises(Refused, match="set ROTATOR_ENDPOINT_VAULT"):
        read(Vault(Auth(token=REFERENCE), around, lambda _name: "x"), path)


def test_a_login_that_is_refused_is_trouble_and_no_verdict(company: Company, path: str) -> None:
    company.secret = Sealed("not-a-secret-id")
    vault = company.vault(approle={"role_id": "nobody", "secret_id": REFERENCE, "mount": "approle"})
    with raises_silently(Transient, company.secret) as caught:
        read(vault, path)
    assert "log in" in str(caught.value)
    assert caught.value.__context__ is None


# What it says


def test_a_missing_right_is_trouble_and_no_verdict(company: Company) -> None:
    with pytest.raises(Transient, match=r"does not allow rotator to list the mounts.*Nothing was changed"):
        company.vault().ask(lambda asked: asked.sys.list_mounted_secrets_engines(), "list the mounts")


def test_there_is_nothing(company: Company, path: str) -> None:
    with pytest.raises(NotThere, match=f"could not read {path}: there is nothing"):
        read(company.vault(), path)


def test_check_and_set_is_told_apart_from_other_requests_that_it_does_not_take(
    company: Company, path: str
) -> None:
    vault = company.vault()
    company.write(vault, path, cas=0)
    with pytest.raises(Changed, match="nothing was written"):
        company.write(vault, path, cas=0)
    with pytest.raises(Refused, match="does not take the request") as caught:
        vault.change(lambda asked: asked.write_data("secret/data/x", data={"nonsense": 1}), "write nonsense")
    assert not isinstance(caught.value, Changed)


def test_too_often_has_a_pause(company: Company, path: str) -> None:
    company.front.throttle_next = True
    with pytest.raises(Transient, match="asked too often") as caught:
        company.write(company.vault(), path)
    assert caught.value.retry_after is not None
    assert company.write(company.vault(), path) == 1


def test_a_token_does_not_follow_a_redirect(company: Company, path: str) -> None:
    company.front.redirect_next = True
    with pytest.raises(Transient, match="sends rotator elsewhere"):
        read(company.vault(), path)
    assert not any("elsewhere" in asked for _method, asked in company.front.asked)


def test_nobody_answers(company: Company, path: str) -> None:
    company.front.away = True
    with raises_silently(Transient, company.secret) as caught:
        read(company.vault(), path)
    assert "did not answer" in str(caught.value) and "nothing was changed" in str(caught.value)
    with pytest.raises(Transient, match="whether it happened shows at the next attempt"):
        company.write(company.vault(), path)


def test_a_lost_answer_is_not_asked_again(company: Company, path: str) -> None:
    company.front.lose_next = True
    vault = company.vault()
    with pytest.raises(Transient):
        company.write(vault, path)
    assert company.write(vault, path) == 2


# The claim


def test_the_claim_is_asked_for_changes_only_and_for_as_long_as_they_take(
    company: Company, path: str
) -> None:
    asked: list[float] = []
    vault = company.vault()
    with claimed(asked.append):
        company.write(vault, path)
        read(vault, path)
        vault.mint(lambda asking: asking.secrets.kv.v2.create_or_update_secret(path, {"value": "y"}), "write")
    assert asked == [CALL_SECONDS, MINT_SECONDS]


def test_nothing_leaves_without_it(company: Company, path: str) -> None:
    def lost(_seconds: float) -> None:
        raise LostClaim("another worker has it")

    vault = company.vault()
    with claimed(lost), pytest.raises(LostClaim):
        company.write(vault, path)
    with pytest.raises(NotThere):
        read(vault, path)


# A cluster that reviews tokens


def _unsigned(subject: str) -> str:
    """What looks like a service account's token; only the cluster below says whether it is one."""
    account = {"namespace": "rotator", "serviceaccount": {"name": "rotator", "uid": "1"}}
    parts = (
        {"alg": "RS256"},
        {"sub": subject, "nbf": 1, "iat": 1, "exp": 4102444800, "kubernetes.io": account},
    )
    encoded = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


@contextmanager
def _cluster() -> Iterator[str]:
    """An API server that answers TokenReview with yes: rotator's pod."""

    class Review(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            user = {"username": "system:serviceaccount:rotator:rotator", "uid": "1"}
            answer = json.dumps(
                {
                    "apiVersion": "authentication.k8s.io/v1",
                    "kind": "TokenReview",
                    "status": {"authenticated": True, "user": user},
                }
            ).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_said: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Review)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
