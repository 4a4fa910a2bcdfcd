"""The two jobs of a retraining as they are asked of SageMaker: training, and comparing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as assets

from constructs import Construct

from ..catalog import drift
from ..core.acknowledge import acknowledge_wildcards
from ..core.processing import job_input, job_output
from ..core.state_machines import job_logs_arn, retain_job_logs
from ..endpoints.access import ExecutionAccess
from ..endpoints.image import ContainerImage
from ..monitoring.function import loop_code, optimizer_code
from ..storage.artifacts import ArtifactLocation
from .champion import Champion
from .expressions import Ref, Text
from .optimization import Optimization
from .training import TrainingSource

_TRAINING_LOGS, _PROCESSING_LOGS = "/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs"
# botocore 1.43.106, ProcessingEnvironmentValue.
_LONGEST_VALUE = 256
_MODULE = "greensage.drift.job"
_OPTIMIZER = "greensage.optimize.job"
_DISK = drift.limit("volume_gb")


class Jobs(Construct):
    """Roles and requests of the jobs. `number` in their names is the retraining's; a retry gets a name of its own."""

    def __init__(
        self, scope: Construct, id: str, *, base: str, source: TrainingSource, champion: Champion, bucket: s3.IBucket,
        prefix: str, compared: Mapping[str, Any], encryption_key: kms.IKey | None, log_retention_days: int,
        optimization: Optimization | None = None, environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(scope, id)
        self._optimization, self._environment = optimization, dict(environment or {})
        self._base, self._source, self._champion, self._key = base, source, champion, encryption_key
        self._bucket, self._prefix = bucket, prefix
        self._compared = json.dumps(compared, separators=(",", ":"))
        if len(self._compared) > _LONGEST_VALUE:
            raise ValueError(f"the names of KPIs, label and protected feature make {len(self._compared)} of 256 characters")
        self._code = ArtifactLocation.of_asset(loop_code(self))
        self._optimizer = ArtifactLocation.of_asset(optimizer_code(self)) if optimization else self._code
        script = assets.Asset(self, "Source", path=source.folder, exclude=["**/__pycache__", "*.pyc"])
        self._script = ArtifactLocation.of_asset(script)
        self.training_role = self._training_access(log_retention_days)
        self.comparing_role = self._comparing_access(log_retention_days)
        self.optimizing_role = self._optimizing_access(log_retention_days) if optimization else None

    def train(self, *, spot: bool) -> dict[str, Any]:
        """Return a CreateTrainingJob request, with texts of the run, on Spot or on demand."""
        source, prefix = self._source, f"s3://{self._bucket.bucket_name}/{self._prefix}"
        volume = {"VolumeKmsKeyId": self._key.key_arn} if self._key else {}
        key = {"KmsKeyId": self._key.key_arn} if self._key else {}
        recent = {"S3Uri": Text.of(f"{prefix}retraining/", Ref.NAME, "/recent/")}
        stop: dict[str, Any] = {"MaxRuntimeInSeconds": source.max_run_minutes * 60}
        on_spot: dict[str, Any] = {}
        if spot:
            stop["MaxWaitTimeInSeconds"] = source.max_wait_minutes * 60
            kept = {"S3Uri": Text.of(f"{prefix}checkpoints/", Ref.NAME, "/")}
            on_spot = {"EnableManagedSpotTraining": True, "CheckpointConfig": kept}
        return {
            "TrainingJobName": Text.of(f"{self._base}-", Ref.NUMBER, "-t", Ref.ATTEMPT),
            "RoleArn": self.training_role.role.role_arn,
            "AlgorithmSpecification": {
                "TrainingImage": source.image.uri, "TrainingInputMode": "File",
                "ContainerEntrypoint": ["python", "-m", _MODULE], "ContainerArguments": ["train"],
            },
            # Python imports from the archive as it is: nothing is unpacked first.
            "Environment": {"PYTHONPATH": f"/opt/ml/input/data/code/{_file(self._code)}"},
            "HyperParameters": {"script": source.script, **source.hyperparameters},
            "InputDataConfig": [
                _channel("code", {"S3Uri": self._code.uri}), _channel("source", {"S3Uri": self._script.uri}),
                _channel("train", {"S3Uri": source.data.location.uri}), _channel("recent", recent),
            ],
            "OutputDataConfig": {"S3OutputPath": self._champion.outputs.uri.rstrip("/"), **key},
            "ResourceConfig": {
                "InstanceCount": 1, "InstanceType": Text.of(Ref.INSTANCE_TYPE), "VolumeSizeInGB": _DISK, **volume,
            },
            "StoppingCondition": stop,
            "EnableNetworkIsolation": True,
            **on_spot,
        }  # fmt: skip

    @property
    def compare_seconds(self) -> int:
        """The limit of a comparison, and of an optimization."""
        return drift.limit("evaluation_minutes") * 60

    def compare(self) -> dict[str, Any]:
        """Return a CreateProcessingJob request that scores champion and challenger."""
        prefix = f"s3://{self._bucket.bucket_name}/{self._prefix}retraining"
        key = {"KmsKeyId": self._key.key_arn} if self._key else {}
        volume = {"VolumeKmsKeyId": self._key.key_arn} if self._key else {}
        data: dict[str, dict[str, str | Text]] = {
            "code": {"S3Uri": self._code.uri},
            "champion": {"S3Uri": Text.of(Ref.CHAMPION)},
            "challenger": {"S3Uri": Text.of(Ref.ARTIFACT)},
            "train": {"S3Uri": self._source.data.location.uri},
            "recent": {"S3Uri": Text.of(f"{prefix}/", Ref.NAME, "/recent/")},
            "window": {"S3Uri": Text.of(f"{prefix}/", Ref.NAME, "/window/")},
        }
        if self._source.holdout:
            data["holdout"] = {"S3Uri": self._source.holdout.location.uri}
        output = job_output("compared", {"S3Uri": Text.of(f"{prefix}/", Ref.NAME, "/compared")})
        cluster = {
            "InstanceCount": 1, "InstanceType": drift.job_type("processing"), "VolumeSizeInGB": _DISK, **volume,
        }  # fmt: skip
        return {
            "ProcessingJobName": Text.of(f"{self._base}-", Ref.NUMBER, "-c"),
            "AppSpecification": {
                "ImageUri": self._source.image.uri, "ContainerEntrypoint": ["python", "-m", _MODULE],
                "ContainerArguments": ["compare"],
            },
            "RoleArn": self.comparing_role.role.role_arn,
            "Environment": {
                **self._environment, "PYTHONPATH": f"/opt/ml/processing/input/code/{_file(self._code)}",
                "GREENSAGE_COMPARE": self._compared,
            },
            "ProcessingInputs": [job_input(name, uri) for name, uri in data.items()],
            "ProcessingOutputConfig": {"Outputs": [output], **key},
            "ProcessingResources": {"ClusterConfig": cluster},
            "NetworkConfig": {"EnableNetworkIsolation": True},
            "StoppingCondition": {"MaxRuntimeInSeconds": self.compare_seconds},
        }  # fmt: skip

    def optimize(self) -> dict[str, Any]:
        """Return a CreateProcessingJob request that makes the winner smaller; `optimized` is where it writes."""
        asked = self._optimization
        assert asked is not None and self.optimizing_role is not None
        request = self.compare()
        wanted = ("challenger", "train", "window", "holdout")
        inputs = [item for item in request["ProcessingInputs"] if item["InputName"] in wanted]
        output = job_output("optimized", {"S3Uri": self.optimized()})
        return {
            **request,
            "ProcessingJobName": Text.of(f"{self._base}-", Ref.NUMBER, "-o"),
            "AppSpecification": {
                "ImageUri": asked.image.uri, "ContainerEntrypoint": ["python", "-m", _OPTIMIZER],
            },
            "RoleArn": self.optimizing_role.role.role_arn,
            "Environment": {
                **self._environment, "PYTHONPATH": f"/opt/ml/processing/input/code/{_file(self._optimizer)}",
                "GREENSAGE_OPTIMIZE": asked.asked(self._source.label),
            },
            "ProcessingInputs": [job_input("code", {"S3Uri": self._optimizer.uri}), *inputs],
            "ProcessingOutputConfig": {**request["ProcessingOutputConfig"], "Outputs": [output]},
        }  # fmt: skip

    def optimized(self, *more: str) -> Text:
        """Return where the archive of a retraining that was optimized lies."""
        return Text.of(f"{self._champion.outputs.uri}{self._base}-", Ref.NUMBER, "-o/output", *more)

    def _training_access(self, days: int) -> ExecutionAccess:
        access = self._access("Training", _TRAINING_LOGS, days)
        arn, prefix = self._bucket.bucket_arn, self._prefix
        for place in (self._code, self._script):
            _read(access, place)
        _read(access, self._source.data.location)
        _read(access, self._folder("retraining/"))
        _read(access, self._folder("checkpoints/"))
        access.write(arn, f"{prefix}checkpoints/")
        access.write(self._champion.outputs.bucket_arn, self._champion.outputs.prefix)
        return access

    def _comparing_access(self, days: int) -> ExecutionAccess:
        access = self._access("Comparing", _PROCESSING_LOGS, days)
        # Retrained archives lie below the deployed one's prefix, so that champion and challenger are both here.
        models = self._champion.location
        whole = ArtifactLocation(models.bucket_name, models.bucket_arn, models.prefix, models.prefix)
        for place in (self._code, whole, self._folder("retraining/")):
            _read(access, place)
        for data in (self._source.data, self._source.holdout):
            if data:
                _read(access, data.location)
        access.write(self._bucket.bucket_arn, f"{self._prefix}retraining/")
        return access

    def _optimizing_access(self, days: int) -> ExecutionAccess:
        assert self._optimization is not None
        access = self._access("Optimizing", _PROCESSING_LOGS, days, self._optimization.image)
        for place in (self._optimizer, self._champion.outputs, self._folder("retraining/")):
            _read(access, place)
        for data in (self._source.data, self._source.holdout):
            if data:
                _read(access, data.location)
        access.write(self._champion.outputs.bucket_arn, self._champion.outputs.prefix)
        return access

    def _access(self, id: str, group: str, days: int, image: ContainerImage | None = None) -> ExecutionAccess:
        access = ExecutionAccess(self, id, role=None)
        access.pull(image or self._source.image)
        arn = job_logs_arn(self, group)
        access.log(arn)
        acknowledge_wildcards(access.policy, [arn], "The streams of the one log group that SageMaker has for these jobs.")
        if self._key:
            access.use_key(self._key)
        access.node.add_dependency(retain_job_logs(self, f"{id}Logs", group, days))
        return access

    def _folder(self, name: str) -> ArtifactLocation:
        prefix = f"{self._prefix}{name}"
        return ArtifactLocation(self._bucket.bucket_name, self._bucket.bucket_arn, prefix, prefix)


def _read(access: ExecutionAccess, place: ArtifactLocation) -> None:
    access.read(place)
    access.list(place.bucket_arn, place.prefix)


def _file(place: ArtifactLocation) -> str:
    return place.key.rsplit("/", 1)[-1]


def _channel(name: str, uri: Mapping[str, str | Text]) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated", **uri}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": "File"}
