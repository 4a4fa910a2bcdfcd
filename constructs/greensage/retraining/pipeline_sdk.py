"""The parts of the SageMaker SDK (3.x, extra `pipelines`) that a pipeline's definition is made with."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from ..errors import GreensageError


@contextmanager
def sdk() -> Iterator[Any]:
    """Import it and yield its parts. It wants a Region even to be imported, and a session although nothing is asked of AWS.

    Raises GreensageError when it is not installed.
    """
    before = os.environ.get("AWS_DEFAULT_REGION")
    os.environ["AWS_DEFAULT_REGION"] = before or "us-east-1"
    talkative = logging.getLogger("sagemaker.config")  # it tells of each configuration that is not there
    level = talkative.level
    talkative.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # That our function is not updated by the SDK is what we want.
            warnings.filterwarnings("ignore", message="Lambda function won't be updated")
            yield _imported()
    finally:
        talkative.setLevel(level)
        if before is None:
            os.environ.pop("AWS_DEFAULT_REGION", None)


def _imported() -> SimpleNamespace:
    try:
        return _parts()
    except ImportError as problem:
        raise GreensageError(
            f"retraining by SageMaker Pipelines needs the SageMaker SDK ({problem}): pip install 'greensage[pipelines]', "
            "or take engine: step-functions"
        ) from None


def _parts() -> SimpleNamespace:
    import boto3
    from sagemaker.core.lambda_helper import Lambda
    from sagemaker.core.workflow.conditions import ConditionEquals
    from sagemaker.core.workflow.functions import Join
    from sagemaker.core.workflow.parameters import ParameterInteger, ParameterString
    from sagemaker.core.workflow.pipeline_context import PipelineSession
    from sagemaker.core.workflow.properties import Properties
    from sagemaker.mlops.workflow import callback_step, condition_step, lambda_step, pipeline, retry, steps

    session = boto3.Session(region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106
    return SimpleNamespace(
        Lambda=Lambda, ConditionEquals=ConditionEquals, Join=Join, ParameterInteger=ParameterInteger,
        ParameterString=ParameterString, Properties=Properties, callback=callback_step, condition=condition_step,
        functions=lambda_step, pipeline=pipeline, retry=retry, steps=steps,
        session=PipelineSession(boto_session=session, default_bucket="none"),
    )  # fmt: skip
