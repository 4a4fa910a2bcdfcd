"""A Lambda function of the retraining loop: its code is lambda/retraining beside the pure room `drift`, on Graviton."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_ssm as ssm

from constructs import Construct

from ..catalog import drift
from ..core.acknowledge import acknowledge, acknowledge_wildcards
from ..core.folders import lambda_folder
from ..core.logs import log_group
from ..core.roles import service_role
from ..drift.payload import source

NAMESPACE = "greensage/Drift"
_CODE_ID, _OPTIMIZER_ID = "GreensageLoopCode", "GreensageOptimizerCode"
_NOT_CODE = shutil.ignore_patterns("__pycache__", "*.pyc")
# PutMetricData has no resource-level permissions in IAM; the namespace limits it.
_ANY = "*"


class LoopFunction(Construct):
    """A function with a role and a log group of its own.

    Parameters
    ----------
    module:
        Of lambda/retraining: monitor, decide, steps, deploy, pipeline_steps or pipeline_waits.
    settings:
        What the module says it takes; may hold tokens.
    numpy:
        Attach AWS's layer with numpy, whose ARN AWS publishes in a public parameter of each Region.
    """

    def __init__(
        self, scope: Construct, id: str, *, module: str, settings: Mapping[str, Any], seconds: int, memory_mb: int, numpy: bool,
        log_retention_days: int,
    ) -> None:  # fmt: skip
        super().__init__(scope, id)
        group = log_group(self, "Logs", log_retention_days)
        self.role = service_role(self, "Role", "lambda.amazonaws.com")
        self.policy = iam.Policy(self, "Policy", roles=[self.role])
        self.allow(["logs:CreateLogStream", "logs:PutLogEvents"], group.log_group_arn)
        code = loop_code(self)
        self.function = lambda_.CfnFunction(
            self,
            "Function",
            runtime="python3.13",
            architectures=["arm64"],
            handler=f"retraining.{module}.handler",
            code={"s3Bucket": code.s3_bucket_name, "s3Key": code.s3_object_key},
            layers=[numpy_layer(self)] if numpy else None,
            timeout=seconds,
            memory_size=memory_mb,
            role=self.role.role_arn,
            environment={"variables": {"SETTINGS": Stack.of(self).to_json_string(dict(settings))}},
            logging_config={"logGroup": group.log_group_name},
            description=f"greensage: {module} of the retraining loop",
        )
        self.function.node.add_dependency(self.policy)
        acknowledge(self.function, "AwsSolutions-L1", "Python 3.13 is supported by Lambda and is what AWS's numpy layer is for.")

    @property
    def arn(self) -> str:
        """The function's ARN."""
        return self.function.attr_arn

    def allow(self, actions: Sequence[str], *arns: str, conditions: Mapping[str, Any] | None = None, why: str = "") -> None:
        """Add one statement to the role; `why` says for cdk-nag what a wildcard stands for."""
        self.policy.add_statements(
            iam.PolicyStatement(actions=list(actions), resources=list(arns), conditions=dict(conditions or {}) or None)
        )
        acknowledge_wildcards(self.policy, arns, why or "Files below a prefix of the loop's own.")

    def allow_files(self, bucket_arn: str, actions: Sequence[str], *prefixes: str) -> None:
        """Let the function do `actions` on the objects below prefixes (that end with a slash) or on single keys."""
        self.allow(actions, *(f"{bucket_arn}/{prefix}{'*' if prefix.endswith('/') else ''}" for prefix in prefixes))

    def allow_listing(self, bucket_arn: str, *prefixes: str) -> None:
        """Let the function list prefixes; without it S3 says "denied" where it should say "not there"."""
        self.allow(["s3:ListBucket"], bucket_arn, conditions={"StringLike": {"s3:prefix": [f"{item}*" for item in prefixes]}})

    def allow_metrics(self) -> None:
        """Let the function publish to the loop's namespace of CloudWatch."""
        within = {"StringEquals": {"cloudwatch:namespace": NAMESPACE}}
        self.allow(["cloudwatch:PutMetricData"], _ANY, conditions=within, why="IAM cannot limit PutMetricData but by namespace.")


def loop_code(scope: Construct) -> assets.Asset:
    """Return the code of the loop as an asset of the stack: functions read it, and jobs run it from its archive."""
    stack = Stack.of(scope)
    known = stack.node.try_find_child(_CODE_ID)
    return known if isinstance(known, assets.Asset) else assets.Asset(stack, _CODE_ID, path=str(_gathered()))


def optimizer_code(scope: Construct) -> assets.Asset:
    """Return the code of the job that optimizes what retraining brings, as an asset of the stack."""
    stack = Stack.of(scope)
    known = stack.node.try_find_child(_OPTIMIZER_ID)
    return known if isinstance(known, assets.Asset) else assets.Asset(stack, _OPTIMIZER_ID, path=str(_with_optimizer()))


def numpy_layer(scope: Construct) -> str:
    """Return the ARN of AWS's layer, resolved when the stack is deployed."""
    return ssm.StringParameter.value_for_string_parameter(scope, drift.numpy_layer())


@cache
def _gathered() -> Path:
    """Put together what the functions import: the room `drift` under its own name, without the rest of greensage."""
    folder = Path(tempfile.mkdtemp(prefix="greensage-loop-"))
    shutil.copytree(Path(__file__).parents[1] / "drift", folder / "greensage/drift", ignore=_NOT_CODE)
    shutil.copytree(lambda_folder() / "retraining", folder / "retraining", ignore=_NOT_CODE)
    shutil.copyfile(source(), folder / "greensage/drift/_payload.py")  # which `drift` reads payloads with
    (folder / "greensage/__init__.py").write_text('"""Only the room `drift`: this is not the whole library."""\n')
    return folder


@cache
def _with_optimizer() -> Path:
    """The loop's code, and the room `optimize` with the little that it imports."""
    folder = Path(tempfile.mkdtemp(prefix="greensage-optimizer-"))
    shutil.copytree(_gathered(), folder, dirs_exist_ok=True)
    own = Path(__file__).parents[1]
    shutil.copytree(own / "optimize", folder / "greensage/optimize", ignore=_NOT_CODE)
    (folder / "greensage/core").mkdir()
    (folder / "greensage/core/__init__.py").write_text("")
    for name in ("core/defaults.py", "core/folders.py", "errors.py"):
        shutil.copyfile(own / name, folder / "greensage" / name)
    return folder
