"""policy check: everything that is wrong with policies.yaml, in one go."""

from __future__ import annotations

from pathlib import Path

import typer

from rotator.cli.codes import Code
from rotator.cli.opening import read_file, settings
from rotator.cli.show import as_json, as_lines
from rotator.config.load import explain_complaints
from rotator.config.reading import load_with


def check_policy(path: Path | None, *, json: bool) -> None:
    """Prints every complaint with its line; exit code 2 when the file cannot be used."""
    known = settings()
    file = path or known.policies
    loaded = load_with(known.model_copy(update={"policies": file}), read_file(file))
    if json:
        as_json(
            ok=loaded.policies is not None,
            version=loaded.policies.version if loaded.policies else None,
            complaints=[
                {"line": one.line, "path": one.path, "severity": one.severity, "sentence": one.sentence}
                for one in loaded.complaints
            ],
        )
    else:
        as_lines(*explain_complaints(loaded).splitlines())
    if loaded.policies is None:
        raise typer.Exit(Code.USAGE)
