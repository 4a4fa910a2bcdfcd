"""What is trained, on what, and where: the script, the data, and the instance types, smallest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as assets

from constructs import Construct

from ..catalog import drift
from ..core import defaults
from ..core.checked import check_count, check_needed, check_order, check_whole
from ..endpoints.image import ContainerImage
from ..storage.artifacts import ArtifactLocation


@dataclass(frozen=True)
class DataFile:
    """CSV data with a header: one file, or all files below a prefix (which ends with a slash).

    Parameters
    ----------
    location:
        Where it lies, and the key that it is encrypted with.
    """

    location: ArtifactLocation

    @classmethod
    def from_file(cls, scope: Construct, id: str, path: str | Path) -> DataFile:
        """Return a local CSV file, as an asset."""
        if not Path(path).is_file():
            raise ValueError(f"there is no file {path}")
        made = assets.Asset(scope, id, path=str(path))
        return cls(ArtifactLocation.of_asset(made))

    @classmethod
    def in_bucket(cls, bucket: s3.IBucket, key: str, *, encryption_key: kms.IKey | None = None) -> DataFile:
        """Return data that is in S3 already: a key, or a prefix that ends with a slash.

        encryption_key: what it is encrypted with, when that is not the bucket's own.
        """
        return cls(ArtifactLocation.in_bucket(bucket, key, encryption_key=encryption_key))


@dataclass(frozen=True)
class TrainingSource:
    """How to train.

    folder, script:
        A folder with the training code and the script in it. It runs as under SageMaker's toolkits: it reads CSV files
        from the folders in SM_CHANNEL_TRAIN and SM_CHANNEL_RECENT (labelled captures, same header), and writes the model
        to SM_MODEL_DIR. Spot: keep checkpoints in SM_CHECKPOINT_DIR. Default: train.py.
    image:
        greensage's serving image or one of yours with Python and numpy, for x86_64: training has no Graviton.
    data, holdout:
        What the model was trained on before, and what is only for comparing; default: nothing held out.
    label:
        The name of the label's column.
    instance_types:
        Smallest first; each is tried on Spot, then the first on demand. Default: catalog/data/drift.json.
    max_run_minutes, max_wait_minutes:
        Of one attempt, whole numbers from 1; the wait is for Spot capacity, and counts the run. Default 60 and 120.
    hyperparameters:
        Texts by name, which the script gets as SageMaker's toolkits give them; default: none.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    folder: str
    image: ContainerImage
    data: DataFile
    label: str
    holdout: DataFile | None = None
    script: str = "train.py"
    instance_types: tuple[str, ...] = field(default_factory=drift.training_types)
    max_run_minutes: int = defaults.MAX_RUN_MINUTES
    max_wait_minutes: int = defaults.MAX_WAIT_MINUTES
    hyperparameters: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        if not (Path(self.folder) / self.script).is_file():
            raise ValueError(f"there is no {self.script} in {self.folder}")
        if self.image.architecture != "x86_64":
            raise ValueError("image is arm64; training has no Graviton types (botocore, TrainingInstanceType)")
        check_count("instance_types", self.instance_types, 1)
        for prop in ("max_run_minutes", "max_wait_minutes"):
            check_needed(prop, getattr(self, prop), "SageMaker's limits in seconds are computed from it")
            check_whole(prop, getattr(self, prop), 1)
        # The wait counts the run, so it must not be shorter.
        check_order("max_run_minutes", self.max_run_minutes, "max_wait_minutes", self.max_wait_minutes)

    @property
    def candidates(self) -> list[dict[str, object]]:
        """Where to train, in this order: each type on Spot, then the smallest on demand."""
        spot: list[dict[str, object]] = [{"type": name, "spot": True} for name in self.instance_types]
        return [*spot, {"type": self.instance_types[0], "spot": False}]
