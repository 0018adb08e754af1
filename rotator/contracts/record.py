"""Record: what the journal tells whoever only looks. Every Journal is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from rotator.model.alerts import AlertRow
from rotator.model.observations import History, Observed, Pause, Rejection, Surveyed
from rotator.model.policy import Policies
from rotator.model.requests import Request
from rotator.model.rotation import Event, Rotation


class Record(Protocol):
    """Rotations, requests, observations, alerts and the policy, as they are written down.

    Every method raises JournalAway when the database gave no answer.
    """

    def now(self) -> datetime:
        """The journal's clock in UTC."""

    def rotation(self, rotation_id: str) -> Rotation | None:
        """One rotation by id."""

    def rotations(
        self, *, secret: str | None = None, unfinished: bool = False, limit: int | None = None
    ) -> Sequence[Rotation]:
        """Rotations, newest first, all of them unless limited; `unfinished` keeps active and parked ones."""

    def histories(self) -> Mapping[str, History]:
        """Every secret's history, by secret."""

    def events(self, rotation_id: str) -> Sequence[Event]:
        """A rotation's story in order."""

    def requests(self, *, waiting: bool = True) -> Sequence[Request]:
        """Requests, oldest first."""

    def observed(self) -> Mapping[str, Observed]:
        """The last observation of every secret."""

    def surveyed(self) -> Mapping[str, Surveyed]:
        """The last scan of every environment."""

    def pauses(self) -> Mapping[str, Pause]:
        """Pauses by secret, also ended ones until they are lifted."""

    def rejections(self) -> Mapping[str, Rejection]:
        """What somebody said no to, by secret, also of credentials that were replaced since."""

    def last_policy(self) -> str | None:
        """The text of the last policy that was applied."""

    def policies_in_force(self) -> Policies | None:
        """The last policy that was applied, as it was resolved; None where this version cannot read it."""

    def policy_applied(self) -> tuple[str, datetime] | None:
        """The version of the last policy that was applied, and when."""

    def left_alone(self) -> Sequence[str]:
        """The secrets that policies have left to themselves since a person last said yes to one."""

    def alerts(self, *, unclosed: bool = True) -> Sequence[AlertRow]:
        """Alerts; `unclosed` leaves out those whose closing message has been told everywhere."""

    def held_until(self, account: str) -> datetime | None:
        """Before when nobody calls the account, also when that has passed; None where nobody ever said."""
