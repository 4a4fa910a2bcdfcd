"""The other engine, for large windows: Model Monitor's own Spark container, as a plain processing job.

Its schedules are closed to new customers since 2026-07-30; the container is not. It writes a statistics.json, which is
read by the same evaluator as what the function makes.
"""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from aws_cdk import CfnMapping, Stack, Token
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as assets

from constructs import Construct

from ..catalog import drift
from ..core import states
from ..core.acknowledge import acknowledge_wildcards
from ..core.names import job_base
from ..core.processing import PROCESSING, job_input, job_output
from ..core.state_machines import TRANSIENT, job_logs_arn, look_seconds, retain_job_logs, sdk
from ..core.states import States
from ..drift.payload import source
from ..endpoints.access import ExecutionAccess
from ..endpoints.image import ContainerImage
from ..errors import CatalogError
from ..storage.artifacts import ArtifactLocation
from .baseline import Baseline

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_FAILURE = "$.window.job_failure"
_CAPTURED = json.dumps({"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}})


class Analyzer(Construct):
    """The role of the jobs, their logs, and the state that runs one."""

    def __init__(
        self, scope: Construct, id: str, *, bucket: s3.IBucket, prefix: str, baseline: Baseline,
        encryption_key: kms.IKey | None, log_retention_days: int,
    ) -> None:  # fmt: skip
        super().__init__(scope, id)
        self._bucket, self._prefix, self._baseline, self._key = bucket, prefix, baseline, encryption_key
        self._image = _image(self)
        script = assets.Asset(self, "Preprocessor", path=str(_standalone_preprocessor()))
        self._script = ArtifactLocation.of_asset(script)
        access = ExecutionAccess(self, "Access", role=None)
        self.role = access.role
        access.pull(self._image)
        # A job takes each input as a prefix and lists it, even where it is one file.
        for place in (self._script, ArtifactLocation(baseline.bucket_name, baseline.bucket_arn, baseline.key, baseline.key)):
            access.read(place)
            access.list(place.bucket_arn, place.key)
        # The manifest that names a window's files lies below reports/.
        for folder in ("capture/", "reports/"):
            whole = f"{prefix}{folder}"
            access.read(ArtifactLocation(bucket.bucket_name, bucket.bucket_arn, whole, whole))
            access.list(bucket.bucket_arn, whole)
        access.write(bucket.bucket_arn, f"{prefix}reports/")
        group = job_logs_arn(self, LOG_GROUP)
        access.log(group)
        acknowledge_wildcards(access.policy, [group], "The streams of the one log group that SageMaker has for these jobs.")
        if encryption_key:
            access.use_key(encryption_key)
        self.node.add_dependency(retain_job_logs(self, "JobLogs", LOG_GROUP, log_retention_days))
        self.jobs_arn = Stack.of(self).format_arn(
            service="sagemaker", resource="processing-job", resource_name=f"{job_base(self)}-*"
        )

    def states(self) -> States:
        """Return the states that analyze `$.window` and go on to Report.

        When the job fails, for instance on a file that is no JSON, the function reads the window, and the report says so.
        """
        again, caught = [states.retry(TRANSIENT, 60)], states.catch("ReadInFunction", _FAILURE)
        name = f"States.Format('{job_base(self)}-{{}}', States.UUID())"
        ends = {"Completed": "Report", "Failed": "JobFailed", "Stopped": "JobFailed"}
        return {
            "Analyze": states.put({"name.$": name}, "$.job", "StartAnalysis"),
            "StartAnalysis": states.job(
                sdk(self, "createProcessingJob"), self._job(), "WaitForAnalysis", retry=again, catch=caught
            ),
            **states.until(
                "Analysis", sdk(self, "describeProcessingJob"), {"ProcessingJobName.$": "$.job.name"}, "$.analysis",
                "ProcessingJobStatus", ends, seconds=look_seconds(drift.limit("evaluation_minutes") * 60), retry=again,
                catch=caught,
            ),
            "JobFailed": states.put(
                {"Error": "ProcessingFailed", "Cause.$": "States.JsonToString($.analysis)"}, _FAILURE, "ReadInFunction"
            ),
            "ReadInFunction": states.put("lambda", "$.window.engine", "Report"),
        }  # fmt: skip

    def _job(self) -> dict[str, Any]:
        root = f"s3://{self._bucket.bucket_name}/{self._prefix}reports"
        key = {"KmsKeyId": self._key.key_arn} if self._key else {}
        volume = {"VolumeKmsKeyId": self._key.key_arn} if self._key else {}
        inputs = [
            job_input("captures", {"S3Uri.$": f"States.Format('{root}/{{}}/manifest.json', $.window.id)"}, "input/endpoint",
                      data_type="ManifestFile"),
            # For the preprocessor, which reads the names of the columns there.
            job_input("baseline", {"S3Uri": f"s3://{self._baseline.bucket_name}/{self._baseline.key}"}, "baseline/stats"),
            job_input("script", {"S3Uri": self._script.uri}, "code/preprocessing"),
        ]  # fmt: skip
        written = f"States.Format('{root}/{{}}', $.window.id)"
        output = job_output("statistics", {"S3Uri.$": written})
        cluster = {
            "InstanceCount": 1, "InstanceType": drift.job_type("analyzer"), "VolumeSizeInGB": drift.limit("volume_gb"), **volume,
        }  # fmt: skip
        script = self._script.key.rsplit("/", 1)[-1]
        return {
            "ProcessingJobName.$": "$.job.name",
            "AppSpecification": {"ImageUri": self._image.uri},
            "RoleArn": self.role.role_arn,
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": {"Outputs": [output], **key},
            "ProcessingResources": {"ClusterConfig": cluster},
            "StoppingCondition": {"MaxRuntimeInSeconds": drift.limit("evaluation_minutes") * 60},
            "Environment": {
                "dataset_source": f"{PROCESSING}/input/endpoint", "dataset_format": _CAPTURED,
                "output_path": f"{PROCESSING}/output",
                # The evaluator publishes the figures, the same ones for both engines.
                "publish_cloudwatch_metrics": "Disabled", "analysis_type": "DATA_QUALITY",
                "record_preprocessor_script": f"{PROCESSING}/code/preprocessing/{script}",
            },
        }  # fmt: skip


@cache
def _standalone_preprocessor() -> Path:
    """Write the preprocessor as one file, with the text of what it imports: Model Monitor's container has only that."""
    text = Path(__file__).with_name("preprocessor.py").read_text(encoding="utf-8")
    for line in ("from __future__ import annotations\n", "from greensage.drift.payload import captured_answers, captured_rows\n"):
        # Without it a reworded import would be noticed in AWS's container only.
        assert line in text
        text = text.replace(line, "")
    path = Path(tempfile.mkdtemp(prefix="greensage-preprocessor-")) / "preprocessor.py"
    path.write_text(f"{source().read_text(encoding='utf-8')}\n\n{text}", encoding="utf-8")
    return path


def _image(scope: Construct) -> ContainerImage:
    """Return the container of the stack's Region; in a stack of no certain Region it is found when it is deployed."""
    region = Stack.of(scope).region
    if not Token.is_unresolved(region):
        uri = drift.analyzer_image(region)
        if uri is None:
            raise CatalogError(f"Model Monitor's container is not in {region}; set large_windows=False")
        return ContainerImage.from_uri(uri, architecture="x86_64")
    accounts = CfnMapping(
        scope, "Accounts", mapping={name: {"account": drift.analyzer_account(name)} for name in drift.analyzer_regions()}
    )
    stack = Stack.of(scope)
    account, name = accounts.find_in_map(region, "account"), drift.analyzer_repository()
    arn = stack.format_arn(service="ecr", resource="repository", resource_name=name, account=account)
    # AWS publishes this image without a tag (catalog/data/drift.json).
    return ContainerImage(f"{account}.dkr.ecr.{region}.{stack.url_suffix}/{name}", "x86_64", arn)
