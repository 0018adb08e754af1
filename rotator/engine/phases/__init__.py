"""The rotation: one function a phase, under the four headings that an operator knows, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rotator.engine.phases import invalidate, push, rollout, source, undo
from rotator.engine.phases.step import Move, Step
from rotator.model.rotation import Phase

PHASES: Mapping[Phase, Callable[[Step], Move]] = {
    # 1 update at source
    Phase.PLAN: source.plan,
    Phase.TIDY: source.tidy,
    Phase.CREATE: source.create,
    Phase.READY: source.ready,
    Phase.ACTIVATE: source.activate,
    Phase.VERIFY: source.verify,
    # 2 push to the store
    Phase.ANNOUNCE: push.announce,
    Phase.STORE: push.store,
    # 3 redeploy
    Phase.REDEPLOY: rollout.redeploy,
    Phase.CONFIRM: rollout.confirm,
    # 4 invalidate the old
    Phase.GRACE: invalidate.grace,
    Phase.DISABLE: invalidate.disable,
    Phase.FORGET: invalidate.forget,
    Phase.PROVE: invalidate.prove,
    Phase.QUARANTINE: invalidate.quarantine,
    Phase.REMOVE: invalidate.remove,
    # undo
    Phase.RESTORE: undo.restore,
    Phase.RECONFIRM: undo.reconfirm,
    Phase.WITHDRAW: undo.withdraw,
    Phase.DISCARD: undo.discard,
    Phase.DISPROVE: undo.disprove,
}
