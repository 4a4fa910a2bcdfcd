"""Retraining: when it is needed, on spare capacity, with an end, and without doing again what was done."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ...catalog.checks import assumed, line
from ...catalog.figures import DAYS_PER_MONTH
from ...narrow import is_list, is_mapping
from .. import savings
from ..finding import Fail
from ..impact import NOTHING, Impact, band
from ..rule import rule
from ..template import Resource
from ..values import Unresolved
from .shapes import definition_of, jobs_in, runs_a_day

_MACHINES = ("AWS::StepFunctions::StateMachine", "AWS::SageMaker::Pipeline")
_TRAININGS = ("createtrainingjob", "createhyperparametertuningjob", "createautomljob", "createautomljobv2")
# The ARN of a pipeline, or of a machine whose name speaks of training.
_ELSEWHERE = re.compile(r":pipeline/|stateMachine:[^\"]*train|StartPipelineExecution", re.IGNORECASE)
# What a machine does that looks before it trains.
_LOOKS = ("drift", "kpi", "psi", "monitor", "quality", "baseline", "violation", "metric", "accuracy", "threshold")


@rule("GS-TRN01", "Retraining waits for drift, not for the clock", "AWS::Events::Rule", "AWS::Scheduler::Schedule")
def drift_decides(schedule: Resource) -> Iterator[Fail]:
    """A machine that has a choice whose words are of drift, KPIs or quality before it trains is taken as looking first."""
    expression = schedule.get("ScheduleExpression", default="")
    if not expression or schedule.get("State", default="ENABLED") == "DISABLED":
        return
    targets = schedule.list("Targets") if schedule.type == "AWS::Events::Rule" else [schedule.get("Target")]
    for target in targets:
        # A universal target of EventBridge Scheduler names what it starts in its input.
        machine = target.target("Arn") or target.target("Input") if target is not None else None
        if machine is None and target is not None and _ELSEWHERE.search(target.text("Arn") + target.text("Input")):
            raise Unresolved("what it starts is not in this template")
        if machine is None or machine.type not in _MACHINES:
            continue
        definition = definition_of(machine)
        trainings = [row for row in jobs_in(definition) if row[1] in _TRAININGS]
        if trainings and not _looks_first(definition):
            runs = runs_a_day(expression) * DAYS_PER_MONTH
            share = assumed("needless_retraining_share")
            found = _of_trainings(trainings, runs, machine.region)
            yield schedule.fails(
                f"trains with {machine.id} {_often(runs)} a month, whether the model got worse or not",
                "ScheduleExpression",
                saves=(found * share.value).widened(share.factor) if found else None,
            )


@rule("GS-TRN02", "Training runs on Spot", *_MACHINES)
def training_on_spot(machine: Resource) -> Iterator[Fail]:
    """Spot takes capacity that is there anyway; it saves money for certain, energy only by needing no more machines."""
    for state, call, parameters in _training_jobs(machine):
        if call.startswith("createtraining") and not parameters.get("EnableManagedSpotTraining"):
            found = _of_trainings([(state, call, parameters)], 1, machine.region)
            saving = assumed("spot_saving")
            cost = band(found.cost_usd.mid * saving.value, assumed("training_hours").factor) if found else None
            yield machine.fails(
                f"{state or 'a training'} runs on demand, not on Spot", saves=NOTHING.priced(cost) if cost else None
            )


@rule("GS-TRN03", "Training has an end", *_MACHINES)
def training_ends(machine: Resource) -> Iterator[Fail]:
    for state, call, parameters in _training_jobs(machine):
        if not call.startswith("createtraining"):
            continue
        stopping = parameters.get("StoppingCondition")
        stopping = stopping if is_mapping(stopping) else {}
        # In a state machine the value may be a path, under MaxRuntimeInSeconds.$.
        if not any(key.removesuffix(".$") == "MaxRuntimeInSeconds" for key in stopping):
            yield machine.fails(f"{state or 'a training'} may run for a day (AWS's default): set MaxRuntimeInSeconds")
        elif parameters.get("EnableManagedSpotTraining") and not any(
            key.removesuffix(".$") == "MaxWaitTimeInSeconds" for key in stopping
        ):
            yield machine.fails(f"{state or 'a training'} waits for Spot without a bound: set MaxWaitTimeInSeconds")


@rule("GS-TRN04", "Spot training keeps checkpoints", *_MACHINES)
def spot_keeps_checkpoints(machine: Resource) -> Iterator[Fail]:
    for state, call, parameters in _training_jobs(machine):
        if (
            call.startswith("createtraining")
            and parameters.get("EnableManagedSpotTraining")
            and not _has(parameters, "CheckpointConfig")
        ):
            yield machine.fails(
                f"{state or 'a training'} starts from nothing after each interruption: it has no CheckpointConfig",
                saves=_of_trainings([(state, call, parameters)], 1, machine.region),
            )


@rule("GS-TRN05", "Tuning stops early", *_MACHINES)
def tuning_stops_early(machine: Resource) -> Iterator[Fail]:
    for state, call, parameters in _training_jobs(machine):
        if call != "createhyperparametertuningjob":
            continue
        config = parameters.get("HyperParameterTuningJobConfig", parameters)
        if is_mapping(config) and config.get("TrainingJobEarlyStoppingType", "Off") != "Auto":
            yield machine.fails(
                f"{state or 'a tuning'} trains hopeless candidates to their end: set early stopping to Auto",
                saves=_of_trainings([(state, call, parameters)], assumed("hopeless_trainings").value, machine.region),
            )
        if is_mapping(config) and config.get("Strategy") == "Grid":
            yield machine.fails(f"{state or 'a tuning'} tries every combination: Bayesian or Hyperband finds as good ones sooner")


@rule("GS-TRN06", "Pipelines do not repeat what has not changed", "AWS::SageMaker::Pipeline")
def steps_are_cached(pipeline: Resource) -> Iterator[Fail]:
    cacheable = list(_cacheable(definition_of(pipeline)))
    bare = [str(step.get("Name")) for step in cacheable if not step.get("CacheConfig", {}).get("Enabled")]
    if bare and len(bare) == len(cacheable):
        found = savings.trainings(pipeline.region, None, len(bare) * assumed("needless_retraining_share").value)
        yield pipeline.fails(
            f"runs {', '.join(bare)} anew each time, although nothing has changed: no step has a cache", saves=found
        )


@rule("GS-TRN07", "Warm pools end soon", *_MACHINES)
def warm_pools_end(machine: Resource, *, max_seconds: int = line("keep_alive_seconds_max")) -> Iterator[Fail]:
    for state, _, parameters in _training_jobs(machine):
        config = parameters.get("ResourceConfig")
        seconds = config.get("KeepAlivePeriodInSeconds") if is_mapping(config) else None
        if isinstance(seconds, int | float) and seconds > max_seconds:
            found = _of_trainings([(state, "", parameters)], seconds / 3600, machine.region)
            yield machine.fails(f"{state or 'a training'} keeps its machines for {seconds:g} s after it is done", saves=found)


def _cacheable(item: Any) -> Iterator[dict[str, Any]]:
    """The steps that can have a cache, those inside conditions too."""
    if is_list(item):
        for row in item:
            yield from _cacheable(row)
    elif is_mapping(item):
        if item.get("Type") in ("Processing", "Training", "Tuning", "Transform") and "Arguments" in item:
            yield item
        for key in ("Steps", "IfSteps", "ElseSteps", "Arguments"):
            yield from _cacheable(item.get(key))


def _training_jobs(machine: Resource) -> list[tuple[str, str, dict[str, Any]]]:
    return [row for row in jobs_in(definition_of(machine)) if row[1] in _TRAININGS]


def _has(parameters: dict[str, Any], key: str) -> bool:
    return key in parameters or f"{key}.$" in parameters


def _looks_first(definition: Any) -> bool:
    """Whether a choice or condition, or a step before the training, speaks of what would call for a training."""
    words = json.dumps(definition, default=str).lower()
    choice = '"type": "choice"' in words or '"type": "condition"' in words or '"type": "qualitycheck"' in words
    return choice and any(word in words for word in _LOOKS)


def _of_trainings(rows: list[tuple[str, str, dict[str, Any]]], runs: float, region: str | None) -> Impact | None:
    found: Impact | None = None
    for _, _, parameters in rows:
        config = parameters.get("ResourceConfig")
        config = config if is_mapping(config) else {}
        name, count = config.get("InstanceType"), config.get("InstanceCount")
        one = savings.trainings(
            region,
            name if isinstance(name, str) and savings.known_type(name) else None,
            runs,
            count if isinstance(count, int) else 1,
        )
        found = one if found is None else found + one if one else found
    return found


def _often(runs: float) -> str:
    times = round(runs)
    return "once" if times <= 1 else f"{times} times"
