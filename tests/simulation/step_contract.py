"""Rules of the step contract that no state of the world breaks: what may begin, what may land, what is written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from structlog.contextvars import get_contextvars

from rotator.contracts.guard import CALL_SECONDS
from rotator.model.rotation import UNDOING, Phase, Reason, Rotation, State
from tests.simulation import one_document
from tests.simulation.schedule import MINUTE
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.gate import Gate
    from tests.simulation.store import Parameter
    from tests.simulation.world import World


def begins(gate: Gate, point: str) -> None:
    """Rule 7: a worker that was asked to stop begins no effect."""
    if gate.works and gate.process.stopping and not _takes_back(gate, point):
        raise Violated("asked to stop", f"{gate.process.name} began {point} after it was asked to stop")


def lands(gate: Gate, point: str, asked: float) -> None:
    """Rules 3 and 7: an effect that nothing froze lands while its row's claim lasts, because calls are short enough."""
    if not gate.works or gate.process.disturbed_at >= asked or _takes_back(gate, point):
        return
    row = get_contextvars().get("rotation") or get_contextvars()["rollout"]
    holder, until = gate.world.holders.get(row, ("nobody", 0.0))
    if holder != gate.process.name or gate.world.now > until:
        raise Violated("inside a claim", f"{point} of {gate.process.name} for {row}, which {holder} holds")


def _takes_back(gate: Gate, point: str) -> bool:
    """Whether it removes a credential that it made and could not write down (rule 6)."""
    return point == "provider.remove" and any(made.gate is gate for made in gate.world.mints.values())


def put(world: World, name: str, value: str, looked_at: int, there: Parameter | None) -> None:
    """Somebody wrote last: between our look and our put, then the put races; before our look, then it is theirs."""
    if there is None or there.modified_by != "somebody":
        return
    if there.version == looked_at:
        _not_theirs(world, name, there)
        one_document.put(name, value, there)
    elif world.promises.forward_in(name, value) and world.now - world.asked_at < CALL_SECONDS + MINUTE:
        world.raced[name] = (looked_at, there.version + 1)


def _not_theirs(world: World, name: str, there: Parameter) -> None:
    """Rule 4: the way back overwrites the successor, and nothing that somebody put in its place."""
    rows = world.database.rotations(unfinished=True)
    row = next((one for one in rows if name in one.recipe.fields.values()), None)
    if row is None or row.phase not in UNDOING or row.sealed_successor is None:
        return
    ours = {sealed.reveal() for sealed in world.boxes[row.sealed_successor][0].values()}
    if not world.values_in(name, there.value) <= ours:
        raise Violated("P3 nothing of others touched", f"{row.id} overwrites what somebody wrote into {name}")


def believe(world: World, before: Rotation, row: Rotation, *, surprised: bool) -> None:
    """Rules 5 and 8: only a declared verdict undoes; a race parks; nobody is blamed for a drift that was none."""
    if surprised and row.phase in UNDOING and before.phase not in UNDOING:
        raise Violated("only verdicts undo", f"{row.id} goes back after an exception that nobody declared")
    _races_park(world, row)
    _nobody_waits_in_the_dark(world, row)
    blamed = row.state is State.PARKED and row.reason in {Reason.DRIFT, Reason.RACED}
    if not blamed or row.phase is not Phase.STORE:
        return
    late = any(
        kind == "journal restored" or (point == "store.put" and ("frozen" in kind or "later" in kind))
        for point, kind in world.faults.coverage
    )
    if not late and world.promises.touched.isdisjoint(row.recipe.fields.values()):
        raise Violated("own values are known", f"{row.id} is parked because somebody wrote, and nobody did")


#: Where a rotation may stand whose put has raced: it tries again, or somebody holds it. From here it can only park.
_AT_THE_STORE = frozenset({Phase.READY, Phase.ACTIVATE, Phase.VERIFY, Phase.ANNOUNCE, Phase.STORE})


def _races_park(world: World, row: Rotation) -> None:
    """Rule 8: a race seen after our put keeps ours, tells both versions, and parks before anything is redeployed."""
    for name in set(row.recipe.fields.values()) & world.raced.keys():
        looked_at, ours = world.raced[name]
        if row.state is State.PARKED:
            world.raced.pop(name)
            if row.reason is Reason.RACED and not {str(looked_at), str(ours)} <= _numbers(row.sentence):
                raise Violated(
                    "a race is told", f"{row.id} does not name {looked_at} and {ours}: {row.sentence}"
                )
        elif row.rolled_back_by is not None:
            world.raced.pop(name)
        elif row.phase not in _AT_THE_STORE:
            raise Violated(
                "a race parks", f"{row.id} goes on to {row.phase}: our put of {name} met somebody's"
            )


def _nobody_waits_in_the_dark(world: World, row: Rotation) -> None:
    """Where a source keeps one credential only, nothing holds a rotation back once that is not the one in use."""
    held_back = row.state is State.ACTIVE and row.reason in {Reason.WINDOW, Reason.PAUSED, Reason.OTHERS}
    if held_back and row.secret in world.promises.dark_since:
        raise Violated(
            "P1 never dark", f"{row.id} waits at {row.phase} ({row.reason}), and consumers are locked out"
        )


def _numbers(sentence: str) -> set[str]:
    return {word.strip(";:,.") for word in sentence.split()}


def mint(world: World, label: str) -> None:
    """A mint whose answer came is written down, as long as there is a journal and a claim."""
    for made in [one for one in world.mints.values() if one.label == label]:
        undisturbed = not made.gate.process.dead and made.gate.process.disturbed_at < made.at
        if undisturbed and not world.journal_was_away(made.at):
            raise Violated("P2 nothing lost", f"the answer for {made.id} came, and it was not written down")
