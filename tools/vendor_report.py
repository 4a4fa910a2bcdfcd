"""Copy what the report embeds from node_modules: the chart library, and the outline of the continents as one SVG path.

Run by a maintainer after changing a version in package.json: `.venv/bin/python tools/vendor_report.py`. What it writes is
committed, so that the report needs no Node; a test compares it with node_modules.
"""

from __future__ import annotations

import json
import shutil
from itertools import accumulate
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "constructs/greensage/report/vendor"
# What lies south of that holds no Region; the map is equirectangular, in degrees.
SOUTH = -58.0


def main() -> None:
    """Write the vendored files."""
    OUT.mkdir(exist_ok=True)
    shutil.copyfile(ROOT / "node_modules/chart.js/dist/chart.umd.min.js", OUT / "chart.umd.min.js")
    shutil.copyfile(ROOT / "node_modules/chart.js/LICENSE.md", OUT / "chart.LICENSE.md")
    shutil.copyfile(ROOT / "node_modules/world-atlas/LICENSE", OUT / "land.LICENSE")
    (OUT / "land.svgpath").write_text(land_path() + "\n")


def land_path() -> str:
    """Return the land of the world as an SVG path; x is the longitude, y the latitude downwards, in degrees."""
    topology = json.loads((ROOT / "node_modules/world-atlas/land-110m.json").read_text())
    arcs = [_points(arc, topology["transform"]) for arc in topology["arcs"]]
    rings = [ring for geometry in topology["objects"]["land"]["geometries"] for polygon in geometry["arcs"] for ring in polygon]
    return "".join(_ring(ring, arcs) for ring in rings)


def _points(arc: list[list[int]], transform: dict[str, Any]) -> list[tuple[float, float]]:
    """Undo TopoJSON's delta encoding and quantization."""
    (sx, sy), (tx, ty) = transform["scale"], transform["translate"]
    return [
        (x * sx + tx, y * sy + ty) for x, y in accumulate(((p[0], p[1]) for p in arc), lambda a, b: (a[0] + b[0], a[1] + b[1]))
    ]


def _ring(indices: list[int], arcs: list[list[tuple[float, float]]]) -> str:
    points: list[tuple[float, float]] = []
    for index in indices:
        arc = arcs[index] if index >= 0 else arcs[~index][::-1]
        points += arc[1:] if points else arc
    width = max(x for x, _ in points) - min(x for x, _ in points)
    height = max(y for _, y in points) - min(y for _, y in points)
    # Islands on the date line would be drawn around the whole world; what is left of them is a stripe.
    if max(y for _, y in points) < SOUTH or (width > 300 and height < 10):
        return ""
    steps = dict.fromkeys(f"{x:.1f} {-max(y, SOUTH):.1f}" for x, y in points)
    return f"M{'L'.join(steps)}Z" if len(steps) > 3 else ""


if __name__ == "__main__":
    main()
