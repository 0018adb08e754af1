"""Rules of the step contract that show only in what is written down: 5 (verdicts), 6 (results) and 8 (own values)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.model.rotation import UNDOING, Phase, Reason, Rotation, State
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.world import World


def believe(world: World, before: Rotation, row: Rotation, *, surprised: bool) -> None:
    """Only a declared verdict undoes; and nobody is blamed for a drift that was none."""
    if surprised and row.phase in UNDOING and before.phase not in UNDOING:
        raise Violated("only verdicts undo", f"{row.id} goes back after an exception that nobody declared")
    blamed = row.state is State.PARKED and row.reason in {Reason.DRIFT, Reason.RACED}
    if not blamed or row.phase is not Phase.STORE:
        return
    late = any(
        kind == "journal restored" or (point == "store.put" and "frozen" in kind)
        for point, kind in world.faults.coverage
    )
    if not late and world.promises.touched.isdisjoint(row.recipe.fields.values()):
        raise Violated("own values are known", f"{row.id} is parked because somebody wrote, and nobody did")


def mint(world: World, label: str) -> None:
    """A mint whose answer came is written down, as long as there is a journal and a claim."""
    for made in [one for one in world.mints.values() if one.label == label]:
        undisturbed = not made.gate.process.dead and made.gate.disturbed_at < made.at
        if undisturbed and not world.journal_was_away(made.at):
            raise Violated("P2 nothing lost", f"the answer for {made.id} came, and it was not written down")
