"""Our app with what a user may do to it: `-c override=JSON` on every endpoint's L1s, `-c bucket=ID` for another platform bucket."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import app  # noqa: E402
from greensage.endpoints.base import Endpoint  # noqa: E402
from greensage.storage.retention import ArtifactBucket  # noqa: E402
from stacks import platform_stack  # noqa: E402

build = app.add_fleet


def bucket(scope: Any, id: str, **props: Any) -> ArtifactBucket:
    """The platform's bucket under the id that the context asks for."""
    return ArtifactBucket(scope, scope.node.try_get_context("bucket") or id, **props)


def add_fleet(made: Any, *arguments: Any, **options: Any) -> None:
    """Build the fleet, then use the escape hatch as a user would."""
    build(made, *arguments, **options)
    asked = json.loads(made.node.try_get_context("override") or "{}")
    for endpoint in (item for item in made.node.find_all() if isinstance(item, Endpoint)):
        for path, value in asked.get("config", {}).items():
            endpoint.cfn_endpoint_config.add_property_override(path, value)
        for path, value in asked.get("model", {}).items():
            endpoint.cfn_model.add_property_override(path, value)


platform_stack.ArtifactBucket = bucket  # type: ignore[misc, assignment]  # pyright: ignore
app.add_fleet = add_fleet
sys.exit(app.main())
