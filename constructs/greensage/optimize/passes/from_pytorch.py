"""A PyTorch model as ONNX, by torch itself: an exported program (torch.export.save) or TorchScript (torch.jit.save)."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping

from ..libraries import first_line, library
from ..torch_models import load_torch
from . import Candidate, NotPossible, Request


def candidates(request: Request) -> Iterator[Candidate]:
    """Yield the exported model; any number of rows goes in."""
    torch = library("torch")
    if isinstance(request.rows, Mapping):
        raise NotPossible("several inputs are known of transformers only")
    program = load_torch(request.given.file)
    folder = request.folder / "onnx-exported"
    folder.mkdir(parents=True)
    example = program.shaped(request.rows[:2])
    names = {"input_names": ["input"], "output_names": ["output"]}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            if program.exported is not None:
                made = torch.onnx.export(program.exported, (example,), dynamo=True, **names)
                made.save(str(folder / "model.onnx"), external_data=False)
            else:
                axes = {"input": {0: "rows"}, "output": {0: "rows"}}
                torch.onnx.export(
                    program.module, (example,), str(folder / "model.onnx"), dynamo=False, dynamic_axes=axes, **names
                )  # fmt: skip
        except Exception as error:
            raise NotPossible(f"torch does not export it: {first_line(error)}") from None
    yield Candidate("ONNX", folder, exact=True, details={"torch": torch.__version__})
