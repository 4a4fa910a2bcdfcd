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
    return schema


def schema_text() -> str:
    """Return the schema as the text of the shipped file."""
    return json.dumps(json_schema(), indent=2) + "\n"
