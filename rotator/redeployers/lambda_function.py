"""Lambda: a change of the function's configuration ends its execution environments, so that the next ones read anew.

What changes is one environment variable that bears the rollout's label. The map of variables is replaced as a whole,
so it is written only as a compare-and-swap by RevisionId: nobody's change of another variable is lost. With an alias a
version is published then, which costs nothing when it was published before (PublishVersion returns the existing one),
and the alias is moved, without a share for other versions. What $LATEST holds that the alias does not run is never
released by us.

Nobody can look into execution environments. Lambda ends an invocation at the function's Timeout, so DONE is said that
long after the change was seen to be in place: nothing from before runs then. A tag keeps when that was.

Permissions on the function: lambda:GetFunctionConfiguration, UpdateFunctionConfiguration, ListTags, TagResource and
ListVersionsByFunction; with an alias PublishVersion, GetAlias and UpdateAlias; kms:Decrypt and kms:Encrypt where its
variables have a key of their own. Sources: the API reference of AWS Lambda. To be confirmed in a sandbox account: that
provisioned concurrency of an alias takes no invocations at the earlier version once the alias is moved [M].
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from boto3.session import Session
from botocore.config import Config

from rotator.aws import CHANGING, READING, Failure, Service, guarded
from rotator.contracts.adapter import Surroundings
from rotator.contracts.redeployer import Rollout, RolloutProgress, Start
from rotator.model.errors import NotYet, Refused, RotatorError, Transient
from rotator.model.policy import Deployment
from rotator.redeployers.aws_tags import Mark, also_finished, finished
from rotator.redeployers.lambda_configuration import (
    VARIABLE,
    arn_of,
    differences,
    label_of,
    moment,
    trouble_of,
    waits_for,
)

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import (
        AliasConfigurationResponseTypeDef,
        FunctionConfigurationResponseTypeDef,
    )

_TARGET = re.compile(r"([A-Za-z0-9_-]{1,64})(?::((?!\d+$)[A-Za-z0-9_-]{1,128}))?")
_EFFECTS = ("UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias")
#: An update of the configuration is waited for so long within one call, looked at so often.
_PATIENCE, _POLL = timedelta(seconds=5), timedelta(seconds=0.5)


class _Gone(Refused):
    """There is no such function, version or alias."""


class LambdaFunction:
    """One function: `lambda: FUNCTION` runs $LATEST, `lambda: FUNCTION:ALIAS` what the alias points at."""

    needs: ClassVar[str] = "lambda:UpdateFunctionConfiguration, PublishVersion, UpdateAlias"
    tried_on: ClassVar[str] = "a stand-in for Lambda, and moto's"

    def __init__(self, deployment: Deployment, around: Surroundings) -> None:
        """Raises Refused when the deployment does not say which function."""
        written = _TARGET.fullmatch(deployment.target)
        if written is None:
            raise Refused(
                f"{deployment.id} is no function of Lambda: write lambda: FUNCTION or lambda: FUNCTION:ALIAS"
            )
        self._id, self._target, self._around = deployment.id, deployment.target, around
        self._function, self._alias_name = written.groups()
        self._reading = Service("Lambda", self._connect, READING, _verdict, around.installation)
        self._changing = Service("Lambda", self._connect, CHANGING, _verdict, around.installation)
        # A note that cannot be made is no verdict on a rollout: it waits until a person has mended that.
        self._noting = Service("Lambda", self._connect, CHANGING, lambda _failure: None, around.installation)

    def redeploy(self, label: str) -> None:
        """Puts `label` into the configuration, and for an alias publishes it and moves the alias there.

        Raises NotYet while Lambda is busy with an update, and Refused when it will not be updated, or when $LATEST is
        not what the alias runs.
        """
        latest = self._configuration()
        if label in finished(self._tags(latest)):
            return
        alias = self._alias() if self._alias_name else None
        if alias is not None:
            self._must_be_released(latest, self._configuration(alias["FunctionVersion"]))
        if label_of(latest) != label:
            self._change(self._idle(), label)
        if alias is not None:
            self._release(self._applied(label), alias)

    def progress(self, label: str) -> Rollout:
        """How the change of this label stands; what is seen done is written into a tag before it is said."""
        try:
            latest = self._configuration()
            tags = self._tags(latest)
            if label in finished(tags):
                return Rollout(RolloutProgress.DONE, "every invocation is new")
            alias = self._alias() if self._alias_name else None
            runs = self._configuration(alias["FunctionVersion"]) if alias else latest
        except _Gone as gone:
            return Rollout.failed(str(gone))
        if label_of(runs) != label:
            return Rollout.failed(
                f"{self._target} does not run this rollout: somebody deployed or moved the alias before it was "
                "seen to end, or it was never started"
            )
        if trouble := trouble_of(runs):
            return Rollout.failed(f"{self._target}: Lambda could not apply the change ({trouble})")
        waits = waits_for(runs, alias) or self._waits_for_invocations(runs, tags, label)
        if waits:
            return Rollout(RolloutProgress.PENDING, f"{self._target}: {waits}")
        self._tag(runs, also_finished(tags, label))
        return Rollout(RolloutProgress.DONE, "every invocation is new")

    def starts(self, since: datetime) -> Iterator[Start]:
        """Changes of what runs since then: $LATEST, or published versions. Lambda tells of no environment's start."""
        try:
            changed = self._published() if self._alias_name else [self._latest()]
        except _Gone:
            return iter(())
        moments = [(role.rpartition("/")[2], moment(modified)) for role, modified in changed]
        return iter([Start(self._id, role, at) for role, at in moments if at >= since])

    # looking

    def _configuration(self, version: str = "$LATEST") -> FunctionConfigurationResponseTypeDef:
        """Raises _Gone; Transient when the variables cannot be read, because they would be lost."""
        found = self._reading.ask(
            lambda client: client.get_function_configuration(FunctionName=self._function, Qualifier=version),
            f"read the configuration of {self._function}",
        )
        if found.get("Environment", {}).get("Error"):
            raise Transient(
                f"Lambda does not show the environment variables of {self._function}: rotator's role may not "
                "decrypt with their key (kms:Decrypt); nothing was changed"
            )
        return found

    def _alias(self) -> AliasConfigurationResponseTypeDef:
        return self._reading.ask(
            lambda client: client.get_alias(FunctionName=self._function, Name=self._alias_name),
            f"read the alias {self._target}",
        )

    def _tags(self, configuration: FunctionConfigurationResponseTypeDef) -> dict[str, str]:
        answer = self._reading.ask(
            lambda client: client.list_tags(Resource=arn_of(configuration)),
            f"read the tags of {self._function}",
        )
        return answer["Tags"]

    def _latest(self) -> tuple[str, str]:
        """Role and last change of $LATEST."""
        latest = self._configuration()
        return latest["Role"], latest["LastModified"]

    def _published(self) -> list[tuple[str, str]]:
        """Role and last change of every published version."""

        def pages(client: LambdaClient) -> list[tuple[str, str]]:
            asked = client.get_paginator("list_versions_by_function").paginate(FunctionName=self._function)
            return [
                (one["Role"], one["LastModified"])
                for page in asked
                for one in page["Versions"]
                if one["Version"] != "$LATEST"
            ]

        return self._reading.ask(pages, f"list the versions of {self._function}")

    def _must_be_released(
        self, latest: FunctionConfigurationResponseTypeDef, runs: FunctionConfigurationResponseTypeDef
    ) -> None:
        """Raises Refused when a new version would bring more than our label."""
        if differs := differences(latest, runs):
            raise Refused(
                f"{self._target} cannot be restarted: $LATEST is not what the alias runs ({', '.join(differs)}), and "
                "rotator releases nothing; nothing was changed. Release it, or put it back"
            )

    def _idle(self) -> FunctionConfigurationResponseTypeDef:
        """$LATEST when no update of it is under way: Lambda takes no other meanwhile."""
        return self._when("$LATEST", lambda latest: latest.get("LastUpdateStatus") != "InProgress")

    def _must_be_active(self, version: str) -> None:
        """Waits for a version that is being prepared (VPC, SnapStart): whoever called it would be refused."""
        published = self._when(version, lambda configuration: configuration.get("State") != "Pending")
        if trouble := trouble_of(published):
            raise Refused(
                f"version {version} of {self._function} cannot run ({trouble}); the alias was not moved"
            )

    def _when(
        self, version: str, ready: Callable[[FunctionConfigurationResponseTypeDef], bool]
    ) -> FunctionConfigurationResponseTypeDef:
        """The configuration when it is ready. Raises NotYet when that takes long."""
        clock = self._around.clock
        deadline = clock.monotonic() + _PATIENCE.total_seconds()
        while not ready(found := self._configuration(version)):
            if clock.monotonic() >= deadline:
                raise NotYet(f"Lambda is busy with {version} of {self._function}", clock.now() + _PATIENCE)
            clock.sleep(_POLL.total_seconds())
        return found

    def _applied(self, label: str) -> FunctionConfigurationResponseTypeDef:
        """$LATEST when our change is in place."""
        latest = self._idle()
        if label_of(latest) != label:
            raise Transient(f"{self._function} was changed by somebody else; the next attempt looks again")
        if trouble := trouble_of(latest):
            raise Refused(f"{self._function}: Lambda could not apply the change ({trouble})")
        return latest

    def _waits_for_invocations(
        self, runs: FunctionConfigurationResponseTypeDef, tags: dict[str, str], label: str
    ) -> str:
        """What is missing until no invocation from before can run; "" when nothing is."""
        now, version = self._around.clock.now(), runs["Version"]
        mark = Mark.read(tags)
        if mark is None or (mark.label, mark.name) != (label, version):
            mark = Mark(label, "since", version, now)
            self._tag(runs, mark.tag())
        ends = mark.at + timedelta(seconds=runs["Timeout"])
        return f"invocations from before may run until {ends:%H:%M:%S} UTC" if now < ends else ""

    # changing

    def _change(self, latest: FunctionConfigurationResponseTypeDef, label: str) -> None:
        """The same variables, and our label; only if nobody changed anything since we looked."""
        variables = {**latest.get("Environment", {}).get("Variables", {}), VARIABLE: label}
        self._changing.ask(
            lambda client: client.update_function_configuration(
                FunctionName=self._function,
                Environment={"Variables": variables},
                RevisionId=latest["RevisionId"],
            ),
            f"change the configuration of {self._function}",
        )

    def _release(
        self, latest: FunctionConfigurationResponseTypeDef, alias: AliasConfigurationResponseTypeDef
    ) -> None:
        """A version of it, unless there is one already, and the alias moved there, unless it is there."""
        pointed = self._configuration(alias["FunctionVersion"])
        shared = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights")
        if label_of(pointed) == label_of(latest) and not shared:
            return
        self._must_be_released(latest, pointed)  # again: somebody may have deployed since the first look
        published = self._changing.ask(
            lambda client: client.publish_version(
                FunctionName=self._function,
                CodeSha256=latest["CodeSha256"],
                RevisionId=latest["RevisionId"],
            ),
            f"publish a version of {self._function}",
        )
        self._must_be_active(published["Version"])
        self._changing.ask(
            lambda client: client.update_alias(
                FunctionName=self._function,
                Name=self._alias_name,
                FunctionVersion=published["Version"],
                RoutingConfig={"AdditionalVersionWeights": {}},
                RevisionId=alias["RevisionId"],
            ),
            f"move the alias {self._target}",
        )

    def _tag(self, configuration: FunctionConfigurationResponseTypeDef, tags: dict[str, str]) -> None:
        """A note to ourselves; nothing that runs changes."""
        self._noting.ask(
            lambda client: client.tag_resource(Resource=arn_of(configuration), Tags=tags),
            f"tag the function {self._function}",
        )

    def _connect(self, session: Session, config: Config) -> LambdaClient:
        client = session.client(
            "lambda",
            region_name=self._around.region,
            endpoint_url=self._around.endpoint("lambda"),
            config=config,
        )
        return guarded(client, _EFFECTS)


def _verdict(failure: Failure) -> RotatorError | None:
    match failure.code:
        case "ResourceNotFoundException":
            return _Gone(f"Lambda could not {failure.doing}: there is none; nothing was changed")
        case "PreconditionFailedException":
            return Transient(
                f"somebody else changed it when rotator was about to {failure.doing}; nothing was changed"
            )
        case "ResourceConflictException":
            return Transient(f"Lambda is busy with another update and did not {failure.doing}")
        case "InvalidParameterValueException" | "CodeStorageExceededException":
            return Refused(
                f"Lambda will not {failure.doing} ({failure.code}); nothing was changed. Environment variables may "
                "have 4 KB in all, and all versions of all functions 75 GB"
            )
        case _:
            return None
