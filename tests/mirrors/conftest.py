"""Clusters for the mirror: one that is played, and a real one for what is marked `on_both`."""

from __future__ import annotations

from tests.redeployers.conftest import plane, stand_in
from tests.redeployers.control_plane import control_plane

__all__ = ["control_plane", "plane", "stand_in"]
