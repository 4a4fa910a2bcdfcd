"""Compiles a PyTorch model for Inferentia and Trainium, inside AWS's Neuron image: `python3 -m compile_for_neuron`.

It gets TorchScript, an exported program or a Hugging Face folder in an archive, and writes model.tar.gz with model.pt, which
torch_neuronx compiled. No accelerator is needed: cpu_backend=True.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

# A local cloud has no /opt/ml of its own; it says where its stand-in is.
ROOT = Path(os.environ.get("GREENSAGE_ML_ROOT", "/opt/ml"))
_KEPT = (".json", ".txt", ".model")


def main() -> int:
    """Compile; the exit code is the job's, and its last words are in /opt/ml/output/failure."""
    try:
        compile_model(ROOT / "processing/input/model", ROOT / "processing/output")
    except Exception as problem:
        place = ROOT / "output/failure"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{type(problem).__name__}: {problem}"[:1024], encoding="utf-8")
        raise
    return 0


def compile_model(given: Path, output: Path) -> None:
    """Write the compiled archive of the one archive in `given` to `output`."""
    torch: Any
    torch_neuronx: Any
    torch, torch_neuronx = importlib.import_module("torch"), importlib.import_module("torch_neuronx")
    (archive,) = sorted(given.glob("*.tar.gz"))
    folder = Path(tempfile.mkdtemp(prefix="model-"))
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    target, shapes = os.environ["NEURON_TARGET"], json.loads(os.environ["INPUT_SHAPE"])
    module, example = _module(torch, folder, list(shapes.values()))
    compiled = torch_neuronx.trace(module, example, compiler_args=["--target", target], cpu_backend=True)
    made = folder / "compiled"
    made.mkdir()
    torch.jit.save(compiled, str(made / "model.pt"))
    for path in folder.glob("*"):
        if path.is_file() and path.suffix in _KEPT:
            shutil.copy(path, made)
    versions = {"torch": torch.__version__, "torch_neuronx": getattr(torch_neuronx, "__version__", "?")}
    lineage = {"compiled": {"for": target, "shapes": shapes, **versions}}
    (made / "greensage.json").write_text(json.dumps(lineage), encoding="utf-8")
    output.mkdir(parents=True, exist_ok=True)
    with tarfile.open(output / "model.tar.gz", "w:gz") as content:
        for path in sorted(made.iterdir()):
            content.add(path, arcname=path.name)


def _module(torch: Any, folder: Path, shapes: list[list[int]]) -> tuple[Any, Any]:
    """Return what is traced, and an example of its input."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".pt2", ".pt", ".pth"))
    if files:
        example = tuple(torch.zeros(*shape) for shape in shapes)
        if files[0].suffix == ".pt2":
            return torch.export.load(str(files[0])).module(), example
        return torch.jit.load(str(files[0]), map_location="cpu").eval(), example
    if not (folder / "config.json").is_file():
        names = ", ".join(sorted(path.name for path in folder.rglob("*") if path.is_file())) or "nothing"
        raise ValueError(f"no TorchScript, exported program or Hugging Face folder in the archive; it holds {names}")
    transformers: Any = importlib.import_module("transformers")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kind = getattr(transformers, (config.get("architectures") or ["AutoModel"])[0], transformers.AutoModel)
    model = kind.from_pretrained(str(folder), torchscript=True, local_files_only=True).eval()
    ids = torch.ones(*shapes[0], dtype=torch.long)
    return model, (ids, torch.ones_like(ids))


if __name__ == "__main__":
    sys.exit(main())
