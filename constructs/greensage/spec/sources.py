"""Every model that a file names, since it may name more than one: variants, a shadow, containers before and after."""

from __future__ import annotations

from collections.abc import Iterator

from .hosting import SerialPipelineHosting
from .model import ModelSpec
from .model_source import ModelSource
from .source import Path_


def sources_of(spec: ModelSpec) -> Iterator[tuple[Path_, ModelSource]]:
    """Yield every model source of a file with the place where it stands."""
    yield ("model",), spec.model
    yield from ((("variants", index, "model"), item.model) for index, item in enumerate(spec.variants))
    if spec.shadow is not None:
        yield ("shadow", "model"), spec.shadow.model
    if isinstance(spec.hosting, SerialPipelineHosting):
        for key, sources in (("before", spec.hosting.before), ("after", spec.hosting.after)):
            yield from ((("hosting", key, index), item) for index, item in enumerate(sources))
