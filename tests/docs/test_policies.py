"""Every policy on a page is one: whole ones are loaded as they stand, pieces in the policy that they belong to.

That is the last whole policy above them on their page, or Taly's, with the pieces before them already in it.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from rotator.config.complaints import Complaints
from rotator.config.load import load
from rotator.config.schema import PolicyFile
from rotator.config.strict_yaml import read
from rotator.sandbox.tutorial import POLICY
from tests.docs.pages import PAGES, ROOT, Piece, blocks

_SECTIONS = {field.alias or name for name, field in PolicyFile.model_fields.items()}
_HOSTS = ["*.taly.*", "api.stripe.com", "127.0.0.1"]


#: Policies and pieces of them. What else is YAML says so (```yaml rbac) or is a comment.
POLICIES = [
    block
    for page in PAGES
    for block in blocks(page, "yaml")
    if not block.mark and any(line and not line.startswith("#") for line in block.text.splitlines())
]


def values(text: str, place: str) -> Any:
    """What the text says, read as strictly as a policy is."""
    complaints = Complaints(place)
    said = read(text, complaints)
    assert not complaints.all()
    return said


def whole(block: Piece) -> str:
    """The block as a whole policy."""
    if "apiVersion" in values(block.text, block.place):
        return block.text
    within = values((ROOT / "policies.yaml").read_text(encoding="utf-8"), "policies.yaml")
    for piece in (one for one in POLICIES if one.page == block.page and one.line < block.line):
        said = values(piece.text, piece.place)
        within = said if "apiVersion" in said else merged(within, said)
    return yaml.safe_dump(merged(within, values(block.text, block.place)), sort_keys=False)


def merged(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}


@pytest.mark.parametrize("block", POLICIES, ids=lambda block: block.place)
def test_a_policy_on_a_page_can_be_used(block: Piece) -> None:
    assert set(values(block.text, block.place)) <= _SECTIONS
    loaded = load(whole(block), "policies.yaml", allowed_hosts=_HOSTS)
    assert not [str(complaint) for complaint in loaded.errors]


def test_a_mistake_on_a_page_would_be_seen() -> None:
    wrong = Piece(ROOT / "README.md", 0, "types: {shared-token: {rotate_evry: 90d}}")
    assert load(whole(wrong), "policies.yaml", allowed_hosts=_HOSTS).errors


def test_the_tutorial_shows_the_policy_that_its_world_writes() -> None:
    (shown,) = blocks(ROOT / "docs/tutorial/first-rotation.md", "yaml")
    assert shown.text == POLICY.format(probe="http://127.0.0.1:40001/")
