"""Health, metrics and the status page beside a running daemon, where settings give them an address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rotator.daemon.heartbeat import Heartbeat
from rotator.daemon.installation import Installation
from rotator.daemon.policy import PolicyInForce
from rotator.web.pulse import Pulse


@contextmanager
def serving(parts: Installation, policy: PolicyInForce, pulse: Pulse, heartbeat: Heartbeat) -> Iterator[None]:
    """Serves them meanwhile; without ROTATOR_LISTEN nothing is loaded and nothing listens. Raises CannotListen."""
    listen = parts.settings.listen
    if listen is None:
        yield
        return
    from rotator.web.looks import Looks
    from rotator.web.metrics import Figures
    from rotator.web.server import Server, application

    figures = Figures(parts.journal, parts.policies, lambda: policy.rejected, parts.clock, heartbeat.process)
    looks = Looks(parts.journal, parts.policies, heartbeat.process, parts.clock)
    server = Server(application(pulse, parts.journal, figures, looks), listen.host, listen.port)
    try:
        yield
    finally:
        server.stop()
