"""The memory of GPUs and other accelerators, and what a model takes of it."""

from __future__ import annotations

from typing import Any

from ._data import load
from .instances import InstanceType

_DATA: dict[str, Any] = load("accelerators")
FACTOR: float = _DATA["factor"]
_MIB = 1.048576


def device_gib(item: InstanceType) -> float | None:
    """Return the memory of one device of `item` in GiB; None where it has none, or it is not in the catalog."""
    return _DATA["memory_gib"].get(item.accelerator) if item.accelerator else None


def usable_device_mb(item: InstanceType) -> float | None:
    """Return what of one device's memory a model may take, in MB."""
    gib = device_gib(item)
    return None if gib is None else gib * 1024 * _MIB * _DATA["usable"]


def needed_mb(weights_mb: float, stored: str | None = None, served: str | None = None) -> float:
    """Return the device memory in MB that weights of `weights_mb` take with what comes on top.

    `stored` and `served` are precisions (fp32, fp16, bf16, int8, int4), where the container loads another than the file has.
    """
    ratio = _DATA["bytes"][served] / _DATA["bytes"][stored] if stored and served else 1.0
    return weights_mb * ratio * FACTOR
