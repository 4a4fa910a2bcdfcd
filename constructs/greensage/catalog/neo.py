"""SageMaker Neo and the Neuron compiler: what they compile for, and the frameworks that they take."""

from __future__ import annotations

from ._data import load


def neo_devices() -> tuple[str, ...]:
    """Return the edge devices that Neo compiles for."""
    return tuple(load("neo")["devices"])


def neo_targets() -> tuple[str, ...]:
    """Return all that Neo compiles for: edge devices and families of instances."""
    return (*load("neo")["instances"], *neo_devices())


def neuron_targets() -> tuple[str, ...]:
    """Return the silicon that the Neuron compiler compiles for, as `model.compiled_for` names it."""
    return tuple(load("neo")["neuron"])


def neuron_compiler_target(name: str) -> str:
    """Return what neuronx-cc calls it."""
    return str(load("neo")["neuron"][name])


def neo_framework(name: str) -> str | None:
    """Return Neo's word for a framework, or None where it does not compile it."""
    row = load("neo")["frameworks"].get(name)
    return str(row["neo"]) if row else None
