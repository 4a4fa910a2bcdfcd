"""A Hugging Face or sentence-transformers folder as ONNX, by Optimum, with the fusions that keep every digit."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from ..libraries import first_line, library
from . import Candidate, NotPossible, Request

# Optimum cannot tell it from a folder: the end of the architecture's name says it.
_TASKS = {
    "ForSequenceClassification": "text-classification", "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering", "ForMaskedLM": "fill-mask",
}  # fmt: skip


def candidates(request: Request) -> Iterator[Candidate]:
    """Yield the exported model."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    exporter, optimum = library("optimum.exporters.onnx"), library("optimum.version")
    folder, source = request.folder / "onnx-exported", request.given.file.parent
    own = "sentence_transformers" if (source / "modules.json").is_file() else "transformers"
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            exporter.main_export(
                str(source), folder, task=_task(source), library_name=own, do_validation=False, opset=17, optimize=None,
                local_files_only=True, device="cpu",
            )  # fmt: skip
    except Exception as error:
        raise NotPossible(f"Optimum does not export it: {first_line(error)}") from None
    finally:
        logging.disable(logging.NOTSET)
    if not (folder / "model.onnx").is_file():
        names = ", ".join(sorted(path.name for path in folder.glob("*.onnx")))
        raise NotPossible(f"it exports to several graphs ({names}), and the container runs one")
    for path in folder.iterdir():
        if path.name != "model.onnx":
            path.unlink()
    yield Candidate("ONNX by Optimum", folder, exact=True, details={"optimum": optimum.__version__})


def _task(folder: Path) -> str:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    name = next(iter(config.get("architectures") or []), "")
    if name.endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")):
        raise NotPossible(f"{name} writes text token by token, which takes a server of its own kind")
    return next((task for end, task in _TASKS.items() if name.endswith(end)), "feature-extraction")
