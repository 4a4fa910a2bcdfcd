"""The models that are loaded: one for a single-model container, any number for a multi-model one."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from .errors import ServingError
from .loaders import Predict, load
from .settings import Settings

# A loaded model is assumed to take this many times its files; refuse before the kernel kills the server.
_LOADED_TO_FILES = 6
_MEMORY = Path("/proc/meminfo")


class Registry:
    """Loads, keeps and unloads models by name; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._models: dict[str, tuple[str, Predict]] = {}
        self._loading: set[str] = set()
        self._lock = threading.Lock()

    def load(self, name: str, url: str) -> None:
        """Load the files at `url`: 409 when `name` is loaded, 507 when there is no room, 404 without files."""
        folder = Path(url)
        with self._lock:
            if name in self._models or name in self._loading:
                raise ServingError(409, f"model {name} is loaded already")
            if not folder.exists():
                raise ServingError(404, f"there are no files at {url}")
            self._check_room(folder)
            self._loading.add(name)
        # Not under the lock: loading takes its time, and others are unloaded meanwhile.
        try:
            self._models[name] = (url, load(folder, self._settings))
        finally:
            self._loading.discard(name)

    def unload(self, name: str) -> None:
        """Forget model `name`; 404 when it is not loaded."""
        with self._lock:
            self._find(name)
            del self._models[name]

    def predict(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Return the predictions of model `name` for `rows`; 404 when it is not loaded, 400 when it refuses them."""
        _, function = self._find(name)
        try:
            return function(rows)
        except Exception as error:  # the libraries raise types of their own for wrong shapes
            raise ServingError(400, f"the model refuses the rows, shape {rows.shape}: {error}") from None

    def list(self) -> list[dict[str, str]]:
        """Return what is loaded, as SageMaker's List Models API shows it."""
        return [{"modelName": name, "modelUrl": url} for name, (url, _) in sorted(self._models.copy().items())]

    def describe(self, name: str) -> dict[str, str]:
        """Return one loaded model; 404 when it is not."""
        return {"modelName": name, "modelUrl": self._find(name)[0]}

    def _find(self, name: str) -> tuple[str, Predict]:
        if name not in self._models:
            raise ServingError(404, f"model {name} is not loaded")
        return self._models[name]

    def _check_room(self, folder: Path) -> None:
        limit = self._settings.max_models
        if limit and len(self._models) + len(self._loading) >= limit:
            raise ServingError(507, f"{limit} models are loaded, which is the limit")
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if size * _LOADED_TO_FILES > _available_bytes():
            raise ServingError(507, f"not enough memory for a model of {size:,} bytes")


def _available_bytes() -> float:
    try:
        rows = dict(line.split(":", 1) for line in _MEMORY.read_text().splitlines())
        return int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return float("inf")
