"""The how-to about providers, followed: its package is built by what it names, is found, and keeps the contract."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "how-to" / "write-a-provider.md"
FILES = {
    block.mark: block.text
    for block in blocks(PAGE, "python", "toml", "yaml")
    if re.fullmatch(r"\w+\.(py|toml|yaml)", block.mark)
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Everything that the page shows, and beside it what an installer makes of the wheel that is built from it."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    build = [
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--no-cache-dir",
        ".",
    ]
    built = python(tmp_path, *build, "--wheel-dir", "dist")
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    with ZipFile(wheel) as packed:
        assert "test_acme_key.py" not in packed.namelist()
        packed.extractall(tmp_path)
    return tmp_path


def python(package: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """In the package's folder, with rotator and the package to be imported from where they are."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(package),
        "PYTHONPATH": f"{package}:{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [sys.executable, *words],
        cwd=package,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def test_the_page_holds_a_file_a_line_a_test_and_a_policy() -> None:
    assert set(FILES) == {"acme_key.py", "pyproject.toml", "test_acme_key.py", "policies.yaml"}
    (lines,) = tomllib.loads(FILES["pyproject.toml"])["project"]["entry-points"].values()
    assert len(lines) == 1
    assert len(FILES["acme_key.py"].splitlines()) < 130


def test_the_page_tells_about_every_trait_that_its_adapter_sets() -> None:
    told = set(re.findall(r"`(\w+)`", PAGE.read_text(encoding="utf-8").partition("## 2.")[0]))
    traits = next(
        node
        for node in ast.walk(ast.parse(FILES["acme_key.py"]))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Traits"
    )
    assert {keyword.arg for keyword in traits.keywords} <= told


@pytest.mark.slow
def test_the_page_s_provider_keeps_the_contract(package: Path) -> None:
    run = python(
        package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "test_acme_key.py"
    )
    assert run.returncode == 0, run.stdout
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None and int(passed[1]) > 25, run.stdout


@pytest.mark.slow
def test_a_provider_that_breaks_a_promise_would_be_seen(package: Path) -> None:
    adapter = package / "acme_key.py"
    adapter.write_text(FILES["acme_key.py"].replace("lambda _request: guard()", "lambda _request: None"))
    run = python(
        package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "test_acme_key.py"
    )
    assert run.returncode == 1, run.stdout
    assert "test_nothing_is_made_without_the_claim" in run.stdout


@pytest.mark.slow
def test_policy_check_knows_the_adapter_by_its_line_alone(package: Path) -> None:
    run = python(package, "-m", "rotator", "policy", "check", "policies.yaml")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "watched only" not in run.stdout
    shown = json.loads(python(package, "-m", "rotator", "adapters", "--json").stdout)["adapters"]
    (acme,) = [row for row in shown if row["name"] == "acme-key"]
    assert (acme["accepts"], acme["use_seen"], acme["death"]) == ("many", "yes", "tried")
    assert acme["needs"] and acme["tried_on"] and acme["remark"]
    (package / "policies.yaml").write_text(FILES["policies.yaml"].replace("project: crm", "projekt: crm"))
    run = python(package, "-m", "rotator", "policy", "check", "policies.yaml")
    assert run.returncode != 0
    assert "settings.projekt" in run.stdout + run.stderr
