"""Every adapter of the project keeps its contract: some test class that inherits the contract knows it.

A promise that no suite asks for is kept by chance. Read from the texts alone: nothing is imported, no far side started.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GROUPS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
#: What the suites in rotator/testing are called.
SUITES = {
    "rotator.channels": {"ChannelContract"},
    "rotator.mirrors": {"MirrorContract"},
    "rotator.providers": {"ProviderContract", "SharedProviderContract", "SubmittedProviderContract"},
    "rotator.redeployers": {"RedeployerContract"},
    "rotator.sealers": {"SealerContract"},
    "rotator.stores": {"StoreContract"},
    "rotator.trails": {"TrailContract"},
}
ADAPTERS = [
    pytest.param(group, target.rpartition(":")[2], id=f"{group}: {name}")
    for group, points in GROUPS.items()
    for name, target in points.items()
]
_CLASS = re.compile(r"^class (\w+)\(([\w, ]+)\):", re.MULTILINE)
_IMPORTED = re.compile(r"^from (tests\.[\w.]+) import", re.MULTILINE)
_WORD = re.compile(r"\w+")


@cache
def texts() -> dict[str, str]:
    """module -> text, of all tests."""
    found = {}
    for file in (ROOT / "tests").rglob("*.py"):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        found[module] = file.read_text(encoding="utf-8")
    return found


@cache
def suites_run() -> dict[str, set[str]]:
    """module -> the suites that its test classes inherit, also by way of a class of tests in between."""
    classes = {
        module: {name: set(_WORD.findall(parents)) for name, parents in _CLASS.findall(text)}
        for module, text in texts().items()
    }
    everything = {name: parents for those in classes.values() for name, parents in those.items()}

    def above(parents: set[str]) -> set[str]:
        return parents.union(*(above(everything.get(parent, set())) for parent in parents))

    return {
        module: set[str]().union(
            *(above(parents) for name, parents in those.items() if name.startswith("Test"))
        )
        for module, those in classes.items()
    }


def named_in(module: str) -> set[str]:
    """The words of a test, and of the modules of tests that it imports from: the world may be one of its own."""
    names, ahead, seen = set[str](), [module], set[str]()
    while ahead:
        one = ahead.pop()
        if one in seen or one not in texts():
            continue
        seen.add(one)
        names.update(_WORD.findall(texts()[one]))
        ahead += _IMPORTED.findall(texts()[one])
    return names


def test_every_kind_of_adapter_has_a_suite() -> None:
    assert GROUPS.keys() <= SUITES.keys()


def test_any_store_can_be_a_mirror() -> None:
    assert GROUPS["rotator.stores"].keys() <= GROUPS["rotator.mirrors"].keys()


@pytest.mark.parametrize("group, adapter", ADAPTERS)
def test_every_adapter_has_a_class_of_its_contract(group: str, adapter: str) -> None:
    asking = [module for module, suites in suites_run().items() if suites & SUITES[group]]
    assert any(adapter in named_in(module) for module in asking), (
        f"no test class with {' or '.join(sorted(SUITES[group]))} knows {adapter}"
    )
