"""Journal: what is so, written down before it is relied on. PostgreSQL or SQLite is the distributed engine below it.

A row is claimed with one statement that raises its fence; a checkpoint is one statement guarded by fence and owner,
with its events in the same transaction. Every method raises JournalAway when the database gave no answer: then
nothing more may be done under the claim, because the write may have happened or not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, runtime_checkable

from rotator.contracts.access_log import AccessLog
from rotator.contracts.sealer import DataKey
from rotator.model.alerts import Alert, AlertRow, Hush
from rotator.model.observations import History, Observed, Pause, Rejection, Surveyed
from rotator.model.policy import Policies
from rotator.model.record import Broken, Head
from rotator.model.requests import Request, RequestState
from rotator.model.rotation import Event, Phase, Purpose, Reason, RolloutRow, Rotation, State
from rotator.model.tallies import Tallies


class Told(NamedTuple):
    """One line for a rotation's story: the kind of event and a sentence without values.

    `phase` is the one that acted, where that is another than the row's (phases with nothing to do leave no row).
    """

    kind: str
    sentence: str
    phase: Phase | None = None


class Opening(NamedTuple):
    """A rotation to open: as it begins, what there is to tell of that, and which requests it answers."""

    rotation: Rotation
    told: Told
    answers: Sequence[str] = ()


class OnTheWay(NamedTuple):
    """A rotation of a workload that others may have to wait for."""

    id: str
    secret: str
    phase: Phase
    reason: Reason | None
    opened_at: datetime


class Ended(NamedTuple):
    """A rotation that is over, as far as a drawing of its secret's life needs it."""

    secret: str
    id: str
    state: State
    opened_at: datetime
    ended_at: datetime


class Holds(NamedTuple):
    """What holds rotations back: the last scan of every environment, and pauses by secret."""

    surveyed: Mapping[str, Surveyed]
    pauses: Mapping[str, Pause]


