"""A journal and the world around it as text, and back again.

Rows are kept as the database has them, column by column, so that whoever reads them later reads what was written. No
value is kept: each has a name, and gets another value whenever the text is read. So do the texts that were sealed;
what they were bound to is kept as it was.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, insert, select

import rotator.journal.migrations
from rotator.contracts.provider import Liveness
from rotator.contracts.redeployer import RolloutProgress
from rotator.contracts.sealer import DataKey, Sealer
from rotator.model.secrets import AcceptedSet, MalformedSet, Sealed, StoredValue
from rotator.testing.hostile_source import Held, HostileSource
from rotator.testing.memory_platform import Fate, MemoryInstance, MemoryRollout
from rotator.testing.memory_store import MemoryParameter
from tests.upgrade.company import Company, Platform

JOURNALS = Path(__file__).parent / "journals"
Kept = dict[str, Any]
#: Columns with texts that were sealed. An earlier version's table may lack some.
_SEALED = {
    "rotation": ("sealed_predecessor", "sealed_successor", "data_key"),
    "request": ("sealed", "data_key"),
    "head": ("mac", "data_key"),
}


def newest() -> Kept:
    """The journal that was written last."""
    return read(max(JOURNALS.glob("*.json"), key=lambda path: int(path.stem)))


def read(path: Path) -> Kept:
    """One journal."""
    kept: Kept = json.loads(path.read_text(encoding="utf-8"))
    return kept


class Names:
    """Names for values: `name` when they are written, `value` when they are read."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Sealed] = {}

    def name(self, value: Sealed) -> str:
        """The same for the same value."""
        return self._names.setdefault(value.reveal(), f"value {len(self._names) + 1}")

    def value(self, name: str) -> Sealed:
        """The same for the same name, and never seen before."""
        return self._values.setdefault(name, Sealed(secrets.token_hex(16)))

    def told(self, value: Sealed) -> Any:
        """What a parameter holds: a value, or a list of them."""
        with suppress(MalformedSet):
            return [self.name(member) for member in AcceptedSet.parse(value)._members]
        return self.name(value)

    def meant(self, told: Any) -> Sealed:
        """What `told` said, with other values."""
        if isinstance(told, list):
            return AcceptedSet([self.value(name) for name in told]).sealed()
        return self.value(told)


# the journal


def rows_of(connection: Connection) -> Kept:
    """Every row of every table."""
    tables = MetaData()
    tables.reflect(connection)
    return {
        table.name: [dict(row._mapping) for row in connection.execute(select(table))]
        for table in tables.sorted_tables
        if table.name != "alembic_version"
    }


def lay(engine: Engine, kept: Kept, sealer: Sealer, names: Names) -> None:
    """Makes the tables as they were then, and fills them."""
    scripts = ScriptDirectory(Path(rotator.journal.migrations.__file__).parent)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        with Operations.context(context):
            for script in reversed([*scripts.iterate_revisions(kept["revision"], "base")]):
                script.module.upgrade()
        context.stamp(scripts, kept["revision"])
        tables = MetaData()
        tables.reflect(connection)
        for name, rows in _unsealed(kept, sealer, names).items():
            if rows:
                connection.execute(insert(tables.tables[name]), rows)


def _unsealed(kept: Kept, sealer: Sealer, names: Names) -> Kept:
    """The rows, with texts that `sealer` has sealed in the place of those that have only a name."""
    keys = {name: sealer.new_key(context) for name, context in kept["keys"].items()}
    texts: dict[str, str] = {name: key.wrapped for name, key in keys.items()}
    for name, text in kept["sealed"].items():
        key: DataKey = keys[text["key"]]
        fields = {field: names.value(value) for field, value in text["fields"].items()}
        texts[name] = key.seal(fields, text["bound_to"])
    sealed = {
        table: [
            row | {column: texts[row[column]] for column in columns if row.get(column)}
            for row in kept["rows"][table]
        ]
        for table, columns in _SEALED.items()
    }
    return {**kept["rows"], **sealed}


