"""Stands in for AWS's Neuron SDK in the local cloud: it traces and does not compile."""

from __future__ import annotations

from typing import Any

__version__ = "stand-in"


def trace(func: Any, example_inputs: Any, *, compiler_args: Any = None, cpu_backend: bool = False) -> Any:
    """Return the traced module. Raises ValueError where AWS's would want an accelerator, which jobs do not have."""
    import torch

    if not cpu_backend:
        raise ValueError("without cpu_backend=True a Neuron device is needed")
    if not compiler_args or compiler_args[0] != "--target":
        raise ValueError("compiler_args name no --target")
    return torch.jit.trace(func, example_inputs, strict=False)
