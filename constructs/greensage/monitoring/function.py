"""A Lambda function of the retraining loop: its code is lambda/retraining beside the pure room `drift`, on Graviton."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3_assets as assets

from constructs import Construct

from ..catalog import layers
from ..core.folders import lambda_folder
from ..core.function import Function
from ..core.wheels import unpacked
from ..drift.payload import source

NAMESPACE = "greensage/Drift"
_CODE_ID, _OPTIMIZER_ID = "GreensageLoopCode", "GreensageOptimizerCode"
_LAYER_ID = "GreensageNumpy"
_NOT_CODE = shutil.ignore_patterns("__pycache__", "*.pyc")


class LoopFunction(Function):
    """A function of the retraining loop.

    Parameters
    ----------
    module:
        Of lambda/retraining: monitor, decide, steps, deploy, pipeline_steps or pipeline_waits.
    settings:
        What the module says it takes; may hold tokens.
    numpy:
        Attach a layer with numpy, of the wheel that greensage pins; `-c numpy-layer=ARN` names one of yours.
    """

    def __init__(
        self, scope: Construct, id: str, *, module: str, settings: Mapping[str, Any], seconds: int, memory_mb: int, numpy: bool,
        log_retention_days: int,
    ) -> None:  # fmt: skip
        super().__init__(
            scope, id, handler=f"retraining.{module}.handler", code=loop_code(scope), settings=settings, seconds=seconds,
            memory_mb=memory_mb, layers=[numpy_layer(scope)] if numpy else [],
            description=f"greensage: {module} of the retraining loop", log_retention_days=log_retention_days,
        )  # fmt: skip


def loop_code(scope: Construct) -> assets.Asset:
    """Return the code of the loop as an asset of the stack: functions read it, and jobs run it from its archive."""
    stack = Stack.of(scope)
    known = stack.node.try_find_child(_CODE_ID)
    return known if isinstance(known, assets.Asset) else assets.Asset(stack, _CODE_ID, path=str(_gathered()))


def optimizer_code(scope: Construct) -> assets.Asset:
    """Return the code of the job that optimizes what retraining brings, as an asset of the stack."""
    stack = Stack.of(scope)
    known = stack.node.try_find_child(_OPTIMIZER_ID)
    return known if isinstance(known, assets.Asset) else assets.Asset(stack, _OPTIMIZER_ID, path=str(_with_optimizer()))


def numpy_layer(scope: Construct) -> str:
    """Return the ARN of the stack's layer with numpy, or of the user's own."""
    stack = Stack.of(scope)
    given = stack.node.try_get_context("numpy-layer")
    if given:
        return str(given)
    known = stack.node.try_find_child(_LAYER_ID)
    if known is None:
        wheel = layers.numpy_wheel()
        content = assets.Asset(stack, f"{_LAYER_ID}Content", path=str(unpacked(wheel)))
        known = lambda_.CfnLayerVersion(
            stack, _LAYER_ID, content={"s3Bucket": content.s3_bucket_name, "s3Key": content.s3_object_key},
            compatible_architectures=["arm64"], compatible_runtimes=[f"python{wheel.python}"],
            description=f"numpy {wheel.version}",
        )  # fmt: skip
    assert isinstance(known, lambda_.CfnLayerVersion)
    return known.ref


@cache
def _gathered() -> Path:
    """Put together what the functions import: the room `drift` under its own name, without the rest of greensage."""
    folder = Path(tempfile.mkdtemp(prefix="greensage-loop-"))
    shutil.copytree(Path(__file__).parents[1] / "drift", folder / "greensage/drift", ignore=_NOT_CODE)
    shutil.copytree(lambda_folder() / "retraining", folder / "retraining", ignore=_NOT_CODE)
    shutil.copyfile(source(), folder / "greensage/drift/_payload.py")  # which `drift` reads payloads with
    (folder / "greensage/__init__.py").write_text('"""Only the room `drift`: this is not the whole library."""\n')
    return folder


@cache
def _with_optimizer() -> Path:
    """The loop's code, and the room `optimize` with the little that it imports."""
    folder = Path(tempfile.mkdtemp(prefix="greensage-optimizer-"))
    shutil.copytree(_gathered(), folder, dirs_exist_ok=True)
    own = Path(__file__).parents[1]
    shutil.copytree(own / "optimize", folder / "greensage/optimize", ignore=_NOT_CODE)
    (folder / "greensage/core").mkdir()
    (folder / "greensage/core/__init__.py").write_text("")
    for name in ("core/defaults.py", "core/folders.py", "errors.py"):
        shutil.copyfile(own / name, folder / "greensage" / name)
    return folder
