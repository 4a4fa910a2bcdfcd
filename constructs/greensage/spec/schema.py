"""The JSON Schema of a model file, generated from ModelSpec so that editors complete and check the YAML."""

from __future__ import annotations

import json
from typing import Any

from ..catalog.kinds import hosting_kinds
from .model import ModelSpec


def json_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of a model file."""
    schema = ModelSpec.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "greensage model file"
    hosting = schema["properties"]["hosting"]
    # The short form, a kind alone, is turned into a mapping before pydantic sees it, so it is added here.
    hosting["anyOf"] = [{"enum": ["auto", *hosting_kinds()]}, *(row for row in hosting["anyOf"] if "const" not in row)]
    # `_defaults.yaml` may say all but the name, and an environment may change all but the name.
    schema["required"] = ["name"]
    shared = {key: row for key, row in schema["properties"].items() if key != "name"}
    schema["properties"]["environments"] = {
        "type": "object",
        "description": "Other settings by environment, for instance prod; chosen by `-c environment=NAME` or --environment.",
        "additionalProperties": {"type": "object", "properties": shared, "additionalProperties": False},
    }
    return schema


def schema_text() -> str:
    """Return the schema as the text of the shipped file."""
    return json.dumps(json_schema(), indent=2) + "\n"
