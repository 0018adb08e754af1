"""docs/reference/adapters.md, made from the adapters themselves: what each source is like, and its settings."""

from __future__ import annotations

import ast
import inspect
import json
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from io import StringIO
from textwrap import dedent
from tokenize import COMMENT, generate_tokens
from typing import Any

from pydantic import BaseModel

from rotator.cli.adapters import told
from rotator.contracts.provider import Overlap, Sight, Traits
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "reference" / "adapters.md"

_INTRODUCTION = """\
# Adapters

What `provider:` may say in [policies.yaml](policies.md), what each source is like, and what its adapter takes under
`settings`. A secret of any other provider is only watched. This page is made from the code by `python -m tests.docs`.
"""
OVERLAP = {Overlap.NONE: "one", Overlap.PAIR: "two", Overlap.MANY: "many"}
_SIGHT = {
    Sight.YES: "yes",
    Sight.LAGGING: "yes, some time later",
    Sight.NO: "no",
    Sight.OURS: "yes: both ends are consumers of the recipe",
}

_KINDS = {"string": "text", "boolean": "`true` or `false`", "array": "a list", "object": "a map"}


def page() -> str:
    """The whole page."""
    sections = ["\n".join(_section(name, adapter)) + "\n" for name, adapter in sorted(shipped().items())]
    return "\n".join([_INTRODUCTION, *sections])


_BEGINS, _ENDS = "<!-- made from the code by python -m tests.docs -->\n", "<!-- until here -->\n"
_OF_USE = {"later": "yes, later", "no": "no (`accept_unseen`)", "ours": "yes: both ends are ours"}


def readme(text: str) -> str:
    """The README, with its table as the adapters are now."""
    before, begins, rest = text.partition(_BEGINS)
    _former, ends, after = rest.partition(_ENDS)
    assert begins and ends, "the README lacks the marks of its table"
    return f"{before}{begins}{table()}{ends}{after}"


def table() -> str:
    """What each adapter can keep of the promises: what `rotator adapters` says, in the README's words."""
    heads = (
        "adapter",
        "overlap",
        "is use seen?",
        "how death is proved",
        "longest dark time after a crash",
        "remark",
    )
    lines = [heads, ("---",) * len(heads), *(_row(name, one) for name, one in shipped().items())]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _row(name: str, adapter: Any) -> tuple[str, ...]:
    said = told("providers", name, adapter)
    overlap = "one (`accept_gap`)" if said["accepts"] == "one" else said["accepts"]
    use = "no" if adapter.traits.submitted else _OF_USE.get(said["use_seen"], said["use_seen"])
    return f"`{name}`", overlap, use, f"`{said['death']}`", said["dark"], said["remark"]


def shipped() -> dict[str, Any]:
    """Name -> class of each adapter that the project brings."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points: dict[str, str] = project["entry-points"]["rotator.providers"]
    return {name: EntryPoint(name, place, "rotator.providers").load() for name, place in points.items()}


def _section(name: str, adapter: Any) -> Iterator[str]:
    about = (inspect.getdoc(sys.modules[adapter.__module__]) or "").partition(": ")[2]
    yield from (f"## {name}", about[:1].upper() + about[1:], "")
    yield from (inspect.getdoc(adapter) or "", "", "| the source | |", "|---|---|")
    yield from (f"| {what} | {said} |" for what, said in _traits(adapter.traits))
    yield from ("", "| setting | what it takes | default |", "|---|---|---|")
    yield from _options(adapter.Options)
    yield from ("", inspect.getdoc(adapter.Options) or "")


def _traits(traits: Traits) -> Iterator[tuple[str, str]]:
    yield "accepts at once", OVERLAP[traits.overlap]
    told = "no: a person makes it" if traits.submitted else "no: it is told what rotator made"
    yield "makes the value", "itself" if traits.mints else told
    yield "bears the rotation's label", _yes(traits.labels)
    yield "can disable and enable again", _yes(traits.reversible)
    yield "shows use", _SIGHT[traits.sight]
    yield "death is known by", f"`{traits.death}`"
    yield "a change is seen everywhere within", f"{traits.propagation.total_seconds():.0f} s"


def _yes(said: bool) -> str:
    return "yes" if said else "no"


def _options(options: type[BaseModel]) -> Iterator[str]:
    remarks = _remarks(options)
    schema = options.model_json_schema()
    required = schema.get("required", [])
    for name, shape in schema["properties"].items():
        default = "required" if name in required else _default(shape.get("default"))
        yield f"| `{name}` | {'; '.join(filter(None, [_shape(shape), remarks.get(name)]))} | {default} |"


def _remarks(options: type[BaseModel]) -> dict[str, str]:
    """What is said behind each option, on whichever of its lines the formatter has left that."""
    source = dedent(inspect.getsource(options))
    tokens = generate_tokens(StringIO(source).readline)
    said = {token.start[0]: token.string.removeprefix("# ") for token in tokens if token.type == COMMENT}
    remarks = {}
    for line in ast.walk(ast.parse(source)):
        if isinstance(line, ast.AnnAssign):
            behind = range(line.lineno, (line.end_lineno or line.lineno) + 1)
            remarks[ast.unparse(line.target)] = " ".join(said[number] for number in behind if number in said)
    return remarks


def _default(value: Any) -> str:
    return "" if value is None else f"`{json.dumps(value) if isinstance(value, bool) else value}`"


def _shape(shape: dict[str, Any]) -> str:
    """What may be written, in words; of several forms all."""
    forms = [one for one in shape.get("anyOf", [shape]) if one.get("type") != "null"]
    return " or ".join(dict.fromkeys(_form(form) for form in forms))


def _form(form: dict[str, Any]) -> str:
    if "const" in form or "enum" in form:
        return ", ".join(f"`{value}`" for value in form.get("enum", [form.get("const")]))
    if form.get("type") == "integer":
        step = f", a multiple of {form['multipleOf']}" if "multipleOf" in form else ""
        return f"{form['minimum']} to {form['maximum']}{step}"
    if "prefixItems" in form:
        return f"a list of {len(form['prefixItems'])}"
    if form.get("format") == "duration":
        return "a duration"
    return _KINDS["object" if "$ref" in form else form["type"]]
