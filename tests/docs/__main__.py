"""`python -m tests.docs` writes anew what is made from the code."""

from __future__ import annotations

from tests.docs import adapters

adapters.PAGE.write_text(adapters.page(), encoding="utf-8")
