"""The same resources as `-c model=churn`, written by hand with L1s: what our app's synthesis is measured against."""

from __future__ import annotations

import json
import os
from pathlib import Path

# A hand-written app imports the modules of the L1s it uses; so does this one, though it makes them from a template.
import aws_cdk.aws_applicationautoscaling
import aws_cdk.aws_iam
import aws_cdk.aws_lambda
import aws_cdk.aws_logs
import aws_cdk.aws_sagemaker
import aws_cdk.aws_ssm  # noqa: F401
from aws_cdk import App, CfnResource, Environment, Stack
from aws_cdk import aws_s3_assets as assets

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(os.environ["GREENSAGE_BENCH_TEMPLATE"])


def main() -> None:
    app = App()
    stack = Stack(app, "churn", env=Environment(account="111111111111", region="eu-north-1"))
    assets.Asset(stack, "Artifact", path=str(ROOT / "models/artifacts/churn.tar.gz"))
    assets.Asset(stack, "Code", path=str(ROOT / "lambda"), exclude=["**/__pycache__", "*.pyc"])
    for name, row in json.loads(TEMPLATE.read_text())["Resources"].items():
        if row["Type"] != "AWS::CDK::Metadata":
            CfnResource(stack, f"R{name}", type=row["Type"], properties=_without_references(row.get("Properties", {})))
    app.synth()


def _without_references(value):
    """Ids change under new construct ids, so references are written as texts; the amount of work is the same."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in ("Ref", "Fn::GetAtt", "Fn::Join"):
            return json.dumps(value)
        return {key: _without_references(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_references(item) for item in value]
    return value


if __name__ == "__main__":
    main()
