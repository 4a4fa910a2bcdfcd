"""The one place that loads PyYAML's parser, the C one where it is there."""

from __future__ import annotations

from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def compose(text: str) -> Any:
    """Return the node graph of one YAML document. Raises yaml.YAMLError."""
    reader: Any = yaml  # whose types name no nodes
    return reader.compose(text, Loader=_Loader)
