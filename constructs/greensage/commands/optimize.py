"""`greensage optimize`: a smaller, faster model that answers the same, and the proof."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..catalog.power import power
from ..errors import GreensageError
from ..spec import load_specs
from ..text import bold, green, number, table
from . import Commands

if TYPE_CHECKING:
    from ..optimize.choose import Result

_EXAMPLES = """examples:
  greensage optimize churn --sample rows.csv              the model of models/churn.yaml, for the silicon it asks for
  greensage optimize model.tar.gz --sample rows.csv --label target -o small.tar.gz
  greensage optimize model.onnx --for x86_64 --load many --json

rows.csv has a header with the features in the order in which they are sent. Needs pip install 'greensage[optimize]'.
"""
# Whose watts turn CPU seconds into joules: the smallest type that the planner likes best.
_REFERENCES = {"arm64": "ml.c8g.large", "x86_64": "ml.c7i.large"}


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "optimize", help="a smaller, faster model that answers the same", epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("model", help="name of a model file, or a model.tar.gz, folder or file")
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of model files (default: models)")
    parser.add_argument(
        "--sample", type=Path, help="CSV with a header: rows to prove parity on (default: the archive's sample.csv)"
    )
    parser.add_argument("--label", help="column of the sample that is right, and no feature")
    parser.add_argument(
        "--for", dest="architecture", choices=("arm64", "x86_64"), help="default: as the model file says, else arm64"
    )
    parser.add_argument("--load", choices=("one", "many"), default="one", help="what counts: one row, or 1,000 (default: one)")
    parser.add_argument(
        "--max-delta", type=float, help="of any answer, as a share of their range, where only rounding may differ (0.0001)"
    )
    parser.add_argument("--mean-delta", type=float, help="on average, as a share of their range (0.01)")
    parser.add_argument("--min-agreement", type=float, help="share of rows with the same class (0.99)")
    parser.add_argument("--max-worse", type=float, help="of accuracy or RMSE, with --label (0.005)")
    parser.add_argument(
        "-o", "--output", type=Path, help="where the archive is written (default: beside the model, *.optimized.tar.gz)"
    )
    parser.add_argument("--explain", action="store_true", help="why each candidate lost")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Optimize one model; 0 also where it is best as it is."""
    try:
        from ..optimize import Limits, optimize
    except ImportError as error:
        raise GreensageError(f"optimize needs {error.name}: pip install 'greensage[optimize]'") from None
    source, architecture = _source(options)
    rows, labels = _sample(options)
    given = {name: getattr(options, name) for name in ("max_delta", "mean_delta", "min_agreement", "max_worse")}
    out = options.output or source.with_name(f"{source.name.removesuffix('.tar.gz')}.optimized.tar.gz")
    result = optimize(
        source, rows=rows, labels=labels, architecture=architecture, load=options.load, out=out,
        limits=Limits(**{name: value for name, value in given.items() if value is not None}),
        say=lambda line: print(line, file=sys.stderr),
    )  # fmt: skip
    if options.json:
        print(json.dumps(_as_json(result, out), indent=1))
    else:
        print(_as_text(result, out, explain=options.explain))
    return 0


def _source(options: argparse.Namespace) -> tuple[Path, Any]:
    path = Path(options.model)
    if path.exists():
        return path, options.architecture or "arm64"
    ((spec, _),) = load_specs(options.models, only=options.model)
    if spec.model.artifact.startswith("s3://"):
        raise GreensageError(f"{options.model} lies in S3; download it first: aws s3 cp {spec.model.artifact} .")
    # What the file lets the container load, the container's code may load here.
    os.environ.update({"GREENSAGE_ALLOW_PICKLE": "1"} if spec.model.allow_pickle else {}, **spec.model.environment)
    return Path(spec.model.artifact), options.architecture or ("x86_64" if spec.silicon in ("x86", "gpu") else "arm64")


def _sample(options: argparse.Namespace) -> tuple[Any, Any]:
    if options.sample is None:
        if options.label:
            raise GreensageError("--label names a column of the sample; give it too: --sample rows.csv")
        return None, None
    from ..drift.tables import read_table

    try:
        _, features, label = read_table([options.sample], options.label)
    except (ValueError, UnicodeDecodeError) as problem:
        raise GreensageError(str(problem)) from None
    return features, label if options.label else None


def _as_text(result: Result, out: Path, *, explain: bool) -> str:
    rows = [("", "SIZE", "ONE ROW", "1,000 ROWS", "MEMORY", "J/1,000", "DIFFERS"), _row("as it is", result.before, "", result)]
    for item in result.tried:
        if item.measured is not None:
            differs = f"{item.parity.max_delta:.1g}" if item.parity else "?"
            rows.append(_row(item.name + (" *" if item.name == result.chosen else ""), item.measured, differs, result))
    lines = [table(rows, right=range(1, 7)), ""]
    joules = f"J per 1,000 inferences: CPU seconds times the watts of a core of {_REFERENCES[result.architecture]}, an estimate."
    lines += [joules, *([_made_up(result)] if result.sample_is_made_up else [])]
    if explain or result.chosen == "as it is":
        lines += ["", *(f"{item.name}: {item.lost or 'chosen'}" for item in result.tried)]
    before, after = (_cpu(item, result.load) for item in (result.before, result.after))
    if result.chosen == "as it is":
        lines += ["", "It is best as it is; nothing was written."]
    else:
        lines += [
            "",
            bold(f"{result.chosen}: {green(f'-{1 - after / before:.0%} CPU')}, written to {out} ({_size(result.archive_bytes)})"),
        ]
    return "\n".join(lines)


def _row(name: str, item: Any, differs: str, result: Result) -> tuple[str, ...]:
    joules = _cpu(item, result.load) * 1000 * _watts(result.architecture)
    return (
        name, _size(item.size_bytes), _time(item.single_seconds), _time(item.batch_seconds), _size(item.memory_bytes),
        number(joules), differs,
    )  # fmt: skip


def _as_json(result: Result, out: Path) -> dict[str, Any]:
    written = {"archive": str(out), "archive_bytes": result.archive_bytes} if result.archive_bytes else {}
    content = {**asdict(result), "source": str(result.source), "after": asdict(result.after), **written}
    return {**content, "joules_per_1000_estimated": {
        "before": _cpu(result.before, result.load) * 1000 * _watts(result.architecture),
        "after": _cpu(result.after, result.load) * 1000 * _watts(result.architecture),
        "instance_type": _REFERENCES[result.architecture],
    }}  # fmt: skip


def _cpu(item: Any, load: str) -> float:
    return item.single_cpu_seconds if load == "one" else item.batch_cpu_seconds


def _watts(architecture: str) -> float:
    """Of one busy core."""
    from ..catalog.instances import instance

    name = _REFERENCES[architecture]
    return power(name).full_w.value / instance(name).vcpu


def _made_up(result: Result) -> str:
    return f"The answers were compared on {result.sample_rows} rows that are made up; give real ones: --sample rows.csv"


def _size(count: float) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:,.0f} µs"
