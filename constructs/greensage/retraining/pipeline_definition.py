"""The retraining as a SageMaker Pipelines definition, made with the SageMaker SDK, which is in the extra `pipelines`.

The steps have the names of the state machine's states where they do the same. A pipeline cannot catch and cannot go back:
what fails ends the execution, and the function that hears of it cleans up, or starts again on another instance type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .expressions import Ref, Text, for_pipelines
from .pipeline_sdk import sdk

Request = Mapping[str, Any]
# Of the service itself; capacity is not waited for here: the next instance type may have it.
_MOST_TRIES, _FIRST_WAIT = 5, 30


@dataclass(frozen=True)
class Parts:
    """What the definition is made of.

    steps: ARN of the function that does the steps; queue: URL of the queue whose function waits for the rest; train,
    compare: requests with texts of the run; optimize: ARN of a function, or None; optimize_job: the request of a job in its
    place, and optimized: where that leaves the archive; person: whether one is asked; waits: whether the training waits for a
    green hour.
    """

    name: str
    steps: str
    queue: str
    train: Request
    compare: Request
    instance_type: str
    optimize: str | None
    optimize_job: Request | None
    optimized: Text | None
    person: bool
    waits: bool


def definition(parts: Parts) -> dict[str, Any]:
    """Return the definition as JSON. Raises GreensageError when the SDK is not installed."""
    with sdk() as found:
        made = _Builder(parts, found).pipeline().definition()
    return json.loads(made)


class _Builder:
    """Makes the steps one after the other; each waits for the one before."""

    def __init__(self, parts: Parts, found: Any) -> None:
        self.parts, self.sdk = parts, found
        self.name, self.number = found.ParameterString("Name"), found.ParameterInteger("Number")
        self.told = [found.ParameterString(name, default_value="") for name in ("Report", "Reasons")]
        self.attempt, self.spent = (found.ParameterInteger(name, default_value=0) for name in ("Attempt", "Spent"))
        self.instance_type = found.ParameterString("InstanceType", default_value=parts.instance_type)

    def pipeline(self) -> Any:
        """Return the pipeline."""
        report, reasons = self.told
        more = {"number": self.number, "report": report, "reasons": reasons, "attempt": self.attempt, "spent": self.spent}
        prepare = self.function("Prepare", "prepare", ["refused", "champion"], [], more)
        # A function's outputs reach a pipeline as texts, truth values too.
        alone = self.choice("IsItAlone", prepare, "refused", "false", self._rest(prepare), [])
        return self.sdk.pipeline.Pipeline(
            name=self.parts.name, parameters=[self.name, self.number, *self.told, self.attempt, self.spent, self.instance_type],
            # The SDK's default would make an experiment of the pipeline and a trial of each execution.
            steps=[prepare, alone], sagemaker_session=self.sdk.session, pipeline_experiment_config=None,
        )  # fmt: skip

    def _rest(self, prepare: Any) -> list[Any]:
        wait = [self.waiting("GreenHour", "green", [])] if self.parts.waits else []
        champion = prepare.properties.Outputs["champion"]
        known = {Ref.NAME: self.name, Ref.NUMBER: self.number, Ref.INSTANCE_TYPE: self.instance_type, Ref.CHAMPION: champion}
        train = self.job("TrainOnSpot", self.sdk.steps.StepTypeEnum.TRAINING, self.parts.train, known, wait)
        found = train.properties
        known[Ref.ARTIFACT] = found.ModelArtifacts.S3ModelArtifacts
        job = self.job("CompareJob", self.sdk.steps.StepTypeEnum.PROCESSING, self.parts.compare, known, [train])
        trained = {
            "artifact": known[Ref.ARTIFACT], "job": found.TrainingJobName, "type": found.ResourceConfig.InstanceType,
            "seconds": found.BillableTimeInSeconds,
        }  # fmt: skip
        compare = self.function("Compare", "compare", ["promote"], [job], trained)
        drop = self.function("DropLoser", "clean_up", [], [], {"why": "lost"})
        kept = self.function("RecordKept", "record", [], [drop], {"outcome": "kept"})
        won = self.choice("DidItWin", compare, "promote", "true", self._promotion(known), [drop, kept])
        return [*wait, train, job, compare, won]

    def _promotion(self, known: Mapping[Ref, Any]) -> list[Any]:
        made: list[Any] = []
        more: dict[str, Any] = {}
        artifact = known[Ref.ARTIFACT]
        if self.parts.optimize_job:
            kind = self.sdk.steps.StepTypeEnum.PROCESSING
            made = [self.job("Optimize", kind, self.parts.optimize_job, known, [])]
            more = {"artifact": for_pipelines(self.parts.optimized, known, lambda parts: self.sdk.Join(on="", values=parts))}
        if self.parts.optimize:
            optimize = self._optimize(artifact)
            made, more = [optimize], {"artifact": optimize.properties.Outputs["artifact"]}
        made.append(self.function("Register", "register", [], made[-1:], more))
        if self.parts.person:
            made.append(self.waiting("AskAPerson", "ask", made[-1:]))
        by = {"by": "a person"} if self.parts.person else {}
        made.append(self.function("Approve", "approve", [], made[-1:], by))
        made.append(self.function("Deploy", "deploy", [], made[-1:]))
        made.append(self.waiting("WaitForUpdate", "update", made[-1:]))
        made.append(self.function("Finish", "finish", [], made[-1:]))
        made.append(self.function("RecordPromoted", "record", [], made[-1:], {"outcome": "promoted"}))
        return made

    def function(self, name: str, step: str, outputs: Sequence[str], after: Sequence[Any], more: Request | None = None) -> Any:
        """Return a step of our own function."""
        return self._lambda(name, self.parts.steps, {"step": step, "name": self.name, **(more or {})}, outputs, after)

    def _optimize(self, artifact: Any) -> Any:
        assert self.parts.optimize
        given = {"artifact": artifact, "name": self.name, "number": self.number}
        return self._lambda("Optimize", self.parts.optimize, given, ["artifact"], [])

    def _lambda(self, name: str, function: str, given: Request, outputs: Sequence[str], after: Sequence[Any]) -> Any:
        text = self.sdk.functions.LambdaOutputTypeEnum.String
        return self.sdk.functions.LambdaStep(
            name, lambda_func=self.sdk.Lambda(function_arn=function, session=self.sdk.session), inputs=dict(given),
            outputs=[self.sdk.functions.LambdaOutput(key, text) for key in outputs], depends_on=list(after) or None,
        )  # fmt: skip

    def waiting(self, name: str, step: str, after: Sequence[Any]) -> Any:
        """Return a step that ends when the queue's function says so."""
        return self.sdk.callback.CallbackStep(
            name, sqs_queue_url=self.parts.queue, inputs={"step": step, "name": self.name}, outputs=[],
            depends_on=list(after) or None,
        )  # fmt: skip

    def choice(self, name: str, of: Any, output: str, value: str, then: list[Any], otherwise: list[Any]) -> Any:
        """Return a step that goes on with `then` when an output of the step `of` is `value`."""
        equal = self.sdk.ConditionEquals(left=of.properties.Outputs[output], right=value)
        return self.sdk.condition.ConditionStep(name, conditions=[equal], if_steps=then, else_steps=otherwise)

    def job(self, name: str, kind: Any, request: Request, known: Mapping[Ref, Any], after: Sequence[Any]) -> Any:
        """Return a step of a job, whose request is the one that Step Functions sends."""
        retry = self.sdk.retry
        tries = retry.StepRetryPolicy(
            exception_types=[retry.StepExceptionTypeEnum.THROTTLING, retry.StepExceptionTypeEnum.SERVICE_FAULT],
            interval_seconds=_FIRST_WAIT, max_attempts=_MOST_TRIES,
        )  # fmt: skip
        arguments = for_pipelines(request, known, lambda parts: self.sdk.Join(on="", values=parts))
        return _job_step(self.sdk)(name, kind, arguments, retry_policies=[tries], depends_on=list(after) or None)


def _job_step(found: Any) -> Any:
    """Return a class of steps that take a request as it is; the SDK's own want its job classes, which ask AWS things."""

    class JobStep(found.steps.ConfigurableRetryStep):
        def __init__(self, name: str, kind: Any, request: Request, **more: Any) -> None:
            super().__init__(name, kind, **more)  # pyright: ignore[reportUnknownMemberType]
            self._request = request
            self._properties = found.Properties(step_name=name, step=self, shape_name=f"Describe{kind.value}JobResponse")

        @property
        def arguments(self) -> Any:
            return dict(self._request)

        @property
        def properties(self) -> Any:
            return self._properties

    return JobStep
