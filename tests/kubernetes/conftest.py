"""The control plane, where there is one."""

from __future__ import annotations

from tests.redeployers.control_plane import control_plane

__all__ = ["control_plane"]
