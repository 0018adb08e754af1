"""`python -m tests.access` prints how the judge and its peers do on the labelled corpus."""

from __future__ import annotations

from tests.access.compared import table

print(table())
