"""Judging what was held: in pieces, in the order of time, each event once.

What nobody expected is a sighting; whether a secret is then rotated is its policy's word. A sighting that is open is
held against a changed policy, so that whoever adds a rule need not acknowledge what it allows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from rotator.contracts.access_log import Seen
from rotator.contracts.parts import Parts
from rotator.engine.access.judge import Judge
from rotator.engine.access.readers import is_of_its_role, rules_of
from rotator.engine.access.starts import EARLY, Starts
from rotator.engine.access.versions import Versions
from rotator.engine.watch.learning import is_learned
from rotator.engine.watch.memory import Memory
from rotator.engine.watch.recounting import around, found_before
from rotator.engine.watch.starting import known_from, known_up_to
from rotator.model.access import Access, AccessFinding, AccessKind, Act, Outcome
from rotator.model.alerts import Severity
from rotator.model.errors import RotatorError
from rotator.model.policy import During, OnUnexpectedRead, Policies
from rotator.model.requests import Request, RequestKind
from rotator.model.watch import MOST_SECRETS, Disposition, Sighting, Watch

log = structlog.get_logger()

DAY = timedelta(days=1)
#: Judged at once; all that is in memory of them.
AT_ONCE = 500
#: Workloads whose starts cannot be asked for hold judgement up no longer than this.
_LONGEST_HOLD = timedelta(hours=1)
_AGAIN = timedelta(minutes=2)
#: So long replicas of two versions are at work, at most.
_UPGRADE = timedelta(hours=1)
#: Findings about whoever has rotator's role, and does not say that it is rotator.
_OF_ITS_ROLE = frozenset({AccessKind.UNKNOWN_ACTOR, AccessKind.DRIFT})
#: Denied reads end by themselves; what nobody acknowledges does so in the end, too.
_QUIET = {AccessKind.DENIED_READ: timedelta(days=7)}
_LONG_QUIET = timedelta(days=90)
#: Kinds that a rotation answers.
_READS = frozenset(
    {
        AccessKind.UNKNOWN_ACTOR,
        AccessKind.ACCESS_OUTSIDE_DEPLOYMENT,
        AccessKind.HISTORY_READ,
        AccessKind.OLD_VERSION_READ,
        AccessKind.BULK_READ,
    }
)
#: Who asks for a rotation because of a read.
BY = "the access watch"


@dataclass
class Watched:
    """What judging starts from."""

    parts: Parts
    watch: Watch

    def judge_of(self, accesses: Sequence[Access]) -> Judge:
        """A judge that knows what started around these, and which versions were there."""
        policies = self.parts.policies()
        slack = max((reader.slack_after for reader in policies.access.readers), default=timedelta())
        moments = [access.at for access in accesses]
        starts = Starts()
        for start in self.parts.journal.starts(min(moments) - slack - EARLY, max(moments) + EARLY):
            starts.add(start)
        by_number = any(asked.version is not None for access in accesses for asked in access.asked)
        versions = self._versions() if by_number else Versions()
        return Judge(policies, starts, versions, installation=self.parts.journal.installation())

    def _versions(self) -> Versions:
        """Which versions there were, by what scans have seen; never by records, which come in any order.

        What a record that is yet to come would tell must not decide: each version counts from when it was made, and
        nothing is concluded from the next one, before which others may have come and gone.
        """
        versions = Versions()
        for seen in self.parts.journal.observed().values():
            for parameter, written in seen.written.items():
                for version, at in written.items():
                    versions.saw(parameter, at, version)
        return versions


def judge_held(watched: Watched, keep: Callable[[], None], complain: Callable[[Sequence[str]], None]) -> None:
    """Judges all that is due. `keep` is called before each piece, and raises LostClaim.

    `complain` is told of what could not be judged, a sentence each.
    """
    while held := watched.parts.journal.held_accesses(AT_ONCE):
        keep()
        _judge_each(watched, held, complain)
        if len(held) < AT_ONCE:
            return


def _judge_each(watched: Watched, held: Sequence[Access], complain: Callable[[Sequence[str]], None]) -> None:
    """Judges a piece; where that fails its halves, so that one bad record does not hide those behind it."""
    try:
        _judge(watched, held)
    except RotatorError:  # the journal is away, the turn is lost: nothing is wrong with the records
        raise
    except Exception as bug:  # noqa: BLE001 - whatever a record makes of us, it would come first again for ever
        if len(held) > 1:
            half = len(held) // 2
            _judge_each(watched, held[:half], complain)
            _judge_each(watched, held[half:], complain)
            return
        log.warning("a record cannot be judged", event_id=held[0].event_id, bug=type(bug).__name__)
        complain([f"a record could not be judged ({type(bug).__name__})"])
        watched.parts.journal.note_judged([held[0].event_id], [])


def _judge(watched: Watched, held: Sequence[Access]) -> None:
    journal, policies = watched.parts.journal, watched.parts.policies()
    by_id = {access.event_id: access for access in held}
    near = around(journal, held, policies.access, watched.watch.judged_all_at)
    together = sorted([*held, *near.others], key=lambda one: (one.at, one.event_id))
    judge, found, waiting = watched.judge_of(together), list[tuple[AccessFinding, Access]](), set[str]()
    known = found_before(journal, judge, near)
    for access in together:
        for finding in judge.findings(access):
            if access.event_id not in by_id and not near.is_news(finding, known):
                continue
            sure = _sure(watched, finding)
            if sure is not None:
                found.append((sure, access))
            elif access.event_id in by_id:
                waiting.add(access.event_id)
    quiet = {(rule.name, access.principal.name) for access in held if (rule := judge.told_quietly(access))}
    for name, principal in sorted(quiet):
        log.info("secrets were read, as a rule expects", rule=name, principal=principal)
    journal.hold_longer(waiting, _AGAIN)
    ready = {one.event_id: one for one in together if one.event_id in by_id.keys() - waiting}
    memory = Memory(journal, ready.values(), watched.watch.remembers_since)
    firsts = {event_id: memory.read(access, judge) for event_id, access in ready.items()}
    seen = list[Seen]()
    for one, access in found:
        told_by = near.told_by(access, ready)
        if told_by is None:  # it waits, and so does what it says
            continue
        sighting = known.counted(_sighting(one, access, judge, policies, firsts, memory))
        seen.append(Seen(told_by, sighting))
        if sighting.disposition is Disposition.OPEN:
            _follow(watched.parts, one, access)
    journal.note_judged(firsts.keys(), seen, memory.news)


def _sighting(
    finding: AccessFinding,
    access: Access,
    judge: Judge,
    policies: Policies,
    firsts: Mapping[str, tuple[str, ...]],
    memory: Memory,
) -> Sighting:
    """What is written down of a finding: also what it is not judged by."""
    environments = {secret.partition("/")[0] for secret in finding.secrets}
    return Sighting.of(
        finding,
        access,
        firsts=tuple(secret for secret in firsts.get(access.event_id, ()) if secret in finding.secrets)[
            :MOST_SECRETS
        ],
        first_since=memory.first_since(access),
        near_starts=all(judge.near_start(access, environment) for environment in environments),
        disposition=Disposition.LEARNED if is_learned(policies.access, finding) else Disposition.OPEN,
    )


def _sure(watched: Watched, finding: AccessFinding) -> AccessFinding | None:
    """The finding, told quietly where what it rests on is not sure; None while that is not known yet."""
    if finding.kind in _OF_ITS_ROLE and is_of_its_role(watched.parts.policies().access, finding):
        return _sure_of_its_role(watched, finding)
    return _sure_of_starts(watched, finding) if _rests_on_starts(watched, finding) else finding


def _rests_on_starts(watched: Watched, finding: AccessFinding) -> bool:
    """Whether it would not be one, had something started: many reads of a pod that starts are none, either."""
    if finding.kind is AccessKind.BULK_READ:
        rules = rules_of(watched.parts.policies().access, finding)
        return any(rule.during is During.DEPLOYMENT for rule in rules)
    return finding.kind is AccessKind.ACCESS_OUTSIDE_DEPLOYMENT


def _sure_of_its_role(watched: Watched, finding: AccessFinding) -> AccessFinding | None:
    """While an upgrade goes on, a replica of the version before may be at work, which does not say who it is."""
    since, now = watched.watch.named_since, watched.parts.journal.now()
    if since is None and now - finding.at < _LONGEST_HOLD:
        return None
    if since is None or finding.at < since + _UPGRADE:
        sentence = f"since {_minute(since)} only" if since else "nowhere yet"
        return _quietly(finding, f"rotator's calls bear its id {sentence}, and an earlier version bears none")
    return finding


def _sure_of_starts(watched: Watched, finding: AccessFinding) -> AccessFinding | None:
    policies, now = watched.parts.policies(), watched.parts.journal.now()
    environment = finding.secrets[0].partition("/")[0]
    slack = max((one.slack_after for one in rules_of(policies.access, finding)), default=timedelta())
    known = known_up_to(policies, watched.watch, environment)
    if known is None or known < finding.at + EARLY:
        if now - finding.at < _LONGEST_HOLD:
            return None
        return _quietly(finding, "its platform could not be asked what had started by then")
    since = known_from(watched.watch, environment, now)
    if since > finding.at - slack:
        return _quietly(finding, f"starts are known from {_minute(since)} on only")
    return finding


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _quietly(finding: AccessFinding, sentence: str) -> AccessFinding:
    return replace(finding, severity=Severity.INFO, why=f"{finding.why}; this is uncertain: {sentence}")


def _follow(parts: Parts, finding: AccessFinding, access: Access) -> None:
    """What the policy of a secret wants after a read that nobody expected; of one that was denied, nothing."""
    read = access.outcome is Outcome.DONE and access.act in {Act.READ, Act.READ_HISTORY}
    certain = finding.severity > Severity.INFO
    for secret in finding.secrets if read and certain and finding.kind in _READS else ():
        policy = parts.policies().secrets.get(secret)
        if policy is not None and policy.on_unexpected_read is OnUnexpectedRead.ROTATE:
            parts.journal.add_request(_rotate(secret, finding, parts))


def _rotate(secret: str, finding: AccessFinding, parts: Parts) -> Request:
    """At most one a day for each secret: whoever reads again and again must not make it rotate again and again."""
    key = hashlib.sha256(f"{secret} {finding.at:%Y-%m-%d}".encode()).hexdigest()[:20]
    kind = finding.kind.replace("_", " ")
    because = f"on_unexpected_read: rotate, and {finding.principal} read it ({kind})"
    return Request(
        id=key, kind=RequestKind.ROTATE, about=secret, by=BY, because=because, at=parts.journal.now()
    )


def judge_open_anew(watched: Watched, note: Callable[..., Any]) -> None:
    """Ends what today's policy allows, and what has been quiet for long."""
    journal, version = watched.parts.journal, watched.parts.policies().version
    open_ones, now = [*journal.sightings(), *journal.learned_sightings()], journal.now()
    quiet = [one for one in open_ones if now - one.last_at > _QUIET.get(one.kind, _LONG_QUIET)]
    journal.end_sightings((one.identity for one in quiet), Disposition.PASSED)
    if watched.watch.policy == version:
        return
    allowed = [one.identity for one in open_ones if one.samples and not _still(watched, one)]
    journal.end_sightings(allowed, Disposition.ALLOWED)
    note(policy=version)


def _still(watched: Watched, sighting: Sighting) -> bool:
    """Whether today's policy finds any of it, too."""
    judge = watched.judge_of(sighting.samples)
    if sighting.kind is AccessKind.BULK_READ:  # a few of many: whether each is expected is what can be asked
        return any(not touched.expected for one in sighting.samples for touched in judge.touched(one))
    return any(finding.kind is sighting.kind for finding in _of(judge, sighting.samples))


def _of(judge: Judge, accesses: Iterable[Access]) -> Iterator[AccessFinding]:
    for access in accesses:
        yield from judge.findings(access)
