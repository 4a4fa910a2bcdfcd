"""Specs made in memory, for tests that need many: a small file's keys in, what the planner takes out."""

from __future__ import annotations

from typing import Any

from greensage.spec import Located, ModelSpec

Pair = tuple[ModelSpec, Located]


def spec(name: str = "a", **changes: Any) -> Pair:
    """Return a spec; `changes` are top-level keys, `model` and `traffic` are merged with the defaults here."""
    content = {
        "name": name,
        "model": {
            "artifact": "s3://bucket-of-tests/k/model.tar.gz",
            "framework": "xgboost",
            "size_mb": 1.0,
            **changes.pop("model", {}),
        },
        "traffic": {"requests_per_day": 1_000, "pattern": "steady", **changes.pop("traffic", {})},
        "region": {"allowed": ["eu-west-1"], **changes.pop("region", {})},
        **changes,
    }
    return ModelSpec.model_validate(content), Located(f"{name}.yaml", content)
