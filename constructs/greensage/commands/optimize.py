"""`greensage optimize`: a smaller, faster model that answers the same, and the proof."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..catalog.kinds import hosting_kind
from ..catalog.optimized import Cost, Optimized, digest_of, relative_to_overlay, remember
from ..errors import GreensageError
from . import Commands

if TYPE_CHECKING:
    from ..optimize.choose import Result
    from ..spec import ModelSpec

_EXAMPLES = """examples:
  greensage optimize churn --sample rows.csv              the model of models/churn.yaml, for the silicon it asks for
  greensage optimize model.tar.gz --sample rows.csv --label target -o small.tar.gz
  greensage optimize model.onnx --for x86_64 --load many --json
  greensage optimize my-encoder/ --sample sentences.txt   a Hugging Face folder: exported, fused, in 8 bits
  greensage optimize churn --passes trees-compiled,trees-pruned --explain

rows.csv has a header with the features in the order in which they are sent. Limits, sample and label come from the part
`optimize` of the model's file, where it has one. Needs pip install 'greensage[optimize]'; PyTorch and Hugging Face models need
greensage[optimize-torch], CatBoost's greensage[optimize-catboost].
passes: trees-compiled, trees-pruned, trees-onnx, onnx-graph, onnx-float16, onnx-bfloat16, onnx-int8, onnx-pruned
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "optimize", help="a smaller, faster model that answers the same", epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("model", help="name of a model file, or a model.tar.gz, folder or file")
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of model files (default: models)")
    parser.add_argument(
        "--sample", type=Path, help="CSV with a header, or sentences in a .txt: what parity is proved on (default: the archive's)"
    )
    parser.add_argument("--label", help="column of the sample that is right, and no feature")
    parser.add_argument(
        "--for", dest="architecture", choices=("arm64", "x86_64"), help="default: as the model file says, else arm64"
    )
    parser.add_argument("--load", choices=("one", "many"), help="what counts: one row, or a batch (default: one)")
    parser.add_argument(
        "--max-delta", type=float, help="of any answer, as a share of their range, where only rounding may differ (0.0001)"
    )
    parser.add_argument("--mean-delta", type=float, help="on average, as a share of their range (0.01)")
    parser.add_argument("--min-agreement", type=float, help="share of rows with the same class (0.99)")
    parser.add_argument("--max-worse", type=float, help="of accuracy or RMSE, with --label (0.005)")
    parser.add_argument("--min-cosine", type=float, help="mean cosine similarity of embeddings (0.995)")
    parser.add_argument("--passes", metavar="NAME,NAME", help="which to try (default: all that take the model)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured, in turns; medians count (default: 3)")
    parser.add_argument(
        "-o", "--output", type=Path, help="where the archive is written (default: beside the model, *.optimized.tar.gz)"
    )
    parser.add_argument("--explain", action="store_true", help="why each candidate lost")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Optimize one model; 0 also where it is best as it is."""
    from ..optimize import optimize
    from .optimize_output import as_json, as_text

    asked = _asked(options)
    out = options.output or asked.source.with_name(f"{asked.source.name.removesuffix('.tar.gz')}.optimized.tar.gz")
    result = optimize(
        asked.source, rows=asked.rows, labels=asked.labels, architecture=asked.architecture, load=asked.load, out=out,
        limits=asked.limits, passes=asked.passes, rounds=max(1, options.rounds), say=lambda line: print(line, file=sys.stderr),
    )  # fmt: skip
    kept = _remember(asked, result, out) if asked.spec is not None else None
    if options.json:
        print(json.dumps(as_json(result, out), indent=1))
    else:
        print(as_text(result, out, explain=options.explain))
        if kept is not None and asked.spec is not None:
            print(_what_follows(asked.spec, result, kept))
    return 0


@dataclass(frozen=True)
class _Asked:
    """What the command line, and the model's file where there is one, ask for; `spec` is None without one."""

    source: Path
    rows: Any
    labels: Any
    architecture: Any
    load: Any
    limits: Any
    passes: tuple[str, ...]
    spec: ModelSpec | None


