"""Writes serving/locks/: for each engine its packages by hash, and its bill of materials: `make locks`.

Versions come from serving/requirements*.txt; uv resolves what they need for Python 3.13 and takes the hashes of every wheel
from the package index, cyclonedx-bom writes the bill of materials.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "constructs"))

from greensage.catalog.engines import Engine, engines, packages_of  # noqa: E402

SERVING, BIN = ROOT / "serving", Path(sys.executable).parent
_HEAD = "# Written by tools/serving_locks.py (make locks) from serving/requirements*.txt; do not edit.\n"


def pins() -> dict[str, str]:
    """Return the pinned lines by the names of their packages."""
    files = [SERVING / f"requirements{name}.txt" for name in ("", "-catboost", "-optimize")]
    lines = [line.strip() for file in files for line in file.read_text().splitlines()]
    return {line.partition("==")[0]: line for line in lines if line and not line.startswith("#")}


def write(engine: Engine) -> None:
    """Write the lock and the bill of materials of one engine."""
    known, target = pins(), SERVING / "locks" / f"{engine}.txt"
    target.parent.mkdir(exist_ok=True)
    wanted = "\n".join(known[name] for name in packages_of(engine)) + "\n"
    # Without dependencies that are not of this file another engine could have another version of them.
    every = "\n".join(known.values()) + "\n"
    limits = target.with_suffix(".limits")
    limits.write_text(every)
    command = [
        str(BIN / "uv"), "pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate", "--only-binary=:all:",
        "--python-version", "3.13", "--python-platform", "x86_64-manylinux_2_28", "--constraint", str(limits), "-",
    ]  # fmt: skip
    done = subprocess.run(command, input=wanted, capture_output=True, text=True, check=False)
    limits.unlink()
    if done.returncode:
        raise SystemExit(done.stderr)
    target.write_text(_HEAD + done.stdout)
    bill = [str(BIN / "cyclonedx-py"), "requirements", str(target), "--output-reproducible", "--of", "JSON"]
    content = json.loads(subprocess.run(bill, capture_output=True, text=True, check=True).stdout)
    content["metadata"]["component"] = {"type": "container", "name": f"greensage-serving-{engine}", "bom-ref": "image"}
    for name in ("properties", "tools"):
        content["metadata"].pop(name, None)
    # The lock beside it has the hashes.
    kept = ("bom-ref", "type", "name", "version", "purl")
    content["components"] = [{key: item[key] for key in kept if key in item} for item in content["components"]]
    target.with_name(f"{engine}.cdx.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    for name in engines():
        write(name)
        print(f"serving/locks/{name}.txt")
