"""The models that are loaded: one for a single-model container, any number for a multi-model one."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

from . import limits
from .errors import ServingError
from .lanes import Lane, Marks
from .loaders import load
from .models import Model, NotReady
from .settings import Settings

# Before anything is known of a model: what it takes once loaded, in multiples of its files.
_LOADED_TO_FILES = 3
# This much stays free, for the requests that are under way.
_RESERVE_BYTES = 64 * 1024 * 1024


class Registry:
    """Loads, keeps and unloads models by name, in the one thread of the loop.

    Predictions wait in the model's Lane. What was loaded counts from 1, as `Marks` shows it to the parent.
    """

    def __init__(self, settings: Settings, marks: Marks) -> None:
        self._settings, self._marks = settings, marks
        self._models: dict[str, tuple[str, Lane]] = {}
        self._loading: set[str] = set()
        self._refused: dict[str, str] = {}
        self._count = 0
        # Is told how long each model took to load.
        self.observe: Callable[[float], None] = lambda seconds: None
        self._threads = ThreadPoolExecutor(max(2, settings.cpus), thread_name_prefix="predict")

    async def load(self, name: str, url: str, *, bytes_needed: int | None = None) -> int:
        """Load the files at `url` and return the model's number.

        409 when `name` is loaded, 507 when there is no room, 404 without files, 400 where they are no model that works.
        `bytes_needed` is what a process that tried the model needed for it.
        """
        self.check(name, url, bytes_needed)
        self._count += 1
        number = self._count
        self._loading.add(name)
        started = perf_counter()
        try:
            model, seconds = await asyncio.to_thread(loaded, Path(url), self._settings)
        finally:
            self._loading.discard(name)
        self._models[name] = (url, Lane(model, self._threads, self._marks.of(number), seconds, self._settings.max_waiting))
        self._refused.pop(name, None)
        self.observe(perf_counter() - started)
        return number

    @property
    def count(self) -> int:
        """How many models are loaded."""
        return len(self._models)

    def check(self, name: str, url: str, bytes_needed: int | None = None) -> None:
        """Raise ServingError where the model cannot be loaded now: 409, 404 or 507."""
        if name in self._models or name in self._loading:
            raise ServingError(409, f"model {name} is loaded already")
        folder = Path(url)
        if not folder.exists():
            raise ServingError(404, f"there are no files at {url}")
        limit = self._settings.max_models
        if limit and len(self._models) + len(self._loading) >= limit:
            raise ServingError(507, f"{limit} models are loaded, which is the limit")
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        needed = size * _LOADED_TO_FILES if bytes_needed is None else bytes_needed
        if needed + _RESERVE_BYTES > limits.available_bytes():
            raise ServingError(507, f"not enough memory for a model of {size:,} bytes, which takes about {needed:,}")

    def unload(self, name: str) -> None:
        """Forget model `name`, and give its memory back; 404 when it is not loaded."""
        if self._refused.pop(name, None) is None:
            self._find(name)
            del self._models[name]
            gc.collect()
            limits.give_back()

    def refuse(self, name: str, reason: str) -> None:
        """Answer for model `name` with `reason` until it is unloaded or loaded again."""
        self._models.pop(name, None)
        self._refused[name] = reason

    def lane(self, name: str) -> Lane:
        """Return where predictions of model `name` wait; 404 when it is not loaded, 500 when it ended a process."""
        if name in self._refused:
            raise ServingError(500, self._refused[name])
        return self._find(name)[1]

    def list(self) -> list[dict[str, str]]:
        """Return what is loaded, as SageMaker's List Models API shows it."""
        return [{"modelName": name, "modelUrl": url} for name, (url, _) in sorted(self._models.items())]

    def describe(self, name: str) -> dict[str, str]:
        """Return one loaded model; 404 when it is not."""
        return {"modelName": name, "modelUrl": self._find(name)[0]}

    def _find(self, name: str) -> tuple[str, Lane]:
        if name not in self._models:
            raise ServingError(404, f"model {name} is not loaded")
        return self._models[name]


def loaded(folder: Path, settings: Settings) -> tuple[Model, float]:
    """Return the model in `folder` and the seconds of a small prediction. Raises ServingError where it does not work."""
    model = load(folder, settings)
    try:
        return model, model.warm_up()
    except NotReady as error:
        raise ServingError(400, f"the model does not answer a sample: {error}") from None
