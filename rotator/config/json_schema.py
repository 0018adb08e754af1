"""policies.yaml as JSON Schema, for editors: what yaml-language-server completes, explains and underlines.

Made from the model that reads the file, with the names of the adapters that are installed or promised. It sees one
value at a time: what must fit together is for `rotator policy check` to say. Draft 7, which every editor knows.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from rotator.config.adapters import Adapters, installed
from rotator.config.schema import PolicyFile
from rotator.model.durations import spell_duration


def json_schema(adapters: Adapters | None = None) -> dict[str, Any]:
    """The schema. `adapters`: those installed, unless given."""
    known = adapters or installed()
    made = PolicyFile.model_json_schema(
        ref_template="#/definitions/{model}", schema_generator=_ForEditors, mode="validation"
    )
    definitions: dict[str, Any] = made.pop("$defs")
    for definition in definitions.values():
        del definition["title"]  # the name of a class
    definitions["Type"]["properties"]["provider"]["enum"] = sorted(known.provider_names())
    definitions["Mirror"]["properties"]["kind"]["enum"] = sorted(known.mirror_names())
    definitions["Store"]["properties"]["kind"]["enum"] = sorted(known.store_names())
    _one_of(
        definitions["Deployment"], sorted(known.redeployer_names()), "Its name there, e.g. `deployment/api`."
    )
    _some_of(definitions["Owner"], sorted(known.channel_names()), "The address there.")
    definitions["Window"]["anyOf"] = [{"required": ["always"]}, {"required": ["timezone"]}]
    definitions["Secret"]["anyOf"] = [{"required": ["type"]}, {"required": ["exempt"]}]
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "policies.yaml of rotator"}
    return {**made, **head, "definitions": definitions}


def _one_of(definition: dict[str, Any], names: list[str], description: str) -> None:
    """Exactly one of the names has to be there."""
    _some_of(definition, names, description)
    definition["oneOf"] = [{"required": [name]} for name in names]
    del definition["anyOf"]


def _some_of(definition: dict[str, Any], names: list[str], description: str) -> None:
    """At least one of the names has to be there, and no other key that is not known."""
    definition["properties"] |= {name: {"type": "string", "description": description} for name in names}
    definition["additionalProperties"] = False
    definition["anyOf"] = [{"required": [name]} for name in names]


class _ForEditors(GenerateJsonSchema):
    """Without what the dialect has not (null), and with durations as people write them."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Only a default that says something; an empty one is what leaving the key out means."""
        if schema.get("default") and not isinstance(schema["default"], BaseModel):
            return super().default_schema(schema)
        return self.generate_inner(schema["schema"])

    def encode_default(self, dft: Any) -> Any:
        return spell_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False
