"""`python -m tests.docs` writes anew what is made from the code."""

from __future__ import annotations

from tests.docs import adapters
from tests.docs.pages import ROOT

readme = ROOT / "README.md"
adapters.PAGE.write_text(adapters.page(), encoding="utf-8")
readme.write_text(adapters.readme(readme.read_text(encoding="utf-8")), encoding="utf-8")
