"""Who may read: rules that can be told apart, that speak of what there is, and that let rotator do its own work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from ipaddress import ip_network

from rotator.config.complaints import Path, hint, listed, shorten, unknown
from rotator.config.draft import Draft, expand
from rotator.config.schema import Access, Reader

_QUEUE = re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[\w-]{1,80}(\.fifo)?")
_ENDPOINT = re.compile(r"vpce-[0-9a-f]{8,17}")
#: What a glob of role names, paths and ARNs is made of: what IAM allows in them, and the wildcards.
_ROLE = re.compile(r"[\w+=,.@*?/{}-]+|arn:[\w+=,.@*?/:{}-]+")


def check(draft: Draft) -> None:
    """Complains about rules that say nothing, or the same twice, and about a queue that is none."""
    if draft.file.access is None:
        return
    _check_source(draft, draft.file.access)
    names: set[str] = set()
    for place, reader in enumerate(draft.file.access.allow):
        where: Path = ("access", "allow", place)
        _check_who(draft, where, reader)
        _check_when(draft, where, reader)
        _check_what(draft, where, reader)
        if reader.name in names:
            draft.complaints.error((*where, "name"), f"is the name of another rule: '{shorten(reader.name)}'")
        names.add(reader.name)
    _note_regions(draft, draft.file.access)
    _note_itself(draft, draft.file.access)
    _note_unseen(draft)


def _check_source(draft: Draft, access: Access) -> None:
    source, where = access.source, ("access", "source")
    if source is None:
        if access.learn_until is not None:
            sentence = "says until when the watch learns, and without access.source nothing is watched"
            draft.complaints.error(("access", "learn_until"), sentence)
        return
    if source.kind == "lookup-events":
        if source.queue is not None:
            draft.complaints.error(
                (*where, "queue"), "is for sqs and s3; lookup-events asks CloudTrail itself"
            )
    elif source.queue is None:
        draft.complaints.error(where, f"queue is missing; {source.kind} waits for messages in one")
    elif not _QUEUE.fullmatch(source.queue):
        sentence = "is no ARN of a queue; write it as arn:aws:sqs:eu-central-1:111122223333:NAME"
        draft.complaints.error((*where, "queue"), sentence)
    if source.kind == "s3" and source.bucket is None:
        draft.complaints.error(where, "bucket is missing; files of any other are not read")
    elif source.kind != "s3" and source.bucket is not None:
        draft.complaints.error((*where, "bucket"), f"is for s3; {source.kind} reads no files")


def _check_who(draft: Draft, where: Path, reader: Reader) -> None:
    if (reader.role is None) == (reader.principal is None):
        draft.complaints.error(where, "names one of role and principal")
    elif reader.role is not None and not _ROLE.fullmatch(reader.role):
        draft.complaints.error((*where, "role"), "is no glob of role names; write taly-{env}-app, or an ARN")
    elif not (reader.role or reader.principal or "").strip("*?/"):
        draft.complaints.error(where, "lets everybody read; name somebody")


def _check_when(draft: Draft, where: Path, reader: Reader) -> None:
    if reader.slack_after is not None and reader.during != "deployment":
        draft.complaints.error((*where, "slack_after"), f"is for during: deployment, not {reader.during}")
    if reader.notify and reader.during != "always":
        draft.complaints.error((*where, "notify"), f"is for during: always, not {reader.during}")
    if reader.principal is not None and reader.during == "deployment":
        draft.complaints.error((*where, "during"), "deployment is for a role: workloads start with one")


def _check_what(draft: Draft, where: Path, reader: Reader) -> None:
    for at, environment in enumerate(reader.only_in or ()):
        if environment not in draft.names["environments"]:
            sentence = unknown("environment", environment, draft.names["environments"])
            draft.complaints.error((*where, "only_in", at), sentence)
    for at, glob in enumerate(reader.secrets or ()):
        if not any(fnmatchcase(name, one) for one in _globs(draft, glob) for name in draft.names["secrets"]):
            sentence = f"matches none of secrets{hint(glob, draft.names['secrets'])}"
            draft.complaints.error((*where, "secrets", at), sentence)
    for at, source in enumerate(reader.source or ()):
        if not _ENDPOINT.fullmatch(source) and not _is_network(source):
            sentence = "is neither a VPC endpoint (vpce-…) nor a network; write it as 10.0.0.0/16"
            draft.complaints.error((*where, "from", at), sentence)


def _globs(draft: Draft, glob: str) -> Iterator[str]:
    yield from (expand(glob, environment) for environment in draft.file.environments)


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _note_regions(draft: Draft, access: Access) -> None:
    """One queue, and one asking, are of one region. A bucket may have the files of all."""
    source, environments = access.source, draft.file.environments
    if source is None or source.kind == "s3":
        return
    watched = [one.aws.region for one in environments.values() if one.store.kind == "ssm"]
    if source.kind == "sqs":
        seen = (source.queue or "").split(":")[3:4]
        sentence = (
            "reads in {} reach the queue in {} only where they are forwarded (k8s/aws/access-forward.yaml)"
        )
    else:
        seen = [one.aws.region for one in environments.values()][:1]
        sentence = "reads in {} are not seen: lookup-events looks in the first environment's region, {}"
    others = [region for region in dict.fromkeys(watched) if region not in seen]
    if seen and others:
        draft.complaints.note(("access", "source"), sentence.format(listed(others), seen[0]))


def _note_itself(draft: Draft, access: Access) -> None:
    if not any(reader.during == "rotation" for reader in access.allow):
        sentence = (
            "no rule has during: rotation, so what rotator itself reads and writes will be told as findings"
        )
        draft.complaints.note(("access", "allow"), sentence)


def _note_unseen(draft: Draft) -> None:
    """What is read elsewhere leaves other records, which nobody here reads."""
    for name, environment in draft.file.environments.items():
        if environment.store.kind != "ssm":
            sentence = f"access watches SSM only: who reads from {environment.store.kind} is not seen"
            draft.complaints.note(("environments", name, "store"), sentence)