@runtime_checkable
class Journal(AccessLog, Protocol):
    """Rotations, rollouts, requests, observations, alerts, events; who read what is the part of AccessLog."""

    # time and identity
    def now(self) -> datetime:
        """The journal's clock in UTC (the database's, or a virtual one): all replicas agree on it."""

    def installation(self) -> str:
        """The id of this installation, made with the journal."""

    def generation(self) -> int:
        """How many rotations this journal has brought to `done`; tells an older copy of it from a newer one."""

    # rotations
    def open_rotations(self, openings: Sequence[Opening]) -> set[str]:
        """Adds active rotations with the requests that they answer: no crash leaves one opened and still asked for.

        A draft whose principal has an active or parked one opens nothing. Neither does one that is older than the last
        rotation of its secret (`opened_at` is when it was decided), nor one of whose requests any was settled since:
        whoever settled it knew better.
        Returns the ids of those that were opened. A failure may come after some of them. A rotation whose id has been
        there before is never opened again, whatever has become of it: what was submitted is taken once.
        """

    def rotation(self, rotation_id: str) -> Rotation | None:
        """One rotation by id."""

    def rotations(
        self, *, secret: str | None = None, unfinished: bool = False, limit: int | None = None
    ) -> Sequence[Rotation]:
        """Rotations, newest first, all of them unless limited; `unfinished` keeps active and parked ones."""

    def on_their_way(self, workload: str, phases: Iterable[Phase]) -> Sequence[OnTheWay]:
        """Active rotations of the workload in any of these phases, those that were opened first come first."""

    def histories(self) -> Mapping[str, History]:
        """Every secret's history, by secret, in a fixed number of queries."""

    def claim_rotations(
        self, owner: str, limit: int, phases: Iterable[Phase], lease: timedelta
    ) -> Sequence[Rotation]:
        """Claims due active rotations whose phase is among `phases`: emergencies first, then by run_at.

        Raises the fence. A claim that ran out without being released leaves `claim_lost_at` on the row.
        """

    def checkpoint(self, rotation: Rotation, changed: Rotation, *told: Told, release: bool) -> Rotation:
        """Writes `changed` over `rotation` if its fence and owner still stand, with `told` as events, atomically.

        Returns the row as it is now. Raises LostClaim when the claim is no longer ours. A rotation that becomes
        `done` raises the generation in the same transaction. Priority, approval and rollback are never written
        here: people may change them while a worker holds the row.
        """

    def wake(self, rotation_id: str, asked: str = "", sentence: str = "") -> None:
        """Makes a waiting rotation due now. `asked`: the request that wants it, taken with `sentence` atomically."""

    def approve(self, rotation_id: str, told: Told, by: str) -> None:
        """Writes down who gave the yes that a rotation waits for, and wakes it; the same word twice is one."""

    def escalate(self, rotation_id: str, told: Told) -> None:
        """Makes a rotation an emergency, and wakes it."""

    def reopen(self, rotation_id: str, told: Told, asked: str = "", sentence: str = "") -> bool:
        """Makes a parked rotation active and due where it stands: a person has looked. False when it is not parked.

        `asked`: the request that wants it, taken with `sentence` atomically, if it was parked.
        """

    def roll_back(self, rotation_id: str, told: Told, by: str) -> None:
        """Writes down who asked an active or parked rotation to go back, and makes it active and due; once."""

    def events(self, rotation_id: str) -> Sequence[Event]:
        """A rotation's story in order."""

    def stories(self, ids: Iterable[str]) -> Mapping[str, Sequence[Event]]:
        """The same of many, by id, in few queries."""

    def ended(self, since: datetime) -> Sequence[Ended]:
        """Rotations that were opened since then and have ended, in the order of their beginning."""

    # rollouts
    def join_rollout(
        self,
        rotation_id: str,
        workload: str,
        purpose: Purpose,
        *,
        exclusive: bool,
        since: datetime | None = None,
    ) -> RolloutRow:
        """Joins the workload's open rollout of that purpose, or opens one.

        A rotation that already is a member of a rollout of that workload and purpose gets that one again, unless it
        failed or began before `since`. An exclusive rollout is joined by nobody else.
        """

    def rollouts(self, ids: Iterable[str]) -> Sequence[RolloutRow]:
        """Rollouts by id."""

    def claim_rollouts(self, owner: str, limit: int, lease: timedelta) -> Sequence[RolloutRow]:
        """Claims due rollouts that are open or closed, as claim_rotations does."""

    def start_rollout(self, rollout: RolloutRow) -> RolloutRow | None:
        """Stamps `started_at` on a closed, claimed rollout. None while another one of its workload is under way.

        A workload rolls one rollout at a time: a platform would let the second replace the first. Raises LostClaim.
        """

    def checkpoint_rollout(self, rollout: RolloutRow, changed: RolloutRow, *, release: bool) -> RolloutRow:
        """As checkpoint(); a rollout that ends wakes its members. Members are never written: only joins add them."""

    # claims
    def renew(
        self,
        owner: str,
        rotations: Iterable[str],
        rollouts: Iterable[str],
        lease: timedelta,
    ) -> set[str]:
        """Prolongs claims that have not run out; returns the ids that are still ours."""

    # requests
    def add_request(self, request: Request) -> None:
        """Keeps a request."""

    def requests(self, *, waiting: bool = True) -> Sequence[Request]:
        """Requests, oldest first."""

    def settle_request(
        self,
        request_id: str,
        state: RequestState,
        sentence: str,
        rotation: str | None = None,
    ) -> bool:
        """Settles a waiting request, and forgets what was submitted with it; False when somebody else settled it."""

    # observations
    def observed(self) -> Mapping[str, Observed]:
        """The last observation of every secret."""

    def note_observed(self, observations: Iterable[Observed]) -> None:
        """Keeps observations; the newest wins."""

    def surveyed(self) -> Mapping[str, Surveyed]:
        """The last scan of every environment."""

    def note_surveyed(self, survey: Surveyed) -> None:
        """Keeps a scan's result."""

    def pauses(self) -> Mapping[str, Pause]:
        """Pauses by secret, also ended ones until they are lifted."""

    def note_pause(self, secret: str, pause: Pause | None) -> None:
        """Sets or lifts a pause."""

    def rejections(self) -> Mapping[str, Rejection]:
        """What somebody said no to, by secret, also of credentials that were replaced since."""

    def note_rejection(self, secret: str, rejection: Rejection | None) -> None:
        """Keeps or lifts a no."""

    def holds(self) -> Holds:
        """What holds rotations back, as of this process's last claim or checkpoint, or later.

        A phase asks before its effect, right after its worker wrote: this is no look at the database of its own.
        """

    # policy
    def last_policy(self) -> str | None:
        """The text of the last policy that was applied."""

    def policies_in_force(self) -> Policies | None:
        """The last policy that was applied, as it was resolved; None where this version cannot read it."""

    def policy_applied(self) -> tuple[str, datetime] | None:
        """The version of the last policy that was applied, and when."""

    def left_alone(self) -> Sequence[str]:
        """The secrets that policies have left to themselves since a person last said yes to one."""

    def note_policy(self, policies: Policies, text: str, left_alone: Sequence[str] = ()) -> None:
        """Keeps a policy that was applied: its text, and what it was resolved to under the settings of that moment.

        `left_alone`: the secrets that it leaves to themselves, or a policy before it, back to the last yes.
        """

    # alerts
    def alerts(self, *, unclosed: bool = True) -> Sequence[AlertRow]:
        """Alerts; `unclosed` leaves out those whose closing message has been told everywhere."""

    def post_alert(self, alert: Alert, due: timedelta) -> None:
        """Puts an alert into the outbox or updates the one with its identity; delivery is due after `due`.

        One that opens again within REOPENS_WITHIN goes on: since when it is open, its conversations and how often it
        was repeated stay, and so does a snooze. An acknowledgement ends with the alert that it was about.
        """

    def hush_alert(self, identity: str, hush: Hush) -> bool:
        """Writes down what somebody answered to an alert, and wakes it so that its messages show that.

        False when there is no such alert, or it is closed.
        """

    def claim_alerts(self, owner: str, limit: int, lease: timedelta) -> Sequence[AlertRow]:
        """Claims alerts whose delivery is due."""

    def claim_company(
        self, owner: str, identities: Collection[str], lease: timedelta, soon: timedelta
    ) -> Sequence[AlertRow]:
        """Claims those of these alerts whose delivery is due, or will be within `soon`, and that nobody holds."""

    def checkpoint_alerts(self, told: Sequence[tuple[AlertRow, AlertRow]], *, release: bool = True) -> None:
        """Writes how far alerts that were told in one message have been told, all of it or nothing, and releases them.

        Without `release` it is only written who was told, and the claims go on. Those whose claim is no longer ours are
        left as they are. Raises LostClaim when there are any.
        """

    # rates
    def reserve(self, account: str, per_second: float, burst: int, longest: timedelta) -> timedelta:
        """Takes the account's next slot (GCRA) and returns how long to wait until it.

        Raises NotYet, and takes nothing, when that is longer than `longest`: a call not made uses up no rate.
        """

    def hold_account(self, account: str, until: datetime) -> None:
        """Nobody calls the account before `until`."""

    def held_until(self, account: str) -> datetime | None:
        """Before when nobody calls the account, also when that has passed; None where nobody ever said."""

    # the record as a whole
    def tallies(self) -> Tallies:
        """How often each step was tried, how that went, and how long steps took, over all rotations."""

    # proofs
    def unsigned(self) -> bool:
        """Whether anything was recorded that no head covers yet."""

    def newest_head(self) -> Head | None:
        """The last signed head; None before the first."""

    def sign_heads(self, key: DataKey) -> Head:
        """Signs the ends of all chains that grew since the newest head, over that head, and keeps `key` wrapped."""

    def verify_chain(self, rotation_id: str) -> Sequence[Broken]:
        """What is not as it was written in one rotation's story: changed, missing, moved or cut off."""

    def verify_all(self, open_key: Callable[[str], DataKey] | None = None) -> Sequence[Broken]:
        """The same for every rotation and every head; without `open_key` the heads' signatures are not looked at.

        A head whose key `open_key` refuses to open is among what is found; Transient trouble is raised.
        """
