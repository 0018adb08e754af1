"""Deployments: what they are, and that two environments do not mean the same one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from rotator.config.checks import options
from rotator.config.complaints import Path, hint, listed, unknown
from rotator.config.draft import Draft, expand
from rotator.config.schema import Deployment
from rotator.model.hosts import is_allowed

_TEMPLATE = re.compile(r"\{[^{}]*\}")
_KUBERNETES_WORKLOAD = re.compile(r"(deployment|statefulset|daemonset)/([a-z0-9.-]|\{env\})+")


def check(draft: Draft) -> None:
    """Complains about deployments and addresses of pages."""
    for name, deployment in draft.file.deployments.items():
        _check_deployment(draft, name, deployment)
    _check_order(draft)
    for path, level in draft.levels.each():
        for place, url in enumerate(getattr(level, "probe", None) or ()):
            where = (*path, "probe", place)
            check_page(draft, where, url, gets_values=True)
            if path[0] == "secrets" and len(path) == 2 and len(_environments(draft, str(path[1]))) > 1:
                _check_apart(draft, where, url, "asks the same verifiers")
    for where, text in _templates(draft):
        check_template(draft, where, text)


def _check_deployment(draft: Draft, name: str, deployment: Deployment) -> None:
    path: Path = ("deployments", name)
    known = draft.adapters.redeployer_names()
    kinds = list(deployment.model_extra or {})
    strangers = [kind for kind in kinds if kind not in known]
    for kind in strangers:
        own = {*known, "after", "external_secrets", "health", "reads", "role", "settings", "timeout"}
        draft.complaints.error((*path, kind), f"unknown key{hint(kind, own)}")
    if not kinds:
        draft.complaints.error(path, f"does not say what restarts it; write one of: {listed(sorted(known))}")
    elif len(kinds) > 1 and not strangers:
        draft.complaints.error(path, f"names {listed(kinds)}; one deployment has one redeployer")
    if deployment.health:
        check_page(draft, (*path, "health"), deployment.health)
        _check_apart(draft, (*path, "health"), deployment.health, "is the same page")
    platform = draft.platform_of(name)
    if platform and not strangers:
        kind, target = platform
        _check_same_workload(draft, (*path, kind), kind, target)
        if kind == "kubernetes":
            _check_kubernetes(draft, path, target, deployment)
        if kind == "http":
            check_page(draft, (*path, kind), target, gets_values=True)
        if not draft.redeployer:
            adapter = draft.adapters.redeployer(kind)
            options.check(draft, (*path, "settings"), adapter, deployment.settings)
    if deployment.external_secrets and deployment.reads != "external-secrets":
        draft.complaints.error((*path, "external_secrets"), "is for deployments with reads: external-secrets")


def _check_order(draft: Draft) -> None:
    """Who waits for whom must be there, and have an end."""
    known = draft.names["deployments"]
    for name, deployment in draft.file.deployments.items():
        for place, first in enumerate(deployment.after):
            if first not in known:
                where = ("deployments", name, "after", place)
                draft.complaints.error(where, unknown("deployment", first, known))
    goes_after = {name: deployment.after for name, deployment in draft.file.deployments.items()}
    try:
        TopologicalSorter(goes_after).prepare()
    except CycleError as circle:
        names = circle.args[1]
        draft.complaints.error(("deployments", names[0], "after"), f"goes in a circle: {' → '.join(names)}")


def _check_kubernetes(draft: Draft, path: Path, target: str, deployment: Deployment) -> None:
    if not _KUBERNETES_WORKLOAD.fullmatch(target):
        draft.complaints.error(
            (*path, "kubernetes"), "must be deployment/NAME, statefulset/NAME or daemonset/NAME"
        )
    if deployment.reads == "external-secrets" and not deployment.external_secrets:
        draft.complaints.error(
            (*path, "reads"),
            "needs external_secrets: the names of the ExternalSecrets that copy what it reads",
        )
    if deployment.reads == "deploy-time":
        draft.complaints.error(
            (*path, "reads"),
            "a restart brings it no new value; name the job that deploys it, e.g. github-workflow",
        )


def _check_same_workload(draft: Draft, where: Path, kind: str, target: str) -> None:
    """One workload in two environments would be restarted for both, and confirmed by the wrong one."""
    places: dict[tuple[str, str], str] = {}
    for name, environment in draft.file.environments.items():
        if kind == "kubernetes":
            place = environment.kubernetes.namespace if environment.kubernetes else ""
        else:
            place = environment.aws.region if kind in {"ecs", "lambda"} else ""
        here = (expand(place, name), expand(target, name))
        if here in places:
            remedy = "write {env} in it" + (
                ", or give each its kubernetes.namespace" if kind == "kubernetes" else ""
            )
            draft.complaints.error(where, f"is the same workload in {places[here]} and {name}; {remedy}")
        places[here] = name


def check_page(draft: Draft, where: Path, url: str, *, gets_values: bool = False) -> None:
    """Only hosts that the deployment's settings allow are ever asked, as what will ask them reads the URL."""
    for environment in draft.file.environments:
        text = str(expand(url, environment))
        host = _host(text)
        if host is None:
            draft.complaints.error(where, "is no http:// or https:// URL of a host, without a login in it")
            return
        if _TEMPLATE.search(host):
            check_template(draft, where, text)  # and nobody else may fill in what a host is
        check_host(draft, where, host, gets_values=gets_values)


