"""policy explain: every value in force for a secret, and the line that it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rotator.cli.names import secrets_named
from rotator.cli.opening import Unusable, looking, read_file, settings
from rotator.cli.show import Format, as_json, as_lines, as_rows, as_table, heading, say
from rotator.config.explain import Known, explain
from rotator.config.load import Loaded
from rotator.config.reading import load_with

_CSV_COLUMNS = ("secret", "key", "value", "level", "file", "line", "why")


def explain_secret(typed: str, env: str | None, file: Path | None, *, form: Format) -> None:
    """Explains the policy in force, or a file; each environment's secret where several have the name."""
    loaded, source, in_force = _loaded(file)
    assert loaded.policies is not None, "_loaded says what is wrong"
    known = {secret: explain(loaded, secret) for secret in secrets_named(typed, loaded.policies, env)}
    if form is Format.JSON:
        as_json(
            policy_version=loaded.policies.version,
            in_force=in_force,
            file=source,
            secrets=[
                {"secret": secret, "values": [_facts(one) for one in values]}
                for secret, values in known.items()
            ],
        )
        return
    if form is not Format.TABLE:
        rows = (
            {"secret": secret, **_facts(one), "file": source}
            for secret, values in known.items()
            for one in values
        )
        as_rows(form, rows, _CSV_COLUMNS)
        return
    for number, (secret, values) in enumerate(known.items()):
        as_lines(*[""] * bool(number))
        heading(secret)
        as_table([_row(one, source) for one in values], ("key", "value", "where", "level"), "why")
    where = "in force" if in_force else f"in {source}, which is not in force"
    say(f"Policy {loaded.policies.version[:12]}, {where}.")


def _loaded(file: Path | None) -> tuple[Loaded, str, bool]:
    """The policy to explain, how its file is called, and whether it is in force. Raises Unusable."""
    known = settings()
    text = looking().journal.last_policy() if file is None else None
    source = file or known.policies
    # Which hosts a policy may name is for the daemon to say, and explains nothing.
    lenient = known.model_copy(update={"policies": source, "allowed_hosts": ("*",), "own_recipes": True})
    loaded = load_with(lenient, read_file(source) if text is None else text)
    if loaded.policies is None:
        raise Unusable("\n".join(str(complaint) for complaint in loaded.errors))
    return loaded, str(source), text is not None


def _row(one: Known, source: str) -> dict[str, str]:
    where = f"{source}:{one.line}" if one.line else ""
    return {"key": one.key, "value": one.value, "where": where, "level": one.level, "why": one.why}


def _facts(one: Known) -> dict[str, Any]:
    return {"key": one.key, "value": one.value, "level": one.level, "line": one.line, "why": one.why or None}
