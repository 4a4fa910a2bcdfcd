"""Models compiled by AWS for their silicon, by a state machine that can run again: SageMaker Neo, and the Neuron compiler."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets

from constructs import Construct

from ..catalog.neo import neo_framework, neo_targets, neuron_compiler_target, neuron_targets
from ..core import defaults, states
from ..core.acknowledge import acknowledge_wildcards
from ..core.checked import check_choice, check_whole
from ..core.names import job_base
from ..core.on_request import OnRequest
from ..core.processing import PROCESSING, job_input, job_output
from ..core.state_machines import (
    TRANSIENT,
    job_logs_arn,
    job_statements,
    look_seconds,
    retain_job_logs,
    sdk,
    state_machine,
)
from ..core.states import State, States
from ..storage.artifacts import ArtifactLocation
from .access import ExecutionAccess
from .image import ContainerImage

_LOGS = "/aws/sagemaker/ProcessingJobs"
_DISK_GB = 50
_COMPILER = str(Path(__file__).with_name("neuron_job"))


class ModelCompilation(OnRequest):
    """Compiles an archive whenever it is started: by SageMaker Neo, or by the Neuron compiler in a job without accelerator.

    Parameters
    ----------
    artifact:
        The model.tar.gz, with a prefix of its own: that of a `ModelArtifact` has one. For Neuron it holds TorchScript, an
        exported program (.pt2) or a Hugging Face folder.
    target:
        inf2 or trainium (the Neuron compiler), or one of Neo's: ml_c5, ml_c6g, ..., jetson_xavier, ....
    framework:
        pytorch, onnx, tensorflow or xgboost for Neo (old versions: catalog/data/neo.json); pytorch for Neuron. Default pytorch.
    input_shape:
        As Neo wants it, {"input": [1, 64]}: needed but for xgboost. For Neuron the same; of a Hugging Face folder the shape
        of input_ids. Compiled models take rows of exactly this shape. Default: none, which is right for xgboost only.
    image:
        For Neuron, AWS's: `ContainerImage.accelerated("pytorch", VERSION, processor="neuronx", region=REGION)`.
        Default: none, which is right for Neo.
    instance_type:
        Where the Neuron compiler runs; default ml.c5.4xlarge ("c5.4xlarge or larger is recommended", Neuron documentation).
    max_minutes:
        After which a compilation is stopped, a whole number from 1; default 60.
    log_retention_days:
        Of the state machine and of the jobs; default 14.

    `location` is where the compiled archive will lie; `state_machine` compiles when it is started, and answers with
    {"artifact": "s3://..."}. `ModelSource.compiled_for` in a model file, or an endpoint on `target`, takes it.
    Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        compilation = ModelCompilation(
            self, "Compiled", artifact=artifact.location, target="inf2", input_shape='{"input": [1, 64]}', image=image
        )
    """

    def __init__(
        self, scope: Construct, id: str, *, artifact: ArtifactLocation, target: str, framework: str = "pytorch",
        input_shape: str = "", image: ContainerImage | None = None, instance_type: str = "ml.c5.4xlarge", max_minutes: int = 60,
        log_retention_days: int = defaults.LOG_RETENTION_DAYS,
    ) -> None:  # fmt: skip
        super().__init__(scope, id)
        check_choice("target", target, (*neuron_targets(), *neo_targets()))
        check_whole("max_minutes", max_minutes, 1)
        if not artifact.prefix.endswith("/"):
            raise ValueError("artifact has no prefix of its own, so the compiled one has no place; copy it: ModelArtifact(...)")
        self._artifact, self._seconds, self._days = artifact, max_minutes * 60, log_retention_days
        self._prefix = f"{artifact.prefix}compiled/{target}/"
        self._access = ExecutionAccess(self, "Access", role=None)
        self._access.read(artifact)
        self._access.list(artifact.bucket_arn, artifact.prefix)
        self._access.write(artifact.bucket_arn, self._prefix)
        self.role = self._access.role
        if target in neuron_targets():
            key, made = f"{self._prefix}model.tar.gz", self._by_neuron(target, framework, input_shape, image, instance_type)
        else:
            key, made = self._neo_key(target), self._by_neo(target, framework, input_shape)
        self.location = ArtifactLocation(artifact.bucket_name, artifact.bucket_arn, key, self._prefix)
        machine = state_machine(self, made[0], made[1], log_retention_days=log_retention_days)
        machine.policy.node.add_dependency(self._access.policy)
        acknowledge_wildcards(machine.policy, made[2], "Names of the jobs end in an id of the run.")
        self.state_machine = machine.resource

    def _neo_key(self, target: str) -> str:
        # Neo names what it makes after what it got.
        return f"{self._prefix}{self._artifact.key.rsplit('/', 1)[-1].removesuffix('.tar.gz')}-{target}.tar.gz"

    def _by_neo(self, target: str, framework: str, shape: str) -> tuple[State, list[iam.PolicyStatement], list[str]]:
        neo = neo_framework(framework)
        if neo is None:
            raise ValueError(f"framework is {framework}; Neo does not compile it")
        if not shape and framework != "xgboost":
            raise ValueError(f"input_shape is empty; Neo needs the shape of the input of {framework} models")
        stack, artifact = Stack.of(self), self._artifact
        name = f"States.Format('{job_base(self)}-{{}}', States.UUID())"
        request = {
            "CompilationJobName.$": "$.name", "RoleArn": self.role.role_arn,
            "InputConfig": {"S3Uri": artifact.uri, "Framework": neo, **({"DataInputConfig": shape} if shape else {})},
            "OutputConfig": {"S3OutputLocation": f"s3://{artifact.bucket_name}/{self._prefix}", "TargetDevice": target},
            "StoppingCondition": {"MaxRuntimeInSeconds": self._seconds},
        }  # fmt: skip
        again, named = [states.retry(TRANSIENT, 60)], {"CompilationJobName.$": "$.name"}
        ends = {"COMPLETED": "Compiled", "FAILED": "Failed", "STOPPED": "Stopped"}
        machine: States = {
            "Name": states.put({"name.$": name}, "$", "Compile"),
            "Compile": states.job(sdk(self, "createCompilationJob"), request, "WaitForCompile", retry=again),
            **states.until(
                "Compile", sdk(self, "describeCompilationJob"), named, "$.job", "CompilationJobStatus", ends,
                seconds=look_seconds(self._seconds), retry=again,
            ),
            "Compiled": states.last({"artifact.$": "$.job.ModelArtifacts.S3ModelArtifacts"}),
            "Failed": states.fail("CompilationFailed", "$.job.FailureReason"),
            "Stopped": states.fail("CompilationStopped", "The job was stopped, by its limit or by a person."),
        }  # fmt: skip
        jobs = stack.format_arn(service="sagemaker", resource="compilation-job", resource_name=f"{job_base(self)}-*")
        statements = job_statements("Compilation", jobs, self.role.role_arn)
        return _machine("compiles a model with SageMaker Neo", "Name", machine), statements, [jobs]

    def _by_neuron(
        self, target: str, framework: str, shape: str, image: ContainerImage | None, instance_type: str
    ) -> tuple[State, list[iam.PolicyStatement], list[str]]:
        if framework != "pytorch":
            raise ValueError(f"framework is {framework}; allowed for {target}: pytorch")
        if image is None or image.processor != "neuronx":
            raise ValueError(f"image is {image and image.uri}; {target} needs AWS's with the Neuron compiler (processor neuronx)")
        if not _is_shape(shape):
            raise ValueError(f'input_shape is {shape!r}; the Neuron compiler needs one of whole numbers, {{"input": [1, 64]}}')
        stack, artifact = Stack.of(self), self._artifact
        code = assets.Asset(self, "Compiler", path=_COMPILER, exclude=["**/__pycache__", "*.pyc"])
        place = ArtifactLocation.of_asset(code)
        self._access.read(place)
        self._access.list(place.bucket_arn, place.prefix)
        self._access.pull(image)
        logs = job_logs_arn(self, _LOGS)
        self._access.log(logs)
        acknowledge_wildcards(self._access.policy, [logs], "The streams of the log group that SageMaker has for these jobs.")
        self._access.node.add_dependency(retain_job_logs(self, "Logs", _LOGS, self._days))
        archive = place.key.rsplit("/", 1)[-1]
        output = job_output("compiled", {"S3Uri": f"s3://{artifact.bucket_name}/{self._prefix}"})
        request = {
            "ProcessingJobName.$": "$.name",
            "AppSpecification": {"ImageUri": image.uri, "ContainerEntrypoint": ["python3", "-m", "compile_for_neuron"]},
            "RoleArn": self.role.role_arn,
            "Environment": {
                "PYTHONPATH": f"{PROCESSING}/input/code/{archive}",
                "NEURON_TARGET": neuron_compiler_target(target), "INPUT_SHAPE": shape,
            },
            "ProcessingInputs": [job_input("code", {"S3Uri": place.uri}), job_input("model", {"S3Uri": artifact.uri})],
            "ProcessingOutputConfig": {"Outputs": [output]},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": instance_type, "VolumeSizeInGB": _DISK_GB},
            },
            "NetworkConfig": {"EnableNetworkIsolation": True},
            "StoppingCondition": {"MaxRuntimeInSeconds": self._seconds},
        }  # fmt: skip
        again = [states.retry(TRANSIENT, 60)]
        ends = {"Completed": "Compiled", "Failed": "Failed", "Stopped": "Stopped"}
        machine: States = {
            "Name": states.put({"name.$": f"States.Format('{job_base(self)}-{{}}', States.UUID())"}, "$", "Compile"),
            "Compile": states.job(sdk(self, "createProcessingJob"), request, "WaitForCompile", retry=again),
            **states.until(
                "Compile", sdk(self, "describeProcessingJob"), {"ProcessingJobName.$": "$.name"}, "$.job", "ProcessingJobStatus",
                ends, seconds=look_seconds(self._seconds), retry=again,
            ),
            "Failed": states.fail("CompilationFailed", "$.job.FailureReason"),
            "Stopped": states.fail("CompilationStopped", "The job was stopped, by its limit or by a person."),
            "Compiled": states.last({"artifact": f"s3://{artifact.bucket_name}/{self._prefix}model.tar.gz"}),
        }  # fmt: skip
        jobs = stack.format_arn(service="sagemaker", resource="processing-job", resource_name=f"{job_base(self)}-*")
        statements = job_statements("Processing", jobs, self.role.role_arn)
        return _machine("compiles a model for Neuron", "Name", machine), statements, [jobs]


def _machine(what: str, start: str, machine: States) -> State:
    return {"Comment": f"greensage: {what}", "StartAt": start, "States": machine}


def _is_shape(text: str) -> bool:
    try:
        found: Any = json.loads(text)
        sizes = [size for shape in found.values() for size in shape]
    except (ValueError, AttributeError, TypeError):
        return False
    return bool(sizes) and all(type(size) is int and size > 0 for size in sizes)
