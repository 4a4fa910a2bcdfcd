"""`greensage package`: a checked model.tar.gz of what a training script left, and the YAML to paste."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import GreensageError
from . import Commands

if TYPE_CHECKING:
    from ..packaging import Packaged

_EXAMPLES = """examples:
  greensage package booster.ubj --sample row.csv      XGBoost; the row is sent to it, and packed with it
  greensage package model.joblib --allow-pickle       scikit-learn; skops and ONNX run no code when they are loaded
  greensage package out/ --name churn --write         a folder with one model; writes models/churn.yaml too
  greensage package model.pth --code code/ --requirements requirements.txt
  greensage package my-encoder/                       a Hugging Face folder
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "package", help="make a checked model.tar.gz of what training left", epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("path", type=Path, metavar="PATH", help="a model's file or folder, or an archive")
    parser.add_argument("--code", type=Path, metavar="DIR", help="folder with inference.py")
    parser.add_argument("--requirements", type=Path, metavar="FILE", help="what the code needs, for AWS's containers")
    parser.add_argument("--sample", type=Path, metavar="FILE", help="one request, .csv or .json (default: a row of zeros)")
    parser.add_argument("--name", help="of the model (default: from the file's name)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: models/artifacts/NAME.tar.gz, or NAME.tar.gz")
    parser.add_argument("--allow-pickle", action="store_true", help="load a pickle, which runs its code, to try it")
    parser.add_argument("--no-run", action="store_true", help="do not try it in the serving container's code")
    parser.add_argument("--write", action="store_true", help="write models/NAME.yaml, if it is not there")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Pack, try and show."""
    from ..packaging import package

    made = package(
        options.path, code=options.code, requirements=options.requirements, sample=options.sample, name=options.name,
        out=options.output, allow_pickle=options.allow_pickle, run=not options.no_run,
        say=lambda text: print(text, file=sys.stderr),
    )  # fmt: skip
    written = _write(made) if options.write else None
    if options.json:
        print(json.dumps(_json(made, written), indent=2))
        return 0
    print(f"{made.archive}: {made.size_bytes:,} bytes, {', '.join(made.files[:8])}{' ...' if len(made.files) > 8 else ''}")
    print(f"taken for {made.framework}: {made.why}")
    if made.tried is None:
        print(f"not tried: {made.not_tried}")
    else:
        answer = made.tried.answer or "answers a row of zeros"
        print(f"tried in the serving container's own code: ready after {made.tried.seconds:.1f} s; {answer}")
    print(f"\n{written}:" if written else "\nmodels/NAME.yaml, to begin with:" if not options.write else "")
    print(made.yaml, end="")
    return 0


def _write(made: Packaged) -> Path:
    import yaml

    name = yaml.safe_load(made.yaml)["name"]
    path = Path("models") / f"{name}.yaml"
    if path.exists():
        raise GreensageError(f"{path} is there already; the archive was written, and the file left as it is")
    path.parent.mkdir(exist_ok=True)
    path.write_text(made.yaml, encoding="utf-8")
    return path


def _json(made: Packaged, written: Path | None) -> dict[str, object]:
    tried = None if made.tried is None else {"seconds": round(made.tried.seconds, 3), "answer": made.tried.answer}
    return {
        "archive": str(made.archive), "size_bytes": made.size_bytes, "sha256": made.sha256, "framework": made.framework,
        "why": made.why, "files": list(made.files), "tried": tried, "not_tried": made.not_tried, "notes": list(made.notes),
        "yaml": made.yaml, "written": str(written) if written else None,
    }  # fmt: skip
