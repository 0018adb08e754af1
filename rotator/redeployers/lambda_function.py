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
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from rotator.contracts.adapter import Surroundings
from rotator.contracts.redeployer import Rollout, RolloutProgress, Start
from rotator.model.errors import Refused, Transient
from rotator.model.policy import Deployment
from rotator.redeployers.aws_tags import Mark, also_finished, finished
from rotator.redeployers.lambda_calls import Gone, LambdaCalls
from rotator.redeployers.lambda_configuration import (
    differences,
    label_of,
    labelled,
    moment,
    trouble_of,
    waits_for,
)

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import (
        AliasConfigurationResponseTypeDef,
        FunctionConfigurationResponseTypeDef,
    )

_TARGET = re.compile(r"([A-Za-z0-9_-]{1,64})(?::((?!\d+$)[A-Za-z0-9_-]{1,128}))?")


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
        self._calls = LambdaCalls(written[1], around)

    def redeploy(self, label: str) -> None:
        """Puts `label` into the configuration, and for an alias publishes it and moves the alias there.

        Raises NotYet while Lambda is busy with an update, and Refused when it will not be updated, or when $LATEST is
        not what the alias runs.
        """
        latest = self._calls.configuration()
        if label in finished(self._calls.tags(latest)):
            return
        alias = self._calls.alias(self._alias_name) if self._alias_name else None
        if alias is not None:
            self._must_be_released(latest, self._calls.configuration(alias["FunctionVersion"]))
        if label_of(latest) != label:
            idle = self._calls.idle()
            self._calls.set_variables(idle, labelled(idle, label))
        if alias is not None:
            self._release(self._applied(label), alias)

    def progress(self, label: str) -> Rollout:
        """How the change of this label stands; what is seen done is written into a tag before it is said."""
        try:
            latest = self._calls.configuration()
            tags = self._calls.tags(latest)
            if label in finished(tags):
                return Rollout(RolloutProgress.DONE, "every invocation is new")
            alias = self._calls.alias(self._alias_name) if self._alias_name else None
            runs = self._calls.configuration(alias["FunctionVersion"]) if alias else latest
        except Gone as gone:
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
        self._calls.tag(runs, also_finished(tags, label))
        return Rollout(RolloutProgress.DONE, "every invocation is new")

    def starts(self, since: datetime) -> Iterator[Start]:
        """Changes of what runs since then: $LATEST, or published versions. Lambda tells of no environment's start."""
        try:
            changed = self._calls.published() if self._alias_name else [self._latest()]
        except Gone:
            return iter(())
        moments = [(role.rpartition("/")[2], moment(modified)) for role, modified in changed]
        return iter([Start(self._id, role, at) for role, at in moments if at >= since])

    def _latest(self) -> tuple[str, str]:
        """Role and last change of $LATEST."""
        latest = self._calls.configuration()
        return latest["Role"], latest["LastModified"]

    def _must_be_released(
        self, latest: FunctionConfigurationResponseTypeDef, runs: FunctionConfigurationResponseTypeDef
    ) -> None:
        """Raises Refused when a new version would bring more than our label."""
        if differs := differences(latest, runs):
            raise Refused(
                f"{self._target} cannot be restarted: $LATEST is not what the alias runs ({', '.join(differs)}), and "
                "rotator releases nothing; nothing was changed. Release it, or put it back"
            )

    def _must_be_active(self, version: str) -> None:
        """Waits for a version that is being prepared (VPC, SnapStart): whoever called it would be refused."""
        published = self._calls.prepared(version)
        if trouble := trouble_of(published):
            raise Refused(
                f"version {version} of {self._function} cannot run ({trouble}); the alias was not moved"
            )

    def _applied(self, label: str) -> FunctionConfigurationResponseTypeDef:
        """$LATEST when our change is in place."""
        latest = self._calls.idle()
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
            self._calls.tag(runs, mark.tag())
        ends = mark.at + timedelta(seconds=runs["Timeout"])
        return f"invocations from before may run until {ends:%H:%M:%S} UTC" if now < ends else ""

    def _release(
        self, latest: FunctionConfigurationResponseTypeDef, alias: AliasConfigurationResponseTypeDef
    ) -> None:
        """A version of it, unless there is one already, and the alias moved there, unless it is there."""
        pointed = self._calls.configuration(alias["FunctionVersion"])
        shared = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights")
        if label_of(pointed) == label_of(latest) and not shared:
            return
        self._must_be_released(latest, pointed)  # again: somebody may have deployed since the first look
        version = self._calls.publish(latest)
        self._must_be_active(version)
        self._calls.move(alias, version)
