"""The rules of the house that no linter knows: where values may be revealed, what things may be called, what never
gets into git, and what the locks must hold."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tokenize
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "rotator"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# Where a secret value may be taken out of its envelope: adapters, which hand it to a source or a store, and the
# kits that play these. `model/secrets.py` defines the envelope.
MAY_REVEAL = (
    "channels", "mirrors", "providers", "redeployers", "sandbox", "sealers", "stores", "testing", "trails",
    "github.py", "model/secrets.py",
)  # fmt: skip

# Words that say nothing about what a thing does, and words for which design has a better one.
EMPTY_WORDS = {
    "backend",
    "base",
    "common",
    "handler",
    "helper",
    "helpers",
    "manager",
    "misc",
    "plugin",
    "util",
    "utils",
}
OTHER_WORDS = {"refresh", "refresher", "revocation", "revoke", "revoker"}

# No machine of ours, no index: whoever installs decides where packages come from. In pieces, because this file is
# searched, too.
PLACES = re.compile(
    r"(?<![\w.\-/~])/(?:work|root|opt/wheels|opt/pypi)/"
    r"|\bpypi\.(?:org|python)|python" + r"hosted\.|npm" + r"js\.(?:org|com)|(?:deb|security|ftp)\.debian" + r"\.org"
)  # fmt: skip

# Each begins with a letter of its own and not with \b: so a search passes over the rest of a text ten times as fast.
LIVE_CREDENTIALS = re.compile(
    r"A[KS]IA[0-9A-Z]{16}\b"
    r"|sk_(?:live|test)_[0-9A-Za-z]{10,}|rk_(?:live|test)_[0-9A-Za-z]{10,}"
    r"|whsec_[0-9A-Za-z+/]{20,}"
    r"|xox[abeprs]-[0-9A-Za-z-]{10,}|xapp-[0-9A-Za-z-]{10,}"
    r"|gh[oprsu]_[0-9A-Za-z]{20,}|github_pat_\w{20,}"
    r"|AIza[0-9A-Za-z_-]{30,}|GOCSPX-[0-9A-Za-z_-]{20,}"
    r"|AC[0-9a-f]{32}\b|SK[0-9a-f]{32}\b"
    r"|SG\.[0-9A-Za-z_-]{20,}\.[0-9A-Za-z_-]{20,}"
    r"|eyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\."
    r"|/services/T[0-9A-Z]{6,}/B[0-9A-Z]{6,}/[0-9A-Za-z]{10,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----\s*(?:\\n)?[0-9A-Za-z+/]{20,}"
)  # fmt: skip

# A check that is switched off says on its own line why: `noqa: S104 - the sandbox listens on loopback only`.
SWITCHED_OFF = re.compile(
    r"#\s*(?:noqa(?::\s*[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*)?|type:\s*ignore(?:\[[\w,\s-]+\])?|pragma:[\w ]+)"
)


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"), str(module))


@cache
def nodes_of(module: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree_of(module)))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def files_for_git() -> tuple[Path, ...]:
    """Files that are in git, or would be after `git add`."""
    if not (shutil.which("git") and (ROOT / ".git").exists()):
        pytest.skip("not a git checkout, or git is not installed: what is tracked cannot be listed")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return tuple(path for name in listing.split("\0") if name and (path := ROOT / name).is_file())


@cache
def texts_for_git() -> dict[str, str]:
    """What is written in every text file for git, by its name."""
    texts = {}
    for path in files_for_git():
        with suppress(UnicodeDecodeError):
            texts[name_of(path)] = path.read_text(encoding="utf-8")
    return texts


def places_for_git(unwanted: re.Pattern[str]) -> list[str]:
    """file:line wherever it is found."""
    return [
        f"{name}:{text.count(chr(10), 0, found.start()) + 1}"
        for name, text in texts_for_git().items()
        for found in unwanted.finditer(text)
    ]


def test_values_are_revealed_in_adapters_only() -> None:
    found = [
        f"{name_of(module)}:{node.lineno}"
        for module in modules()
        if not name_of(module).removeprefix("rotator/").startswith(MAY_REVEAL)
        for node in nodes_of(module)
        if isinstance(node, ast.Attribute) and node.attr == "reveal"
    ]
    assert not found


def names_in(module: Path) -> Iterator[tuple[str, str]]:
    """(place, identifier) of a module, its classes and its functions."""
    yield name_of(module), module.parent.name if module.stem == "__init__" else module.stem
    for node in nodes_of(module):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name_of(module)}:{node.lineno}", node.name


@cache
def words_of(identifier: str) -> frozenset[str]:
    return frozenset(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", identifier))


def test_words_of_a_name() -> None:
    assert words_of("BaseHTTPHandler_v2") == {"base", "http", "handler", "v", "2"}


def test_names_say_what_a_thing_does() -> None:
    found = [
        f"{place}: {identifier}"
        for module in modules()
        for place, identifier in names_in(module)
        if words_of(identifier) & (EMPTY_WORDS | OTHER_WORDS)
    ]
    assert not found


def test_every_module_says_what_it_is_for() -> None:
    assert not [
        name_of(module) for module in modules() if len((ast.get_docstring(tree_of(module)) or "").split()) < 3
    ]


def test_no_file_is_longer_than_400_lines() -> None:
    assert not [
        name_of(module) for module in modules() if len(module.read_text(encoding="utf-8").splitlines()) > 400
    ]


def adapters() -> dict[str, str]:
    """Module of each shipped adapter -> its class."""
    groups: dict[str, dict[str, str]] = PROJECT["project"]["entry-points"]
    return dict(target.split(":") for names in groups.values() for target in names.values())


def path_of(module: str) -> Path:
    return ROOT / f"{module.replace('.', '/')}.py"


def classes_of(module: Path) -> set[str]:
    return (
        {node.name for node in tree_of(module).body if isinstance(node, ast.ClassDef)}
        if module.exists()
        else set()
    )


def imports_of(module: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import."""
    for node in nodes_of(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def test_adapters_never_see_each_other() -> None:
    found = [
        f"{name_of(path_of(adapter))}:{line}"
        for adapter in adapters()
        if path_of(adapter).exists()
        for line, imported in imports_of(path_of(adapter))
        if any(f"{imported}.".startswith(f"{other}.") for other in adapters() if other != adapter)
    ]
    assert not found


def test_adapters_are_where_the_project_says() -> None:
    found = [
        f"{adapter}:{name}"
        for adapter, name in adapters().items()
        if name not in classes_of(path_of(adapter))
    ]
    assert not found


def comments_in(path: Path) -> Iterator[tuple[int, str]]:
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def test_a_check_is_switched_off_only_with_a_reason() -> None:
    found = [
        f"{name_of(path)}:{line}"
        for path in [*modules(), *sorted((ROOT / "tests").rglob("*.py"))]
        if SWITCHED_OFF.search(path.read_text(encoding="utf-8"))  # taking a file apart takes longer
        for line, comment in comments_in(path)
        if SWITCHED_OFF.search(comment) and len(SWITCHED_OFF.sub("", comment).split()) < 3
    ]
    assert not found


def test_git_holds_no_place_of_ours_and_no_index() -> None:
    assert not places_for_git(PLACES)


def test_git_holds_nothing_that_looks_like_a_live_credential() -> None:
    assert not places_for_git(LIVE_CREDENTIALS)


@pytest.mark.parametrize(
    "line",
    [
        "key = 'AK" + "IA" + "ABCDEFGH" * 2 + "'",
        "sk_" + "live_" + "a1" * 12,
        "xox" + "b-" + "123456789012-abc",
        "AC" + "0f" * 16,
        "https://chat.example/services/" + "T0123456/B0123456/" + "abcDEF123456",
    ],
)
def test_a_live_credential_would_be_seen(line: str) -> None:
    assert LIVE_CREDENTIALS.search(line)


@pytest.mark.parametrize(
    "line", ["cd /" + "work/x", "--index-url https://py" + "pi.org/simple", "'/" + "root/x'"]
)
def test_a_place_of_ours_would_be_seen(line: str) -> None:
    assert PLACES.search(line)


def locked(file: str) -> dict[str, str]:
    """Package -> version(s) of a lock; every package has at least one hash."""
    versions: dict[str, str] = {}
    name = ""
    hashed = {""}
    for line in (ROOT / "requirements" / file).read_text(encoding="utf-8").splitlines():
        if pinned := re.match(r"([a-z0-9][a-z0-9.-]*)==(\S+)", line):
            name, versions[name] = pinned[1], pinned[2]
        elif re.match(r"    --hash=sha256:[0-9a-f]{64}", line):
            hashed.add(name)
        else:
            assert line.startswith("    # via"), f"{file}: {line}"
    assert hashed - {""} == set(versions)
    return versions


@pytest.mark.parametrize("file", ["build.txt", "dev.txt", "lock.txt", "runtime.txt"])
def test_locks_pin_and_hash_everything_and_name_no_address(file: str) -> None:
    assert locked(file)
    assert "://" not in (ROOT / "requirements" / file).read_text(encoding="utf-8")


def test_the_lock_is_the_project_s() -> None:
    extras: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
    wanted = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["build-system"]["requires"],
        *extras["sandbox"],
        *extras["dev"],
    ]
    versions = locked("dev.txt")
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        if name != "rotator":
            assert versions[name] in requirement.specifier, f"{requirement}: `make lock` is due"


def test_what_is_shipped_is_what_is_tested() -> None:
    tested, shipped, build = locked("dev.txt"), locked("runtime.txt"), locked("build.txt")
    assert shipped == {name: tested.get(name) for name in shipped}
    assert build == {name: tested.get(name) for name in build}
    for requirement in map(Requirement, PROJECT["project"]["dependencies"]):
        assert canonicalize_name(requirement.name) in shipped
