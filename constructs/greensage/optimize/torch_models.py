"""PyTorch and transformer models as they are given: loaded by their own library, to be exported and compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import GreensageError
from .libraries import first_line, library

_HOW = "save the model itself: torch.export.save(torch.export.export(model, (rows,), dynamic_shapes=...), 'model.pt2')"


@dataclass(frozen=True)
class TorchProgram:
    """`module` answers; `exported` is the program behind it, None for TorchScript; `tail` is a row's shape."""

    module: Any
    exported: Any
    tail: tuple[int, ...] | None

    def shaped(self, rows: np.ndarray) -> Any:
        """Return rows as the model takes them."""
        found = library("torch").from_numpy(np.ascontiguousarray(rows, dtype=np.float32))
        return found.reshape(len(rows), *self.tail) if self.tail else found

    def answer(self, rows: np.ndarray) -> np.ndarray:
        """Return the model's own answers."""
        with library("torch").inference_mode():
            found: Any = self.module(self.shaped(rows))
        first: Any = found[0] if type(found).__name__ in ("tuple", "list") else found
        return np.asarray(first)


def load_torch(path: Path) -> TorchProgram:
    """Load an exported program or TorchScript. Raises GreensageError; a state dictionary has no graph."""
    torch = library("torch")
    if path.suffix == ".pt2":
        try:
            exported = torch.export.load(str(path))
        except Exception as error:
            raise GreensageError(f"{path.name}: torch.export does not read it: {first_line(error)}") from None
        example = exported.example_inputs[0][0] if exported.example_inputs else None
        return TorchProgram(exported.module(), exported, tuple(example.shape[1:]) if example is not None else None)
    try:
        return TorchProgram(torch.jit.load(str(path), map_location="cpu").eval(), None, None)
    except Exception:
        raise GreensageError(f"{path.name} is no TorchScript; a dictionary of weights has no graph: {_HOW}") from None


def load_transformer(folder: Path) -> tuple[Callable[[dict[str, np.ndarray]], np.ndarray], tuple[str, ...], int]:
    """Return what answers, the names of its inputs, and how many tokens it knows. Raises GreensageError."""
    torch, transformers = library("torch"), library("transformers")
    config = transformers.AutoConfig.from_pretrained(str(folder), local_files_only=True)
    inputs = ("input_ids", "attention_mask", *(("token_type_ids",) if config.model_type in ("bert",) else ()))
    if (folder / "modules.json").is_file():
        model = library("sentence_transformers").SentenceTransformer(str(folder), device="cpu")

        def embed(rows: dict[str, np.ndarray]) -> np.ndarray:
            with torch.inference_mode():
                return model({name: torch.from_numpy(rows[name]) for name in inputs})["sentence_embedding"].numpy()

        return embed, inputs, config.vocab_size
    name = (config.architectures or ["AutoModel"])[0]
    model = getattr(transformers, name, transformers.AutoModel).from_pretrained(str(folder), local_files_only=True).eval()

    def answer(rows: dict[str, np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            return model(**{name: torch.from_numpy(rows[name]) for name in inputs})[0].numpy()

    return answer, inputs, config.vocab_size
