"""A window of few rows is judged alone and with those before it, so that small changes are seen in the end too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from .capture import Batch
from .evaluate import Settings, evaluate
from .events import Evaluation
from .window import Statistics


def evaluate_few(
    baseline: Statistics, new: Statistics, few: Sequence[Batch], older: Callable[[], Sequence[Batch]], settings: Settings
) -> Evaluation:
    """Compare what is new with the baseline; and, of few rows, what is new with what came before it, half of alpha each: a large
    change shows at once, a small one when there are enough rows.

    `few` are the rows of `new` themselves while they are too few to be judged alone, else empty; `older` returns those before.
    """
    before = older() if new.rows and few else ()
    if not before:
        return evaluate(baseline, new, settings)
    settings = replace(settings, alpha=settings.alpha / 2)
    found = evaluate(baseline, new, settings)
    if found["status"] in ("drift", "unread"):
        return found
    together = Statistics.of(list(baseline.features))
    together.add_all([*before, *few])
    return evaluate(baseline, together, settings)
