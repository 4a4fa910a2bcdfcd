"""A model measured on several instance types by SageMaker Inference Recommender, by a state machine with a budget."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aws_cdk import Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets

from constructs import Construct

from ..catalog import recommender
from ..core import defaults, states
from ..core.acknowledge import acknowledge_wildcards
from ..core.checked import check_choice, check_count, check_number, check_whole
from ..core.names import job_base
from ..core.on_request import OnRequest
from ..core.state_machines import (
    TRANSIENT,
    job_logs_arn,
    job_statements,
    look_seconds,
    pass_role,
    retain_job_logs,
    sdk,
    state_machine,
)
from ..core.states import State, States
from ..storage.artifacts import ArtifactLocation
from .access import ExecutionAccess
from .container import Container

_LOGS = "/aws/sagemaker/InferenceRecommendationsJobs"
_LONGEST_SECONDS = 7_200
_NAMESPACES = ["/aws/sagemaker/InferenceRecommendationsJobs", "/aws/sagemaker/Endpoints"]
_STAIRS = {"DurationInSeconds": 120, "NumberOfSteps": 5, "UsersPerStep": 2}


class InferenceRecommendation(OnRequest):
    """Measures a model on instance types whenever it is started: how many requests each answers, and how fast.

    It answers with AWS's `InferenceRecommendations`; `greensage recommend` starts it, adds energy and carbon, and picks.

    Parameters
    ----------
    model_name:
        Of the SageMaker model, for instance `endpoint.cfn_model.attr_model_name`.
    container:
        What the model is made of: the job's role pulls its image and reads its archive.
    sample:
        A file with the body of one request.
    instance_types:
        1 to 10, which are measured.
    content_type:
        Of the sample; default text/csv.
    framework:
        The model's, as model files call it; default: none, which the job takes too.
    job:
        default: AWS's own load, or advanced: ever more callers until `latency_ms` is passed. Default: default.
    latency_ms:
        The p95 that must hold; default: none.
    max_minutes:
        A run is stopped after that; default: 45, and 120 for an advanced job.
    budget_usd:
        A run may not cost more, by list prices; default 5.
    log_retention_days:
        Of the state machine and of the jobs; default 14.

    Escape hatch: `state_machine` is the L1, `role` the jobs'. Raises ValueError, naming the property, the value and what is
    allowed; also where the types could cost more than the budget in `max_minutes`.
    """

    def __init__(
        self, scope: Construct, id: str, *, model_name: str, container: Container, sample: str, instance_types: Sequence[str],
        content_type: str = "text/csv", framework: str | None = None, job: recommender.Job = "default",
        latency_ms: int | None = None, max_minutes: int | None = None, budget_usd: float = 5.0,
        log_retention_days: int = defaults.LOG_RETENTION_DAYS,
    ) -> None:  # fmt: skip
        super().__init__(scope, id)
        check_choice("job", job, ("default", "advanced"))
        check_count("instance_types", instance_types, 1, int(recommender.setting("types_max")))
        minutes = int(recommender.setting(f"{job}_minutes")) if max_minutes is None else max_minutes
        check_whole("max_minutes", minutes, 1)
        check_number("budget_usd", budget_usd, above=0)
        self._check_budget(instance_types, minutes, budget_usd)
        if not Path(sample).is_file():
            raise ValueError(f"sample {sample!r} is no file; it holds the body of one request")
        payload = ArtifactLocation.of_asset(assets.Asset(self, "Sample", path=str(_packed(Path(sample)))))
        self._access = self._allowed(container, payload, log_retention_days)
        self.role = self._access.role
        request = self._request(
            model_name, payload, list(instance_types), content_type, recommender.framework_of(framework), job, latency_ms, minutes
        )
        machine = state_machine(self, _definition(Stack.of(self), request, job_base(self)), self._statements(),
                                log_retention_days=log_retention_days)  # fmt: skip
        machine.policy.node.add_dependency(self._access.policy)
        acknowledge_wildcards(machine.policy, [self._jobs], "Names of the jobs end in an id of the run.")
        self.state_machine = machine.resource

    def _check_budget(self, types: Sequence[str], minutes: int, budget: float) -> None:
        region = Stack.of(self).region
        if Token.is_unresolved(region) or Token.is_unresolved(budget):
            return
        most = recommender.most_usd(types, region, minutes)
        if most > budget:
            raise ValueError(
                f"budget_usd is {budget:g}, and {', '.join(types)} for {minutes} minutes may cost {most:.2f} USD; "
                "name fewer types, a shorter max_minutes or a larger budget"
            )

    @property
    def _jobs(self) -> str:
        name = f"{job_base(self)}-*"
        return Stack.of(self).format_arn(service="sagemaker", resource="inference-recommendations-job", resource_name=name)

    def _allowed(self, container: Container, payload: ArtifactLocation, days: int) -> ExecutionAccess:
        """What the jobs do: they make models and endpoints that are called like them, call those, and delete them."""
        access = ExecutionAccess(self, "Access", role=None)
        access.pull(container.image)
        if container.artifact is not None:
            access.read(container.artifact)
        access.read(payload)
        logs = job_logs_arn(self, _LOGS)
        access.log(logs)
        acknowledge_wildcards(access.policy, [logs], "The streams of the log group that SageMaker has for these jobs.")
        access.node.add_dependency(retain_job_logs(self, "Logs", _LOGS, days))
        stack, base = Stack.of(self), job_base(self)
        made = [
            stack.format_arn(service="sagemaker", resource=kind, resource_name=f"{base}-*")
            for kind in ("model", "endpoint-config", "endpoint")
        ]
        kinds = ("Model", "EndpointConfig", "Endpoint")
        verbs = [f"sagemaker:{verb}{kind}" for verb in ("Create", "Describe", "Delete") for kind in kinds]
        access.policy.add_statements(
            iam.PolicyStatement(actions=[*verbs, "sagemaker:InvokeEndpoint", "sagemaker:AddTags"], resources=made),
            pass_role(access.role.role_arn),
            # PutMetricData has no resource-level permissions in IAM; the namespace limits it.
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"], resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": _NAMESPACES}},
            ),
        )  # fmt: skip
        why = "Names of what a job makes begin with the job's; metrics are limited by their namespace."
        acknowledge_wildcards(access.policy, [*made, "*"], why)
        return access

    def _statements(self) -> list[iam.PolicyStatement]:
        tags = iam.PolicyStatement(actions=["sagemaker:AddTags"], resources=[self._jobs])
        return [*job_statements("InferenceRecommendations", self._jobs, self.role.role_arn), tags]

    def _request(
        self, model: str, payload: ArtifactLocation, types: list[str], content_type: str, framework: str | None,
        job: recommender.Job, latency_ms: int | None, minutes: int,
    ) -> dict[str, Any]:  # fmt: skip
        container = {
            "Domain": "MACHINE_LEARNING", "Task": "OTHER", "SupportedEndpointType": "RealTime",
            "PayloadConfig": {"SamplePayloadUrl": payload.uri, "SupportedContentTypes": [content_type]},
            **({"Framework": framework} if framework else {}),
        }  # fmt: skip
        given: dict[str, Any] = {"ModelName": model, "JobDurationInSeconds": minutes * 60}
        request: dict[str, Any] = {
            "JobName.$": "$.name", "RoleArn": self.role.role_arn, "JobType": job.capitalize(), "InputConfig": given,
            "JobDescription": "greensage recommend",
        }  # fmt: skip
        if job == "default":
            given["ContainerConfig"] = {**container, "SupportedInstanceTypes": types}
            return request
        given |= {
            "ContainerConfig": container, "EndpointConfigurations": [{"InstanceType": item} for item in types],
            "TrafficPattern": {"TrafficType": "STAIRS", "Stairs": dict(_STAIRS)},
            "ResourceLimit": {"MaxNumberOfTests": len(types), "MaxParallelOfTests": len(types)},
        }  # fmt: skip
        flat: dict[str, Any] = {"FlatInvocations": "Stop"}
        if latency_ms is not None:
            flat["ModelLatencyThresholds"] = [{"Percentile": "P95", "ValueInMilliseconds": latency_ms}]
        return {**request, "StoppingConditions": flat}


def _definition(stack: Stack, request: dict[str, Any], base: str) -> State:
    again, named = [states.retry(TRANSIENT, 60)], {"JobName.$": "$.name"}
    ends = {"COMPLETED": "Measured", "FAILED": "Failed", "STOPPED": "Stopped"}
    machine: States = {
        "Name": states.put({"name.$": f"States.Format('{base}-{{}}', States.UUID())"}, "$", "Create"),
        "Create": states.job(sdk(stack, "createInferenceRecommendationsJob"), request, "WaitForJob", retry=again),
        **states.until(
            "Job", sdk(stack, "describeInferenceRecommendationsJob"), named, "$.job", "Status", ends,
            seconds=look_seconds(_LONGEST_SECONDS), retry=again,
        ),
        "Measured": states.last({"job.$": "$.name", "recommendations.$": "$.job.InferenceRecommendations"}),
        "Failed": states.fail("RecommendationFailed", "$.job.FailureReason"),
        "Stopped": states.fail("RecommendationStopped", "The job was stopped before it had measured every type."),
    }  # fmt: skip
    return {"Comment": "greensage: measures a model on instance types", "StartAt": "Name", "States": machine}


def _packed(sample: Path) -> Path:
    """The archive that the jobs take their requests from; the same file gives the same bytes."""
    content, packed = sample.read_bytes(), io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as archive:
        row = tarfile.TarInfo(sample.name)
        row.size = len(content)
        archive.addfile(row, io.BytesIO(content))
    path = Path(tempfile.mkdtemp(prefix="greensage-sample-")) / "payload.tar.gz"
    path.write_bytes(packed.getvalue())
    return path
