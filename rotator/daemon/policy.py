"""The policy in force: the last good one. A bad file never replaces it, and it survives a restart in the journal.

A file that would leave many secrets alone, make many due at once, or change where values go, waits for a person's
yes, which is a request like any other, kept for auditors. It names the whole of the file's version: of two texts that
begin alike one could be harmless, and made for the other's sake. It is a yes to what that text changes now: it does
not outlive the policy that it would replace, nor a week.

Other settings, or another version of rotator, may refuse the last good text at a restart. Nothing works by it then,
but what the journal keeps of it, resolved, is what the file is held against: a restart is no yes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import structlog

from rotator.config.guard import left_alone, objections
from rotator.config.load import Loaded
from rotator.config.reading import load_with
from rotator.config.settings import Settings
from rotator.config.watch import PolicyFile
from rotator.contracts.journal import Journal
from rotator.contracts.record import Record
from rotator.model.errors import RotatorError
from rotator.model.policy import Policies
from rotator.model.requests import Request, RequestKind, RequestState

log = structlog.get_logger()

#: How a request names a policy that waits for a yes: this, and its version.
YES_TO_POLICY = "policy:"
#: Whoever said yes had a change before their eyes that was about to be made.
YES_HOLDS = timedelta(days=7)
_WHOLE = re.compile(r"[0-9a-f]{64}")
_SHOWN = 12  # characters of a version
_MOST_COMPLAINTS = 5  # in an alert; `rotator policy check` shows them all


class NoPolicy(RotatorError):
    """There is no policy to work by: the file is bad or missing, and the journal remembers none."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A good file that is not in force yet."""

    text: str
    policies: Policies
    objections: tuple[str, ...] | None = None  # None: not judged yet


