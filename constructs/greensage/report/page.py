"""Puts the page together: template, style, scripts, chart library, map and data in one file that needs no network."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_SCRIPTS = (
    "vendor/chart.umd.min.js",
    "assets/format.js",
    "assets/charts.js",
    "assets/map.js",
    "assets/table.js",
    "assets/history.js",
    "assets/saving.js",
    "assets/page.js",
)


def report_html(data: dict[str, Any]) -> str:
    """Return the page for what `report_data` returned."""
    parts = {
        "TITLE": html.escape(data["title"]),
        "STYLE": _read("assets/style.css"),
        "LAND": _read("vendor/land.svgpath").strip(),
        "DATA": _safe_json(data),
        "SCRIPTS": "\n".join(f"<script>\n{_read(name)}\n</script>" for name in _SCRIPTS),
    }
    page = _read("assets/page.html")
    # In one pass over the template, so that nothing in the data is taken for a placeholder.
    pieces = page.split("%%")
    return "".join(parts[piece] if index % 2 else piece for index, piece in enumerate(pieces))


def _safe_json(data: dict[str, Any]) -> str:
    """JSON that cannot end the script element it stands in, whatever the names of models are."""
    # NaN is no JSON: a browser would refuse all of the data.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
