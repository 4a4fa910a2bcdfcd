"""The baseline that windows are compared with: a statistics.json, made when the model was trained."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as assets

from constructs import Construct


def check_baseline(path: Path) -> None:
    """Raise ValueError unless `path` is a statistics.json with features. Their sketches are read where they are used."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = [row["name"] for row in content["features"] if row["inferred_type"]]
        int(content["dataset"]["item_count"])
    except FileNotFoundError:
        raise ValueError(f"there is no baseline {path}; make one: greensage baseline DATA.csv -o {path}") from None
    except (ValueError, KeyError, TypeError) as problem:
        raise ValueError(f"{path} is no statistics.json of Model Monitor: {type(problem).__name__}: {problem}") from None
    if not names:
        raise ValueError(f"{path} has no features")


@dataclass(frozen=True)
class Baseline:
    """Where the statistics.json lies. Make one with `from_file` or `in_bucket`.

    Parameters
    ----------
    bucket_name, bucket_arn, key:
        Of the file in S3.
    source:
        Tells one baseline from another: a retrained model's replaces it only as long as the baseline it was
        made beside is the deployed one.
    """

    bucket_name: str
    bucket_arn: str
    key: str
    source: str

    @classmethod
    def from_file(cls, scope: Construct, id: str, path: str | Path) -> Baseline:
        """Return a local statistics.json, as an asset. Raises ValueError when it is none."""
        check_baseline(Path(path))
        asset = assets.Asset(scope, id, path=str(path))
        return cls(asset.s3_bucket_name, asset.bucket.bucket_arn, asset.s3_object_key, asset.asset_hash[:12])

    @classmethod
    def in_bucket(cls, bucket: s3.IBucket, key: str) -> Baseline:
        """Return a statistics.json that is in S3 already."""
        return cls(bucket.bucket_name, bucket.bucket_arn, key, key)
