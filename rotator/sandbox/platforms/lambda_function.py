"""Lambda, played: one function with one alias, over the platform in memory, in Lambda's REST protocol.

From the API reference of AWS Lambda: GetFunctionConfiguration, UpdateFunctionConfiguration, PublishVersion,
ListVersionsByFunction, GetAlias, UpdateAlias, ListTags, TagResource. RevisionId is compared, variables are replaced as
a whole and have 4 KB, an update takes its time and nobody else can update meanwhile, and a version is not published
twice. moto is not used: there RevisionId does not exist. Execution environments are the instances; those from before
a change end when their invocation does.
A version looks other than $LATEST in what it always does there: its own description, SnapStart's status, a hash.
It simplifies: the code never changes unless a test says so, and credentials are not checked.
"""

from __future__ import annotations

import copy
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from rotator.clock import SystemClock
from rotator.contracts.clock import Clock
from rotator.sandbox.platforms.front import Answer, Asked, serve
from rotator.testing.memory_platform import MemoryPlatform

ROLE = "taly-staging-webhooks"
UPDATE_TAKES = timedelta(seconds=0.2)
_ARN = "arn:aws:lambda:eu-central-1:111122223333:function"
_PAGE = 2  # hostile: Lambda gives up to 50


class Function:
    """The function `name`, and its alias if it has one; then the instances run what the alias points at.

    `fails` and `hangs` are about the next update; `version_state` is what a version is in when it is published;
    `returns`: somebody puts the alias back after its next move; `unreadable`: its variables cannot be decrypted.
    """

    def __init__(self, clock: Clock, name: str, alias: str | None, platform: MemoryPlatform) -> None:
        self.clock, self.name, self.alias_name, self.platform = clock, name, alias, platform
        self.fails = self.hangs = self.returns = self.unreadable = False
        self.version_state = "Active"
        self.tags: dict[str, str] = {}
        self.latest: dict[str, Any] = {
            "FunctionName": name,
            "Role": f"arn:aws:iam::111122223333:role/{ROLE}",
            "Runtime": "python3.13",
            "Handler": "app.main",
            "Timeout": 1,
            "MemorySize": 128,
            "CodeSha256": "c29tZSBjb2Rl",
            "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": ""},
            "SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"},
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "Environment": {"Variables": {"STAGE": "staging"}},
        }
        self.versions: list[dict[str, Any]] = []
        self.alias: dict[str, Any] = {"Name": alias, "FunctionVersion": "1", "RevisionId": _revision()}
        self._ready: float | None = None  # when the update under way is applied
        self._touch(self.latest)
        self._publish()

    # past the API

    def deploy(self, **changes: Any) -> None:
        """Somebody deploys: their variables take the place of ours, and the alias follows."""
        self.catch_up()
        self.latest |= {
            "Environment": {"Variables": {"STAGE": "staging"}},
            "CodeSha256": _revision(),
            **changes,
        }
        self.latest["LastUpdateStatus"], self._ready = "Successful", None
        self._touch(self.latest)
        if self.alias_name:
            self.alias |= {"FunctionVersion": self._publish()["Version"], "RevisionId": _revision()}
        self.platform.roll(str(self.latest["RevisionId"]))

    def catch_up(self) -> None:
        """An update is applied when its time has come."""
        self.platform.catch_up()
        if self._ready is None or self.hangs or self.clock.monotonic() < self._ready:
            return
        self._ready = None
        self.latest["LastUpdateStatus"] = "Failed" if self.fails else "Successful"
        if self.fails:
            self.latest["LastUpdateStatusReasonCode"] = "InvalidSubnet"
            self.latest["LastUpdateStatusReason"] = "{machine words}"
        elif self.alias_name is None:
            self.platform.roll(str(self.latest["RevisionId"]))
        self.fails = False

    # Far

    def operation(self, asked: Asked) -> str:
        """Method and kind of thing."""
        return f"{asked.method} {asked.path.split('/')[4] if 'functions' in asked.path else 'tags'}"

    def changes(self, asked: Asked) -> bool:
        """Tags are notes; the rest of what is written is a change."""
        return asked.method != "GET" and "functions" in asked.path

    def turned_away(self) -> Answer:
        """As Lambda throttles its own API."""
        return _error(429, "TooManyRequestsException", "Rate exceeded")

    def answer(self, asked: Asked) -> Answer:
        """One operation."""
        self.catch_up()
        parts = unquote(asked.path).strip("/").split("/")
        if parts[1] == "tags":
            return self._tags(asked, unquote(asked.path).partition("/tags/")[2])
        if parts[2] != self.name:
            return _error(404, "ResourceNotFoundException", "Function not found")
        match asked.method, parts[3:]:
            case "GET", ["configuration"]:
                return self._configuration(asked.query.get("Qualifier", "$LATEST"))
            case "PUT", ["configuration"]:
                return self._update(asked.content)
            case "GET", ["versions"]:
                return self._listed(int(asked.query.get("Marker", 0)))
            case "POST", ["versions"]:
                return self._publish_version(asked.content)
            case "GET", ["aliases", name]:
                return Answer(200, self.alias) if name == self.alias_name else _no_alias()
            case "PUT", ["aliases", name]:
                return self._move(asked.content) if name == self.alias_name else _no_alias()
        return _error(400, "InvalidParameterValueException", "the played Lambda has no such operation")

    def _configuration(self, qualifier: str) -> Answer:
        found = self._find(qualifier)
        if found is None:
            return _error(404, "ResourceNotFoundException", "Function not found")
        suffix = "" if qualifier == "$LATEST" else f":{qualifier}"
        shown = {**found, "FunctionArn": f"{_ARN}:{self.name}{suffix}", "ConfigSha256": _revision()}
        if self.unreadable:
            shown["Environment"] = {"Error": {"ErrorCode": "AccessDeniedException", "Message": "no"}}
        return Answer(200, shown)

    def _update(self, wanted: dict[str, Any]) -> Answer:
        if trouble := self._busy_or_changed(wanted, self.latest):
            return trouble
        variables = wanted["Environment"]["Variables"]
        if sum(len(name) + len(value) for name, value in variables.items()) > 4096:
            return _error(400, "InvalidParameterValueException", "Lambda was unable to configure 4KB")
        self.latest |= {"Environment": {"Variables": variables}, "LastUpdateStatus": "InProgress"}
        self._touch(self.latest)
        self._ready = self.clock.monotonic() + UPDATE_TAKES.total_seconds()
        return self._configuration("$LATEST")

    def _publish_version(self, wanted: dict[str, Any]) -> Answer:
        if trouble := self._busy_or_changed(wanted, self.latest):
            return trouble
        return Answer(201, self._publish())

    def _move(self, wanted: dict[str, Any]) -> Answer:
        if trouble := self._busy_or_changed(wanted, self.alias):
            return trouble
        before = dict(self.alias)
        if self._find(wanted["FunctionVersion"]) is None:
            return _error(404, "ResourceNotFoundException", "no such version")
        self.alias |= {"FunctionVersion": wanted["FunctionVersion"], "RevisionId": _revision()}
        self.alias["RoutingConfig"] = wanted.get("RoutingConfig", {})
        self.platform.roll(str(self.alias["RevisionId"]))
        answer = Answer(200, dict(self.alias))
        if self.returns:
            self.alias, self.returns = {**before, "RevisionId": _revision()}, False
            self.platform.roll(str(self.alias["RevisionId"]))
        return answer

    def _listed(self, first: int) -> Answer:
        every = [{**self.latest, "Version": "$LATEST"}, *self.versions]
        page: dict[str, Any] = {"Versions": every[first : first + _PAGE]}
        if first + _PAGE < len(every):
            page["NextMarker"] = str(first + _PAGE)
        return Answer(200, page)

    def _tags(self, asked: Asked, arn: str) -> Answer:
        if arn != f"{_ARN}:{self.name}":
            return _error(400, "InvalidParameterValueException", "Tags on function aliases and versions")
        if asked.method == "GET":
            return Answer(200, {"Tags": self.tags})
        self.tags |= asked.content["Tags"]
        return Answer(204)

    # what is there

    def _busy_or_changed(self, wanted: dict[str, Any], what: dict[str, Any]) -> Answer | None:
        if self.latest["LastUpdateStatus"] == "InProgress":
            return _error(409, "ResourceConflictException", "An update is in progress")
        if wanted.get("RevisionId") not in (None, what["RevisionId"]):
            return _error(412, "PreconditionFailedException", "The RevisionId provided does not match")
        return None

    def _touch(self, configuration: dict[str, Any]) -> None:
        now = self.clock.now()
        written = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}+0000"
        configuration |= {"RevisionId": _revision(), "LastModified": written, "Version": "$LATEST"}

    def _publish(self) -> dict[str, Any]:
        """A version of $LATEST; the newest one, when nothing changed since."""
        newest = self.versions[-1] if self.versions else None
        if newest is None or _content(newest) != _content(self.latest):
            newest = {**copy.deepcopy(self.latest), "Version": str(len(self.versions) + 1)}
            newest |= {"RevisionId": _revision(), "Description": f"published {self.clock.now():%H:%M}"}
            newest["SnapStart"] |= {"OptimizationStatus": "On"}
            newest |= {"State": self.version_state, "StateReasonCode": "FunctionError.InitTimeout"}
            self.versions.append(newest)
        return newest

    def _find(self, qualifier: str) -> dict[str, Any] | None:
        if qualifier == "$LATEST":
            return self.latest
        return next((one for one in self.versions if one["Version"] == qualifier), None)


def _content(configuration: dict[str, Any]) -> dict[str, Any]:
    """What makes a version another one."""
    ignored = {"RevisionId", "LastModified", "Version", "LastUpdateStatus", "State", "StateReasonCode"}
    ignored |= {"Description", "SnapStart"}
    return {name: value for name, value in configuration.items() if name not in ignored}


def _revision() -> str:
    return secrets.token_hex(8)


def _no_alias() -> Answer:
    return _error(404, "ResourceNotFoundException", "Cannot find alias")


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"Type": "User", "Message": message}, {"x-amzn-ErrorType": code})


def main() -> None:
    """`python -m rotator.sandbox.platforms.lambda_function --port 0`: a function `webhooks` with the alias `live`."""
    clock = SystemClock()
    platform = MemoryPlatform(clock, "staging/webhooks", {})
    serve(lambda: Function(clock, "webhooks", "live", platform))


if __name__ == "__main__":
    main()