# the world


def world_of(company: Company, names: Names) -> Kept:
    """Everything around the journal."""
    return {
        "now": company.clock.now().isoformat(),
        "parameters": {
            name: {
                "holds": {"text": held.value.reveal()} if held.kind == "String" else names.told(held.value),
                "version": held.version,
                "modified_at": held.modified_at.isoformat(),
                "modified_by": held.modified_by,
                "kind": held.kind,
            }
            for name, held in company.parameters.parameters.items()
        },
        "sources": {
            secret: [_held(one, names) for one in source.held] for secret, source in company.sources.items()
        },
        "platforms": {workload: _platform(one, names) for workload, one in company.platforms.items()},
    }


def found_again(company: Company, world: Mapping[str, Any], names: Names) -> None:
    """Makes the company what it was."""
    for name, held in world["parameters"].items():
        holds = held["holds"]
        company.parameters.parameters[name] = MemoryParameter(
            Sealed(holds["text"]) if isinstance(holds, dict) else names.meant(holds),
            held["version"],
            datetime.fromisoformat(held["modified_at"]),
            held["modified_by"],
            held["kind"],
        )
    for secret, credentials in world["sources"].items():
        _hold(company.sources[secret], credentials, names)
    company.found_workloads()
    for workload, platform in world["platforms"].items():
        _run(company.platforms[workload], platform, names)


def _held(held: Held, names: Names) -> Kept:
    return {
        "id": held.id,
        "fields": {field: names.name(value) for field, value in held.fields.items()},
        "created_at": held.created_at.isoformat(),
        "label": held.label,
        "liveness": held.liveness.value,
        "removed_at": held.removed_at and held.removed_at.isoformat(),
        "last_used": held.last_used and held.last_used.isoformat(),
        "changes": [[at.isoformat(), accepted] for at, accepted in held.changes],
    }


def _hold(source: HostileSource, credentials: list[Kept], names: Names) -> None:
    source.held = [
        Held(
            one["id"],
            {field: names.value(value) for field, value in one["fields"].items()},
            datetime.fromisoformat(one["created_at"]),
            one["label"],
            Liveness(one["liveness"]),
            _moment(one["removed_at"]),
            _moment(one["last_used"]),
            [(datetime.fromisoformat(at), accepted) for at, accepted in one["changes"]],
        )
        for one in credentials
    ]


def _platform(platform: Platform, names: Names) -> Kept:
    return {
        "living": [
            {
                "name": one.name,
                "started_at": one.started_at.isoformat(),
                "read": {name: [names.told(held.value), held.version] for name, held in one.read.items()},
                "ending": one.ending,
            }
            for one in platform.living
        ],
        "starts": [at.isoformat() for at in platform.starts],
        "rollouts": {
            label: [one.started_at.isoformat(), one.progress.value, one.sentence]
            for label, one in platform.rollouts.items()
        },
        "fate": platform.fate.value,
        "fates": [fate.value for fate in platform.fates],
        "stepped": platform._stepped,
    }


def _run(platform: Platform, kept: Kept, names: Names) -> None:
    platform.living = [
        MemoryInstance(
            one["name"],
            datetime.fromisoformat(one["started_at"]),
            {name: StoredValue(names.meant(told), version) for name, (told, version) in one["read"].items()},
            one["ending"],
        )
        for one in kept["living"]
    ]
    platform.starts = [datetime.fromisoformat(at) for at in kept["starts"]]
    platform.fates = [Fate(fate) for fate in kept["fates"]]
    platform._stepped = kept["stepped"]
    for label, (started_at, progress, sentence) in kept["rollouts"].items():
        rollout = MemoryRollout(
            datetime.fromisoformat(started_at), iter(()), RolloutProgress(progress), sentence
        )
        platform.rollouts[label] = rollout
        if rollout.progress is RolloutProgress.PENDING:
            older = [one for one in platform.living if one.started_at < rollout.started_at and not one.ending]
            rollout.steps = platform._steps(rollout, older, Fate(kept["fate"]))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