def check_host(draft: Draft, where: Path, host: str, *, gets_values: bool) -> None:
    """Only hosts that the deployment's settings allow may be named.

    Without that setting any host may be asked, and none but this machine may be sent what a credential makes: a
    line in the policy must not be enough to carry it away.
    """
    allowed = draft.limits.allowed_hosts
    if is_allowed(host, allowed):
        return
    if allowed:
        draft.complaints.error(
            where, f"{host} is not among the allowed hosts (ROTATOR_ALLOWED_HOSTS: {listed(allowed)})"
        )
    elif gets_values:
        draft.complaints.error(
            where, f"{host} would be sent what a credential makes; allow it in ROTATOR_ALLOWED_HOSTS"
        )


def _host(url: str) -> str | None:
    """The host that a request for this URL goes to, by the parser of what sends it; None where it cannot be sent."""
    import httpx  # noqa: PLC0415 - a policy without addresses is read faster

    try:
        read = httpx.URL(url)
    except httpx.InvalidURL:
        return None
    usable = read.scheme in {"http", "https"} and not read.userinfo
    return read.raw_host.decode() or None if usable else None


def _check_apart(draft: Draft, where: Path, url: str, what: str) -> None:
    if "{env}" not in url and len(draft.file.environments) > 1:
        draft.complaints.error(where, f"{what} in every environment; write {{env}} in it")


def _environments(draft: Draft, secret: str) -> list[str]:
    return draft.file.secrets[secret].only_in or list(draft.file.environments)


def _templates(draft: Draft) -> Iterator[tuple[Path, str]]:
    """Every text in which `{env}` is expanded, except adapters' settings: they have templates of their own."""
    for name, environment in draft.file.environments.items():
        yield ("environments", name, "path"), environment.path
        yield ("environments", name, "aws", "kms_key"), environment.aws.kms_key or ""
    for name, deployment in draft.file.deployments.items():
        yield ("deployments", name, "health"), deployment.health or ""
        yield from texts(deployment.model_extra, ("deployments", name))
    for path, level in draft.levels.each():
        for key in level.model_fields_set & {"probe", "accepted_as", "fields", "runbook"}:
            yield from texts(getattr(level, key), (*path, key))


def check_template(draft: Draft, where: Path, text: str, also: Collection[str] = ()) -> None:
    """`{env}` is the only template, but for what an adapter fills in itself."""
    for found in _TEMPLATE.findall(text):
        if found != "{env}" and found not in also:
            draft.complaints.malformed(where, f"unknown template {found}; {{env}} is the only one")


def texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text in it, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from texts(below, (*path, key))
    elif isinstance(value, list):
        for place, below in enumerate(value):
            yield from texts(below, (*path, place))
