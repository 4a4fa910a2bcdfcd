"""A baseline: the findings of an old estate that are known and not to be shown again; new ones are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ..errors import CheckError
from .finding import Finding

_VERSION = 1


def read_baseline(path: Path) -> frozenset[str]:
    """Return the fingerprints in `path`. Raises CheckError for another file."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["version"] != _VERSION:
            raise ValueError
        return frozenset(str(row["fingerprint"]) for row in raw["findings"])
    except OSError as error:
        raise CheckError(f"{path}: {error.strerror}; greensage check --write-baseline {path} makes it") from None
    except (ValueError, KeyError, TypeError):
        raise CheckError(f"{path}: no baseline of greensage check") from None


def write_baseline(path: Path, findings: Iterable[Finding]) -> int:
    """Write the fingerprints of `findings`, one a line so that a diff shows what was mended; return how many."""
    rows = sorted({item.fingerprint: item for item in findings}.values(), key=lambda item: item.fingerprint)
    body = ",\n".join(f"  {json.dumps({'fingerprint': item.fingerprint, 'message': item.message})}" for item in rows)
    path.write_text(f'{{\n "version": {_VERSION},\n "findings": [\n{body}\n ]\n}}\n', encoding="utf-8")
    return len(rows)
