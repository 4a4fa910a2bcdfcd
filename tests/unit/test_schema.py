"""The JSON Schema that editors read is shipped, current, and agrees with the model on the examples."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from greensage.spec.schema import json_schema, schema_text
from tests.conftest import MODELS, ROOT

SCHEMA = ROOT / "docs/model.schema.json"


def test_the_shipped_schema_is_current():
    assert SCHEMA.read_text() == schema_text(), "run: .venv/bin/greensage schema > docs/model.schema.json"


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_are_valid(path):
    jsonschema.validate(yaml.safe_load(path.read_text()), json_schema())
    assert "model.schema.json" in path.read_text().splitlines()[0]


@pytest.mark.parametrize(
    "change", [{"names": "a"}, {"hosting": "bulk"}, {"retention": {"logs_days": 15}}, {"sla": {"latency_p95_ms": 0}}]
)
def test_mistakes_are_marked_in_the_editor(change):
    valid = {"name": "a", "model": {"artifact": "a.tar.gz", "framework": "onnx"}}
    jsonschema.validate(valid, json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**valid, **change}, json_schema())


@pytest.mark.parametrize("hosting", ["auto", "serverless", {"kind": "serverless", "memory_mb": 2048}])
def test_a_kind_may_stand_alone_or_with_options(hosting):
    content = {"name": "a", "model": {"artifact": "a.tar.gz", "framework": "onnx"}, "hosting": hosting}
    jsonschema.validate(json.loads(json.dumps(content)), json_schema())