def _asked(options: argparse.Namespace) -> _Asked:
    from ..optimize import Limits
    from ..spec import OptimizeSpec

    spec = None if Path(options.model).exists() else _spec(options)
    part = (spec.optimize if spec else None) or OptimizeSpec()
    given = {name: getattr(options, name) for name in OptimizeSpec.LIMITS}
    limits = Limits(**{name: getattr(part, name) if value is None else value for name, value in given.items()})
    sample, label = options.sample or part.sample, options.label or part.label
    rows, labels = _sample(Path(sample) if sample else None, label)
    own = "x86_64" if spec and spec.silicon in ("x86", "gpu") else "arm64"
    files = spec is not None and spec.hosting != "auto" and hosting_kind(spec.hosting.kind).answers == "files"
    load = options.load or part.load or ("many" if files else "one")
    passes = tuple(options.passes.split(",")) if options.passes else part.passes
    source = Path(spec.model.artifact) if spec else Path(options.model)
    return _Asked(source, rows, labels, options.architecture or own, load, limits, passes, spec)


def _spec(options: argparse.Namespace) -> ModelSpec:
    from ..spec import load_specs

    ((spec, _),) = load_specs(options.models, only=options.model)
    # What the file has made before is made anew from what it was made from.
    spec = spec.as_given
    if spec.model.artifact.startswith("s3://"):
        raise GreensageError(f"{options.model} lies in S3; download it first: aws s3 cp {spec.model.artifact} .")
    # What the file lets the container load, the container's code may load here.
    os.environ.update({"GREENSAGE_ALLOW_PICKLE": "1"} if spec.model.allow_pickle else {}, **spec.model.environment)
    return spec


def _sample(path: Path | None, label: str | None) -> tuple[Any, Any]:
    if path is None:
        if label:
            raise GreensageError("--label names a column of the sample; give it too: --sample rows.csv")
        return None, None
    if path.suffix == ".txt":
        try:
            return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()], None
        except (OSError, UnicodeDecodeError) as problem:
            raise GreensageError(f"{path}: {problem}") from None
    from ..drift.tables import read_table

    try:
        _, features, labels = read_table([path], label)
    except (OSError, ValueError, UnicodeDecodeError) as problem:
        raise GreensageError(str(problem)) from None
    return features, labels if label else None


def _remember(asked: _Asked, result: Result, out: Path) -> Path:
    """Write what was measured into the overlay of the catalog, where plan finds it."""
    assert asked.spec is not None
    if not result.archive_bytes:
        return remember(asked.spec.name, None)
    best = result.best
    digest, version = digest_of(asked.source), importlib.metadata.version("greensage")
    costs = [
        Cost(item.cpu_seconds(result.load), item.memory_bytes / 1e6, size / 1e6)
        for item, size in ((result.before, asked.source.stat().st_size), (result.after, result.archive_bytes))
    ]
    row = Optimized(
        archive=relative_to_overlay(out), archive_digest=digest_of(out), given_digest=digest, framework=result.framework,
        how=result.chosen, architectures=result.architectures, before=costs[0], after=costs[1], rows=result.sample_rows,
        made_up=result.sample_is_made_up, machine=f"{os.uname().machine} of {os.cpu_count()} processors",
        date=datetime.now(UTC).date().isoformat(), versions={"greensage": version, **(best.details if best else {})},
    )  # fmt: skip
    return remember(asked.spec.name, row)


def _what_follows(spec: ModelSpec, result: Result, kept: Path) -> str:
    if not result.archive_bytes:
        return ""
    use = "greensage plan uses it" if spec.optimize else f"to use it, add to the file of {spec.name}: optimize: true"
    return f"What was measured stands in {kept}; {use}."
