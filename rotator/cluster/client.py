"""One namespace of a cluster, through lightkube.

Nothing that the API server wrote reaches a message: an admission controller may quote what it was sent. People get
our sentences, made of status codes (https://kubernetes.io/docs/reference/using-api/api-concepts).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import httpx2
from lightkube import Client, KubeConfig
from lightkube.core.exceptions import ConfigError
from lightkube.core.resource import NamespacedResourceG
from lightkube.types import PatchType
from msgspec import MsgspecError
from yaml import YAMLError

from rotator.cluster.words import Changed, Forbidden, Missing
from rotator.model.errors import Refused, RotatorError, Transient
from rotator.model.retry_after import pause_asked

Thing = TypeVar("Thing", bound=NamespacedResourceG)
Answer = TypeVar("Answer")

#: The API server keeps under this name which fields we set.
FIELD_MANAGER = "rotator"
#: To get hold of a connection, to connect, to ask and to wait for the answer: together CALL_SECONDS.
_TIMEOUT = httpx2.Timeout(pool=1, connect=2, write=1, read=6)

# At INFO it logs a line for each request.
logging.getLogger("httpx2").setLevel(logging.WARNING)


class Cluster:
    """One namespace of a cluster, asked as the kubeconfig says that settings name, else as rotator's own pod."""

    def __init__(self, namespace: str, kubeconfig: str | None) -> None:
        self.namespace, self._kubeconfig = namespace, kubeconfig
        self._client: Client | None = None

    def get(self, kind: type[Thing], name: str) -> Thing | None:
        """The object, or None when there is none."""

        def request(client: Client) -> Thing | None:
            try:
                return client.get(kind, name)
            except httpx2.HTTPStatusError as error:
                if error.response.status_code == HTTPStatus.NOT_FOUND:
                    return None
                raise

        return self._ask(request, f"get {_named(kind, name)}")

    def list(self, kind: type[Thing], labels: Mapping[str, str]) -> list[Thing]:
        """The objects that bear the labels."""
        return self._ask(lambda client: list(client.list(kind, labels=dict(labels))), f"list {_plural(kind)}")

    def patch(self, kind: type[Thing], name: str, change: Mapping[str, Any]) -> Thing:
        """The object after a merge. With a `metadata.resourceVersion` it raises Changed if it is another one by now."""
        return self._ask(
            lambda client: client.patch(kind, name, dict(change), patch_type=PatchType.MERGE),
            f"patch {_named(kind, name)}",
        )

    def _ask(self, request: Callable[[Client], Answer], doing: str) -> Answer:
        """The answer to one request. Raises Transient, or Refused where asking again cannot help."""
        trouble: RotatorError
        try:
            return request(self._connected())
        except httpx2.HTTPStatusError as error:
            trouble = self._answered(error.response, doing)
        except httpx2.TransportError as error:
            trouble = Transient(
                f"the cluster did not answer ({type(error).__name__}) when asked to {doing}; "
                "whether anything happened shows at the next attempt, which looks before it acts"
            )
        except (ConfigError, OSError) as error:
            trouble = self._no_way_in(error)
        except (MsgspecError, KeyError, ValueError) as error:
            # lightkube stumbles over a refusal without a content type or with a page for people in it.
            refusal = error.__context__
            trouble = (
                self._answered(refusal.response, doing)
                if isinstance(refusal, httpx2.HTTPStatusError)
                else Transient(
                    f"what answered when asked to {doing} was no Kubernetes; is a proxy in between?"
                )
            )
        # Raised out here, so that the answer in the server's own words is not even the context of ours.
        raise trouble

    def _connected(self) -> Client:
        if self._client is None:
            self._client = Client(
                self._way_in(),
                namespace=self.namespace,
                timeout=_TIMEOUT,
                field_manager=FIELD_MANAGER,
                trust_env=False,
            )
        return self._client

    def _way_in(self) -> KubeConfig:
        trouble: Transient
        try:
            if self._kubeconfig:
                return KubeConfig.from_file(self._kubeconfig)
            return KubeConfig.from_service_account()
        except (ConfigError, OSError, KeyError, TypeError, MsgspecError, YAMLError) as error:
            trouble = self._no_way_in(error)
        raise trouble

    def _no_way_in(self, error: Exception) -> Transient:
        remedy = (
            f"the file that ROTATOR_KUBECONFIG names cannot be used ({type(error).__name__})"
            if self._kubeconfig
            else "run it in the cluster with a service account, or set ROTATOR_KUBECONFIG"
        )
        return Transient(f"rotator has no way into the Kubernetes cluster; nothing was changed: {remedy}")

    def _answered(self, answer: httpx2.Response, doing: str) -> RotatorError:
        """What the API server's "no" means."""
        status = answer.status_code
        match status:
            case HTTPStatus.UNAUTHORIZED:
                self._client = None  # the next attempt reads the credentials anew
                return Transient(
                    f"the cluster does not know the credentials that rotator has, and did not {doing}; "
                    "nothing was changed"
                )
            case HTTPStatus.FORBIDDEN:
                return Forbidden(
                    f"the cluster does not allow rotator to {doing} in namespace {self.namespace}; nothing was "
                    "changed. Grant it in a Role (docs/reference lists what is needed), and see whether an admission "
                    "policy denies it"
                )
            case HTTPStatus.NOT_FOUND:
                return Missing(
                    f"the cluster cannot {doing} in namespace {self.namespace}: there is none; nothing was changed"
                )
            case HTTPStatus.CONFLICT:
                return Changed(
                    f"somebody else changed it when rotator was about to {doing}; nothing was changed"
                )
            case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
                return Refused(
                    f"the cluster calls it invalid to {doing} ({status}); nothing was changed. An admission "
                    "policy may be the cause: `kubectl rollout restart` meets the same one and shows its words"
                )
            case HTTPStatus.TOO_MANY_REQUESTS:
                return Transient(
                    f"the cluster is being asked too often and did not {doing}; nothing was changed",
                    pause_asked(answer.headers),
                )
            case _:
                return Transient(
                    f"the cluster could not {doing} and answered {status}; "
                    "whether anything happened shows at the next attempt, which looks before it acts",
                    pause_asked(answer.headers),
                )


def _named(kind: type[NamespacedResourceG], name: str) -> str:
    return f"{_plural(kind).removesuffix('s')} {name}"


def _plural(kind: type[NamespacedResourceG]) -> str:
    return kind._api_info.plural  # noqa: SLF001 - lightkube tells it nowhere else
