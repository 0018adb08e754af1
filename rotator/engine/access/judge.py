"""The judge: from one call to what a person should know of it. The same calls always give the same findings.

Each rule is asked by itself, so one call may be several findings: a stranger who reads a whole history is unknown and
has read the history. Calls are judged one by one in the order of their time, after they were held for late ones.

What gave nothing is no read: a call that AWS denied is a finding of its own, and one that failed (throttled, not found)
is none. Rotator is whoever its rule fits and who says its word in the user agent; whoever has its role and says nothing
is somebody else. Without a journal nobody knows that word, nor when rotator was at work: its rule is then believed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from rotator.engine.access import why
from rotator.engine.access.bulk import Bulk
from rotator.engine.access.managed import Managed, Place
from rotator.engine.access.readers import Readers
from rotator.engine.access.starts import SLACK, Starts
from rotator.engine.access.versions import Versions
from rotator.model.access import Access, AccessFinding, AccessKind, Act, Asked, Outcome
from rotator.model.alerts import Severity
from rotator.model.caller import is_by
from rotator.model.environments import is_production
from rotator.model.policy import During, Policies, Reader, SecretPolicy

#: What people type with: the console, a browser, and the command lines. Programs use an SDK. The console may say
#: "AWS Internal" of itself, as services do; then the record tells of the session.
_BY_HAND = re.compile(r"aws-cli/|aws-shell|cloudshell|console|signin\.|^Mozilla/|PowerShell", re.IGNORECASE)
_DELETES = ("DeleteParameter", "DeleteParameters")


@dataclass(frozen=True, slots=True)
class Touched:
    """One secret that a call is about, and the rule that speaks of it."""

    place: Place
    reader: Reader | None
    expected: bool  # the rule allows it at this moment
    by_rotator: bool  # it is its rule, and its word


class Judge:
    """Judges calls by one policy. What it remembers is bounded by the policy, not by who calls."""

    def __init__(
        self,
        policies: Policies,
        starts: Starts,
        versions: Versions,
        rotating: Callable[[str, datetime], bool] = lambda _secret, _at: True,
        installation: str = "",
    ) -> None:
        """`starts` and `versions` are what is known; whoever made them may add to them at any time.

        `rotating`: whether rotator was at work on a secret at a moment, where somebody knows that. `installation`: the
        id that rotator's calls bear; empty where nobody knows it.
        """
        self.managed = Managed(policies)
        self._policies, self._starts, self._versions, self._rotating = policies, starts, versions, rotating
        self._installation = installation
        self._readers = Readers(policies.access)
        self._bulk = self._count()

    def findings(self, access: Access) -> Iterator[AccessFinding]:
        """What a person should know of this call."""
        touched = self.touched(access)
        if access.outcome is Outcome.DENIED:
            yield from self._denied(access, touched)
        elif access.outcome is Outcome.DONE and touched:
            yield from (
                self._written(access, touched) if access.act is Act.WRITE else self._read(access, touched)
            )

    def sweeps(self, accesses: Iterable[Access]) -> Iterator[AccessFinding]:
        """Where these alone, in the order of time, are too many; counted from the beginning, whatever came before."""
        bulk = self._count()
        for access in accesses:
            if access.outcome is Outcome.DONE and access.act is not Act.WRITE:
                yield from self._many(access, self.touched(access), bulk)

    def learn(self, access: Access) -> None:
        """What a call tells of the versions that its parameters had; known before what comes after it is judged.

        GetParameters tells nothing: it succeeds also where a version that it names is not there.
        """
        if access.outcome is not Outcome.DONE or access.api == "GetParameters":
            return
        for asked in access.asked:
            if self._managed_here(access, asked) is None:
                continue
            if access.api in _DELETES:
                self._versions.wrote(asked.parameter, access.at, 0)
            elif asked.version is not None and access.api == "PutParameter":
                self._versions.wrote(asked.parameter, access.at, asked.version)
            elif asked.version is not None:
                self._versions.saw(asked.parameter, access.at, asked.version)

    def told_quietly(self, access: Access) -> Reader | None:
        """The rule that expects this read and wants it told quietly, as for people with emergency roles."""
        if access.act is Act.WRITE or access.outcome is not Outcome.DONE:
            return None
        return next((one.reader for one in self.touched(access) if one.reader and one.reader.quiet), None)

    def near_start(self, access: Access, environment: str) -> bool:
        """Whether something with the caller's role started just before it, as for `during: deployment`."""
        return self._starts.near(environment, access.principal.role, access.at, SLACK)

    def touched(self, access: Access) -> tuple[Touched, ...]:
        """The secrets that a call is about, each with its rule."""
        return tuple(self._touched(access, place) for place in self.managed.touched(access))

    def _touched(self, access: Access, place: Place) -> Touched:
        reader = self._readers.of(access, place)
        if reader is None:
            return Touched(place, None, expected=False, by_rotator=False)
        if reader.during is During.ROTATION and not self._says_so(access):
            return Touched(place, reader, expected=False, by_rotator=False)
        expected = self._is_time(access, place, reader)
        return Touched(place, reader, expected, by_rotator=reader.during is During.ROTATION)

    def _says_so(self, access: Access) -> bool:
        return not self._installation or is_by(access.user_agent, self._installation)

    def _is_time(self, access: Access, place: Place, reader: Reader) -> bool:
        match reader.during:
            case During.ALWAYS:
                return True
            case During.ROTATION:
                return self._rotating(place.secret, access.at)
            case During.DEPLOYMENT:
                return self._starts.near(
                    place.environment, access.principal.role, access.at, reader.slack_after
                )

    def _denied(self, access: Access, touched: tuple[Touched, ...]) -> Iterator[AccessFinding]:
        """A denied call may come without any name; a denied write changed nothing and is no read."""
        if access.act is not Act.WRITE and (touched or not (access.asked or access.subtree)):
            yield _finding(access, AccessKind.DENIED_READ, Severity.INFO, touched, why.denied(access))

    def _written(self, access: Access, touched: tuple[Touched, ...]) -> Iterator[AccessFinding]:
        """In the parameters' own region: what bears their name in another is none of the store's."""
        by_others = [
            one for one in touched if not one.by_rotator and self._is_here(access, one.place.environment)
        ]
        for rule in _rules(by_others):
            ours = [one for one in by_others if one.reader == rule]
            critical = any(is_production(one.place.environment) for one in ours)
            severity = Severity.CRITICAL if critical else Severity.WARNING
            yield _finding(access, AccessKind.DRIFT, severity, ours, why.drift(access, rule))

    def _read(self, access: Access, touched: tuple[Touched, ...]) -> Iterator[AccessFinding]:
        unexpected = [one for one in touched if not one.expected]
        for rule in _rules(unexpected):
            ours = [one for one in unexpected if one.reader == rule]
            yield self._unexpected(access, ours, rule)
        if access.act is Act.READ_HISTORY and not self._looks_back(access, touched):
            yield _finding(access, AccessKind.HISTORY_READ, Severity.CRITICAL, touched, why.history())
        yield from self._old_version(access, touched)
        yield from self._many(access, touched, self._bulk)

    def _looks_back(self, access: Access, touched: Iterable[Touched]) -> bool:
        """Whether it is rotator, where that is known, after who wrote when: it never wants the values."""
        return bool(self._installation) and not access.decrypts and all(one.by_rotator for one in touched)

    def _unexpected(self, access: Access, touched: list[Touched], rule: Reader | None) -> AccessFinding:
        if rule is None:
            sentence = why.unknown(access, self._readers.from_elsewhere(access, touched[0].place))
            return _finding(access, AccessKind.UNKNOWN_ACTOR, Severity.CRITICAL, touched, sentence)
        if rule.during is During.ROTATION and not touched[0].by_rotator:
            sentence = why.with_its_role(access, rule)
            return _finding(access, AccessKind.UNKNOWN_ACTOR, Severity.CRITICAL, touched, sentence)
        last = self._starts.last(rule.environment, access.principal.role, access.at)
        sentence = why.outside(access, rule, last)
        return _finding(access, AccessKind.ACCESS_OUTSIDE_DEPLOYMENT, Severity.WARNING, touched, sentence)

    def _old_version(self, access: Access, touched: tuple[Touched, ...]) -> Iterator[AccessFinding]:
        """Only where a record tells the current one; rotator itself reads what it goes back to."""
        by_secret = {one.place.secret: one for one in touched if not one.by_rotator}
        for asked in access.asked:
            policy = self._managed_here(access, asked)
            if asked.version is None or policy is None or policy.secret not in by_secret:
                continue
            current = self._versions.least(asked.parameter, access.at)
            if current is not None and asked.version < current:
                ours = [by_secret[policy.secret]]
                sentence = why.old_version(asked, current)
                yield _finding(access, AccessKind.OLD_VERSION_READ, Severity.WARNING, ours, sentence)

    def _managed_here(self, access: Access, asked: Asked) -> SecretPolicy | None:
        """The secret of a parameter; None for one of that name in another region, which has versions of its own."""
        policy = self.managed.named(asked)
        return policy if policy and self._is_here(access, policy.environment) else None

    def _is_here(self, access: Access, environment: str) -> bool:
        """Whether a call was made in the region of an environment's parameters."""
        return access.region in {"", self._policies.environments[environment].region}

    def _count(self) -> Bulk:
        return Bulk(self._policies.access.bulk_more_than, self._policies.access.bulk_within)

    def _many(self, access: Access, touched: tuple[Touched, ...], bulk: Bulk) -> Iterator[AccessFinding]:
        """What a rule expects loudly does not count: a pod that starts reads everything, and an operator copies it."""
        counted = [
            one for one in touched if not one.expected or (one.reader is not None and one.reader.quiet)
        ]
        if counted:
            names = bulk.read(access.principal, (one.place.secret for one in counted), access.at)
            if names:
                sentence = why.bulk(access, len(names), self._policies.access)
                found = _finding(access, AccessKind.BULK_READ, Severity.CRITICAL, counted, sentence)
                yield replace(found, secrets=names)


def _rules(touched: Iterable[Touched]) -> Iterator[Reader | None]:
    """Each rule once, in the order of the secrets."""
    yield from {one.reader: None for one in touched}


def _finding(
    access: Access, kind: AccessKind, severity: Severity, touched: Iterable[Touched], sentence: str
) -> AccessFinding:
    """One finding; a level higher where somebody used an application's role by hand, and was not denied."""
    of = list(touched)
    readers = [one.reader for one in of if one.reader is not None]
    by_hand = access.by_console or bool(_BY_HAND.search(access.user_agent))
    if (
        by_hand
        and kind is not AccessKind.DENIED_READ
        and any(reader.during is During.DEPLOYMENT for reader in readers)
    ):
        severity = Severity(min(severity + 1, Severity.CRITICAL))
        sentence = f"{sentence}; {why.by_hand()}"
    return AccessFinding(
        event_id=access.event_id,
        at=access.at,
        kind=kind,
        severity=severity,
        principal=access.principal,
        secrets=tuple(sorted({one.place.secret for one in of})),
        rule=readers[0].name if readers else "",
        why=sentence,
    )
