"""Tests: a package, so that `python -m tests.simulation` and `python -m tests.crash` run from a checkout."""
