"""policy schema: policies.yaml as JSON Schema, on standard output, for a file that editors read."""

from __future__ import annotations

import json
import sys

from rotator.config.json_schema import json_schema


def print_schema() -> None:
    """Prints it as it is kept in docs/reference/policies.schema.json."""
    json.dump(json_schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
