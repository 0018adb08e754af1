"""`python -m rotator` is the same as `rotator`."""

from __future__ import annotations

from rotator.cli.main import main

main()
