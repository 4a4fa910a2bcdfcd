"""`greensage drift replay`: reads captures that are there already, and prints how each window would have been judged."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import GreensageError
from ..narrow import is_list

if TYPE_CHECKING:
    from ..drift.capture import Batch
    from ..drift.evaluate import Settings
    from ..drift.replay import Replayed
    from ..drift.window import Statistics

_SECONDS = {"hour": 3_600.0, "day": 86_400.0, "week": 604_800.0}
_TELL_SECONDS = 5.0


def run(options: argparse.Namespace) -> int:
    """Replay; 1 where it would have alarmed."""
    if options.baseline is None:
        raise GreensageError("replay needs --baseline FILE: greensage baseline DATA.csv -o FILE makes one")
    try:
        from ..drift.replay import replay
    except ImportError:
        raise GreensageError("replay needs numpy: pip install 'greensage[drift]'") from None
    from ..catalog import drift
    from .drift_output import sensitivity, summary, window_line

    baseline, settings = _baseline(options.baseline), _settings(options)
    windows = _windows(options, _told(_batches(options.captures, options.region, list(baseline.features))))
    made: list[Replayed] = []
    enough, days = int(drift.setting("enough_rows")), drift.setting("window_days")
    for window in replay(baseline, windows, settings, enough_rows=enough, window_days=days):
        made.append(window)
        if not options.json:
            print(window_line(window), flush=True)
    if not made:
        raise GreensageError(f"{options.captures}: no captured request in it")
    if options.json:
        print(json.dumps({"windows": [_json(row) for row in made], "sensitivity": sensitivity(made, settings)}, indent=2))
    else:
        print("\n".join(summary(made, settings)))
    return 1 if any(row.opened for row in made) else 0


def _json(row: Replayed) -> dict[str, object]:
    return {"until": row.until, "opened": row.opened, "ended": row.ended, **row.evaluation}


def _baseline(path: Path) -> Statistics:
    from ..drift.monitor_files import from_statistics

    try:
        return from_statistics(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as problem:
        raise GreensageError(f"{path} is no statistics.json: {type(problem).__name__}: {problem}") from None


def _windows(options: argparse.Namespace, batches: Iterator[Batch]) -> Iterator[tuple[float, list[Batch]]]:
    from ..drift.replay import by_count, by_time

    if options.every in _SECONDS:
        return by_time(batches, _SECONDS[options.every])
    if options.every.isdigit() and int(options.every):
        return by_count(batches, int(options.every))
    raise GreensageError(f"--every is {options.every!r}; allowed: hour, day, week, or a number of rows")


def _settings(options: argparse.Namespace) -> Settings:
    from ..catalog import drift
    from ..drift.evaluate import Settings

    method = options.method or drift.methods()[0]
    if method not in drift.methods():
        raise GreensageError(f"--method is {method!r}; allowed: {', '.join(drift.methods())}")
    threshold = drift.threshold(method) if options.threshold is None else options.threshold
    alpha = drift.setting("alpha") if options.alpha is None else options.alpha
    least = int(drift.setting("min_rows")) if options.min_rows is None else options.min_rows
    if threshold <= 0 or not 0 < alpha < 1 or least < 1:
        raise GreensageError("--threshold is above 0, --alpha between 0 and 1, --min-rows 1 or more")
    return Settings(
        method, threshold, alpha, least, drift.setting("missing"), drift.setting("new_values"), unread=drift.setting("unread"),
        segments=options.segment if is_list(options.segment) else (),
    )  # fmt: skip


def _batches(place: str, region: str | None, names: list[str]) -> Iterator[Batch]:
    """Yield what was captured, file by file in the order of their names, which begin with the time."""
    from ..drift.capture import read

    for lines in _from_s3(place, region) if place.startswith("s3://") else _from_folder(Path(place)):
        yield from read(lines, len(names), names)


def _from_folder(place: Path) -> Iterator[Iterable[bytes]]:
    paths = [place] if place.is_file() else sorted(path for path in place.rglob("*.jsonl") if path.is_file())
    if not paths:
        raise GreensageError(f"{place}: no captures (*.jsonl) are there; the monitor's bucket has them below capture/")
    for path in paths:
        with path.open("rb") as file:
            yield file


def _from_s3(place: str, region: str | None) -> Iterator[Iterable[bytes]]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    session: Any = boto3.Session(region_name=region)
    client = session.client("s3")
    try:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = sorted(row["Key"] for page in pages for row in page.get("Contents", []))
        if not keys:
            raise GreensageError(f"{place}: nothing is there")
        for key in keys:
            yield client.get_object(Bucket=bucket, Key=key)["Body"].iter_lines(chunk_size=1 << 20)
    except (BotoCoreError, ClientError) as error:
        raise GreensageError(f"{place}: {error}") from None


def _told(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same; with a line of progress where it takes long."""
    begun = told = time.monotonic()
    rows = 0
    for batch in batches:
        rows += len(batch.features)
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            print(f"read {rows:,} rows in {told - begun:.0f} s ...", file=sys.stderr)
        yield batch
