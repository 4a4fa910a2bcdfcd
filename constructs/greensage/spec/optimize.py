"""The part `optimize` of a model file, and how a model's source becomes its optimized one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal, cast

from pydantic import Field, field_validator

from ..catalog.optimized import archive_of, digest_of, optimized
from ..core import defaults
from .model_source import Framework, ModelSource
from .parts import Part, Texts


class OptimizeSpec(Part):
    """Serve the smallest, fastest form of the model that answers the same: `greensage optimize NAME` makes and measures it."""

    sample: str | None = Field(
        default=None,
        description="CSV with a header, relative to this file: rows that answers are compared on. Default: the archive's own.",
    )
    label: str | None = Field(default=None, description="Column of the sample that is right, and no feature.")
    load: Literal["one", "many"] | None = Field(
        default=None, description="What counts: one row a request, or many. Default: many for batch hosting, else one."
    )
    passes: Texts = Field(default=(), description="Which to try, by their names in greensage optimize --help; default: all.")
    max_delta: float = Field(
        default=defaults.OPTIMIZE_MAX_DELTA, ge=0, le=1,
        description="Any answer's difference, as a share of their range, where only rounding may differ.",
    )  # fmt: skip
    mean_delta: float = Field(
        default=defaults.OPTIMIZE_MEAN_DELTA, ge=0, le=1, description="Difference on average, where digits are lost."
    )
    min_agreement: float = Field(
        default=defaults.OPTIMIZE_MIN_AGREEMENT, ge=0, le=1, description="Share of rows for which the same class wins."
    )
    max_worse: float = Field(
        default=defaults.OPTIMIZE_MAX_WORSE, ge=0, description="By how much accuracy or RMSE may be worse on the label."
    )
    min_cosine: float = Field(
        default=defaults.OPTIMIZE_MIN_COSINE, ge=0, le=1, description="Of embeddings: the mean cosine similarity."
    )
    retrained: bool = Field(default=True, description="Optimize what retraining brings too, in a job, before it is registered.")

    # The fields that are limits of what answers may differ by.
    LIMITS: ClassVar[tuple[str, ...]] = ("max_delta", "mean_delta", "min_agreement", "max_worse", "min_cosine")

    @field_validator(*LIMITS, mode="before")
    @classmethod
    def _whole_numbers(cls, value: Any) -> Any:
        # Strict floats refuse 1, which YAML has for 1.0.
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def optimized_source(name: str, source: ModelSource) -> ModelSource:
    """Return the optimized form of `source`, or `source` itself with why there is none in its `not_optimized`."""
    row, path = optimized(name), Path(source.artifact)
    if row is None:
        return source.with_cost(None, None, f"has not been run: greensage optimize {name}")
    if not path.is_file() or digest_of(path) != row.given_digest:
        return source.with_cost(None, None, f"was run on another archive than this one: greensage optimize {name}")
    given = source.with_cost(row.before, None)
    archive = archive_of(row)
    if archive is None:
        return source.with_cost(None, None, f"its archive {row.archive} is missing or another one: greensage optimize {name}")
    changes = {
        "artifact": str(archive), "framework": cast(Framework, row.framework), "size_mb": max(row.after.size_mb, 0.001),
        # greensage wrote the code in it, from the archive that the digest names.
        "allow_code": True, "version": None,
    }  # fmt: skip
    return source.model_copy(update=changes).with_cost(row.after, given)
