"""Trains the model of electricity prices: on a SageMaker training job, and by hand for the first champion.

It reads every CSV file of its channels (same header, the column `target` is the label), weighs recent rows more, keeps
checkpoints, so that a Spot instance may be taken away at any time, and leaves `model.ubj`.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import xgboost

LABEL, ROUNDS, EVERY, RECENT = "target", 200, 25, 4.0
PARAMETERS = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.05, "seed": 7, "nthread": 1}


def read(folder: str) -> tuple[np.ndarray, np.ndarray]:
    """Return features and labels of all CSV files of a channel; empty where there is no such channel."""
    parts = []
    for path in sorted(Path(folder).glob("*.csv")) if folder else []:
        with path.open(encoding="utf-8") as file:
            rows = list(csv.reader(file))
        place = rows[0].index(LABEL)
        parts += [[float(row[place]), *(float(cell) for index, cell in enumerate(row) if index != place)] for row in rows[1:]]
    table = np.array(parts, dtype=np.float64)
    return (table[:, 1:], table[:, 0]) if len(table) else (np.empty((0, 0)), np.empty(0))


def main() -> None:
    """Train from the last checkpoint, if there is one."""
    features, labels = read(os.environ["SM_CHANNEL_TRAIN"])
    weights = np.ones(len(labels))
    recent, recent_labels = read(os.environ.get("SM_CHANNEL_RECENT", ""))
    if len(recent_labels):
        features, labels = np.concatenate([features, recent]), np.concatenate([labels, recent_labels])
        weights = np.concatenate([weights, np.full(len(recent_labels), RECENT)])
    data = xgboost.DMatrix(features, label=labels, weight=weights)
    kept = Path(os.environ["SM_CHECKPOINT_DIR"])
    kept.mkdir(parents=True, exist_ok=True)
    found = sorted(kept.glob("*.ubj"))
    booster = xgboost.Booster(PARAMETERS, [data], model_file=str(found[-1])) if found else None
    done = booster.num_boosted_rounds() if booster else 0
    while done < ROUNDS:
        booster = xgboost.train(PARAMETERS, data, num_boost_round=EVERY, xgb_model=booster)
        done += EVERY
        booster.save_model(kept / f"{done:05d}.ubj")
    assert booster is not None
    booster.save_model(Path(os.environ["SM_MODEL_DIR"]) / "model.ubj")
    print(f"trained on {len(labels)} rows, {len(recent_labels)} of them recent")


if __name__ == "__main__":
    main()
