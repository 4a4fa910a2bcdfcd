"""The steps of a retraining that work on SageMaker: register, approve, deploy, check, finish, clean up.

Settings: model, base (first part of every name), group, endpoint, variant, outputs {bucket, prefix}, content_types,
deployment (a DeploymentConfig, or null), champion (name of the parameter), metrics {bucket, prefix}, footprint,
update_seconds (how long an update may take).
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import boto3
from botocore.exceptions import ClientError

from greensage.drift.retrain import training_of
from greensage.drift.runs import Champion, Checked, CleanedUp, Deployed, Registered, Run
from retraining.errors import Busy, with_error_class
from retraining.settings import settings

Json = dict[str, Any]
_KEPT_OF_A_CONFIG = (
    "KmsKeyId", "DataCaptureConfig", "AsyncInferenceConfig", "ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation",
    "ShadowProductionVariants", "ExplainerConfig", "MetricsConfig",
)  # fmt: skip
_MOVING = ("Creating", "RollingBack", "SystemUpdating", "Updating")


@with_error_class
def handler(event: dict[str, Any], context: Any) -> Any:
    """Do the step that `event["step"]` names, on `event["state"]`."""
    deployer = Deployer(settings(), boto3.client("sagemaker"), boto3.client("ssm"), boto3.client("s3"))
    return STEPS[event["step"]](deployer, {**event["state"], "why": event.get("why")})


class Deployer:
    """The deployment steps of one model's retraining. Each can be repeated: what is there already is used."""

    def __init__(self, given: dict[str, Any], sagemaker: Any, ssm: Any, s3: Any) -> None:
        self.given, self.sagemaker, self.ssm, self.s3 = given, sagemaker, ssm, s3

    def register(self, state: Run) -> Registered:
        """Register the challenger with its metrics, where it came from and what it took; not approved yet."""
        container = self._current_container()
        answer = self.sagemaker.create_model_package(
            ModelPackageGroupName=self.given["group"],
            ModelPackageDescription=f"greensage {state['name']}: {'; '.join(state.get('reasons', []))}"[:1024],
            # Repeated, it makes no second package; botocore takes 36 characters at most.
            ClientToken=hashlib.sha256(f"{self.given['base']}{state['name']}".encode()).hexdigest()[:36],
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification={
                "Containers": [{"Image": container["Image"], "ModelDataUrl": state["artifact"]}],
                "SupportedContentTypes": self.given["content_types"],
                "SupportedResponseMIMETypes": self.given["content_types"],
            },
            ModelMetrics=self._metrics(state),
            CustomerMetadataProperties=self._lineage(state, container),
        )
        return {"package": answer["ModelPackageArn"]}

    def approve(self, state: Run) -> dict[str, str]:
        """Mark the challenger as approved, by whoever it was."""
        by = str((state.get("approval") or {}).get("by", "automatically"))[:900]
        self._set_status(state["registered"]["package"], "Approved", f"approved: {by}")
        return {"by": by}

    def deploy(self, state: Run) -> Deployed:
        """Update the endpoint to the challenger, guarded by the alarms of its deployment."""
        name = f"{self.given['base']}-r{state['number']}"
        endpoint = self.sagemaker.describe_endpoint(EndpointName=self.given["endpoint"])
        before = endpoint["EndpointConfigName"]
        begun: Deployed = {"config": name, "begun": time.time()}
        # An update under way is either our own, asked for twice, or someone's deployment: the check tells them apart.
        if before == name or endpoint["EndpointStatus"] == "Updating":
            return begun
        config = self.sagemaker.describe_endpoint_config(EndpointConfigName=before)
        self._make_model(name, self._main(config)["ModelName"], state["artifact"])
        variants = [self._retargeted(row, name) for row in config["ProductionVariants"]]
        kept = {key: config[key] for key in _KEPT_OF_A_CONFIG if key in config}
        _unless_there(self.sagemaker.create_endpoint_config, EndpointConfigName=name, ProductionVariants=variants, **kept)
        guard = {"DeploymentConfig": self.given["deployment"]} if self.given.get("deployment") else {}
        self.sagemaker.update_endpoint(
            EndpointName=self.given["endpoint"], EndpointConfigName=name, RetainAllVariantProperties=_scaled(variants), **guard
        )
        return begun

    def check(self, state: Run) -> Checked:
        """Return how the update stands: "updating", "done" or "rolled-back" (which SageMaker reports as InService).

        One that takes longer than it may counts as rolled back: what is to be done then waits for its end.
        """
        found = self.sagemaker.describe_endpoint(EndpointName=self.given["endpoint"])
        status = found["EndpointStatus"]
        if status in _MOVING:
            taken = time.time() - state["deployed"]["begun"]
            if taken < self.given["update_seconds"]:
                return {"status": "updating"}
            return {"status": "rolled-back", "reason": f"the endpoint is still {status} after {taken / 60:.0f} minutes"}
        done = status == "InService" and found["EndpointConfigName"] == state["deployed"]["config"]
        reason = found.get("FailureReason", "") or f"the endpoint is {status} on {found['EndpointConfigName']}"
        return {"status": "done"} if done else {"status": "rolled-back", "reason": reason}

    def finish(self, state: Run) -> Champion:
        """Delete what the new champion replaced, then point to the new one; in this order it can be repeated."""
        known = json.loads(self.ssm.get_parameter(Name=self.given["champion"])["Parameter"]["Value"])
        champion: Champion = {"artifact": state["artifact"], "id": f"r{state['number']}", "retraining": state["name"]}
        before = str(known.get("id", ""))
        if before.startswith("r") and before != champion["id"]:
            self._delete(f"{self.given['base']}-{before}")
        self.ssm.put_parameter(Name=self.given["champion"], Value=json.dumps({**known, **champion}), Overwrite=True)
        return champion

    def clean_up(self, state: Run) -> CleanedUp:
        """Leave nothing half made: stop jobs that run, reject the package, delete model, config and artifact.

        A challenger that serves already, because only a later step failed, stays and becomes the champion.
        """
        stopped = [name for kind, name in self._jobs(state) if self._stop(kind, name)]
        name = f"{self.given['base']}-r{state['number']}"
        endpoint = self.sagemaker.describe_endpoint(EndpointName=self.given["endpoint"])
        if endpoint["EndpointStatus"] in _MOVING:
            raise Busy(f"the endpoint is {endpoint['EndpointStatus']}; what it moves to cannot be deleted")
        if endpoint["EndpointConfigName"] == name:
            self.finish(state)
            return {"stopped": stopped, "in_use": True}
        package = (state.get("registered") or {}).get("package") or self._package_of(state)
        if package:
            self._set_status(package, "Rejected", str(state["why"] or "the retraining failed")[:900])
        else:  # a registered challenger keeps its artifact, a loser has none to keep
            self._delete_artifact(state)
        self._delete(name)
        return {"stopped": stopped, "rejected": package, "in_use": False}

    def _current_container(self) -> Json:
        endpoint = self.sagemaker.describe_endpoint(EndpointName=self.given["endpoint"])
        config = self.sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        return self.sagemaker.describe_model(ModelName=self._main(config)["ModelName"])["PrimaryContainer"]

    def _main(self, config: Json) -> Json:
        return next(row for row in config["ProductionVariants"] if row["VariantName"] == self.given["variant"])

    def _retargeted(self, row: Json, name: str) -> Json:
        return {**row, "ModelName": name} if row["VariantName"] == self.given["variant"] else row

    def _make_model(self, name: str, like: str, artifact: str) -> None:
        model = self.sagemaker.describe_model(ModelName=like)
        # ModelDataSource and the archive's ModelDataUrl exclude each other.
        container = {key: value for key, value in model["PrimaryContainer"].items() if key != "ModelDataSource"}
        kept = {key: model[key] for key in ("VpcConfig", "EnableNetworkIsolation") if key in model}
        _unless_there(
            self.sagemaker.create_model, ModelName=name, PrimaryContainer={**container, "ModelDataUrl": artifact},
            ExecutionRoleArn=model["ExecutionRoleArn"], **kept,
        )  # fmt: skip

    def _metrics(self, state: Run) -> Json:
        place = f"s3://{self.given['metrics']['bucket']}/{self.given['metrics']['prefix']}retraining/{state['name']}/compared/"

        def source(name: str) -> Json:
            return {"ContentType": "application/json", "S3Uri": f"{place}{name}"}

        return {
            "ModelQuality": {"Statistics": source("evaluation.json")},
            "ModelDataQuality": {"Statistics": source("statistics.json"), "Constraints": source("constraints.json")},
        }

    def _lineage(self, state: Run, champion: Json) -> dict[str, str]:
        trained = training_of(state["trained"])
        assert trained is not None
        rows = {
            "retraining": state["name"], "report": state.get("report", ""), "trainingJob": trained["job"],
            "instanceType": trained["type"], "billedSeconds": trained["seconds"], "champion": champion.get("ModelDataUrl", ""),
            "gain": (state.get("verdict") or {}).get("gain", ""), "reasons": "; ".join(state.get("reasons", [])),
            **self._taken(trained["seconds"]),
        }  # fmt: skip
        return {key: str(value)[:256] for key, value in rows.items() if str(value)}

    def _taken(self, seconds: float) -> dict[str, str]:
        share = seconds / self.given["footprint"]["seconds"]
        return {
            "kWhEstimated": f"{self.given['footprint']['kwh'] * share:.3g}",
            "gCO2eEstimated": f"{self.given['footprint']['grams'] * share:.3g}",
        }

    def _set_status(self, package: str, status: str, why: str) -> None:
        self.sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus=status, ApprovalDescription=why)

    def _package_of(self, state: Run) -> str | None:
        """Find a package that was registered although its step failed, for instance by time-out."""
        answer = self.sagemaker.list_model_packages(
            ModelPackageGroupName=self.given["group"], ModelApprovalStatus="PendingManualApproval"
        )
        start = f"greensage {state['name']}:"
        found = (row for row in answer["ModelPackageSummaryList"] if row.get("ModelPackageDescription", "").startswith(start))
        return next((row["ModelPackageArn"] for row in found), None)

    def _jobs(self, state: Run) -> list[tuple[str, str]]:
        """Return kind and name of the jobs of this retraining."""
        start = f"{self.given['base']}-{state['number']}-"
        training = self.sagemaker.list_training_jobs(NameContains=start, StatusEquals="InProgress")["TrainingJobSummaries"]
        processing = self.sagemaker.list_processing_jobs(NameContains=start, StatusEquals="InProgress")["ProcessingJobSummaries"]
        return [("training", row["TrainingJobName"]) for row in training] + [
            ("processing", row["ProcessingJobName"]) for row in processing
        ]

    def _stop(self, kind: str, name: str) -> bool:
        stop = self.sagemaker.stop_training_job if kind == "training" else self.sagemaker.stop_processing_job
        return _unless_gone(stop, **{f"{kind.capitalize()}JobName": name})

    def _delete(self, name: str) -> None:
        _unless_gone(self.sagemaker.delete_endpoint_config, EndpointConfigName=name)
        _unless_gone(self.sagemaker.delete_model, ModelName=name)

    def _delete_artifact(self, state: Run) -> None:
        artifact = state.get("artifact") or ""
        bucket, _, key = artifact.removeprefix("s3://").partition("/")
        if (bucket, key.startswith(self.given["outputs"]["prefix"])) == (self.given["outputs"]["bucket"], True):
            self.s3.delete_object(Bucket=bucket, Key=key)


STEPS = {
    "register": Deployer.register,
    "approve": Deployer.approve,
    "deploy": Deployer.deploy,
    "check": Deployer.check,
    "finish": Deployer.finish,
    "clean_up": Deployer.clean_up,
}


def _scaled(variants: list[Json]) -> bool:
    """Counts that scaling has set are to stay; serverless variants have none."""
    return all("InstanceType" in row for row in variants)


def _unless_there(create: Any, **request: Any) -> None:
    try:
        create(**request)
    except ClientError as error:
        # SageMaker's code for it is ValidationException, as for most refusals: only the words tell.
        if "already exist" not in str(error):
            raise


def _unless_gone(change: Any, **request: Any) -> bool:
    try:
        change(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ValidationException", "ResourceNotFound", "ResourceNotFoundException"):
            raise
        return False
    return True