class PolicyInForce:
    """Reads policies.yaml, keeps the last good one, and says why a newer one was rejected."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings, self._journal = settings, journal
        self._file = PolicyFile(settings.policies)
        self._complaints: tuple[str, ...] = ()
        self._unreadable = self._held = ""
        self._candidate: Candidate | None = None
        remembered = self._remembered()
        self._policies = remembered.policies if remembered else None
        self.reload()
        if self._policies is None:
            raise NoPolicy("\n".join([*self._troubles(), *self._no_other(remembered)]))
        if self.rejected:
            log.error("starting with the last good policy", version=self._policies.version[:_SHOWN])

    @property
    def policies(self) -> Policies:
        """Today's policy."""
        assert self._policies is not None, "the constructor raises NoPolicy otherwise"
        return self._policies

    @property
    def rejected(self) -> str:
        """Why the file is not in force: what and where; empty when it is."""
        troubles = self._troubles()
        shown = troubles[:_MOST_COMPLAINTS]
        if len(troubles) > len(shown):
            shown.append(f"and {len(troubles) - len(shown)} more: rotator policy check")
        return " | ".join(shown)

    @property
    def yes_wanted(self) -> str:
        """What a yes would be about that brings the file into force; empty when none would."""
        return yes_to(self._candidate.policies) if self._held and self._candidate is not None else ""

    def reload(self) -> bool:
        """Takes up the file if it changed and is good. Whether another policy is in force now."""
        before = self.rejected
        self._read()
        applied = self._apply() if self._candidate is not None else False
        if self.rejected and self.rejected != before:
            yes = {"yes": f"rotator approve {self.yes_wanted} --reason …"} if self.yes_wanted else {}
            log.error("policy rejected", why=self.rejected, in_force=self._version(), **yes)
        return applied

    def take_yes(self) -> None:
        """Settles the requests that say yes to a policy, so that nobody else wonders what they are about."""
        for request in self._journal.requests(waiting=True):
            if request.kind is RequestKind.APPROVE and request.about.startswith(YES_TO_POLICY):
                self._journal.settle_request(request.id, *self._answer(request))

    def _answer(self, request: Request) -> tuple[RequestState, str]:
        """What a yes comes to that has just been given, or before the start."""
        about = request.about
        if self._candidate is not None and about == yes_to(self._candidate.policies):
            return RequestState.TAKEN, "the policy is taken up"
        if about == yes_to(self.policies):
            _, since = self._journal.policy_applied() or ("", request.at)
            if request.at < since:
                return RequestState.TAKEN, "the policy was taken up at the start"
            return RequestState.REFUSED, f"{about} is in force already"
        if not _WHOLE.fullmatch(about.removeprefix(YES_TO_POLICY)):
            whole = "it names the whole version, as rotator policy diff shows it"
            return RequestState.REFUSED, f"{about} is no yes to a policy: {whole}"
        return RequestState.TAKEN, (
            f"nothing waits for it now: that text is taken up if it comes within {YES_HOLDS.days} days, "
            "and no other is taken up before"
        )

    def _read(self) -> None:
        """Looks at the file; what it says becomes a candidate or complaints."""
        try:
            text = self._file.changed()
        except OSError as missing:
            self._unreadable = (
                f"{self._settings.policies} cannot be read: {missing.strerror}; "
                "put it back, or set ROTATOR_POLICIES to where it is"
            )
            return
        self._unreadable = ""
        if text is None:
            return
        loaded = load_with(self._settings, text)
        self._held = ""
        self._complaints = tuple(str(complaint) for complaint in loaded.errors)
        self._candidate = Candidate(text, loaded.policies) if loaded.policies is not None else None

    def _apply(self) -> bool:
        """Puts the candidate in force, unless it needs a yes that nobody has given. Raises JournalAway."""
        candidate = self._judged()
        if candidate.objections and not approved(self._journal, candidate.policies):
            meanwhile = (
                "the last good policy stays in force" if self._policies else "nothing can start before"
            )
            self._held = (
                f"{self._settings.policies}: {'; '.join(candidate.objections)}. That needs a person's yes"
                f"{_late(self._journal, candidate.policies)}, and {meanwhile}"
            )
            return False
        self._journal.note_policy(candidate.policies, candidate.text, self._left_alone(candidate))
        self._policies, self._candidate, self._held = candidate.policies, None, ""
        log.info("policy applied", version=self._version(), secrets=len(candidate.policies.secrets))
        return True

    def _left_alone(self, candidate: Candidate) -> tuple[str, ...]:
        """What is to be held against the next ones; a person who said yes has seen how it stands."""
        before = self._before()
        if candidate.objections or before is None:
            return ()
        return left_alone(before, candidate.policies, self._journal.now(), self._journal.left_alone())

    def _judged(self) -> Candidate:
        """The candidate with what speaks against it, found once: time alone brings no policy into force."""
        candidate = self._candidate
        assert candidate is not None, "the caller has looked"
        if candidate.objections is None:
            found = objections(self._before(), candidate.policies, self._journal)
            candidate = self._candidate = replace(candidate, objections=found)
        return candidate

    def _before(self) -> Policies | None:
        """What the candidate would replace, as far as it can be read."""
        return self._policies or self._journal.policies_in_force()

    def _remembered(self) -> Loaded | None:
        """The last good policy of the journal, as it is read under the settings of today."""
        text = self._journal.last_policy()
        named = self._settings.model_copy(update={"policies": Path("the last good policy")})
        return load_with(named, text) if text is not None else None

    def _no_other(self, remembered: Loaded | None) -> list[str]:
        """Why there is no policy to fall back on, and what to do; of use where there is none."""
        if remembered is None:
            return ["the journal remembers no earlier policy: nothing can start"]
        refused = [str(complaint) for complaint in remembered.errors[:_MOST_COMPLAINTS]]
        yes = f"rotator approve {self.yes_wanted} --reason …, and start it again" if self.yes_wanted else ""
        sentence = (
            "today's settings, or this version of rotator, refuse the last good policy, so nothing can start: "
            f"put back those that took it, or {yes or 'mend the file'}"
        )
        return [*refused, sentence]

    def _troubles(self) -> list[str]:
        # What was wrong in a file that is gone is of no use to whoever puts it back.
        complaints = () if self._unreadable else self._complaints
        return [trouble for trouble in (self._unreadable, *complaints, self._held) if trouble]

    def _version(self) -> str:
        return self._policies.version[:_SHOWN] if self._policies else ""


def yes_to(policies: Policies) -> str:
    """What a yes to this very policy is about."""
    return f"{YES_TO_POLICY}{policies.version}"


def approved(record: Record, policies: Policies) -> bool:
    """Whether somebody said yes to this very text, and to what it changes now; every replica finds the same request.

    Another replica may have taken it up by that yes already.
    """
    version, since = record.policy_applied() or ("", None)
    return version == policies.version or any(
        (since is None or one.at >= since) and record.now() - one.at < YES_HOLDS
        for one in _said_yes(record, policies)
    )


def _said_yes(record: Record, policies: Policies) -> Iterator[Request]:
    """Every yes to this very text that was not refused, however old."""
    for request in record.requests(waiting=False):
        refused = request.state is RequestState.REFUSED
        if request.kind is RequestKind.APPROVE and request.about == yes_to(policies) and not refused:
            yield request


def _late(record: Record, policies: Policies) -> str:
    """Why the last yes that there was does not count any more, in brackets; nothing where there was none."""
    last = max(_said_yes(record, policies), key=lambda one: one.at, default=None)
    if last is None:
        return ""
    _, since = record.policy_applied() or ("", None)
    passed = since is not None and last.at < since
    why = "another policy has come into force since" if passed else f"it is older than {YES_HOLDS.days} days"
    return f" again (there was one by {last.by} of {last.at:%Y-%m-%d %H:%M} UTC: {why})"
