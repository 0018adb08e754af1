"""One function of Lambda as its API shows it, and the calls that change something there.

A change is a compare-and-swap by RevisionId: it happens only if nobody changed anything since we looked. Whoever asks
is told by exceptions of the contracts: Gone where there is no such thing, Refused where Lambda will not, Transient
while it is busy or nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from boto3.session import Session
from botocore.config import Config

from rotator.aws import CHANGING, READING, Failure, Service, guarded
from rotator.contracts.adapter import Surroundings
from rotator.model.errors import NotYet, Refused, RotatorError, Transient
from rotator.redeployers.lambda_configuration import arn_of

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import (
        AliasConfigurationResponseTypeDef,
        FunctionConfigurationResponseTypeDef,
    )

_EFFECTS = ("UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias")
#: An update of the configuration is waited for so long within one call, looked at so often.
_PATIENCE, _POLL = timedelta(seconds=5), timedelta(seconds=0.5)


class Gone(Refused):
    """There is no such function, version or alias."""


class LambdaCalls:
    """Calls to the function `name`, in the environment's region and rotator's own account."""

    def __init__(self, name: str, around: Surroundings) -> None:
        self._name, self._around = name, around
        self._reading = Service("Lambda", self._connect, READING, _verdict, around.installation)
        self._changing = Service("Lambda", self._connect, CHANGING, _verdict, around.installation)
        # A note that cannot be made is no verdict on a rollout: it waits until a person has mended that.
        self._noting = Service("Lambda", self._connect, CHANGING, lambda _failure: None, around.installation)

    def configuration(self, version: str = "$LATEST") -> FunctionConfigurationResponseTypeDef:
        """Of $LATEST or a version. Raises Gone; Transient when the variables are not shown: they would be lost."""
        found = self._reading.ask(
            lambda client: client.get_function_configuration(FunctionName=self._name, Qualifier=version),
            f"read the configuration of {self._name}",
        )
        if found.get("Environment", {}).get("Error"):
            raise Transient(
                f"Lambda does not show the environment variables of {self._name}: rotator's role may not "
                "decrypt with their key (kms:Decrypt); nothing was changed"
            )
        return found

    def alias(self, name: str) -> AliasConfigurationResponseTypeDef:
        """Where the alias points. Raises Gone."""
        return self._reading.ask(
            lambda client: client.get_alias(FunctionName=self._name, Name=name),
            f"read the alias {self._name}:{name}",
        )

    def tags(self, configuration: FunctionConfigurationResponseTypeDef) -> dict[str, str]:
        """The function's tags by key."""
        answer = self._reading.ask(
            lambda client: client.list_tags(Resource=arn_of(configuration)),
            f"read the tags of {self._name}",
        )
        return answer["Tags"]

    def published(self) -> list[tuple[str, str]]:
        """Role and last change of every published version."""

        def pages(client: LambdaClient) -> list[tuple[str, str]]:
            asked = client.get_paginator("list_versions_by_function").paginate(FunctionName=self._name)
            return [
                (one["Role"], one["LastModified"])
                for page in asked
                for one in page["Versions"]
                if one["Version"] != "$LATEST"
            ]

        return self._reading.ask(pages, f"list the versions of {self._name}")

    def idle(self) -> FunctionConfigurationResponseTypeDef:
        """$LATEST when no update of it is under way: Lambda takes no other meanwhile. Raises NotYet."""
        return self._when("$LATEST", lambda latest: latest.get("LastUpdateStatus") != "InProgress")

    def prepared(self, version: str) -> FunctionConfigurationResponseTypeDef:
        """The version when it can be called (VPC, SnapStart), or has turned out not to. Raises NotYet."""
        return self._when(version, lambda configuration: configuration.get("State") != "Pending")

    def set_variables(self, latest: FunctionConfigurationResponseTypeDef, variables: dict[str, str]) -> None:
        """Other variables than $LATEST had when it was looked at; nothing else of it changes."""
        self._changing.ask(
            lambda client: client.update_function_configuration(
                FunctionName=self._name,
                Environment={"Variables": variables},
                RevisionId=latest["RevisionId"],
            ),
            f"change the configuration of {self._name}",
        )

    def publish(self, latest: FunctionConfigurationResponseTypeDef) -> str:
        """The number of a version that is $LATEST as it was looked at; one that there was already is not made twice."""
        published = self._changing.ask(
            lambda client: client.publish_version(
                FunctionName=self._name,
                CodeSha256=latest["CodeSha256"],
                RevisionId=latest["RevisionId"],
            ),
            f"publish a version of {self._name}",
        )
        return published["Version"]

    def move(self, alias: AliasConfigurationResponseTypeDef, version: str) -> None:
        """Points the alias, if it stands as it was looked at, at that version alone."""
        self._changing.ask(
            lambda client: client.update_alias(
                FunctionName=self._name,
                Name=alias["Name"],
                FunctionVersion=version,
                RoutingConfig={"AdditionalVersionWeights": {}},
                RevisionId=alias["RevisionId"],
            ),
            f"move the alias {self._name}:{alias['Name']}",
        )

    def tag(self, configuration: FunctionConfigurationResponseTypeDef, tags: dict[str, str]) -> None:
        """A note to ourselves; nothing that runs changes."""
        self._noting.ask(
            lambda client: client.tag_resource(Resource=arn_of(configuration), Tags=tags),
            f"tag the function {self._name}",
        )

    def _when(
        self, version: str, ready: Callable[[FunctionConfigurationResponseTypeDef], bool]
    ) -> FunctionConfigurationResponseTypeDef:
        """The configuration when it is ready. Raises NotYet when that takes long."""
        clock = self._around.clock
        deadline = clock.monotonic() + _PATIENCE.total_seconds()
        while not ready(found := self.configuration(version)):
            if clock.monotonic() >= deadline:
                raise NotYet(f"Lambda is busy with {version} of {self._name}", clock.now() + _PATIENCE)
            clock.sleep(_POLL.total_seconds())
        return found

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
            return Gone(f"Lambda could not {failure.doing}: there is none; nothing was changed")
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
